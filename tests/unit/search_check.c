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

#include <stdlib.h>
#include <string.h>

const struct search *search_current;
uint64_t search_events;
struct failover_actions search_actions;

static bool is_ready(const struct failover *f, unsigned i)
{
    return f->nodes[i].is_used && !f->nodes[i].is_restart_asked &&
           failover_node_state(f, (uint16_t)i) == NODE_READY;
}

static void check_dispatch(struct world *w, const struct failover_event *ev,
                           const struct failover_action *action)
{
    const struct failover *f = &w->engine;
    struct shadow_request *r = &w->requests[action->request.slot];
    const struct failover_request *own = &f->requests[action->request.slot];
    bool is_bypass = f->attempts[action->attempt.slot].is_bypass;
    enum node_state state = failover_node_state(f, action->node);

    if (!is_bypass) {
        if (action->node != f->active)
            search_fail(w, ev, "P1: dispatch to %u, active is %u", action->node, f->active);
        if (state != NODE_READY && !(state == NODE_DRAINED && own->is_free_model))
            search_fail(w, ev, "P1: dispatch to a node that is %s", node_state_name(state));
        for (unsigned i = 0; i < ATTEMPTS && !f->policy.is_overlap; i++) {
            const struct shadow_attempt *a = &w->attempts[i];
            if (a->is_used && a->is_working && a->node != action->node)
                search_fail(w, ev, "P2: node %u works, yet node %u gets a request", a->node,
                            action->node);
        }
    }
    if (!r->is_live)
        search_fail(w, ev, "P3: dispatch of a request that has ended");
    if (r->is_fin)
        search_fail(w, ev, "D6: dispatch of a request whose client has left");
    if (r->is_started)
        search_fail(w, ev, "P4: dispatch after the first byte");
    if (++r->attempts > f->policy.retry_limit + 1)
        search_fail(w, ev, "P5: attempt %u", r->attempts);
    if ((r->tried & 1u << action->node) != 0)
        search_fail(w, ev, "P5: node %u twice", action->node);
    r->tried = (uint8_t)(r->tried | 1u << action->node);
    struct shadow_attempt *a = &w->attempts[action->attempt.slot];
    if (a->is_used)
        search_fail(w, ev, "an attempt slot is used twice");
    *a = (struct shadow_attempt){.is_used = true,
                                 .is_working = !is_bypass,
                                 .node = (uint8_t)action->node,
                                 .request = (uint8_t)action->request.slot};
}

/* Who should lead after `from` by the rule of D5, among those that match. */
static unsigned expected_next(const struct failover *f, unsigned from, bool is_drained_search)
{
    for (unsigned step = 1; step <= search_current->nodes; step++) {
        unsigned i = (from + search_current->nodes - step % search_current->nodes) %
                     search_current->nodes;
        bool matches = is_drained_search
                           ? f->nodes[i].is_used && !f->nodes[i].is_restart_asked &&
                                 failover_node_state(f, (uint16_t)i) == NODE_DRAINED
                           : is_ready(f, i);
        if (matches)
            return i;
    }
    return FAILOVER_NONE;
}

static void check_switch(struct world *w, const struct failover_event *ev,
                         const struct failover_action *action, bool was_ready, bool was_settled,
                         bool is_judging_step)
{
    const struct failover *f = &w->engine;

    switch (action->cause) {
    case FAILOVER_CAUSE_RESET_ACTIVE:
        if (ev->type != FAILOVER_RESET_ACTIVE)
            search_fail(w, ev, "P6: reset-active without being asked");
        return;
    case FAILOVER_CAUSE_HANDOFF:
        return;
    case FAILOVER_CAUSE_SERVER:
    case FAILOVER_CAUSE_BROKEN:
        if (ev->type != FAILOVER_OUTCOME || w->attempts[ev->attempt.slot].node != action->from)
            search_fail(w, ev, "P6: node %u did not fail", action->from);
        if (action->node != expected_next(f, action->from, false))
            search_fail(w, ev, "P6: %u -> %u", action->from, action->node);
        return;
    case FAILOVER_CAUSE_REMOVED:
        if (ev->type != FAILOVER_NODE_REMOVED || ev->node != action->from)
            search_fail(w, ev, "P6: node %u was not removed", action->from);
        return;
    case FAILOVER_CAUSE_STARTUP:
        if (was_settled && action->from != FAILOVER_NONE && was_ready)
            search_fail(w, ev, "P6: the settled baton left a ready node");
        return;
    default:
        break;
    }
    if (action->from == FAILOVER_NONE)
        search_fail(w, ev, "P6: a switch from nobody with cause %s",
                    failover_cause_name(action->cause));
    if (is_ready(f, action->from))
        search_fail(w, ev, "P6: the baton left node %u, which is ready", action->from);
    /* A dispatch in the same step cannot change who was ready. */
    unsigned next = expected_next(f, action->from, false);
    if (next == FAILOVER_NONE)
        next = expected_next(f, action->from, true);
    if (!is_judging_step && action->node != next)
        search_fail(w, ev, "P6: %u -> %u, expected %u", action->from, action->node, next);
}

static void end_request(struct world *w, const struct failover_event *ev,
                        const struct failover_action *action)
{
    struct shadow_request *r = &w->requests[action->request.slot];

    if (!r->is_live)
        search_fail(w, ev, "P3: a second terminal action");
    if (action->type == FAILOVER_TRUNCATE && !r->is_started)
        search_fail(w, ev, "P3: truncated before the start");
    if ((action->type == FAILOVER_REPLY || action->type == FAILOVER_PASS) && r->is_started)
        search_fail(w, ev, "P3: a whole answer after the start");
    *r = (struct shadow_request){0};
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        if (w->attempts[i].is_used && w->attempts[i].request == action->request.slot)
            w->attempts[i].request = REQUESTS;
    }
}

