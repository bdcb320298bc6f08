/* framing.h - where a message's body ends, and which fields may travel on.
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

enum framing_body {
    FRAMING_NO_BODY,
    FRAMING_LENGTH,
    FRAMING_CHUNKED,
    FRAMING_UNTIL_CLOSE, /* of answers only */
};

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

/* Reads the head of an answer by the rules of RFC 9112 section 6.3, in their order. A refusal
 * has the status 502. `minor` as above; `is_bodiless_request`: it answers HEAD. */
struct framing framing_of_answer(const struct framing_field *fields, size_t count,
                                 unsigned minor, unsigned status, bool is_bodiless_request);

/* Is it host[:port], host being a name or an IP literal (RFC 3986 section 3.2)? Empty is. */
bool framing_is_host(struct slice value);

/* Must this field stay on its own connection (RFC 9110 section 7.6.1)? `fields` are those
 * of the head, or as many of them as hold all its Connection fields, which list such names. */
bool framing_is_hop_by_hop(struct slice name, const struct framing_field *fields, size_t count);

#endif
