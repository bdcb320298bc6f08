/* flight - requests and their attempts: queue, dispatch, end.
 *
 * Pure. A request is WAITING (in the queue), SENT, JUDGING (refused with 403; /usage of its
 * node decides), STARTED, or FREE after exactly one terminal action. flight_pump() walks the
 * queue in order of arrival and asks judge() what to do with each request now: go, stay, or
 * be answered by ourselves.
 *
 * SPDX-License-Identifier: MIT
 */
#include "flight.h"

#include <assert.h>

#include "baton.h"
#include "failover_internal.h"
#include "health.h"

_Static_assert(NODES_MAX <= 64, "one bit a node in failover_request.tried");
_Static_assert(REQUESTS_MAX < FAILOVER_NONE && ATTEMPTS_MAX < FAILOVER_NONE,
               "slots are 16 bit");

static uint64_t bit(uint16_t node)
{
    return UINT64_C(1) << node;
}

static uint16_t slot_of(const struct failover *f, const struct failover_request *r)
{
    return (uint16_t)(r - f->requests);
}

void flight_init(struct failover *f)
{
    f->queue_head = FAILOVER_NONE;
    f->queue_tail = FAILOVER_NONE;
    for (uint16_t i = 0; i < ATTEMPTS_MAX; i++)
        f->attempts[i].next_free = i + 1 < ATTEMPTS_MAX ? (uint16_t)(i + 1) : FAILOVER_NONE;
    f->free_attempt = 0;
}

struct failover_request *flight_request(struct failover *f, struct failover_id id)
{
    if (id.slot >= REQUESTS_MAX)
        return NULL;
    struct failover_request *r = &f->requests[id.slot];
    bool is_live = r->state != FAILOVER_REQUEST_FREE && r->generation == id.generation;
    return is_live ? r : NULL;
}

struct failover_attempt *flight_attempt(struct failover *f, struct failover_id id)
{
    if (id.slot >= ATTEMPTS_MAX)
        return NULL;
    struct failover_attempt *a = &f->attempts[id.slot];
    return a->is_used && a->generation == id.generation ? a : NULL;
}

/* ---------------------------------------------------------------- queue */

void flight_enqueue(struct failover *f, struct failover_request *r, uint64_t now_ms)
{
    uint16_t *link = &f->queue_head;

    r->state = FAILOVER_REQUEST_WAITING;
    r->wait_from_ms = now_ms;
    r->waits_handoff = false;
    /* The usual case is the end; a request that comes back after a failure is older. */
    bool is_last = f->queue_tail == FAILOVER_NONE ||
                   (int32_t)(r->order - f->requests[f->queue_tail].order) > 0;
    if (is_last && f->queue_tail != FAILOVER_NONE)
        link = &f->requests[f->queue_tail].next;
    while (*link != FAILOVER_NONE && (int32_t)(f->requests[*link].order - r->order) < 0)
        link = &f->requests[*link].next;
    r->next = *link;
    *link = slot_of(f, r);
    if (r->next == FAILOVER_NONE)
        f->queue_tail = slot_of(f, r);
    f->queue_len++;
}

void flight_leave(struct failover *f, struct failover_request *r)
{
    uint16_t before = FAILOVER_NONE;
    uint16_t *link = &f->queue_head;

    while (*link != slot_of(f, r)) {
        before = *link;
        link = &f->requests[*link].next;
    }
    *link = r->next;
    if (f->queue_tail == slot_of(f, r))
        f->queue_tail = before;
    r->next = FAILOVER_NONE;
    f->queue_len--;
}

/* ---------------------------------------------------------------- attempts */

/* NULL when the table is full: every slot is an orphan's or a request's. */
static struct failover_attempt *new_attempt(struct failover *f)
{
    if (f->free_attempt == FAILOVER_NONE)
        return NULL;
    struct failover_attempt *a = &f->attempts[f->free_attempt];
    f->free_attempt = a->next_free;
    a->is_used = true;
    a->generation++;
    return a;
}

