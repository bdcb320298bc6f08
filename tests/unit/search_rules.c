/* search_rules - what the engine may do: the properties of single actions.
 *
 * They are checked against the shadow, that is what an independent observer of the actions
 * knows (who has an attempt in flight, which nodes a request visited), so that a wrong engine
 * cannot excuse itself with its own bookkeeping.
 *
 * SPDX-License-Identifier: MIT
 */
#include "search.h"

#include <stdlib.h>

bool search_is_ready(const struct failover *f, unsigned i)
{
    return f->nodes[i].is_used && !f->nodes[i].is_restart_asked &&
           failover_node_state(f, (uint16_t)i) == NODE_READY;
}

/* The reserve stays untouched. The cost of this dispatch is taken from the estimate by now. */
static void check_reserve(const struct world *w, const struct failover_event *ev,
                          const struct failover_action *action)
{
    const struct failover *f = &w->engine;
    const struct failover_node *n = &f->nodes[action->node];
    int32_t cost = f->attempts[action->attempt.slot].cost_milli;

    if (search_current->has_costs && cost > 0 && n->has_usage &&
        n->estimate_milli < f->policy.reserve_milli)
        search_fail(w, ev, "reserve: a request that costs %d leaves node %u with %lld", cost,
                    action->node, (long long)n->estimate_milli);
}

static void check_dispatch(struct world *w, const struct failover_event *ev,
                           const struct failover_action *action, unsigned leader)
{
    const struct failover *f = &w->engine;
    struct shadow_request *r = &w->requests[action->request.slot];
    const struct failover_request *own = &f->requests[action->request.slot];
    bool is_bypass = f->attempts[action->attempt.slot].is_bypass;
    enum node_state state = failover_node_state(f, action->node);

    if (f->nodes[action->node].hold != FAILOVER_HOLD_NONE)
        search_fail(w, ev, "hold: dispatch to node %u, which is held", action->node);
    if (!is_bypass) {
        if (action->node != leader)
            search_fail(w, ev, "P1: dispatch to %u, active is %u", action->node, leader);
        if (state != NODE_READY && !(state == NODE_DRAINED && own->is_free_model))
            search_fail(w, ev, "P1: dispatch to a node that is %s", node_state_name(state));
        check_reserve(w, ev, action);
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
                                 f->nodes[i].limited_until_ms == 0 &&
                                 failover_node_state(f, (uint16_t)i) == NODE_DRAINED
                           : search_is_ready(f, i);
        if (matches)
            return i;
    }
    return FAILOVER_NONE;
}

/* D5, failback = auto: to the highest node that has been READY long enough, while nobody works.
 */
static void check_failback(const struct world *w, const struct failover_event *ev,
                           const struct failover_action *action)
{
    const struct failover_policy *p = &w->engine.policy;

    if (!p->is_failback || action->node <= action->from)
        search_fail(w, ev, "P6: fail-back %u -> %u", action->from, action->node);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        /* A dispatch of this step comes after the switch. */
        if (w->attempts[i].is_used && w->attempts[i].is_working)
            search_fail(w, ev, "fail-back: node %u works", w->attempts[i].node);
    }
    for (unsigned i = search_current->nodes; i-- > action->node;) {
        const struct shadow_node *s = &w->nodes[i];
        uint64_t since = s->ready_at > w->placed_at ? s->ready_at : w->placed_at;
        bool is_due = s->is_ready && since + p->failback_after_ms <= w->now &&
                      search_is_ready(&w->engine, i);
        if (is_due != (i == action->node))
            search_fail(w, ev, "P6: fail-back to %u, but %u is ready since %llu", action->node,
                        i, (unsigned long long)s->ready_at);
    }
}

/* Some request that waits costs more than the old node has above its reserve. */
static void check_room(const struct world *w, const struct failover_event *ev,
                       const struct failover_action *action)
{
    const struct failover *f = &w->engine;
    int64_t room = f->nodes[action->from].estimate_milli - f->policy.reserve_milli;

    for (unsigned i = 0; i < REQUESTS; i++) {
        if (w->requests[i].is_live && f->requests[i].cost_milli > room)
            return;
    }
    search_fail(w, ev, "P6: node %u has room for every request", action->from);
}

void search_check_switch(struct world *w, const struct failover_event *ev,
                         const struct failover_action *action, bool was_ready, bool was_settled,
                         bool is_judging_step)
{
    const struct failover *f = &w->engine;

    switch (action->cause) {
    case FAILOVER_CAUSE_FAILBACK:
        check_failback(w, ev, action);
        return;
    case FAILOVER_CAUSE_RESERVE:
        if (w->nodes[action->from].is_ready) {
            check_room(w, ev, action);
            return;
        }
        break;
    case FAILOVER_CAUSE_RESTORED:
        if (was_settled || action->node != f->first)
            search_fail(w, ev, "P6: node %u is no restored leader", action->node);
        return;
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
    case FAILOVER_CAUSE_RECOVERED:
        if (was_settled)
            search_fail(w, ev, "P6: node %u left because another is back", action->from);
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
    if (search_is_ready(f, action->from))
        search_fail(w, ev, "P6: the baton left node %u, which is ready", action->from);
    /* A dispatch in the same step cannot change who was ready. */
    /* Before anything was dispatched whoever is first in line leads. */
    unsigned from = was_settled                 ? action->from
                    : f->first == FAILOVER_NONE ? search_current->nodes
                                                : f->first + 1u;
    unsigned next = expected_next(f, from, false);
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

void search_check_action(struct world *w, const struct failover_event *ev,
                         const struct failover_action *action, unsigned leader)
{
    const struct failover *f = &w->engine;

    switch (action->type) {
    case FAILOVER_DISPATCH:
        check_dispatch(w, ev, action, leader);
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
    case FAILOVER_NODE_CHANGED:
        w->nodes[action->node].is_ready = action->new_state == NODE_READY;
        w->nodes[action->node].ready_at = w->now;
        break;
    case FAILOVER_PROBE:
    case FAILOVER_SWITCHED:
        break;
    case FAILOVER_ACTION_COUNT:
        abort();
    }
}
