/* baton - which node leads, and how the lead is handed over.
 *
 * Pure. Nodes are ordered by rank; the lead goes downwards and from the lowest to the highest
 * again (DESIGN D5). It is sticky: only a failure, exhaustion or an order from outside moves
 * it. Under `handoff = drain` nothing is dispatched while another account has an attempt in
 * flight; how long that may take, and what ends it, is DESIGN D4:
 *
 *   - only orphans left there, owned node    -> RESTART it at once
 *   - streams left, node dead or exhausted   -> RESTART it after handoff_timeout
 *   - streams left, node READY again         -> the baton goes back to it after
 *     handoff_timeout, so that waiting requests are served after all
 *   - anything else (external, throttled)    -> waiting requests are answered 503
 *
 * SPDX-License-Identifier: MIT
 */
#include "baton.h"

#include <assert.h>

#include "failover_internal.h"
#include "health.h"

static bool is_ready(const struct failover_node *n)
{
    return n->is_used && !n->is_restart_asked && health_state(n) == NODE_READY;
}

static bool is_drained(const struct failover_node *n)
{
    return n->is_used && !n->is_restart_asked && health_state(n) == NODE_DRAINED;
}

/* The matching node with the highest rank below `rank`, or else with the highest rank of all.
 */
static uint16_t next_below(const struct failover *f, uint32_t rank,
                           bool (*matches)(const struct failover_node *))
{
    uint16_t below = FAILOVER_NONE;
    uint16_t highest = FAILOVER_NONE;

    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (!matches(n))
            continue;
        if (n->rank < rank && (below == FAILOVER_NONE || n->rank > f->nodes[below].rank))
            below = i;
        if (highest == FAILOVER_NONE || n->rank > f->nodes[highest].rank)
            highest = i;
    }
    return below != FAILOVER_NONE ? below : highest;
}

static void move(struct failover *f, uint16_t to, enum failover_cause cause, uint64_t now_ms,
                 struct failover_actions *out)
{
    uint16_t from = f->active;

    assert(to != from);
    if (from != FAILOVER_NONE && f->nodes[from].inflight > 0)
        f->nodes[from].handoff_until_ms = add_ms(now_ms, f->policy.handoff_timeout_ms);
    f->active = to;
    struct failover_action *action = emit(out, FAILOVER_SWITCHED);
    action->from = from;
    action->node = to;
    action->cause = cause;
}

/* Streams that may not be cut, on a node that is READY, whose time is over while others wait:
 * better back to it than refuse them. */
static uint16_t find_return(const struct failover *f, uint64_t now_ms)
{
    if (f->policy.is_overlap || f->queue_len == 0)
        return FAILOVER_NONE;
    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (i != f->active && is_ready(n) && n->inflight > n->orphans &&
            n->handoff_until_ms <= now_ms)
            return i;
    }
    return FAILOVER_NONE;
}

void baton_settle(struct failover *f, uint64_t now_ms, struct failover_actions *out)
{
    const struct failover_node *active =
        f->active == FAILOVER_NONE ? NULL : &f->nodes[f->active];

    if (!f->is_settled) {
        uint16_t best = next_below(f, 0, is_ready);
        bool has_failed = active != NULL && !is_ready(active);
        if (best != FAILOVER_NONE && best != f->active)
            move(f, best, has_failed ? active->cause : FAILOVER_CAUSE_STARTUP, now_ms, out);
        if (best != FAILOVER_NONE)
            return;
    }
    if (active != NULL && is_ready(active)) {
        uint16_t back = find_return(f, now_ms);
        if (back != FAILOVER_NONE)
            move(f, back, FAILOVER_CAUSE_HANDOFF, now_ms, out);
        return;
    }
    /* Temporary: a remembered node is given the time of its first /usage. */
    if (active != NULL && health_state(active) == NODE_STARTING &&
        (active->cause == FAILOVER_CAUSE_STARTUP || active->cause == FAILOVER_CAUSE_UP))
        return;
    uint32_t rank = active == NULL ? 0 : active->rank;
    uint16_t next = next_below(f, rank, is_ready);
    if (next == FAILOVER_NONE && (active == NULL || !is_drained(active)))
        next = next_below(f, rank, is_drained);
    if (next != FAILOVER_NONE)
        move(f, next, active == NULL ? FAILOVER_CAUSE_STARTUP : active->cause, now_ms, out);
}

