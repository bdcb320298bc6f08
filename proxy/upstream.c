/* upstream - one connection to a node, and the attempt that uses it.
 *
 * Happy path: taken from the pool or connected, the request is written, the answer is read
 * and handed to the exchange piece by piece, the connection goes back to the pool.
 * Failure: how far the attempt had come, and what was seen, are told to the exchange, and
 * core/outcome.c makes an outcome of them. After too long without a byte the connection is read
 * on and dropped as an orphan. The connection itself is in upstream_connect.c, its bytes in
 * upstream_talk.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "upstream_internal.h"

#include <assert.h>
#include <string.h>

#include "driver.h"
#include "evidence.h"
#include "mem.h"

/* ---------------------------------------------------------------- ends of an attempt */

static void post_orphan_outcome(struct upstream *u, enum failover_outcome outcome)
{
    struct failover_event ev = {
        .type = FAILOVER_OUTCOME, .attempt = u->attempt, .outcome = outcome};

    if (!u->has_attempt)
        return;
    u->has_attempt = false;
    u->proxy->attempts[u->attempt.slot] = NULL;
    driver_post(u->proxy->driver, &ev);
}

/* Lets go of the exchange; whoever calls tells it why. */
static struct exchange *release_exchange(struct upstream *u)
{
    struct exchange *x = u->exchange;

    u->exchange = NULL;
    if (x != NULL) {
        x->upstream = NULL;
        u->has_attempt = false;
        u->proxy->attempts[u->attempt.slot] = NULL;
    }
    return x;
}

static enum outcome_phase phase_of(const struct upstream *u)
{
    if (u->state == UPSTREAM_CONNECTING)
        return OUTCOME_CONNECT;
    return u->is_final_head ? OUTCOME_BODY : OUTCOME_HEAD;
}

void upstream_fail(struct upstream *u, enum outcome_end end)
{
    struct outcome_answer answer = {.phase = phase_of(u), .end = end};
    uint64_t wait_ms;

    if (u->state == UPSTREAM_CLOSING)
        return;
    upstream_close(u);
    struct exchange *x = release_exchange(u);
    if (x != NULL)
        exchange_on_failed(x, answer.phase, end);
    else
        post_orphan_outcome(u, outcome_classify(&answer, &wait_ms));
}

/* Is it the race with a node that closes its idle connections? Then nothing was lost. That
 * shows within a round trip; a node that breaks later may have worked on the request, and
 * asking again could cost its account twice. */
static bool was_stale(const struct upstream *u)
{
    return u->is_reused && !u->has_answer_byte && !u->has_timed_out &&
           uv_now(u->proxy->loop) - u->active_ms < UPSTREAM_STALE_MS;
}

/* Moves the attempt to a new connection. */
static void start_over(struct upstream *u)
{
    struct exchange *x = u->exchange;
    struct failover_id attempt = u->attempt;
    uint16_t node = (uint16_t)(u->node - u->proxy->nodes);

    if (x == NULL) { /* an orphan whose request never arrived: nothing is at work */
        upstream_fail(u, OUTCOME_BROKE);
        return;
    }
    upstream_close(u);
    (void)release_exchange(u);
    upstream_close_idle(u->node); /* the others are as old */
    upstream_start(x, node, attempt);
}

void upstream_broken(struct upstream *u)
{
    if (was_stale(u))
        start_over(u);
    else
        upstream_fail(u, OUTCOME_BROKE);
}

/* ---------------------------------------------------------------- time */

uint64_t upstream_patience(const struct upstream *u)
{
    const struct config_gateway *g = &u->proxy->config->gateway;

    return u->is_final_head ? g->idle_timeout_ms : g->first_byte_timeout_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct upstream *u = timer->data;
    uint64_t now = uv_now(u->proxy->loop);

    if (u->node->is_leaving) {
        upstream_fail(u, OUTCOME_BROKE);
        return;
    }
    if (u->state == UPSTREAM_IDLE) {
        bool is_quiet = u->node->idle_count == 1 && u->proxy->free_exchanges == REQUESTS_MAX;
        upstream_close(u);
        if (is_quiet) /* nothing was asked for UPSTREAM_IDLE_MS */
            mem_trim();
        return;
    }
    if (u->state == UPSTREAM_CONNECTING) {
        evidence_note(u->node, "no connection within %.1f s",
                      (double)u->proxy->config->gateway.connect_timeout_ms / 1000);
        upstream_fail(u, OUTCOME_SILENT);
        return;
    }
    uint64_t until = u->active_ms + upstream_patience(u);
    if (!u->is_reading) /* the client is the slow one */
        until = now + upstream_patience(u);
    if (until > now) {
        upstream_set_timer(u, until - now);
        return;
    }
    if (u->exchange == NULL || exchange_is_over(u->exchange)) {
        upstream_fail(u, OUTCOME_BROKE); /* nothing more is expected: we hang up */
        return;
    }
    /* The account may still be at work: an orphan from now on (DESIGN D4). */
    u->has_timed_out = true;
    u->active_ms = now;
    upstream_set_timer(u, upstream_patience(u));
    struct exchange *x = u->exchange;
    u->exchange = NULL;
    x->upstream = NULL;
    exchange_on_failed(x, phase_of(u), OUTCOME_SILENT);
}

