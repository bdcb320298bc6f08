/* events - what each event changes in the facts about nodes and in the requests.
 *
 * Pure. An event about a node changes its facts (health.c); an event about a request moves it
 * on (flight.c). What follows from it for everybody else is drawn afterwards, in
 * failover_step(). How attempts end is told in ending.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "events.h"

#include <assert.h>

#include "baton.h"
#include "ending.h"
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
                                .down_cause = FAILOVER_CAUSE_STARTUP,
                                .shown = NODE_STARTING,
                                .poll_at_ms = FAILOVER_MS_MAX,
                                .restart_at_ms = FAILOVER_MS_MAX,
                                .since_ms = ev->now_ms};
    if (ev->node >= f->node_top)
        f->node_top = (uint16_t)(ev->node + 1);
}

static void on_down(struct failover *f, const struct failover_event *ev,
                    struct failover_actions *out)
{
    struct failover_node *n = &f->nodes[ev->node];

    poll_forget(f, ev->node);
    flight_node_down(f, ev->node);
    health_down(n, ev->down, ev->retry_in_ms, ev->now_ms);
    ending_judge(f, ev->node, ENDING_BLAMES_ACCOUNT, ev->now_ms, out);
}

static void on_removed(struct failover *f, const struct failover_event *ev,
                       struct failover_actions *out)
{
    ending_judge(f, ev->node, ENDING_BLAMES_ACCOUNT, ev->now_ms, out);
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
    poll_forget(f, ev->node);
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
        ending_judge(f, ev->node, n->is_drained ? ENDING_BLAMES_ACCOUNT : ENDING_BLAMES_REQUEST,
                     ev->now_ms, out);
        return;
    }
    health_usage_failed(n, &f->policy, ev->is_unreachable, ev->now_ms);
    if (n->judging > 0)
        health_forbidden(n, &f->policy, ev->now_ms);
    ending_judge(f, ev->node, ENDING_BLAMES_ACCOUNT, ev->now_ms, out);
}

/* /usage says 500 to everything; the node's log tells why (DESIGN D9). It may come before that
 * answer or after it. */
static void on_evidence(struct failover *f, const struct failover_event *ev,
                        struct failover_actions *out)
{
    struct failover_node *n = &f->nodes[ev->node];

    if (!health_evidence(n, &f->policy, ev->evidence, ev->now_ms))
        return;
    if (ev->evidence == NODE_EVIDENCE_USAGE_TOKEN)
        poll_forget(f, ev->node);
    ending_judge(f, ev->node, ENDING_BLAMES_ACCOUNT, ev->now_ms, out);
}

static void on_restored(struct failover *f, const struct failover_event *ev)
{
    health_restore(&f->nodes[ev->node], ev->memory, ev->now_ms);
    if (ev->memory->is_active)
        f->first = ev->node;
}

/* All at once: with two of one rank in between, the lead could go to neither of the right ones.
 */
static void on_order(struct failover *f, const struct failover_event *ev)
{
    for (uint16_t i = 0; i < f->node_top; i++)
        f->nodes[i].rank = f->nodes[i].is_used ? ev->ranks[i] : 0;
}

static void on_policy(struct failover *f, const struct failover_event *ev)
{
    f->policy = *ev->policy;
    for (uint16_t i = 0; i < f->node_top; i++)
        health_policy_changed(&f->nodes[i], &f->policy, ev->now_ms);
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
    case FAILOVER_ORDER:
        on_order(f, ev);
        break;
    case FAILOVER_NODE_HELD:
        f->nodes[ev->node].hold = ev->hold;
        break;
    case FAILOVER_USAGE:
    case FAILOVER_USAGE_FAILED:
        on_usage(f, ev, out);
        break;
    case FAILOVER_EVIDENCE:
        on_evidence(f, ev, out);
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
        ending_take(f, ev, out);
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
        on_policy(f, ev);
        break;
    case FAILOVER_TIMER:
        break;
    case FAILOVER_EVENT_COUNT:
        assert(false);
    }
}
