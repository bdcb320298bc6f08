/* flood.h - how much of what a node prints is worth keeping.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FLOOD_H
#define FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bucket for each pipe of a node. */
struct flood {
    uint64_t left; /* bytes that may still come */
    uint64_t now_ms;
    bool is_on;
    uint64_t lines; /* dropped and not told yet */
    uint64_t bytes;
};

void flood_init(struct flood *flood, uint64_t now_ms);

/* A line of `len` bytes was kept. */
void flood_charge(struct flood *flood, size_t len);

/* Is there more than can be kept? What comes is to be dropped then. */
bool flood_is_on(struct flood *flood, uint64_t now_ms);

/* Counts bytes that are dropped, and the line ends among them. */
void flood_drop(struct flood *flood, const char *bytes, size_t len);

/* What was dropped since this was asked last; false when nothing was. */
bool flood_take(struct flood *flood, uint64_t *ret_lines, uint64_t *ret_bytes);

#endif
