/* failover - which node serves a request, and what happens when it cannot.
 *
 * Pure. One step: what has run out ends (tick), the event changes facts and requests, then the
 * consequences are drawn in one fixed order: what is told (NODE_CHANGED), who leads
 * (baton_settle), who may go (flight_pump), who must be pressed to end (baton_press), and what
 * is asked (polls, probes). The deadline is computed last.
 *
 * SPDX-License-Identifier: MIT
 */
#include "failover.h"

#include <assert.h>
#include <string.h>

#include "baton.h"
#include "events.h"
#include "failover_internal.h"
#include "flight.h"
#include "health.h"

void failover_init(struct failover *f, const struct failover_policy *policy, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    f->policy = *policy;
    f->seed = seed;
    f->active = FAILOVER_NONE;
    f->first = FAILOVER_NONE;
    f->poll_node = FAILOVER_NONE;
    f->deadline_ms = FAILOVER_MS_MAX;
    flight_init(f);
}

/* ---------------------------------------------------------------- consequences */

static void restart_for_token(struct failover *f, uint64_t now_ms, struct failover_actions *out)
{
    for (uint16_t i = 0; i < f->node_top; i++) {
        struct failover_node *n = &f->nodes[i];
        if (!n->is_used || n->is_restart_asked || !health_is_restart_due(n, now_ms))
            continue;
        health_restart_asked(n);
        struct failover_action *action = emit(out, FAILOVER_RESTART);
        action->node = i;
        action->cause = FAILOVER_CAUSE_TOKEN;
    }
}

/* One /usage at a time: first where a refused request waits for it, then the longest due. */
static void poll(struct failover *f, uint64_t now_ms, struct failover_actions *out)
{
    uint16_t best = FAILOVER_NONE;

    if (f->poll_node != FAILOVER_NONE)
        return;
    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (n->poll_at_ms > now_ms || !health_is_pollable(n))
            continue;
        const struct failover_node *b = best == FAILOVER_NONE ? NULL : &f->nodes[best];
        if (b == NULL || (n->judging > 0 && b->judging == 0) ||
            ((n->judging > 0) == (b->judging > 0) && n->poll_at_ms < b->poll_at_ms))
            best = i;
    }
    if (best == FAILOVER_NONE)
        return;
    f->nodes[best].poll_at_ms = FAILOVER_MS_MAX;
    f->nodes[best].is_network_counted = false;
    f->nodes[best].polled_at_ms = now_ms;
    f->poll_node = best;
    f->poll_serial++;
    struct failover_action *action = emit(out, FAILOVER_POLL);
    action->node = best;
    action->poll_serial = f->poll_serial;
}

static void probe(struct failover *f, uint64_t now_ms, struct failover_actions *out)
{
    for (uint16_t i = 0; i < f->node_top; i++) {
        struct failover_node *n = &f->nodes[i];
        if (!n->is_used || !n->is_up || !n->is_lost || n->is_probing || n->probe_at_ms > now_ms)
            continue;
        n->is_probing = true;
        emit(out, FAILOVER_PROBE)->node = i;
    }
}

static void tell_changes(struct failover *f, uint64_t now_ms, struct failover_actions *out)
{
    for (uint16_t i = 0; i < f->node_top; i++) {
        struct failover_node *n = &f->nodes[i];
        if (!n->is_used)
            continue;
        enum node_state state = health_state(n);
        n->cause = health_cause(n, n->shown);
        if (state == NODE_READY)
            n->well_cause = n->cause;
        if (state == n->shown)
            continue;
        struct failover_action *action = emit(out, FAILOVER_NODE_CHANGED);
        action->node = i;
        action->old_state = n->shown;
        action->new_state = state;
        action->cause = n->cause;
        n->shown = state;
        n->since_ms = now_ms;
    }
}

static uint64_t compute_deadline(const struct failover *f, uint64_t now_ms)
{
    uint64_t at = min_ms(flight_deadline(f), baton_deadline(f, now_ms));

    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (!n->is_used)
            continue;
        at = min_ms(at, health_deadline(n));
        if (f->poll_node == FAILOVER_NONE && health_is_pollable(n))
            at = min_ms(at, n->poll_at_ms);
    }
    return at;
}

