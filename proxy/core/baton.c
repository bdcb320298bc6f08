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
    return n->is_used && !n->is_restart_asked && health_state(n) == NODE_DRAINED &&
           n->limited_until_ms == 0;
}

/* Whoever leads before anything was dispatched: the node below this rank, see next_below(). */
static uint32_t first_rank(const struct failover *f)
{
    return f->first == FAILOVER_NONE ? 0 : f->nodes[f->first].rank + 1;
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

/* Moves that are no failure of the account: an order from outside, a 5xx, a request that did
 * not fit. Fail-back must not undo them at once. */
static bool is_placed(enum failover_cause cause)
{
    return cause == FAILOVER_CAUSE_RESET_ACTIVE || cause == FAILOVER_CAUSE_HANDOFF ||
           cause == FAILOVER_CAUSE_SERVER || cause == FAILOVER_CAUSE_BROKEN ||
           cause == FAILOVER_CAUSE_RESERVE;
}

static void move(struct failover *f, uint16_t to, enum failover_cause cause, uint64_t now_ms,
                 struct failover_actions *out)
{
    uint16_t from = f->active;

    assert(to != from);
    if (from != FAILOVER_NONE && f->nodes[from].inflight > 0)
        f->nodes[from].handoff_until_ms = add_ms(now_ms, f->policy.handoff_timeout_ms);
    f->active = to;
    if (is_placed(cause))
        f->placed_ms = now_ms;
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

static bool is_nothing_in_flight(const struct failover *f)
{
    for (uint16_t i = 0; i < f->node_top; i++) {
        if (f->nodes[i].inflight > 0)
            return false;
    }
    return true;
}

/* When may a higher node take the lead back? */
static uint64_t failback_due(const struct failover *f, const struct failover_node *n)
{
    return add_ms(max_ms(n->since_ms, f->placed_ms), f->policy.failback_after_ms);
}

/* failback = auto: the highest node above the active one that has been READY for long enough,
 * at a moment when nobody is served. */
static uint16_t find_failback(const struct failover *f, uint64_t now_ms)
{
    uint16_t best = FAILOVER_NONE;

    if (!f->policy.is_failback || !is_nothing_in_flight(f))
        return FAILOVER_NONE;
    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        uint32_t floor = f->nodes[best == FAILOVER_NONE ? f->active : best].rank;
        if (is_ready(n) && n->rank > floor && failback_due(f, n) <= now_ms)
            best = i;
    }
    return best;
}

static void settle_first(struct failover *f, uint16_t best, uint64_t now_ms,
                         struct failover_actions *out)
{
    enum failover_cause cause = FAILOVER_CAUSE_STARTUP;

    if (best == f->first)
        cause = FAILOVER_CAUSE_RESTORED;
    else if (f->active != FAILOVER_NONE && !is_ready(&f->nodes[f->active]))
        cause = f->nodes[f->active].cause; /* it had the lead and lost it */
    else if (f->active != FAILOVER_NONE && f->nodes[best].cause == FAILOVER_CAUSE_RECOVERED)
        cause = FAILOVER_CAUSE_RECOVERED;
    move(f, best, cause, now_ms, out);
}

/* Why the lead leaves this node. A throttle is the reason, too, where it is not the state. */
static enum failover_cause leaving_cause(const struct failover_node *n)
{
    bool is_throttled = health_state(n) == NODE_DRAINED && n->limited_until_ms != 0;

    return is_throttled ? n->limit_cause : n->cause;
}

void baton_settle(struct failover *f, uint64_t now_ms, struct failover_actions *out)
{
    const struct failover_node *active =
        f->active == FAILOVER_NONE ? NULL : &f->nodes[f->active];

    if (!f->is_settled) {
        uint16_t best = next_below(f, first_rank(f), is_ready);
        if (best != FAILOVER_NONE && best != f->active)
            settle_first(f, best, now_ms, out);
        if (best != FAILOVER_NONE)
            return;
    }
    if (active != NULL && is_ready(active)) {
        uint16_t back = find_return(f, now_ms);
        uint16_t higher = back == FAILOVER_NONE ? find_failback(f, now_ms) : FAILOVER_NONE;
        if (back != FAILOVER_NONE)
            move(f, back, FAILOVER_CAUSE_HANDOFF, now_ms, out);
        else if (higher != FAILOVER_NONE)
            move(f, higher, FAILOVER_CAUSE_FAILBACK, now_ms, out);
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
        move(f, next, active == NULL ? FAILOVER_CAUSE_STARTUP : leaving_cause(active), now_ms,
             out);
}

void baton_yield(struct failover *f, enum failover_cause cause, uint64_t now_ms,
                 struct failover_actions *out)
{
    uint16_t next = next_below(f, f->nodes[f->active].rank, is_ready);

    if (next != FAILOVER_NONE && next != f->active)
        move(f, next, cause, now_ms, out);
}

bool baton_make_room(struct failover *f, int32_t cost_milli, uint64_t tried, uint64_t now_ms,
                     struct failover_actions *out)
{
    uint16_t at = f->active;

    for (uint16_t step = 0; step < f->node_top; step++) {
        at = next_below(f, f->nodes[at].rank, is_ready);
        if (at == FAILOVER_NONE || at == f->active)
            return false;
        if (health_fits(&f->nodes[at], &f->policy, cost_milli) &&
            (tried & UINT64_C(1) << at) == 0) {
            move(f, at, FAILOVER_CAUSE_RESERVE, now_ms, out);
            f->is_settled = true; /* or the first in line takes it back */
            return true;
        }
    }
    return false;
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
    if (f->first == node)
        f->first = FAILOVER_NONE;
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
        bool will_end = n->is_restart_asked || n->hold == FAILOVER_HOLD_RESTART ||
                        n->hold == FAILOVER_HOLD_STOP ||
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

/* When a higher node has been READY for long enough; what runs then puts it off until that has
 * ended, which is an event of its own. */
static uint64_t failback_deadline(const struct failover *f, uint64_t now_ms)
{
    uint64_t at = FAILOVER_MS_MAX;

    if (!f->policy.is_failback || f->active == FAILOVER_NONE || !is_nothing_in_flight(f))
        return at;
    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        uint64_t due = failback_due(f, n);
        if (is_ready(n) && n->rank > f->nodes[f->active].rank && due > now_ms)
            at = min_ms(at, due);
    }
    return at;
}

uint64_t baton_deadline(const struct failover *f, uint64_t now_ms)
{
    uint64_t at = failback_deadline(f, now_ms);

    if (f->queue_len == 0 || f->policy.is_overlap)
        return at;
    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (i != f->active && n->inflight > 0 && n->handoff_until_ms > now_ms)
            at = min_ms(at, n->handoff_until_ms);
    }
    return at;
}

/* Places down the order from the node that leads first. */
static uint64_t place_of(const struct failover *f, uint32_t rank)
{
    uint32_t first = first_rank(f);

    return rank < first ? first - rank : (UINT64_C(1) << 32) + (UINT32_MAX - rank);
}

bool baton_is_early(const struct failover *f)
{
    if (f->is_settled || f->active == FAILOVER_NONE)
        return false;
    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (n->is_used && place_of(f, n->rank) < place_of(f, f->nodes[f->active].rank) &&
            !n->has_failed_start && !n->is_drained && n->limited_until_ms == 0 &&
            health_state(n) == NODE_STARTING)
            return true;
    }
    return false;
}
