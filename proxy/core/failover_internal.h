/* failover_internal.h - what the files of the engine share.
 *
 * Pure. Arrows: failover.c (a step) -> events.c (what an event changes) -> ending.c
 * (how an attempt ended) -> flight.c (requests
 * and attempts) -> baton.c (who leads) -> health.c (facts about one node).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FAILOVER_INTERNAL_H
#define FAILOVER_INTERNAL_H

#include <assert.h>
#include <string.h>

#include "failover.h"

/* A zeroed action at the end of the list. */
static inline struct failover_action *emit(struct failover_actions *out,
                                           enum failover_action_type type)
{
    assert(out->count < FAILOVER_ACTIONS_MAX);
    struct failover_action *action = &out->at[out->count++];
    *action =
        (struct failover_action){.type = type, .node = FAILOVER_NONE, .from = FAILOVER_NONE};
    return action;
}

static inline uint64_t min_ms(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_ms(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Saturating, so that "never" stays never. */
static inline uint64_t add_ms(uint64_t at, uint64_t more)
{
    return at > FAILOVER_MS_MAX - more ? FAILOVER_MS_MAX : at + more;
}

/* Whatever /usage answers now, it speaks for a process that is gone. */
static inline void poll_forget(struct failover *f, uint16_t node)
{
    if (f->poll_node != node)
        return;
    f->poll_node = FAILOVER_NONE;
    f->poll_serial++;
}

#endif
