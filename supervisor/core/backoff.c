/* backoff - how long to wait before the next start of something that failed.
 *
 * Pure. delay, 2 x delay, 4 x delay ... up to the cap, less a jitter of 0 to 25 %. Jitter only
 * shortens: a cap that a person has set is never exceeded.
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

uint64_t backoff_next(struct backoff *b, const struct backoff_policy *policy, uint64_t seed)
{
    uint64_t delay_ms = policy->delay_ms;

    for (uint32_t i = 0; i < b->failures && delay_ms < policy->delay_max_ms; i++)
        delay_ms = delay_ms > UINT64_MAX / 2 ? UINT64_MAX : delay_ms * 2;
    if (delay_ms > policy->delay_max_ms)
        delay_ms = policy->delay_max_ms;
    if (b->failures < UINT32_MAX)
        b->failures++;
    return delay_ms - mix(seed ^ b->failures) % (delay_ms / 4 + 1);
}

void backoff_reset(struct backoff *b)
{
    b->failures = 0;
}
