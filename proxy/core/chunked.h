/* chunked.h - takes the chunked coding off a body (RFC 9112 section 7.1).
 *
 * Pure, incremental, without a buffer: data comes out as runs of the bytes that went in.
 * Strict: line ends are CRLF, sizes are hex digits and nothing else, extensions (section 7.1.1)
 * and trailers (section 7.1.2) must be well-formed, are bounded, and are dropped: nothing in
 * them changes how a message is read.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CHUNKED_H
#define CHUNKED_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

enum chunked_verdict {
    CHUNKED_MORE,     /* all bytes were taken, the body goes on */
    CHUNKED_DATA,     /* here is a run of the body; call again */
    CHUNKED_WHOLE,    /* the body and its trailers are over; what is left was not looked at */
    CHUNKED_BAD,      /* this is not the chunked coding */
    CHUNKED_TOO_MUCH, /* extensions or trailers beyond their bounds */
};

struct chunked {
    unsigned state; /* enum state of chunked.c */
    unsigned digits;
    uint64_t left;           /* of the present chunk */
    size_t extension_bytes;  /* not yet outweighed by data */
    size_t trailer_bytes;    /* may still come */
    unsigned trailer_fields; /* may still come */
    unsigned coding_len;     /* letters of a trailer's name that agree with Transfer-Encoding */
};

/* At most so many bytes and fields of trailers. */
void chunked_init(struct chunked *c, size_t trailer_bytes, unsigned trailer_fields);

/* Takes bytes off the front of `bytes`. After CHUNKED_DATA `ret_data` is a run of them, not
 * empty. After WHOLE, BAD and TOO_MUCH it must not be called again. */
enum chunked_verdict chunked_next(struct chunked *c, struct slice *bytes,
                                  struct slice *ret_data);

#endif