static bool is_about_node(enum failover_event_type type)
{
    return type == FAILOVER_NODE_REMOVED || type == FAILOVER_NODE_UP ||
           type == FAILOVER_NODE_DOWN || type == FAILOVER_NODE_HELD || type == FAILOVER_USAGE ||
           type == FAILOVER_USAGE_FAILED || type == FAILOVER_PROBE_DONE ||
           type == FAILOVER_EVIDENCE || type == FAILOVER_RESTORED;
}

void failover_step(struct failover *f, const struct failover_event *ev,
                   struct failover_actions *out)
{
    out->count = 0;
    if (is_about_node(ev->type)) {
        assert(ev->node < NODES_MAX);
        bool ends_poll = ev->type == FAILOVER_USAGE || ev->type == FAILOVER_USAGE_FAILED;
        if (!f->nodes[ev->node].is_used && !ends_poll)
            return;
    }
    if (ev->now_ms >= f->deadline_ms) {
        for (uint16_t i = 0; i < f->node_top; i++)
            health_tick(&f->nodes[i], ev->now_ms);
    }
    events_take(f, ev, out);
    tell_changes(f, ev->now_ms, out); /* nothing below changes a state */
    restart_for_token(f, ev->now_ms, out);
    baton_settle(f, ev->now_ms, out);
    flight_pump(f, ev->now_ms, out);
    baton_press(f, ev->now_ms, out);
    poll(f, ev->now_ms, out);
    probe(f, ev->now_ms, out);
    f->deadline_ms = compute_deadline(f, ev->now_ms);
}

/* ---------------------------------------------------------------- views */

enum node_state failover_node_state(const struct failover *f, uint16_t node)
{
    assert(node < NODES_MAX && f->nodes[node].is_used);
    return health_state(&f->nodes[node]);
}

uint16_t failover_active(const struct failover *f)
{
    if (f->active == FAILOVER_NONE)
        return FAILOVER_NONE;
    enum node_state state = health_state(&f->nodes[f->active]);
    return state == NODE_READY || state == NODE_DRAINED ? f->active : FAILOVER_NONE;
}

void failover_remember(const struct failover *f, uint16_t node, uint64_t now_ms,
                       struct failover_memory *ret_memory)
{
    assert(node < NODES_MAX && f->nodes[node].is_used);
    health_remember(&f->nodes[node], now_ms, ret_memory);
    /* Until it had its chance, whoever led before the last restart is still the one. */
    bool is_waited_for = !f->is_settled && f->first != FAILOVER_NONE;
    ret_memory->is_active = (is_waited_for ? f->first : f->active) == node;
}

/* When does this node come back by itself? FAILOVER_MS_MAX = unknown, or it needs a human. */
static uint64_t recovery_of(const struct failover_node *n, uint64_t now_ms)
{
    uint64_t at = now_ms;

    if (!n->is_used || n->is_token_bad || n->is_type_bad)
        return FAILOVER_MS_MAX;
    if (!n->is_up && n->down == FAILOVER_DOWN_BACKOFF)
        at = max_ms(now_ms + 1, n->down_until_ms);
    else if (!n->is_up && n->down != FAILOVER_DOWN_STARTING)
        return FAILOVER_MS_MAX;
    if (n->is_drained && n->reset_at_ms <= now_ms)
        return FAILOVER_MS_MAX;
    if (n->is_drained)
        at = max_ms(at, n->reset_at_ms);
    if (n->is_cut_off && n->poll_at_ms != FAILOVER_MS_MAX)
        at = max_ms(at, n->poll_at_ms);
    at = max_ms(at, n->limited_until_ms);
    return at > now_ms ? at : FAILOVER_MS_MAX;
}

uint64_t failover_recovery_ms(const struct failover *f, uint64_t now_ms)
{
    uint64_t at = FAILOVER_MS_MAX;

    for (uint16_t i = 0; i < f->node_top; i++)
        at = min_ms(at, recovery_of(&f->nodes[i], now_ms));
    return at == FAILOVER_MS_MAX ? 0 : at - now_ms;
}