void upstream_set_timer(struct upstream *u, uint64_t timeout_ms)
{
    (void)uv_timer_start(&u->timer, on_timer, u->node->is_leaving ? 0 : timeout_ms, 0);
}

void upstream_complete(struct upstream *u)
{
    struct exchange *x = release_exchange(u);
    struct outcome_answer answer = {.status = u->status};
    uint64_t wait_ms;

    if (x == NULL && u->has_attempt && answer.status >= 400)
        evidence_note(u->node, "status %u, for a client that has left", answer.status);
    upstream_put_away(u);
    if (x != NULL)
        exchange_on_end(x);
    else
        post_orphan_outcome(u, outcome_classify(&answer, &wait_ms));
}

/* ---------------------------------------------------------------- interface */

static void fail_to_start(struct exchange *x, struct failover_id attempt)
{
    struct failover_event ev = {
        .type = FAILOVER_OUTCOME, .attempt = attempt, .outcome = FAILOVER_OUTCOME_CONNECT};

    x->phase = EXCHANGE_WAITING;
    driver_post(x->proxy->driver, &ev);
}

void upstream_start(struct exchange *x, uint16_t node, struct failover_id attempt)
{
    struct proxy *p = x->proxy;
    struct proxy_node *n = &p->nodes[node];

    struct upstream *u = upstream_open(n);
    if (u == NULL) {
        fail_to_start(x, attempt);
        return;
    }
    list_push_back(&n->busy, &u->link);
    if (upstream_prepare(u, x) < 0) {
        upstream_close(u);
        fail_to_start(x, attempt);
        return;
    }
    u->exchange = x;
    u->attempt = attempt;
    u->has_attempt = true;
    u->has_timed_out = false;
    u->is_bypass_head = strcmp(x->method, "HEAD") == 0;
    x->upstream = u;
    p->attempts[attempt.slot] = u;
    if (x->body != NULL)
        u->body = body_ref(x->body);
    if (u->is_reused) {
        upstream_talk(u);
        return;
    }
    upstream_set_timer(u, p->config->gateway.connect_timeout_ms);
    upstream_connect(u);
}

void upstream_detach(struct upstream *u)
{
    u->exchange = NULL;
    if (u->state == UPSTREAM_CONNECTING) { /* nothing was sent: nobody is at work */
        upstream_close(u);
        post_orphan_outcome(u, FAILOVER_OUTCOME_REQUEST_FAULT);
        return;
    }
    upstream_resume(u);
}

void upstream_abort(struct upstream *u)
{
    if (u == NULL)
        return;
    assert(u->magic == UPSTREAM_MAGIC);
    u->has_attempt = false;
    u->proxy->attempts[u->attempt.slot] = NULL;
    if (u->exchange != NULL)
        u->exchange->upstream = NULL;
    u->exchange = NULL;
    upstream_close(u);
}

void upstream_cut_all(struct proxy_node *n)
{
    upstream_close_idle(n);
    LIST_FOREACH_SAFE (it, &n->busy)
        upstream_set_timer(LIST_ENTRY(it, struct upstream, link), 0);
}

void upstream_close_all(struct proxy *p)
{
    for (unsigned i = 0; i < p->node_count; i++) {
        upstream_close_idle(&p->nodes[i]);
        LIST_FOREACH_SAFE (it, &p->nodes[i].busy) {
            struct upstream *u = LIST_ENTRY(it, struct upstream, link);
            if (u->exchange != NULL)
                u->exchange->upstream = NULL;
            u->exchange = NULL;
            u->has_attempt = false;
            upstream_close(u);
        }
    }
}
