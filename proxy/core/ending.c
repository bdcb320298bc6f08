/* ending - how the end of an attempt changes its request and its node.
 *
 * Pure. The node learns first (health.c), then the request is settled: answered, moved to the
 * next node, or, after a 403 that nobody explains, kept until the node's /usage decides whose
 * fault it was (DESIGN D7).
 *
 * SPDX-License-Identifier: MIT
 */
#include "ending.h"

#include <assert.h>

#include "baton.h"
#include "failover_internal.h"
#include "flight.h"
#include "health.h"

/* ---------------------------------------------------------------- 403: /usage decides */

/* Ends the wait of every request that was refused with 403 by this node. */
void ending_judge(struct failover *f, uint16_t node, enum ending_judgement judgement,
                  uint64_t now_ms, struct failover_actions *out)
{
    if (f->nodes[node].judging == 0)
        return;
    for (uint16_t i = 0; i < REQUESTS_MAX; i++) {
        struct failover_request *r = &f->requests[i];
        if (r->state != FAILOVER_REQUEST_JUDGING || r->node != node)
            continue;
        if (judgement == ENDING_BLAMES_REQUEST)
            (void)flight_finish(f, r, FAILOVER_PASS, out);
        else
            flight_retry(f, r, FAILOVER_OUTCOME_FORBIDDEN, now_ms, out);
    }
    f->nodes[node].judging = 0;
}

/* ---------------------------------------------------------------- an attempt ended */

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
    enum node_state state =
        r->node == FAILOVER_NONE ? NODE_OFFLINE : health_state(&f->nodes[r->node]);
    if (outcome == FAILOVER_OUTCOME_FORBIDDEN && !is_second_403 &&
        (state == NODE_READY || state == NODE_DRAINED)) {
        /* Of an account that is drained anyway /usage cannot tell. */
        if (r->is_fin || state == NODE_DRAINED) {
            hand_on(f, r, outcome, out);
            return;
        }
        r->state = FAILOVER_REQUEST_JUDGING;
        f->nodes[r->node].judging++;
        f->nodes[r->node].poll_at_ms = now_ms; /* also where a former process refused it */
        return;
    }
    if (outcome == FAILOVER_OUTCOME_SERVER && r->attempts > f->policy.retry_limit) {
        hand_on(f, r, outcome, out);
        return;
    }
    bool is_by_leader = r->node != FAILOVER_NONE && r->node == f->active;
    if (is_moved_once(outcome)) {
        r->was_moved = true;
        if (is_by_leader && !r->is_bypass)
            baton_yield(f,
                        outcome == FAILOVER_OUTCOME_SERVER ? FAILOVER_CAUSE_SERVER
                                                           : FAILOVER_CAUSE_BROKEN,
                        now_ms, out);
    }
    bool has_nobody = outcome == FAILOVER_OUTCOME_SERVER && r->node != FAILOVER_NONE &&
                      r->node == f->active; /* it could not yield */
    if (r->is_fin || has_nobody)
        hand_on(f, r, outcome, out);
    else
        flight_retry(f, r, outcome, now_ms, out);
}

/* Was nothing billed? A refusal is not, nor is what was never sent. An answer that broke off or
 * fell silent may have been: its cost stays taken until /usage tells. */
static bool is_unbilled(enum failover_outcome outcome)
{
    return outcome != FAILOVER_OUTCOME_OK && outcome != FAILOVER_OUTCOME_RESET &&
           outcome != FAILOVER_OUTCOME_TIMEOUT && outcome != FAILOVER_OUTCOME_BROKEN;
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
        poll_forget(f, a->node); /* what was asked before the 401 proves nothing */
    bool is_started = a->request != FAILOVER_NONE &&
                      f->requests[a->request].state == FAILOVER_REQUEST_STARTED;
    if (is_unbilled(ev->outcome) && !is_started)
        health_spend(n, &f->policy, -a->cost_milli, ev->now_ms);
    /* Whoever waits for its /usage has the answer: it is the account. */
    if (health_state(n) != NODE_READY)
        ending_judge(f, a->node, ENDING_BLAMES_ACCOUNT, ev->now_ms, out);
}

void ending_take(struct failover *f, const struct failover_event *ev,
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
