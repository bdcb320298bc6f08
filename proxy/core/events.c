/* events - what each event changes in the facts about nodes and in the requests.
 *
 * Pure. An event about a node changes its facts (health.c); an event about a request moves it
 * on (flight.c). What follows from it for everybody else is drawn afterwards, in
 * failover_step(). A 403 that nobody explains is kept waiting here until the node's /usage
 * decides whose fault it was (DESIGN D7).
 *
 * SPDX-License-Identifier: MIT
 */
#include "events.h"

#include <assert.h>

#include "baton.h"
#include "failover_internal.h"
#include "flight.h"
#include "health.h"

/* So that polls of several clusters spread (xorshift64). 0 without a seed. */
static uint64_t draw(struct failover *f)
{
    f->seed ^= f->seed << 13;
    f->seed ^= f->seed >> 7;
    f->seed ^= f->seed << 17;
    return f->seed;
}

/* ---------------------------------------------------------------- 403: /usage decides */

enum judgement { JUDGED_REQUEST, JUDGED_ACCOUNT };

/* Ends the wait of every request that was refused with 403 by this node. */
static void judge_refused(struct failover *f, uint16_t node, enum judgement judgement,
                          uint64_t now_ms, struct failover_actions *out)
{
    if (f->nodes[node].judging == 0)
        return;
    for (uint16_t i = 0; i < REQUESTS_MAX; i++) {
        struct failover_request *r = &f->requests[i];
        if (r->state != FAILOVER_REQUEST_JUDGING || r->node != node)
            continue;
        if (judgement == JUDGED_REQUEST)
            (void)flight_finish(f, r, FAILOVER_PASS, out);
        else
            flight_retry(f, r, FAILOVER_OUTCOME_FORBIDDEN, now_ms, out);
    }
    f->nodes[node].judging = 0;
}

/* ---------------------------------------------------------------- events about nodes */

static void on_added(struct failover *f, const struct failover_event *ev)
{
    assert(ev->node < NODES_MAX && !f->nodes[ev->node].is_used);
    struct failover_node *n = &f->nodes[ev->node];
    *n = (struct failover_node){.is_used = true,
                                .is_owned = ev->is_owned,
                                .rank = ev->rank,
                                .down = FAILOVER_DOWN_STARTING,
                                .cause = FAILOVER_CAUSE_STARTUP,
                                .shown = NODE_STARTING,
                                .poll_at_ms = FAILOVER_MS_MAX,
                                .restart_at_ms = FAILOVER_MS_MAX,
                                .since_ms = ev->now_ms};
    if (ev->node >= f->node_top)
        f->node_top = (uint16_t)(ev->node + 1);
}

/* Temporary, for the tests of the shell: the engine's own replaces it. */
static void on_restored(struct failover *f, const struct failover_event *ev)
{
    struct failover_node *n = &f->nodes[ev->node];
    const struct failover_memory *m = ev->memory;

    n->is_drained = m->is_drained;
    if (m->is_drained || m->limited_in_ms > 0)
        n->cause = m->cause;
    n->limited_until_ms = m->limited_in_ms == 0 ? 0 : ev->now_ms + m->limited_in_ms;
    n->hold_until_ms = m->hold_in_ms == 0 ? 0 : ev->now_ms + m->hold_in_ms;
    n->has_usage = m->has_usage;
    n->usage = m->usage;
    n->estimate_milli = m->estimate_milli;
    n->reset_at_ms = m->usage.reset_in_ms == 0 ? 0 : ev->now_ms + m->usage.reset_in_ms;
    if (m->is_active) {
        f->active = ev->node;
        f->is_settled = true;
    }
}

/* Whatever /usage answers now, it speaks for a process that is gone. */
static void forget_poll(struct failover *f, uint16_t node)
{
    if (f->poll_node != node)
        return;
    f->poll_node = FAILOVER_NONE;
    f->poll_serial++;
}

static void on_down(struct failover *f, const struct failover_event *ev,
                    struct failover_actions *out)
{
    struct failover_node *n = &f->nodes[ev->node];

    forget_poll(f, ev->node);
    flight_node_down(f, ev->node);
    health_down(n, ev->down, ev->retry_in_ms, ev->now_ms);
    judge_refused(f, ev->node, JUDGED_ACCOUNT, ev->now_ms, out);
}

