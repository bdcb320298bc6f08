/* strict.h - the lines of a message's head, before anybody parses them.
 *
 * Pure. llhttp reads more than we want to let pass: a bare LF for CRLF, folded lines, fields
 * without a name, RTSP, status 099. Each of these is a second reading of one message, and a
 * second reading is how requests are smuggled (RFC 9112 section 11.2). Here the head is cut
 * into lines, and what llhttp would take too kindly is refused.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STRICT_H
#define STRICT_H

#include <stdbool.h>
#include <stddef.h>

enum strict_verdict {
    STRICT_MORE,       /* the head goes on */
    STRICT_WHOLE,      /* `end` is its length */
    STRICT_LINE_END,   /* a line that does not end in CRLF */
    STRICT_FOLD,       /* a line that begins with white space */
    STRICT_NO_NAME,    /* a field without a name */
    STRICT_FIRST_LINE, /* neither a request line nor a status line of HTTP */
    STRICT_VERSION,    /* HTTP, but neither 1.1 nor 1.0 */
    STRICT_METHOD,     /* a method that nobody knows */
    STRICT_TARGET,     /* a request line that is too long */
    STRICT_BYTES,      /* a head that is too long */
    STRICT_VERDICT_COUNT,
};

/* The head as far as it was read. */
struct strict {
    bool is_answer;
    bool has_begun;      /* something else than empty lines came */
    bool has_first_line; /* the request line or status line was read */
    size_t bytes_max;
    size_t line_at; /* where the present line begins */
    size_t scanned; /* no line ends between line_at and here */
    size_t end;     /* after STRICT_WHOLE: the first byte behind the head */
};

/* A head of at most `bytes_max` bytes, white space and line ends included. */
void strict_init(struct strict *s, bool is_answer, size_t bytes_max);

/* `head` is the message from its first byte on, `len` what there is of it by now: the same
 * bytes again and more of them, never pieces. Empty lines before a request are skipped (RFC
 * 9112 section 2.2). Tabs at the end of a value become spaces, which llhttp can skip. After
 * anything but STRICT_MORE the head is over. */
enum strict_verdict strict_read(struct strict *s, char *head, size_t len);

/* For an answer to the client: the status, and one sentence. */
unsigned strict_status(enum strict_verdict verdict);
const char *strict_sentence(enum strict_verdict verdict);

/* For a line of log: what is wrong with a node's answer. */
const char *strict_reason(enum strict_verdict verdict);

#endif
