/* backoff.h - how long to wait before the next start of something that failed.
 *
 * Pure: capped exponential growth with jitter. Unlimited by itself (DESIGN D10): whoever wants
 * an end counts `failures`.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdint.h>

struct backoff_policy {
    uint64_t delay_ms;     /* after the first failure */
    uint64_t delay_max_ms; /* never wait longer than this */
    uint32_t factor;       /* each pause is so many times the one before; 0 counts as 1 */
    uint32_t jitter;       /* percent of it that may be taken off again, at most 100 */
};

struct backoff {
    uint32_t failures; /* in a row */
};

/* One more failure: the pause before the next try, in milliseconds. It grows with each failure
 * up to the cap, and up to `jitter` percent are taken off again, so that several nodes that
 * died of one cause do not come back in step. The same seed gives the same pause. */
uint64_t backoff_next(struct backoff *b, const struct backoff_policy *policy, uint64_t seed);

/* A number from 0 to `span`, the same for the same seed. */
uint64_t backoff_draw(uint64_t seed, uint64_t span);

/* It has been well for long enough: the next failure counts as the first. */
void backoff_reset(struct backoff *b);

#endif