static void on_removed(struct failover *f, const struct failover_event *ev,
                       struct failover_actions *out)
{
    judge_refused(f, ev->node, JUDGED_ACCOUNT, ev->now_ms, out);
    flight_node_down(f, ev->node);
    flight_node_up(f, ev->node); /* whoever gets the slot next was tried by nobody */
    for (uint16_t i = 0; i < ATTEMPTS_MAX; i++) {
        if (f->attempts[i].is_used && f->attempts[i].node == ev->node)
            f->attempts[i].node = FAILOVER_NONE;
    }
    for (uint16_t i = 0; i < REQUESTS_MAX; i++) {
        if (f->requests[i].node == ev->node)
            f->requests[i].node = FAILOVER_NONE;
    }
    forget_poll(f, ev->node);
    f->nodes[ev->node].is_up = false;
    baton_remove(f, ev->node, ev->now_ms, out);
    f->nodes[ev->node] = (struct failover_node){0};
}

static void on_usage(struct failover *f, const struct failover_event *ev,
                     struct failover_actions *out)
{
    struct failover_node *n = &f->nodes[ev->node];

    if (f->poll_node != ev->node || f->poll_serial != ev->poll_serial)
        return; /* the answer to a question of another life */
    f->poll_node = FAILOVER_NONE;
    if (!n->is_used || !n->is_up)
        return;
    if (ev->type == FAILOVER_USAGE) {
        health_usage(n, &f->policy, &ev->usage, draw(f), ev->now_ms);
        judge_refused(f, ev->node, n->is_drained ? JUDGED_ACCOUNT : JUDGED_REQUEST, ev->now_ms,
                      out);
        return;
    }
    health_usage_failed(n, &f->policy, ev->is_unreachable, ev->now_ms);
    if (n->judging > 0)
        health_forbidden(n, &f->policy, ev->now_ms);
    judge_refused(f, ev->node, JUDGED_ACCOUNT, ev->now_ms, out);
}

/* ---------------------------------------------------------------- events about requests */

static void on_request(struct failover *f, const struct failover_event *ev,
                       struct failover_actions *out)
{
    assert(ev->request.slot < REQUESTS_MAX);
    struct failover_request *r = &f->requests[ev->request.slot];
    assert(r->state == FAILOVER_REQUEST_FREE);
    *r = (struct failover_request){.generation = ev->request.generation,
                                   .order = f->next_order++,
                                   .cost_milli = ev->cost_milli,
                                   .attempt = FAILOVER_NONE,
                                   .node = FAILOVER_NONE,
                                   .next = FAILOVER_NONE,
                                   .is_free_model = ev->is_free_model,
                                   .is_bypass = ev->is_bypass};
    bool is_full = f->queue_len >= f->policy.queue_max;
    flight_enqueue(f, r, ev->now_ms);
    if (!is_full)
        return;
    /* Room for those that need not wait: settle and pump, then turn away who still waits. */
    baton_settle(f, ev->now_ms, out);
    flight_pump(f, ev->now_ms, out);
    r = flight_request(f, ev->request);
    if (r != NULL && r->state == FAILOVER_REQUEST_WAITING &&
        f->queue_len > f->policy.queue_max) {
        flight_leave(f, r);
        struct failover_action *action = flight_finish(f, r, FAILOVER_REPLY, out);
        action->reply = FAILOVER_REPLY_QUEUE_FULL;
        action->status = 503;
        action->retry_after_ms = failover_recovery_ms(f, ev->now_ms);
    }
}

static void on_client_gone(struct failover *f, const struct failover_event *ev,
                           struct failover_actions *out)
{
    struct failover_request *r = flight_request(f, ev->request);

    if (r == NULL)
        return;
    if (r->state == FAILOVER_REQUEST_WAITING)
        flight_leave(f, r);
    if (r->state == FAILOVER_REQUEST_JUDGING)
        f->nodes[r->node].judging--;
    if (r->attempt != FAILOVER_NONE) {
        struct failover_attempt *a = &f->attempts[r->attempt];
        flight_detach(f, a);
        if (f->policy.is_abort) {
            struct failover_action *action = emit(out, FAILOVER_ABORT);
            action->attempt = (struct failover_id){(uint16_t)(a - f->attempts), a->generation};
            flight_end_attempt(f, a);
        }
    }
    (void)flight_finish(f, r, FAILOVER_DONE, out);
}