void flight_depart(struct failover *f, struct failover_attempt *a)
{
    if (a->is_departed)
        return;
    a->is_departed = true;
    if (a->is_counted)
        f->nodes[a->node].orphans++;
}

static void uncount(struct failover *f, struct failover_attempt *a)
{
    if (!a->is_counted)
        return;
    a->is_counted = false;
    struct failover_node *n = &f->nodes[a->node];
    assert(n->inflight > 0 && (!a->is_departed || n->orphans > 0));
    n->inflight--;
    n->orphans = (uint16_t)(n->orphans - a->is_departed);
    n->reserved_milli -= a->cost_milli;
}

void flight_end_attempt(struct failover *f, struct failover_attempt *a)
{
    uncount(f, a);
    if (a->request != FAILOVER_NONE)
        f->requests[a->request].attempt = FAILOVER_NONE;
    uint16_t generation = a->generation;
    *a = (struct failover_attempt){.generation = generation, .next_free = f->free_attempt};
    f->free_attempt = (uint16_t)(a - f->attempts);
}

void flight_detach(struct failover *f, struct failover_attempt *a)
{
    assert(a->request != FAILOVER_NONE);
    f->requests[a->request].attempt = FAILOVER_NONE;
    a->request = FAILOVER_NONE;
    flight_depart(f, a);
}

static void dispatch(struct failover *f, struct failover_request *r, uint16_t node,
                     uint64_t now_ms, struct failover_actions *out)
{
    struct failover_attempt *a = new_attempt(f);
    struct failover_node *n = &f->nodes[node];

    flight_leave(f, r);
    if (a == NULL) {
        struct failover_action *reply = flight_finish(f, r, FAILOVER_REPLY, out);
        reply->reply = FAILOVER_REPLY_QUEUE_FULL;
        reply->status = 503;
        return;
    }
    a->request = slot_of(f, r);
    a->node = node;
    a->is_bypass = r->is_bypass;
    a->is_counted = !r->is_bypass;
    a->cost_milli = r->cost_milli;
    if (a->is_counted) {
        n->inflight++;
        f->is_settled = true;
        n->reserved_milli += a->cost_milli;
        health_spend(n, &f->policy, a->cost_milli, now_ms);
    }
    r->state = FAILOVER_REQUEST_SENT;
    r->attempt = (uint16_t)(a - f->attempts);
    r->node = node;
    r->tried |= bit(node);
    r->was_roomed = false;
    r->attempts++;
    struct failover_action *action = emit(out, FAILOVER_DISPATCH);
    action->request = (struct failover_id){slot_of(f, r), r->generation};
    action->attempt = (struct failover_id){r->attempt, a->generation};
    action->node = node;
}

void flight_node_down(struct failover *f, uint16_t node)
{
    for (uint16_t i = 0; i < ATTEMPTS_MAX; i++) {
        struct failover_attempt *a = &f->attempts[i];
        if (a->is_used && a->node == node)
            uncount(f, a);
    }
}

void flight_node_up(struct failover *f, uint16_t node)
{
    for (uint16_t i = 0; i < REQUESTS_MAX; i++) {
        struct failover_request *r = &f->requests[i];
        /* An attempt that still hangs on the former process is no reason to spare the new. */
        if (r->state != FAILOVER_REQUEST_FREE)
            r->tried &= ~bit(node);
    }
}

/* ---------------------------------------------------------------- ends */

struct failover_action *flight_finish(struct failover *f, struct failover_request *r,
                                      enum failover_action_type type,
                                      struct failover_actions *out)
{
    assert(r->attempt == FAILOVER_NONE);
    struct failover_action *action = emit(out, type);
    action->request = (struct failover_id){slot_of(f, r), r->generation};
    uint16_t generation = r->generation;
    *r = (struct failover_request){.generation = generation};
    return action;
}

