/* search_check - one event of the engine's search, and the properties of what it does.
 *
 * Besides the engine there is a *shadow*: what an independent observer of the actions knows
 * (who has an attempt in flight, which nodes a request visited, who refused twice). The
 * properties of DESIGN 4 are checked on the actions against the shadow, so that a wrong engine
 * cannot excuse itself with its own bookkeeping.
 *
 * SPDX-License-Identifier: MIT
 */
#include "search.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *search_label;
const struct search *search_current;
uint64_t search_events_checked;
struct failover_actions search_actions;

static void print_world(const struct world *w)
{
    const struct failover *f = &w->engine;

    printf("  now %llu active %d settled %d queue %u deadline %lld\n",
           (unsigned long long)w->now, f->active == FAILOVER_NONE ? -1 : f->active,
           f->is_settled, f->queue_len, (long long)f->deadline_ms);
    for (unsigned i = 0; i < search_current->nodes; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (!n->is_used)
            continue;
        printf("  node %u %s up %d inflight %u orphans %u judging %u handoff_until %llu "
               "estimate %lld\n",
               i, node_state_name(failover_node_state(f, (uint16_t)i)), n->is_up, n->inflight,
               n->orphans, n->judging, (unsigned long long)n->handoff_until_ms,
               (long long)n->estimate_milli);
    }
    for (unsigned i = 0; i < REQUESTS; i++)
        printf("  request %u state %u attempts %u tried %llx cost %d\n", i,
               f->requests[i].state, f->requests[i].attempts,
               (unsigned long long)f->requests[i].tried, f->requests[i].cost_milli);
}

void search_fail(const struct world *w, const struct failover_event *ev, const char *format,
                 ...)
{
    va_list args;

    printf("search: %s%s%s: ", search_current->name, search_label == NULL ? "" : ", ",
           search_label == NULL ? "" : search_label);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n  event %d node %u request %u attempt %u outcome %s, depth %u\n", ev->type,
           ev->node, ev->request.slot, ev->attempt.slot, failover_outcome_name(ev->outcome),
           w->depth);
    print_world(w);
    printf("[  FAILED  ] 1 test(s).\n");
    fflush(stdout);
    abort();
}

static void observe_outcome(struct world *w, const struct failover_event *ev)
{
    const struct shadow_attempt *a = &w->attempts[ev->attempt.slot];
    struct shadow_node *s = &w->nodes[a->node];

    if (!a->is_working)
        return;
    if (ev->outcome == FAILOVER_OUTCOME_OK) {
        s->refusals = 0;
        s->is_asked = false;
    } else if (ev->outcome == FAILOVER_OUTCOME_FORBIDDEN) {
        /* May /usage be asked at all? That is the engine's to know. */
        s->is_asked |= s->refusals == 0 && w->engine.nodes[a->node].is_forbidden_asked;
        s->refusals = 1;
    } else if (ev->outcome == FAILOVER_OUTCOME_TOKEN && s->token_at == 0)
        s->token_at = ev->now_ms;
}

/* What the observer learns from the event itself, before the search_actions. */
static void observe_event(struct world *w, const struct failover_event *ev)
{
    switch (ev->type) {
    case FAILOVER_REQUEST:
        w->requests[ev->request.slot] = (struct shadow_request){.is_live = true};
        break;
    case FAILOVER_STARTED:
        w->requests[w->attempts[ev->attempt.slot].request].is_started = true;
        break;
    case FAILOVER_CLIENT_FIN:
        w->requests[ev->request.slot].is_fin = true;
        break;
    case FAILOVER_EVIDENCE:
        if (ev->evidence == NODE_EVIDENCE_USAGE_TOKEN && w->nodes[ev->node].token_at == 0)
            w->nodes[ev->node].token_at = ev->now_ms;
        break;
    case FAILOVER_OUTCOME:
        observe_outcome(w, ev);
        if (ev->outcome == FAILOVER_OUTCOME_TIMEOUT)
            w->attempts[ev->attempt.slot].request = REQUESTS;
        else
            w->attempts[ev->attempt.slot].is_used = false;
        break;
    case FAILOVER_USAGE:
    case FAILOVER_USAGE_FAILED:
        w->nodes[ev->node].is_asked = false;
        break;
    case FAILOVER_NODE_DOWN:
    case FAILOVER_NODE_REMOVED:
        w->nodes[ev->node].is_asked = false;
        w->nodes[ev->node].left_at = w->nodes[ev->node].token_at = 0;
        if (ev->type == FAILOVER_NODE_REMOVED) {
            w->nodes[ev->node].refusals = 0;
            w->nodes[ev->node].is_ready = false;
        }
        for (unsigned i = 0; i < ATTEMPTS; i++) {
            if (w->attempts[i].node == ev->node)
                w->attempts[i].is_working = false;
        }
        break;
    case FAILOVER_NODE_UP:
    case FAILOVER_NODE_ADDED:
        for (unsigned i = 0; i < REQUESTS; i++)
            w->requests[i].tried = (uint8_t)(w->requests[i].tried & ~(1u << ev->node));
        break;
    default:
        break;
    }
}

