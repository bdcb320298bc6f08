/* framing.h - where a request's body ends, and which fields may travel on.
 *
 * Pure. One reading of every message: whatever two parsers could understand differently is
 * refused (RFC 9112 sections 6.1, 6.3 and 11.2).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FRAMING_H
#define FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

struct framing_field {
    struct slice name;
    struct slice value; /* without spaces around it */
};

enum framing_body { FRAMING_NO_BODY, FRAMING_LENGTH, FRAMING_CHUNKED };

struct framing {
    enum framing_body body;
    uint64_t content_length;
    bool is_persistent;      /* the connection may carry another request */
    bool expects_continue;   /* Expect: 100-continue */
    bool wants_websocket;    /* Upgrade: websocket */
    unsigned refusal_status; /* 0 = fine */
    const char *refusal;     /* sentence for refusal_status; static */
};

/* Reads the head of a request. `minor` is the 0 or 1 of HTTP/1.x. */
struct framing framing_of_request(const struct framing_field *fields, size_t count,
                                  unsigned minor);

/* Looks for folded lines in the raw bytes of a head: llhttp accepts them, a recipient may
 * refuse them (RFC 9112 section 5.2), and two readings of one line are one too many. All zero
 * at the beginning of a message. */
struct framing_fold {
    bool is_in_line;    /* the next byte is not the first of its line */
    bool is_line_empty; /* the present line, or the last one */
    bool has_line;      /* a line with something in it was read; empty ones may come before */
    bool is_head_over;  /* the empty line after it was read */
};

/* More bytes of a message; true when a line of its head begins with a space or a tab. */
bool framing_finds_fold(struct framing_fold *fold, struct slice bytes);

/* Must this field stay on its own connection (RFC 9110 section 7.6.1)? `fields` is the whole
 * head, for the names that its Connection field lists. */
bool framing_is_hop_by_hop(struct slice name, const struct framing_field *fields, size_t count);

#endif
