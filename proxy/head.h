/* head.h - one head of a message, from bytes to its parts.
 *
 * The only file that knows llhttp. core/strict.c has cut the head into lines before.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HEAD_H
#define HEAD_H

#include "error.h"
#include "fields.h"

/* All slices borrow from the bytes of the head. */
struct head {
    struct slice method; /* of a request */
    struct slice target; /* of a request */
    unsigned status;     /* of an answer */
    unsigned minor;      /* 0 or 1 of HTTP/1.x; higher ones are 1 (RFC 9110 section 2.5) */
    struct fields fields;
    int failure;        /* of a callback */
    const char *reason; /* after -EBADMSG: llhttp's own word, for a log */
};

/* Reads a whole head that strict_read() let pass; head_done() frees it, also after a failure.
 * -EBADMSG: not well-formed; -E2BIG: more than HEAD_FIELDS_MAX fields; -ENOMEM. */
int head_request(struct head *h, struct slice bytes) MUST_CHECK;

/* The same for an answer of a node, which may have UPSTREAM_HEAD_FIELDS_MAX fields. */
int head_answer(struct head *h, struct slice bytes) MUST_CHECK;

void head_done(struct head *h);

#endif