static void check_403(const struct world *before, const struct world *w,
                      const struct failover_event *ev)
{
    const struct failover *old = &before->engine;

    if (ev->type != FAILOVER_OUTCOME || ev->outcome != FAILOVER_OUTCOME_FORBIDDEN)
        return;
    unsigned node = before->attempts[ev->attempt.slot].node;
    if (!before->attempts[ev->attempt.slot].is_working)
        return;
    enum node_state state = failover_node_state(&w->engine, (uint16_t)node);
    /* A burst that is being judged is one refusal. */
    bool is_first = before->nodes[node].refusals == 0 || before->nodes[node].is_asked;
    if (is_first && state != failover_node_state(old, (uint16_t)node))
        search_fail(w, ev, "P11: one 403 changed node %u", node);
    if (!is_first && state == NODE_READY)
        search_fail(w, ev, "P11: a second 403 in a row left node %u READY", node);
}

static bool has_pass(unsigned request)
{
    for (uint32_t i = 0; i < search_actions.count; i++) {
        if (search_actions.at[i].type == FAILOVER_PASS &&
            search_actions.at[i].request.slot == request)
            return true;
    }
    return false;
}

/* What /usage says about a 403 that waits for it. */
static void check_judgement(const struct world *before, const struct world *w,
                            const struct failover_event *ev)
{
    const struct failover *old = &before->engine;
    bool is_reserved =
        search_current->has_costs && ev->usage.remaining_milli <= old->policy.reserve_milli;
    bool is_healthy = ev->type == FAILOVER_USAGE && !ev->usage.is_exhausted && !is_reserved;

    if ((ev->type != FAILOVER_USAGE && ev->type != FAILOVER_USAGE_FAILED) ||
        old->poll_node != ev->node)
        return;
    enum node_state state = failover_node_state(&w->engine, ev->node);
    for (unsigned i = 0; i < REQUESTS; i++) {
        const struct failover_request *r = &old->requests[i];
        if (r->state != FAILOVER_REQUEST_JUDGING || r->node != ev->node)
            continue;
        if (is_healthy != has_pass(i))
            search_fail(w, ev, "P11: request %u, /usage says %s", i,
                        is_healthy ? "well" : "ill");
        bool is_held = w->engine.nodes[ev->node].hold != FAILOVER_HOLD_NONE;
        if (!is_held && is_healthy != (state == NODE_READY))
            search_fail(w, ev, "P11: node %u is %s against its /usage", ev->node,
                        node_state_name(state));
    }
}

/* The engine's counts are what the observer counts. */
static void check_counts(const struct world *w, const struct failover_event *ev)
{
    for (unsigned n = 0; n < search_current->nodes; n++) {
        unsigned working = 0;
        unsigned departed = 0;
        for (unsigned i = 0; i < ATTEMPTS; i++) {
            const struct shadow_attempt *a = &w->attempts[i];
            if (!a->is_used || !a->is_working || a->node != n)
                continue;
            working++;
            departed += a->request == REQUESTS || w->requests[a->request].is_fin;
        }
        if (w->engine.nodes[n].inflight != working || w->engine.nodes[n].orphans != departed)
            search_fail(w, ev, "P2: node %u has %u attempts, %u of them departed", n, working,
                        departed);
    }
}

/* First come, first served: the queue is in order of arrival, and holds who waits. */
static void check_queue(const struct world *w, const struct failover_event *ev)
{
    const struct failover *f = &w->engine;
    unsigned waiting = 0;
    unsigned length = 0;

    for (unsigned i = 0; i < REQUESTS; i++)
        waiting += f->requests[i].state == FAILOVER_REQUEST_WAITING;
    for (uint16_t i = f->queue_head; i != FAILOVER_NONE; i = f->requests[i].next) {
        uint16_t next = f->requests[i].next;
        if (++length > REQUESTS || f->requests[i].state != FAILOVER_REQUEST_WAITING)
            search_fail(w, ev, "queue: request %u does not wait", i);
        if (next != FAILOVER_NONE && f->requests[next].order < f->requests[i].order)
            search_fail(w, ev, "queue: request %u came before %u", next, i);
    }
    if (waiting != length || f->queue_len != length || length > f->policy.queue_max + 1u)
        search_fail(w, ev, "queue: %u wait, %u are in it, its length is %u", waiting, length,
                    f->queue_len);
}