/* A client that may have left: nobody would read what another try costs (DESIGN D6). */
static void on_client_fin(struct failover *f, const struct failover_event *ev,
                          struct failover_actions *out)
{
    struct failover_request *r = flight_request(f, ev->request);

    if (r == NULL)
        return;
    r->is_fin = true;
    if (r->state == FAILOVER_REQUEST_WAITING || r->state == FAILOVER_REQUEST_JUDGING)
        on_client_gone(f, ev, out);
    else if (r->attempt != FAILOVER_NONE)
        flight_depart(f, &f->attempts[r->attempt]);
}

static void on_started(struct failover *f, const struct failover_event *ev)
{
    struct failover_attempt *a = flight_attempt(f, ev->attempt);

    if (a != NULL && a->request != FAILOVER_NONE)
        f->requests[a->request].state = FAILOVER_REQUEST_STARTED;
}

/* Did an answer arrive that could be handed on? */
static bool has_answer(enum failover_outcome outcome)
{
    return outcome != FAILOVER_OUTCOME_CONNECT && outcome != FAILOVER_OUTCOME_RESET &&
           outcome != FAILOVER_OUTCOME_TIMEOUT && outcome != FAILOVER_OUTCOME_BROKEN;
}

/* A 5xx or a broken answer may be GitHub's fault or the request's: worth one move, not more. */
static bool is_moved_once(enum failover_outcome outcome)
{
    return outcome == FAILOVER_OUTCOME_SERVER || outcome == FAILOVER_OUTCOME_BROKEN;
}

static bool may_retry(const struct failover *f, const struct failover_request *r,
                      enum failover_outcome outcome)
{
    if (outcome == FAILOVER_OUTCOME_REQUEST_FAULT || outcome == FAILOVER_OUTCOME_BRAKE)
        return false;
    if ((f->policy.retry_mask & (UINT32_C(1) << outcome)) == 0)
        return false;
    if (is_moved_once(outcome) && r->was_moved)
        return false;
    return !(r->is_bypass && has_answer(outcome));
}

/* No further try: the answer as it came, or ours if there was none. */
static void hand_on(struct failover *f, struct failover_request *r,
                    enum failover_outcome outcome, struct failover_actions *out)
{
    if (has_answer(outcome)) {
        (void)flight_finish(f, r, FAILOVER_PASS, out);
        return;
    }
    struct failover_action *action = flight_finish(f, r, FAILOVER_REPLY, out);
    action->reply = FAILOVER_REPLY_UPSTREAM;
    action->status = outcome == FAILOVER_OUTCOME_TIMEOUT ? 504 : 502;
}

/* What the failed request itself gets, after its node has been judged. */
static void settle_failed(struct failover *f, struct failover_request *r,
                          enum failover_outcome outcome, bool is_second_403, uint64_t now_ms,
                          struct failover_actions *out)
{
    if (!may_retry(f, r, outcome)) {
        hand_on(f, r, outcome, out);
        return;
    }
    bool can_ask = r->node != FAILOVER_NONE && health_state(&f->nodes[r->node]) == NODE_READY;
    if (outcome == FAILOVER_OUTCOME_FORBIDDEN && !is_second_403 && can_ask) {
        f->nodes[r->node].poll_at_ms = now_ms;
        if (r->is_fin) {
            hand_on(f, r, outcome, out);
            return;
        }
        r->state = FAILOVER_REQUEST_JUDGING;
        f->nodes[r->node].judging++;
        return;
    }
    if (is_moved_once(outcome)) {
        r->was_moved = true;
        if (r->node == f->active && !r->is_bypass)
            baton_yield(f,
                        outcome == FAILOVER_OUTCOME_SERVER ? FAILOVER_CAUSE_SERVER
                                                           : FAILOVER_CAUSE_BROKEN,
                        now_ms, out);
    }
    bool has_nobody = outcome == FAILOVER_OUTCOME_SERVER && r->node == f->active;
    if (r->is_fin || has_nobody)
        hand_on(f, r, outcome, out);
    else
        flight_retry(f, r, outcome, now_ms, out);
}

