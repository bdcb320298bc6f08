/* model_failover - exhaustive search of the failover engine for P1 to P11 (DESIGN 4).
 *
 * Built together with proxy/core/ in small table sizes (see the Makefile). A breadth-first
 * search starts from nodes that are all READY, or all down, and in every state tries every
 * event that the shell could produce next; search_check.c judges what the engine does. Here are
 * the two properties that look further than one event: P9 (from every state, if all goes well
 * from now on, every request ends) and P10 (same events, same trace; stale events do nothing).
 *
 * Time moves only by TIMER at the deadline. A `budget` bounds how many adverse things happen
 * on one path; the search is exhaustive within it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "search.h"

/* ---------------------------------------------------------------- P9 and P10 */

static bool is_idle(const struct world *w)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        if (w->requests[i].is_live)
            return false;
    }
    return true;
}

/* From here on everything goes well: does every request end? */
static bool next_good_event(const struct world *w, struct failover_event *ev)
{
    const struct failover *f = &w->engine;

    *ev = (struct failover_event){.now_ms = w->now};
    for (uint16_t i = 0; i < search_current->nodes; i++) {
        if (f->nodes[i].is_restart_asked) {
            ev->type = FAILOVER_NODE_DOWN;
            ev->node = i;
            return true;
        }
        if (f->nodes[i].is_probing) {
            ev->type = FAILOVER_PROBE_DONE;
            ev->node = i;
            ev->is_ok = true;
            return true;
        }
    }
    if (f->poll_node != FAILOVER_NONE) {
        ev->type = FAILOVER_USAGE;
        ev->node = f->poll_node;
        ev->poll_serial = f->poll_serial;
        return true;
    }
    for (uint16_t i = 0; i < ATTEMPTS; i++) {
        if (w->attempts[i].is_used) {
            ev->type = FAILOVER_OUTCOME;
            ev->attempt = (struct failover_id){i, f->attempts[i].generation};
            return true;
        }
    }
    ev->type = FAILOVER_TIMER;
    ev->now_ms = f->deadline_ms;
    return f->deadline_ms != FAILOVER_MS_MAX;
}

static void check_termination(const struct world *start)
{
    static struct world w;
    struct failover_event ev = {0};

    if (is_idle(start))
        return;
    w = *start;
    for (unsigned step = 0; step < 200 && !is_idle(&w); step++) {
        if (!next_good_event(&w, &ev))
            search_fail(start, &ev, "P9: a request waits for nothing");
        search_apply(&w, &ev);
    }
    if (!is_idle(&w))
        search_fail(start, &ev, "P9: a request does not end");
}

static void check_stale(const struct world *start)
{
    static const enum failover_event_type types[] = {FAILOVER_OUTCOME, FAILOVER_STARTED,
                                                     FAILOVER_CLIENT_GONE, FAILOVER_USAGE,
                                                     FAILOVER_USAGE_FAILED};
    static struct world w;
    struct key before, after;
    const struct failover *f = &start->engine;
    struct failover_event ev = {
        .now_ms = start->now,
        .attempt = {0, (uint16_t)(f->attempts[0].generation - 1)},
        .request = {0, (uint16_t)(f->requests[0].generation - 1)},
        .poll_serial = (uint16_t)(f->poll_serial - 1),
        .outcome = FAILOVER_OUTCOME_QUOTA,
    };

    w = *start;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        ev.type = types[i];
        failover_step(&w.engine, &ev, &search_actions);
        if (search_actions.count != 0)
            search_fail(start, &ev, "P10: a stale event did something");
    }
    search_make_key(start, &before);
    search_make_key(&w, &after);
    if (before.len != after.len || memcmp(before.bytes, after.bytes, before.len) != 0)
        search_fail(start, &ev, "P10: stale events left a trace");
}

static void check_repeat(const struct world *start, const struct failover_event *ev,
                         const struct world *result)
{
    static struct world w;
    static struct failover_actions first;
    struct key one, two;

    first.count = search_actions.count;
    memcpy(first.at, search_actions.at, search_actions.count * sizeof search_actions.at[0]);
    w = *start;
    w.now = ev->now_ms;
    failover_step(&w.engine, ev, &search_actions);
    search_make_key(result, &one);
    memcpy(w.requests, result->requests, sizeof w.requests);
    memcpy(w.attempts, result->attempts, sizeof w.attempts);
    memcpy(w.nodes, result->nodes, sizeof w.nodes);
    w.budget = result->budget;
    search_make_key(&w, &two);
    bool is_same = first.count == search_actions.count && one.len == two.len &&
                   memcmp(one.bytes, two.bytes, one.len) == 0;
    for (uint32_t i = 0; is_same && i < first.count; i++)
        is_same = first.at[i].type == search_actions.at[i].type &&
                  first.at[i].node == search_actions.at[i].node;
    if (!is_same)
        search_fail(start, ev, "P10: the same event twice, two results");
}