/* Moves that are no failure of the account hold fail-back off. */
static bool is_placed(enum failover_cause cause)
{
    switch (cause) {
    case FAILOVER_CAUSE_RESET_ACTIVE:
    case FAILOVER_CAUSE_HANDOFF:
    case FAILOVER_CAUSE_SERVER:
    case FAILOVER_CAUSE_BROKEN:
    case FAILOVER_CAUSE_RESERVE:
        return true;
    default:
        return false;
    }
}

/* One event: steps the engine and checks every property on what it does. */
void search_apply(struct world *w, const struct failover_event *ev)
{
    static struct world before;
    unsigned switches = 0;

    before = *w;
    bool was_ready = before.engine.active != FAILOVER_NONE &&
                     search_is_ready(&before.engine, before.engine.active);
    w->now = ev->now_ms;
    failover_step(&w->engine, ev, &search_actions);
    search_events_checked++;
    observe_event(w, ev);
    bool is_judging_step = false;
    for (uint32_t i = 0; i < search_actions.count; i++)
        switches += search_actions.at[i].type == FAILOVER_SWITCHED;
    if (switches > 1)
        is_judging_step = true; /* a 5xx yields and the next settles at once: two facts */
    uint16_t leader = before.engine.active;
    for (uint32_t i = 0; i < search_actions.count; i++) {
        const struct failover_action *action = &search_actions.at[i];
        if (action->type == FAILOVER_SWITCHED) {
            if (action->from != leader)
                search_fail(w, ev, "P6: switch from %u, but %u led", action->from, leader);
            leader = action->node;
            if (action->from != FAILOVER_NONE)
                w->nodes[action->from].left_at = w->now;
            search_check_switch(w, ev, action, was_ready, before.engine.is_settled,
                                is_judging_step);
            if (is_placed(action->cause))
                w->placed_at = w->now;
        }
        search_check_action(w, ev, action, leader);
    }
    bool is_removed = ev->type == FAILOVER_NODE_REMOVED && leader == ev->node;
    if (leader != w->engine.active && !(is_removed && w->engine.active == FAILOVER_NONE))
        search_fail(w, ev, "P6: the active node changed without SWITCHED");
    if (switches > 1 && !search_current->has_costs)
        search_fail(w, ev, "P6: %u switches in one step", switches);
    if (ev->type == FAILOVER_TIMER && w->engine.deadline_ms <= ev->now_ms)
        search_fail(w, ev, "P8: the deadline did not move");
    check_403(&before, w, ev);
    check_judgement(&before, w, ev);
    check_counts(w, ev);
    check_queue(w, ev);
    for (unsigned i = 0; i < REQUESTS; i++) {
        if (w->requests[i].is_live != (w->engine.requests[i].state != FAILOVER_REQUEST_FREE))
            search_fail(w, ev, "P3: request %u is lost", i);
    }
}

/* ---------------------------------------------------------------- P10 */

void search_check_stale(const struct world *start)
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
    if (!search_same_key(&before, &after))
        search_fail(start, &ev, "P10: stale events left a trace");
}

void search_check_repeat(const struct world *before, const struct failover_event *ev,
                         const struct world *after)
{
    static struct world w;
    static struct failover_actions first;
    struct key one, two;

    first.count = search_actions.count;
    memcpy(first.at, search_actions.at, search_actions.count * sizeof search_actions.at[0]);
    w = *before;
    failover_step(&w.engine, ev, &search_actions);
    struct failover engine = w.engine;
    w = *after;
    w.engine = engine;
    search_make_key(after, &one);
    search_make_key(&w, &two);
    bool is_same = first.count == search_actions.count && search_same_key(&one, &two);
    for (uint32_t i = 0; is_same && i < first.count; i++)
        is_same = first.at[i].type == search_actions.at[i].type &&
                  first.at[i].node == search_actions.at[i].node;
    if (!is_same)
        search_fail(before, ev, "P10: the same event twice, two results");
}
