/* backoff - how long to wait before the next start of something that failed.
 *
 * Pure. With a factor of 2: delay, 2 x delay, 4 x delay ... up to the cap, less the jitter,
 * which only shortens: a cap that a person has set is never exceeded.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/backoff.h"

/* splitmix64 (Steele, Lea, Flood 2014): one well mixed number for each seed. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t backoff_draw(uint64_t seed, uint64_t span)
{
    return span == UINT64_MAX ? mix(seed) : mix(seed) % (span + 1);
}

static uint64_t times(uint64_t delay_ms, uint32_t factor)
{
    return factor != 0 && delay_ms > UINT64_MAX / factor ? UINT64_MAX : delay_ms * factor;
}

uint64_t backoff_next(struct backoff *b, const struct backoff_policy *policy, uint64_t seed)
{
    uint64_t delay_ms = policy->delay_ms;

    /* A pause of 0, or a factor of 1, never gets there. */
    for (uint32_t i = 0; i < b->failures && delay_ms < policy->delay_max_ms; i++) {
        if (delay_ms == 0 || policy->factor <= 1)
            break;
        delay_ms = times(delay_ms, policy->factor);
    }
    if (delay_ms > policy->delay_max_ms)
        delay_ms = policy->delay_max_ms;
    if (b->failures < UINT32_MAX)
        b->failures++;
    uint64_t span = delay_ms / 100 * policy->jitter + delay_ms % 100 * policy->jitter / 100;
    return delay_ms - backoff_draw(seed ^ b->failures, span);
}

void backoff_reset(struct backoff *b)
{
    b->failures = 0;
}