/* Is every account there is refusing, and none merely away? Then it is not an outage. */
static bool is_all_exhausted(const struct failover *f, const struct failover_request *r)
{
    bool any = false;

    for (uint16_t i = 0; i < f->node_top; i++) {
        if (!f->nodes[i].is_used)
            continue;
        const struct failover_node *n = &f->nodes[i];
        bool is_reserved =
            health_state(n) == NODE_READY && !health_fits(n, &f->policy, r->cost_milli);
        if (!n->is_drained && n->limited_until_ms == 0 &&
            health_state(n) != NODE_INVALID_TOKEN && !is_reserved)
            return false;
        any = true;
    }
    return any;
}

static void reply(struct failover *f, struct failover_request *r, bool is_handoff,
                  uint64_t now_ms, struct failover_actions *out)
{
    bool has_tried = r->attempts > 0;
    enum failover_outcome last = r->last_outcome;
    enum failover_reply kind = FAILOVER_REPLY_NO_NODE;
    uint16_t status = 503;

    if (has_tried && (last == FAILOVER_OUTCOME_TIMEOUT || last == FAILOVER_OUTCOME_RESET ||
                      last == FAILOVER_OUTCOME_BROKEN)) {
        kind = FAILOVER_REPLY_UPSTREAM;
        status = last == FAILOVER_OUTCOME_TIMEOUT ? 504 : 502;
    } else if (has_tried ? r->only_account_refusals : is_all_exhausted(f, r)) {
        kind = FAILOVER_REPLY_EXHAUSTED;
        status = f->policy.exhausted_status;
    } else if (is_handoff) {
        kind = FAILOVER_REPLY_HANDOFF;
    }
    struct failover_action *action = flight_finish(f, r, FAILOVER_REPLY, out);
    action->reply = kind;
    action->status = status;
    action->retry_after_ms = failover_recovery_ms(f, now_ms);
}

static bool is_account_refusal(enum failover_outcome outcome)
{
    return outcome == FAILOVER_OUTCOME_TOKEN || outcome == FAILOVER_OUTCOME_QUOTA ||
           outcome == FAILOVER_OUTCOME_FORBIDDEN || outcome == FAILOVER_OUTCOME_RATE;
}

void flight_retry(struct failover *f, struct failover_request *r, enum failover_outcome outcome,
                  uint64_t now_ms, struct failover_actions *out)
{
    r->only_account_refusals =
        is_account_refusal(outcome) && (r->attempts == 1 || r->only_account_refusals);
    r->last_outcome = (uint8_t)outcome;
    if (r->attempts > f->policy.retry_limit)
        reply(f, r, false, now_ms, out);
    else
        flight_enqueue(f, r, now_ms);
}

/* ---------------------------------------------------------------- pump */

enum verdict { VERDICT_GO, VERDICT_STAY, VERDICT_REPLY, VERDICT_REPLY_HANDOFF };

static bool serves(const struct failover_node *n, const struct failover_request *r)
{
    enum node_state state = health_state(n);

    bool is_free = r->is_free_model && n->limited_until_ms == 0;

    return !n->is_restart_asked && (state == NODE_READY || (state == NODE_DRAINED && is_free));
}

static bool is_any_coming(const struct failover *f, const struct failover_request *r,
                          uint64_t now_ms)
{
    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        /* This very process had its chance; a new one is a new candidate. A connection that
         * broke may be the first sign of a death: the probe will tell. */
        bool may_be_dead = n->is_restart_asked || (n->is_owned && n->is_lost) ||
                           n->hold == FAILOVER_HOLD_RESTART;
        if (n->is_up && !may_be_dead && (r->tried & bit(i)) != 0)
            continue;
        /* What is wrong with the account will still be wrong then. */
        bool is_throttled = n->limited_until_ms != 0 && !r->is_bypass;
        if (is_throttled || (n->is_drained && !r->is_free_model && !r->is_bypass))
            continue;
        if (health_is_coming(n, f->policy.node_wait_ms, now_ms))
            return true;
    }
    return false;
}

/* A request that makes no upstream call goes to any node that answers, the active one first. */
static uint16_t bypass_target(const struct failover *f, const struct failover_request *r)
{
    uint16_t best = FAILOVER_NONE;

    for (uint16_t i = 0; i < f->node_top; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (!n->is_used || !n->is_up || n->is_lost || n->is_restart_asked ||
            n->hold != FAILOVER_HOLD_NONE || (r->tried & bit(i)) != 0)
            continue;
        if (i == f->active)
            return i;
        if (best == FAILOVER_NONE || n->rank > f->nodes[best].rank)
            best = i;
    }
    return best;
}