void baton_yield(struct failover *f, enum failover_cause cause, uint64_t now_ms,
                 struct failover_actions *out)
{
    uint16_t next = next_below(f, f->nodes[f->active].rank, is_ready);

    if (next != FAILOVER_NONE && next != f->active)
        move(f, next, cause, now_ms, out);
}

void baton_reset(struct failover *f, uint16_t node, uint64_t now_ms,
                 struct failover_actions *out)
{
    uint16_t to = node == FAILOVER_NONE ? next_below(f, 0, is_ready) : node;

    if (to == FAILOVER_NONE || to >= f->node_top || !is_ready(&f->nodes[to]))
        return;
    f->is_settled = true;
    if (to != f->active)
        move(f, to, FAILOVER_CAUSE_RESET_ACTIVE, now_ms, out);
}

void baton_remove(struct failover *f, uint16_t node, uint64_t now_ms,
                  struct failover_actions *out)
{
    if (f->active != node)
        return;
    uint16_t next = next_below(f, f->nodes[node].rank, is_ready);
    if (next == FAILOVER_NONE)
        next = next_below(f, f->nodes[node].rank, is_drained);
    assert(next != node); /* it is not up any more */
    if (next != FAILOVER_NONE) {
        move(f, next, FAILOVER_CAUSE_REMOVED, now_ms, out);
    } else {
        f->active = FAILOVER_NONE;
        f->is_settled = false;
    }
}

bool baton_is_blocked(const struct failover *f)
{
    if (f->policy.is_overlap)
        return false;
    for (uint16_t i = 0; i < f->node_top; i++) {
        if (i != f->active && f->nodes[i].inflight > 0)
            return true;
    }
    return false;
}

uint64_t baton_blocked_until(const struct failover *f, uint64_t wait_from_ms)
{
    uint64_t until = add_ms(wait_from_ms, f->policy.node_wait_ms);

    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (i == f->active || n->inflight == 0)
            continue;
        /* A RESTART, under way or due then, is given the time that a start is given. */
        bool will_end = n->is_restart_asked ||
                        (n->is_owned && (n->inflight == n->orphans || health_may_be_cut(n)));
        uint64_t grace = will_end ? f->policy.node_wait_ms : 0;
        until = max_ms(until, add_ms(n->handoff_until_ms, grace));
    }
    return until;
}

static bool is_cut_due(const struct failover_node *n, uint64_t now_ms)
{
    return n->is_owned && !n->is_restart_asked && n->inflight > n->orphans &&
           health_may_be_cut(n) && n->handoff_until_ms <= now_ms;
}

void baton_press(struct failover *f, uint64_t now_ms, struct failover_actions *out)
{
    if (f->queue_len == 0 || f->policy.is_overlap || failover_active(f) == FAILOVER_NONE)
        return;
    for (uint16_t i = 0; i < f->node_top; i++) {
        struct failover_node *n = &f->nodes[i];
        if (i == f->active || n->inflight == 0 || n->is_restart_asked || !n->is_owned)
            continue;
        bool is_departed = n->inflight == n->orphans;
        if (!is_departed && !is_cut_due(n, now_ms))
            continue;
        health_restart_asked(n);
        struct failover_action *action = emit(out, FAILOVER_RESTART);
        action->node = i;
        action->cause = is_departed ? FAILOVER_CAUSE_DEPARTED : n->cause;
    }
}

uint64_t baton_deadline(const struct failover *f, uint64_t now_ms)
{
    uint64_t at = FAILOVER_MS_MAX;

    if (f->queue_len == 0 || f->policy.is_overlap)
        return at;
    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (i != f->active && n->inflight > 0 && n->handoff_until_ms > now_ms)
            at = min_ms(at, n->handoff_until_ms);
    }
    return at;
}

bool baton_is_early(const struct failover *f)
{
    if (f->is_settled || f->active == FAILOVER_NONE)
        return false;
    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (n->is_used && n->rank > f->nodes[f->active].rank && !n->has_failed_start &&
            health_state(n) == NODE_STARTING)
            return true;
    }
    return false;
}