/* ---------------------------------------------------------------- the search */

static void explore(const struct world *w, struct failover_event ev, bool is_adverse)
{
    static struct world next;

    if (is_adverse && w->budget == 0)
        return;
    next = *w;
    next.depth++;
    next.budget = (uint8_t)(w->budget - is_adverse);
    if (ev.type != FAILOVER_TIMER)
        ev.now_ms = w->now;
    search_apply(&next, &ev);
    struct key k;
    search_make_key(&next, &k);
    if (!search_is_new(&k))
        return;
    check_repeat(w, &ev, &next);
    search_push(&next);
}

static void explore_requests(const struct world *w)
{
    const struct failover *f = &w->engine;

    for (uint16_t i = 0; i < search_current->requests; i++) {
        struct failover_id id = {i, (uint16_t)(f->requests[i].generation + 1)};
        struct failover_event ev = {.type = FAILOVER_REQUEST, .request = id};
        if (w->requests[i].is_live) {
            ev.type = FAILOVER_CLIENT_GONE;
            ev.request.generation = f->requests[i].generation;
            explore(w, ev, true);
            ev.type = FAILOVER_CLIENT_FIN;
            if (!f->requests[i].is_fin)
                explore(w, ev, true);
            continue;
        }
        explore(w, ev, false);
        if (!search_current->has_free)
            continue;
        ev.is_free_model = true;
        explore(w, ev, false);
        ev.is_free_model = false;
        ev.is_bypass = true;
        explore(w, ev, false);
    }
}

static void explore_attempts(const struct world *w)
{
    const struct failover *f = &w->engine;

    for (uint16_t i = 0; i < ATTEMPTS; i++) {
        const struct shadow_attempt *a = &w->attempts[i];
        if (!a->is_used)
            continue;
        struct failover_event ev = {.type = FAILOVER_OUTCOME,
                                    .attempt = {i, f->attempts[i].generation}};
        bool is_orphan = a->request == REQUESTS;
        bool is_started = !is_orphan && w->requests[a->request].is_started;
        for (int outcome = 0; outcome < FAILOVER_OUTCOME_COUNT; outcome++) {
            ev.outcome = (enum failover_outcome)outcome;
            bool is_late =
                outcome == FAILOVER_OUTCOME_OK || outcome == FAILOVER_OUTCOME_RESET ||
                outcome == FAILOVER_OUTCOME_BROKEN || outcome == FAILOVER_OUTCOME_TIMEOUT ||
                outcome == FAILOVER_OUTCOME_QUOTA;
            if ((is_started && !is_late) || (is_orphan && outcome == FAILOVER_OUTCOME_TIMEOUT))
                continue;
            explore(w, ev, outcome != FAILOVER_OUTCOME_OK);
        }
        ev.type = FAILOVER_STARTED;
        if (!is_orphan && !is_started)
            explore(w, ev, false);
    }
}

static void explore_nodes(const struct world *w)
{
    const struct failover *f = &w->engine;

    for (uint16_t i = 0; i < search_current->nodes; i++) {
        const struct failover_node *n = &f->nodes[i];
        struct failover_event ev = {.node = i, .rank = i, .is_owned = n->is_owned};
        if (search_current->has_removal) {
            ev.type = n->is_used ? FAILOVER_NODE_REMOVED : FAILOVER_NODE_ADDED;
            ev.is_owned = true;
            explore(w, ev, n->is_used);
        }
        if (!n->is_used)
            continue;
        if (n->is_probing) {
            ev.type = FAILOVER_PROBE_DONE;
            explore(w, ev, true);
            ev.is_ok = true;
            explore(w, ev, false);
        }
        if (f->poll_node == i) {
            ev.type = FAILOVER_USAGE;
            ev.poll_serial = f->poll_serial;
            explore(w, ev, false);
            ev.usage.is_exhausted = true;
            ev.usage.reset_in_ms = 20;
            explore(w, ev, true);
            ev.type = FAILOVER_USAGE_FAILED;
            explore(w, ev, true);
            ev.is_unreachable = true;
            explore(w, ev, true);
        }
        if (!n->is_owned)
            continue;
        if (!n->is_up) {
            ev.type = FAILOVER_NODE_UP;
            explore(w, ev, false);
        }
        ev.type = FAILOVER_NODE_DOWN;
        if (n->is_up || n->down != FAILOVER_DOWN_STARTING) {
            ev.down = FAILOVER_DOWN_STARTING;
            explore(w, ev, n->is_up && !n->is_restart_asked);
        }
        if (n->is_up || n->down == FAILOVER_DOWN_STARTING) {
            ev.down = FAILOVER_DOWN_BACKOFF;
            ev.retry_in_ms = 10;
            explore(w, ev, true);
            ev.down = FAILOVER_DOWN_LOGIN;
            explore(w, ev, true);
        }
    }
}