static void teach_node(struct failover *f, const struct failover_attempt *a,
                       const struct failover_event *ev, bool *ret_is_second_403,
                       struct failover_actions *out)
{
    struct failover_node *n = &f->nodes[a->node];
    bool reached = ev->outcome != FAILOVER_OUTCOME_CONNECT &&
                   ev->outcome != FAILOVER_OUTCOME_RESET &&
                   ev->outcome != FAILOVER_OUTCOME_TIMEOUT;

    /* Bypass answers come out of the node's own memory and say nothing about the account. An
     * attempt on a former process (not counted any more) says nothing about the present one. */
    if ((a->is_bypass && reached) || (!a->is_bypass && !a->is_counted))
        return;
    *ret_is_second_403 =
        health_outcome(n, &f->policy, ev->outcome, ev->retry_after_ms, ev->now_ms);
    if (*ret_is_second_403)
        health_forbidden(n, &f->policy, ev->now_ms);
    if (ev->outcome == FAILOVER_OUTCOME_TOKEN)
        forget_poll(f, a->node); /* what was asked before the 401 proves nothing */
    if (ev->outcome != FAILOVER_OUTCOME_OK)
        health_spend(n, &f->policy, -a->cost_milli, ev->now_ms);
    /* Whoever waits for its /usage has the answer: it is the account. */
    if (health_state(n) != NODE_READY)
        judge_refused(f, a->node, JUDGED_ACCOUNT, ev->now_ms, out);
}

static void on_outcome(struct failover *f, const struct failover_event *ev,
                       struct failover_actions *out)
{
    struct failover_attempt *a = flight_attempt(f, ev->attempt);
    bool is_second_403 = false;

    if (a == NULL)
        return;
    struct failover_request *r = a->request == FAILOVER_NONE ? NULL : &f->requests[a->request];
    if (a->node != FAILOVER_NONE)
        teach_node(f, a, ev, &is_second_403, out);
    if (ev->outcome == FAILOVER_OUTCOME_TIMEOUT && r != NULL)
        flight_detach(f, a); /* the node works on: an orphan until its answer is complete */
    else if (ev->outcome != FAILOVER_OUTCOME_TIMEOUT)
        flight_end_attempt(f, a);
    if (r == NULL)
        return;
    if (ev->outcome == FAILOVER_OUTCOME_OK)
        (void)flight_finish(f, r, FAILOVER_DONE, out);
    else if (r->state == FAILOVER_REQUEST_STARTED)
        (void)flight_finish(f, r, FAILOVER_TRUNCATE, out);
    else
        settle_failed(f, r, ev->outcome, is_second_403, ev->now_ms, out);
}

/* ---------------------------------------------------------------- all of them */

void events_take(struct failover *f, const struct failover_event *ev,
                 struct failover_actions *out)
{
    switch (ev->type) {
    case FAILOVER_NODE_ADDED:
        on_added(f, ev);
        break;
    case FAILOVER_NODE_REMOVED:
        on_removed(f, ev, out);
        break;
    case FAILOVER_NODE_UP:
        health_up(&f->nodes[ev->node], ev->now_ms);
        flight_node_up(f, ev->node);
        break;
    case FAILOVER_NODE_DOWN:
        on_down(f, ev, out);
        break;
    case FAILOVER_USAGE:
    case FAILOVER_USAGE_FAILED:
        on_usage(f, ev, out);
        break;
    case FAILOVER_EVIDENCE:
        break;
    case FAILOVER_RESTORED:
        on_restored(f, ev);
        break;
    case FAILOVER_PROBE_DONE:
        health_probe_done(&f->nodes[ev->node], &f->policy, ev->is_ok, ev->now_ms);
        break;
    case FAILOVER_REQUEST:
        on_request(f, ev, out);
        break;
    case FAILOVER_STARTED:
        on_started(f, ev);
        break;
    case FAILOVER_OUTCOME:
        on_outcome(f, ev, out);
        break;
    case FAILOVER_CLIENT_GONE:
        on_client_gone(f, ev, out);
        break;
    case FAILOVER_CLIENT_FIN:
        on_client_fin(f, ev, out);
        break;
    case FAILOVER_RESET_ACTIVE:
        baton_reset(f, ev->node, ev->now_ms, out);
        break;
    case FAILOVER_POLICY:
        f->policy = *ev->policy;
        break;
    case FAILOVER_TIMER:
        break;
    case FAILOVER_EVENT_COUNT:
        assert(false);
    }
}