static enum verdict judge_waiting(const struct failover *f, const struct failover_request *r,
                                  uint64_t now_ms)
{
    uint64_t patience = add_ms(r->wait_from_ms, f->policy.node_wait_ms);

    if (is_any_coming(f, r, now_ms) && now_ms < patience)
        return VERDICT_STAY;
    return VERDICT_REPLY;
}

/* The active node could serve it, were there not the reserve that its cost would touch. */
static bool lacks_room(const struct failover *f, const struct failover_request *r)
{
    return !r->is_bypass && f->active != FAILOVER_NONE && serves(&f->nodes[f->active], r) &&
           !health_fits(&f->nodes[f->active], &f->policy, r->cost_milli);
}

static enum verdict judge(struct failover *f, struct failover_request *r, uint64_t now_ms,
                          uint16_t *ret_node, struct failover_actions *out)
{
    if (r->is_bypass) {
        *ret_node = bypass_target(f, r);
        return *ret_node != FAILOVER_NONE ? VERDICT_GO : judge_waiting(f, r, now_ms);
    }
    /* While first requests wait for a better leader, there may be room with that one. */
    bool is_early =
        baton_is_early(f) && now_ms < add_ms(r->wait_from_ms, f->policy.node_wait_ms);
    bool lacks = lacks_room(f, r);
    if (lacks && is_early)
        return VERDICT_STAY;
    /* The baton was moved for it, and came back because the old account did not finish. */
    if (lacks && r->was_roomed)
        return VERDICT_REPLY_HANDOFF;
    if (lacks) {
        lacks = !baton_make_room(f, r->cost_milli, r->tried, now_ms, out);
        r->was_roomed = !lacks;
    }
    bool can_serve = !lacks && f->active != FAILOVER_NONE && serves(&f->nodes[f->active], r) &&
                     (r->tried & bit(f->active)) == 0;
    bool is_blocked = can_serve && baton_is_blocked(f);
    if (r->waits_handoff && !is_blocked)
        r->wait_from_ms = now_ms;
    r->waits_handoff = is_blocked;
    if (!can_serve)
        return judge_waiting(f, r, now_ms);
    *ret_node = f->active;
    if (is_blocked)
        return now_ms < baton_blocked_until(f, r->wait_from_ms) ? VERDICT_STAY
                                                                : VERDICT_REPLY_HANDOFF;
    return is_early ? VERDICT_STAY : VERDICT_GO;
}

void flight_pump(struct failover *f, uint64_t now_ms, struct failover_actions *out)
{
    uint16_t slot = f->queue_head;

    while (slot != FAILOVER_NONE) {
        struct failover_request *r = &f->requests[slot];
        uint16_t next = r->next;
        uint16_t node = FAILOVER_NONE;
        enum verdict verdict = judge(f, r, now_ms, &node, out);
        switch (verdict) {
        case VERDICT_GO:
            dispatch(f, r, node, now_ms, out);
            break;
        case VERDICT_STAY:
            break;
        case VERDICT_REPLY:
        case VERDICT_REPLY_HANDOFF:
            flight_leave(f, r);
            reply(f, r, verdict == VERDICT_REPLY_HANDOFF, now_ms, out);
            break;
        }
        slot = next;
    }
}

uint64_t flight_deadline(const struct failover *f)
{
    uint64_t at = FAILOVER_MS_MAX;

    for (uint16_t i = f->queue_head; i != FAILOVER_NONE; i = f->requests[i].next) {
        const struct failover_request *r = &f->requests[i];
        uint64_t until = r->waits_handoff ? baton_blocked_until(f, r->wait_from_ms)
                                          : add_ms(r->wait_from_ms, f->policy.node_wait_ms);
        at = min_ms(at, until);
    }
    return at;
}
