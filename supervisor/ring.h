/* ring.h - the last lines that a node has printed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct ring;

/* Lines are numbered from 1 for the life of the ring; a number is never used again. The text
 * has no NUL and is borrowed until the next ring_put(). */
struct ring_line {
    uint64_t number;
    int64_t at_ms; /* wall clock, ms since 1970 */
    int stream;    /* 1 or 2 */
    const char *text;
    size_t len;
};

/* An empty ring of RING_BYTES. -ENOMEM. */
int ring_new(struct ring **ret_ring) MUST_CHECK;

/* Accepts NULL. */
void ring_free(struct ring *ring);

/* Adds a copy of the line, of at most OUTPUT_LINE_MAX bytes; the oldest ones make room. Accepts
 * NULL. */
void ring_put(struct ring *ring, int64_t at_ms, int stream, const char *text, size_t len);

/* The number of the first of the last `lines` lines: where to begin for a tail. With 0 it is
 * the number that the next line will have. 1 for NULL. */
uint64_t ring_tail(const struct ring *ring, uint64_t lines);

/* The line of this number or, when that is gone already, the oldest that is left: who follows
 * asks for the number after the one he has read last, and sees by the gap what he has missed.
 * False when there is none yet. Reading in order costs the same for every line. Accepts NULL.
 */
bool ring_read(struct ring *ring, uint64_t number, struct ring_line *ret_line);

#endif
