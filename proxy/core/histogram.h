/* histogram.h - how many things took how long.
 *
 * Pure. The borders are one table for all of them, from a quick refusal to the longest answer
 * of a model that thinks. Adding costs a short loop.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BORDERS 14

/* All zero is an empty one. */
struct histogram {
    uint64_t counts[HISTOGRAM_BORDERS + 1]; /* each its own; the last is beyond all borders */
    uint64_t sum_ms;
};

/* Upper ends, which still belong to their bucket (Prometheus' `le`), in ms, ascending. */
extern const uint32_t histogram_borders_ms[HISTOGRAM_BORDERS];

void histogram_add(struct histogram *h, uint64_t ms);

#endif
