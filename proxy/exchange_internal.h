/* exchange_internal.h - what exchange.c and exchange_answer.c share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EXCHANGE_INTERNAL_H
#define EXCHANGE_INTERNAL_H

#include "exchange.h"

/* Is the answer an event stream that is judged by its content (DESIGN D8)? */
static inline bool exchange_is_stream(const struct exchange *x)
{
    return x->is_event_stream && x->status < 300;
}

/* ---- exchange.c */
/* After a terminal action: out of the engine's table, off its upstream, freed. */
void exchange_release(struct exchange *x);

/* ---- exchange_answer.c */
/* The first byte goes out, with what was held before: no retry from here on. */
void exchange_start(struct exchange *x);

/* A stream that STARTED has been silent for a while, perhaps. */
void exchange_keep_alive(struct exchange *x);

/* More of the body, in the framing that the head promised. */
void exchange_put_body(struct exchange *x, struct slice bytes);

/* An answer that could not be written whole, for want of memory, must not look whole. */
void exchange_must(struct exchange *x, int r);

#endif
