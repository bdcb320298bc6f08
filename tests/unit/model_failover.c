/* model_failover - exhaustive search of the failover engine for P1 to P11 (DESIGN 4).
 *
 * Built together with proxy/core/ in small table sizes: 4 nodes x 2 requests, 4 x 3 and 3 x 4
 * (see the Makefile). A breadth-first search starts from nodes that are all READY, or all down,
 * and in every state tries every event that the shell could produce next (search_events.c);
 * search_check.c judges what the engine does. P9 looks at the whole: from every state, if all
 * goes well from now on, every request ends.
 *
 * Time moves only by TIMER at the deadline. A `budget` bounds how many adverse things happen
 * on one path (failures, departures, orders from outside); the search is exhaustive within it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "search.h"

static void visit(void *data, const struct failover_event *ev, bool is_adverse)
{
    static struct world next;
    const struct world *w = data;
    bool is_new;
    struct key k;

    if (is_adverse && w->budget == 0)
        return;
    next = *w;
    next.depth++;
    next.budget = (uint8_t)(w->budget - is_adverse);
    search_apply(&next, ev);
    search_make_key(&next, &k);
    uint32_t number = search_number(&k, &is_new);
    if (!is_new)
        return;
    search_check_repeat(w, ev, &next);
    search_push(&next, number);
}

/* For P9: where does this state go when all goes well? That event was visited above. */
static void link_good(const struct world *w, uint32_t number)
{
    static struct world next;
    struct failover_event ev = {0};
    bool is_new;
    struct key k;

    if (search_is_idle(w))
        return;
    if (!search_good_event(w, &ev))
        search_fail(w, &ev, "P9: a request waits for nothing");
    next = *w;
    next.depth++;
    search_apply(&next, &ev);
    search_make_key(&next, &k);
    uint32_t to = search_number(&k, &is_new);
    if (is_new)
        search_fail(w, &ev, "the search does not know what goes well");
    search_set_next(number, to);
}

/* Shows the state with this number, by searching once more. */
static void show_endless(const struct world *start, uint32_t wanted)
{
    static struct world here;
    struct failover_event ev = {0};
    uint32_t number;
    bool is_new;
    struct key k;

    search_start(start);
    search_make_key(start, &k);
    search_push(start, search_number(&k, &is_new));
    while (search_pop(&here, &number)) {
        if (number == wanted)
            search_fail(&here, &ev, "P9: a request does not end");
        search_each_event(&here, visit, &here);
    }
}

static double seconds_since(const struct timespec *t0)
{
    struct timespec t1;

    clock_gettime(CLOCK_MONOTONIC, &t1);
    return (double)(t1.tv_sec - t0->tv_sec) + (double)(t1.tv_nsec - t0->tv_nsec) / 1e9;
}

static void run(const struct search *s)
{
    static struct world start, here;
    struct timespec t0;
    uint32_t number;
    bool is_new;
    struct key k;

    clock_gettime(CLOCK_MONOTONIC, &t0);
    search_begin(s, &start);
    search_start(&start);
    search_events_checked = 0;
    search_make_key(&start, &k);
    search_push(&start, search_number(&k, &is_new));
    while (search_pop(&here, &number)) {
        search_check_stale(&here);
        search_each_event(&here, visit, &here);
        link_good(&here, number);
    }
    uint32_t endless = search_find_endless();
    if (endless != SEARCH_END)
        show_endless(&start, endless);
    printf("model_failover: %s: %u nodes x %u requests, %u faults: %zu states, %llu events, "
           "depth %u, %.1f s\n",
           s->name, s->nodes, s->requests, s->budget, search_seen(),
           (unsigned long long)search_events_checked, here.depth, seconds_since(&t0));
    printf("[  PASSED  ] 1 test(s).\n");
    fflush(stdout);
}

#define POLICY(retries, cooldown)                                                              \
    .node_wait_ms = 10, .handoff_timeout_ms = 20, .offline_check_ms = 10, .poll_gap_ms = 10,   \
    .cooldown_ms = (cooldown), .drain_hold_ms = 10, .retry_limit = (retries), .queue_max = 4,  \
    .exhausted_status = 503, .retry_mask = FAILOVER_RETRY_DEFAULT | FAILOVER_RETRY(SERVER)

static const struct search searches[] = {
#if REQUESTS_MAX == 2
    {"four nodes that serve", 4, 2, 2, {POLICY(1, 10)}, .is_warm = true},
    {"three nodes, one request, more faults", 3, 1, 3, {POLICY(1, 10)}, .is_warm = true},
    {"from the start, external node", 2, 2, 2, {POLICY(1, 10)}, .has_external = true},
    {"free models and bypass", 2, 2, 1, {POLICY(1, 10)}, .is_warm = true, .has_free = true},
    {"nodes come and go", 2, 2, 2, {POLICY(1, 10)}, .is_warm = true, .has_removal = true},
    {"two retries, long throttle", 2, 2, 2, {POLICY(2, 40)}, .is_warm = true},
    {"overlap", 2, 2, 2, {POLICY(1, 10), .is_overlap = true}, .is_warm = true},
    {"abort on departed clients", 2, 2, 2, {POLICY(1, 10), .is_abort = true}, .is_warm = true},
    {"lines of logs", 2, 2, 2, {POLICY(1, 10)}, .is_warm = true, .has_evidence = true},
    {"what was remembered",
     3,
     2,
     1,
     {POLICY(1, 10)},
     .is_restored = true,
     .has_evidence = true},
    {"fail-back",
     3,
     2,
     2,
     {POLICY(1, 10), .is_failback = true, .failback_after_ms = 30},
     .is_warm = true},
    {"nodes that are held", 2, 2, 2, {POLICY(1, 10)}, .is_warm = true, .has_holds = true},
    {"costs and a reserve",
     2,
     2,
     1,
     {POLICY(1, 10), .reserve_milli = 1000},
     .is_warm = true,
     .has_costs = true},
#elif REQUESTS_MAX == 3
    {"four nodes, three requests", 4, 3, 2, {POLICY(1, 10)}, .is_warm = true},
#else
    {"three nodes, four requests", 3, 4, 2, {POLICY(1, 10)}, .is_warm = true},
#endif
};

/* model_failover [SEARCH [FAULTS]]: one search only, with another budget. */
int main(int argc, char **argv)
{
    size_t only = argc > 1 ? strtoul(argv[1], NULL, 10) : SIZE_MAX;

    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        struct search s = searches[i];
        if (argc > 2)
            s.budget = (unsigned)strtoul(argv[2], NULL, 10);
        if (only == SIZE_MAX || only == i)
            run(&s);
    }
    search_done();
    return 0;
}