static void run(const struct search *s)
{
    static struct world w;
    struct timespec t0, t1;

    search_current = s;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    memset(&w, 0, sizeof w);
    w.now = 1000;
    w.budget = (uint8_t)s->budget;
    failover_init(&w.engine, &s->policy, 0);
    for (uint16_t i = 0; i < s->nodes; i++) {
        struct failover_event ev = {.type = FAILOVER_NODE_ADDED,
                                    .node = i,
                                    .rank = i,
                                    .now_ms = w.now,
                                    .is_owned = i > 0 || !s->has_external};
        search_apply(&w, &ev);
    }
    for (uint16_t i = 0; i < s->nodes; i++) {
        struct failover_event ev = {.type = FAILOVER_NODE_UP, .node = i, .now_ms = w.now};
        if (s->is_warm || !w.engine.nodes[i].is_owned)
            search_apply(&w, &ev);
    }
    struct failover_event usage;
    while (s->is_warm && next_good_event(&w, &usage) && usage.type == FAILOVER_USAGE)
        search_apply(&w, &usage);
    search_start();
    search_events = 0;
    struct key k;
    search_make_key(&w, &k);
    (void)search_is_new(&k);
    search_push(&w);
    uint16_t depth = 0;
    static struct world here;
    while (search_pop(&here)) {
        depth = here.depth;
        check_stale(&here);
        check_termination(&here);
        explore_requests(&here);
        explore_attempts(&here);
        explore_nodes(&here);
        struct failover_event ev = {.type = FAILOVER_RESET_ACTIVE, .node = FAILOVER_NONE};
        explore(&here, ev, true);
        if (here.engine.deadline_ms != FAILOVER_MS_MAX) {
            struct failover_event timer = {.type = FAILOVER_TIMER,
                                           .now_ms = here.engine.deadline_ms};
            explore(&here, timer, false);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &t1);
    printf("model_failover: %s: %u nodes x %u requests, %u faults: %zu states, %llu events, "
           "depth %u, %.1f s\n",
           s->name, s->nodes, s->requests, s->budget, search_seen(),
           (unsigned long long)search_events, depth,
           (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9);
    printf("[  PASSED  ] 1 test(s).\n");
    fflush(stdout);
}

#define POLICY(retries, cooldown)                                                              \
    .node_wait_ms = 10, .handoff_timeout_ms = 20, .offline_check_ms = 10,                      \
    .cooldown_ms = (cooldown), .drain_hold_ms = 10, .retry_limit = (retries), .queue_max = 4,  \
    .exhausted_status = 503, .retry_mask = FAILOVER_RETRY_DEFAULT | FAILOVER_RETRY(SERVER)

int main(int argc, char **argv)
{
    static const struct search searches[] = {
        {"four nodes that serve", NODES, 2, 2, {POLICY(1, 10)}, .is_warm = true},
        {"three nodes, one request, more faults", 3, 1, 3, {POLICY(1, 10)}, .is_warm = true},
        {"from the start, external node", 2, 2, 2, {POLICY(1, 10)}, .has_external = true},
        {"free models and bypass", 2, 2, 1, {POLICY(1, 10)}, .is_warm = true, .has_free = true},
        {"nodes come and go", 2, 2, 2, {POLICY(1, 10)}, .is_warm = true, .has_removal = true},
        {"two retries, long throttle", 2, 2, 2, {POLICY(2, 40)}, .is_warm = true},
        {"overlap", 2, 2, 2, {POLICY(1, 10), .is_overlap = true}, .is_warm = true},
        {"abort on departed clients",
         2,
         2,
         2,
         {POLICY(1, 10), .is_abort = true},
         .is_warm = true},
    };
    /* model_failover [SEARCH [FAULTS]]: one search only, with another budget. */
    size_t only = argc > 1 ? (size_t)(argv[1][0] - '0') : SIZE_MAX;

    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        struct search s = searches[i];
        if (argc > 2)
            s.budget = (unsigned)(argv[2][0] - '0');
        if (only == SIZE_MAX || only == i)
            run(&s);
    }
    search_done();
    return 0;
}
