/* search_walk - one path through the engine's states, chosen from outside.
 *
 * Each step is drawn from all events that the shell could post then; every property is checked
 * on the way. At the end all goes well from then on, and every request has to end (P9).
 *
 * SPDX-License-Identifier: MIT
 */
#include "search.h"

#define POLICY(retries, cooldown)                                                              \
    .node_wait_ms = 10, .handoff_timeout_ms = 20, .offline_check_ms = 10, .poll_gap_ms = 10,   \
    .poll_interval_ms = 50, .drained_poll_interval_ms = 100, .cooldown_ms = (cooldown),        \
    .token_restart_gap_ms = 100, .drain_hold_ms = 10, .retry_limit = (retries),                \
    .queue_max = 2, .exhausted_status = 503,                                                   \
    .retry_mask = FAILOVER_RETRY_DEFAULT | FAILOVER_RETRY(SERVER)

static const struct search walks[] = {
    {"walk, drain",
     NODES,
     REQUESTS,
     0,
     {POLICY(2, 10)},
     .is_warm = true,
     .has_free = true,
     .has_removal = true,
     .has_evidence = true},
    {"walk, cold, external node",
     NODES,
     REQUESTS,
     0,
     {POLICY(1, 40)},
     .has_external = true,
     .has_evidence = true},
    {"walk, overlap, fail-back",
     NODES,
     REQUESTS,
     0,
     {POLICY(1, 10), .is_overlap = true, .is_failback = true, .failback_after_ms = 30},
     .is_warm = true,
     .has_evidence = true},
    {"walk, abort, restored",
     NODES,
     REQUESTS,
     0,
     {POLICY(1, 40), .is_abort = true, .is_failback = true, .failback_after_ms = 15},
     .has_free = true,
     .is_restored = true},
    {"walk, costs and a reserve",
     NODES,
     REQUESTS,
     0,
     {POLICY(2, 10), .reserve_milli = 1000, .is_overage_allowed = true},
     .is_warm = true,
     .has_evidence = true,
     .has_costs = true},
};
const unsigned search_walks = sizeof walks / sizeof walks[0];

struct choice {
    uint32_t wanted;
    uint32_t count;
    struct failover_event event;
};

static void visit(void *data, const struct failover_event *ev, bool is_adverse)
{
    struct choice *c = data;

    (void)is_adverse;
    if (c->count++ == c->wanted)
        c->event = *ev;
}

void search_walk_begin(unsigned walk, struct world *ret_w)
{
    static struct world starts[sizeof walks / sizeof walks[0]];
    const struct search *s = &walks[walk % search_walks];
    struct world *start = &starts[s - walks];

    if (start->now == 0)
        search_begin(s, start);
    search_current = s;
    *ret_w = *start;
}

void search_walk_step(struct world *w, uint32_t random)
{
    struct choice c = {.wanted = UINT32_MAX};

    search_each_event(w, visit, &c);
    c.wanted = random % c.count;
    c.count = 0;
    search_each_event(w, visit, &c);
    w->depth++;
    search_apply(w, &c.event);
}

void search_walk_end(struct world *w)
{
    struct failover_event ev = {0};

    for (unsigned step = 0; step < 500 && !search_is_idle(w); step++) {
        if (!search_good_event(w, &ev))
            search_fail(w, &ev, "P9: a request waits for nothing");
        search_apply(w, &ev);
    }
    if (!search_is_idle(w))
        search_fail(w, &ev, "P9: a request does not end");
}