/* D4: streams that somebody reads may be cut only on an account that is dead, exhausted or
 * lost, and only when they had their time. */
static void check_restart(const struct world *w, const struct failover_event *ev, unsigned node)
{
    const struct failover *f = &w->engine;
    const struct shadow_node *s = &w->nodes[node];
    uint64_t patience = f->policy.handoff_timeout_ms;
    bool is_read = false;

    if (!f->nodes[node].is_owned)
        search_fail(w, ev, "D4: restart of an external node");
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        const struct shadow_attempt *a = &w->attempts[i];
        is_read |= a->is_used && a->is_working && a->node == node && a->request < REQUESTS &&
                   !w->requests[a->request].is_fin;
    }
    if (!is_read)
        return;
    enum node_state state = failover_node_state(f, (uint16_t)node);
    if (state != NODE_INVALID_TOKEN && state != NODE_DRAINED && state != NODE_OFFLINE)
        search_fail(w, ev, "D4: node %u is cut, though it is %s", node, node_state_name(state));
    bool had_time = (s->left_at != 0 && w->now >= s->left_at + patience) ||
                    (s->token_at != 0 && w->now >= s->token_at + patience);
    if (!had_time)
        search_fail(w, ev, "D4: node %u is cut before handoff_timeout", node);
}

static void check_action(struct world *w, const struct failover_event *ev,
                         const struct failover_action *action)
{
    const struct failover *f = &w->engine;

    switch (action->type) {
    case FAILOVER_DISPATCH:
        check_dispatch(w, ev, action);
        break;
    case FAILOVER_PASS:
    case FAILOVER_REPLY:
    case FAILOVER_TRUNCATE:
    case FAILOVER_DONE:
        end_request(w, ev, action);
        break;
    case FAILOVER_ABORT:
        w->attempts[action->attempt.slot].is_used = false;
        break;
    case FAILOVER_POLL:
        if (f->nodes[action->node].is_token_bad && f->nodes[action->node].is_owned)
            search_fail(w, ev, "P7: a dead token is polled");
        break;
    case FAILOVER_RESTART:
        check_restart(w, ev, action->node);
        break;
    case FAILOVER_PROBE:
    case FAILOVER_NODE_CHANGED:
    case FAILOVER_SWITCHED:
        break;
    case FAILOVER_ACTION_COUNT:
        abort();
    }
}

static void observe_outcome(struct world *w, const struct failover_event *ev)
{
    const struct shadow_attempt *a = &w->attempts[ev->attempt.slot];
    struct shadow_node *s = &w->nodes[a->node];

    if (!a->is_working)
        return;
    if (ev->outcome == FAILOVER_OUTCOME_OK)
        s->refusals = 0;
    else if (ev->outcome == FAILOVER_OUTCOME_FORBIDDEN && s->refusals < 2)
        s->refusals++;
    else if (ev->outcome == FAILOVER_OUTCOME_TOKEN && s->token_at == 0)
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
    case FAILOVER_OUTCOME:
        observe_outcome(w, ev);
        if (ev->outcome == FAILOVER_OUTCOME_TIMEOUT)
            w->attempts[ev->attempt.slot].request = REQUESTS;
        else
            w->attempts[ev->attempt.slot].is_used = false;
        break;
    case FAILOVER_NODE_DOWN:
    case FAILOVER_NODE_REMOVED:
        w->nodes[ev->node].left_at = w->nodes[ev->node].token_at = 0;
        if (ev->type == FAILOVER_NODE_REMOVED)
            w->nodes[ev->node].refusals = 0;
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
    bool is_first = before->nodes[node].refusals == 0;
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
    bool is_healthy = ev->type == FAILOVER_USAGE && !ev->usage.is_exhausted;

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
        if (is_healthy != (state == NODE_READY))
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

/* One event: steps the engine and checks every property on what it does. */
void search_apply(struct world *w, const struct failover_event *ev)
{
    static struct world before;
    unsigned switches = 0;

    before = *w;
    bool was_ready =
        before.engine.active != FAILOVER_NONE && is_ready(&before.engine, before.engine.active);
    w->now = ev->now_ms;
    failover_step(&w->engine, ev, &search_actions);
    search_events++;
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
            check_switch(w, ev, action, was_ready, before.engine.is_settled, is_judging_step);
        }
        check_action(w, ev, action);
    }
    bool is_removed = ev->type == FAILOVER_NODE_REMOVED && leader == ev->node;
    if (leader != w->engine.active && !(is_removed && w->engine.active == FAILOVER_NONE))
        search_fail(w, ev, "P6: the active node changed without SWITCHED");
    if (switches > 1)
        search_fail(w, ev, "P6: %u switches in one step", switches);
    if (ev->type == FAILOVER_TIMER && w->engine.deadline_ms <= ev->now_ms)
        search_fail(w, ev, "P8: the deadline did not move");
    check_403(&before, w, ev);
    check_judgement(&before, w, ev);
    check_counts(w, ev);
    for (unsigned i = 0; i < REQUESTS; i++) {
        if (w->requests[i].is_live != (w->engine.requests[i].state != FAILOVER_REQUEST_FREE))
            search_fail(w, ev, "P3: request %u is lost", i);
    }
}
