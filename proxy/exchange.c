/* exchange - one request on its way to a node, and the answer on its way back.
 *
 * Happy path: the body is collected, the engine says DISPATCH, the upstream hands over head and
 * body, and as soon as the answer is worth showing (the first content of a stream, the first
 * byte of anything else that was not refused) it is STARTED and goes out in the turn it came
 * in. A refusal is held whole, classified, and given to the engine, which passes it on, tries
 * another node, or has us answer ourselves. Nothing reaches the client before STARTED, so that
 * a retry is invisible; nothing is retried after it. What the client gets is in
 * exchange_answer.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "exchange_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "core/outcome.h"
#include "driver.h"
#include "evidence.h"
#include "exchange_text.h"
#include "log.h"
#include "mem.h"
#include "price.h"
#include "refusal.h"
#include "upstream.h"

/* ---------------------------------------------------------------- life */

static void free_exchange(struct exchange *x)
{
    assert(!x->is_registered && x->upstream == NULL);
    body_unref(x->body);
    buf_done(&x->target);
    buf_done(&x->fields);
    buf_done(&x->answer_fields);
    buf_done(&x->held);
    mem_free(x);
}

struct exchange *exchange_new(struct client *client, struct slice method,
                              const struct route *route, const struct fields *fields,
                              unsigned minor, const char *request_id)
{
    char address[CLIENT_ADDRESS_MAX];
    struct exchange *x = mem_alloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->proxy = client_proxy(client);
    x->client = client;
    x->route = *route;
    x->minor = minor;
    assert(method.len < sizeof x->method && strlen(request_id) < sizeof x->request_id);
    memcpy(x->method, method.at, method.len);
    memcpy(x->request_id, request_id, strlen(request_id));
    buf_init(&x->target, 0);
    buf_init(&x->fields, 0);
    buf_init(&x->answer_fields, 0);
    buf_init(&x->held, 0);
    scan_init(&x->scan);
    client_address(client, address);
    int r = buf_append_slice(&x->target, slice_of(route->prefix));
    if (r == 0)
        r = buf_append_slice(&x->target, route->path);
    if (r == 0)
        r = exchange_text_request_fields(&x->fields, fields, request_id, address);
    if (r < 0) {
        free_exchange(x);
        return NULL;
    }
    return x;
}

int exchange_add_body(struct exchange *x, struct slice bytes)
{
    struct proxy *p = x->proxy;

    if (x->body == NULL)
        x->body = body_new(&p->body_bytes);
    if (x->body == NULL)
        return -ENOMEM;
    int r = body_append(x->body, bytes, &p->config->gateway);
    if (r < 0)
        return r;
    if (x->route.is_billable || p->access != NULL) /* which names the model */
        scan_feed(&x->scan, bytes);
    return 0;
}

/* ---------------------------------------------------------------- to the engine */

static int32_t price_of(const struct exchange *x)
{
    const struct config_quota *quota = &x->proxy->config->quota;

    if (!x->route.is_billable)
        return 0;
    return price_milli(quota->multipliers, quota->multiplier_count, slice_of(x->scan.model));
}

void exchange_submit(struct exchange *x)
{
    struct proxy *p = x->proxy;

    assert(p->free_exchanges > 0); /* the client has looked */
    x->id.slot = p->free_exchange[--p->free_exchanges];
    x->id.generation = ++p->exchange_generation[x->id.slot];
    p->exchanges[x->id.slot] = x;
    x->is_registered = true;
    x->phase = EXCHANGE_WAITING;
    if (x->body != NULL)
        p->tally.request_bytes[x->route.endpoint] += x->body->len;
    int32_t price = price_of(x);
    struct failover_event ev = {
        .type = FAILOVER_REQUEST,
        .request = x->id,
        .is_bypass = x->route.is_bypass,
        .is_free_model = x->route.is_free || (x->route.is_billable && price == 0),
        .cost_milli = x->scan.is_agent ? 0 : price,
    };
    driver_post(p->driver, &ev);
}

void exchange_release(struct exchange *x)
{
    struct proxy *p = x->proxy;

    assert(x->is_registered);
    x->is_registered = false;
    p->exchanges[x->id.slot] = NULL;
    p->free_exchange[p->free_exchanges++] = x->id.slot;
    if (x->upstream != NULL) {
        struct upstream *u = x->upstream;
        x->upstream = NULL;
        upstream_detach(u);
    }
    free_exchange(x);
}

static void post(struct exchange *x, enum failover_event_type type)
{
    struct failover_event ev = {.type = type, .request = x->id};

    driver_post(x->proxy->driver, &ev);
}

static void post_outcome(struct exchange *x, enum failover_outcome outcome, uint64_t wait_ms)
{
    struct failover_event ev = {.type = FAILOVER_OUTCOME,
                                .attempt = x->attempt,
                                .outcome = outcome,
                                .retry_after_ms = wait_ms};

    if (x->phase == EXCHANGE_SENT)
        x->phase = EXCHANGE_WAITING;
    driver_post(x->proxy->driver, &ev);
}

bool exchange_is_over(const struct exchange *x)
{
    return exchange_is_stream(x) && (x->sse.is_complete || x->sse.has_error);
}

/* Clients hang up when they have seen the last word of a stream; the node's last chunk comes in
 * a moment. Nothing departs then: a handoff waits that moment instead of killing the node, and
 * an error is still charged to its account. */
static bool is_as_good_as_done(struct exchange *x)
{
    if (x->upstream == NULL || x->phase != EXCHANGE_STARTED || !exchange_is_over(x))
        return false;
    upstream_resume(x->upstream);
    return true;
}

void exchange_client_gone(struct exchange *x)
{
    x->client = NULL;
    if (!x->is_registered)
        free_exchange(x);
    else if (!is_as_good_as_done(x))
        post(x, FAILOVER_CLIENT_GONE);
}

void exchange_client_fin(struct exchange *x)
{
    if (x->is_registered && !is_as_good_as_done(x))
        post(x, FAILOVER_CLIENT_FIN);
}

/* ---------------------------------------------------------------- from the node */

void exchange_on_head(struct exchange *x, unsigned status, const struct fields *fields)
{
    struct slice type = fields_find(fields, SLICE("content-type"));
    struct slice length = fields_find(fields, SLICE("content-length"));
    struct slice retry = fields_find(fields, SLICE("retry-after"));
    uint64_t seconds = 0;

    x->status = status;
    x->is_event_stream = type.len >= 17 && slice_equal_nocase((struct slice){type.at, 17},
                                                              SLICE("text/event-stream"));
    x->is_coded = fields_find(fields, SLICE("content-encoding")).at != NULL;
    /* Nobody knows how long a stream will be when it ends in an error event of ours. */
    x->has_length = length.at != NULL && !exchange_is_stream(x) &&
                    slice_to_u64(length, UINT64_MAX / 2, &x->content_length);
    x->is_bodiless = status == 204 || status == 304 || strcmp(x->method, "HEAD") == 0;
    x->retry_after_ms =
        retry.at != NULL && slice_to_u64(retry, UINT32_MAX, &seconds) ? seconds * 1000 : 0;
    sse_init(&x->sse, x->route.sse);
    buf_clear(&x->answer_fields);
    exchange_must(x, exchange_text_answer_fields(&x->answer_fields, fields));
    if (x->client != NULL && exchange_is_stream(x))
        client_wake_after(x->client, HELD_STREAM_MS);
}

static void on_stream_bytes(struct exchange *x, struct slice bytes)
{
    sse_feed(&x->sse, bytes);
    if (x->phase == EXCHANGE_STARTED) {
        x->heard_ms = uv_now(x->proxy->loop);
        exchange_put_body(x, bytes);
        return;
    }
    exchange_must(x, buf_append_slice(&x->held, bytes));
    /* An error before any content is worth another node; the end of the stream decides. */
    bool is_worth_it = x->sse.has_content || (x->sse.is_complete && !x->sse.has_error);
    if (is_worth_it || x->held.len > HELD_STREAM_BYTES_MAX)
        exchange_start(x);
}

void exchange_on_body(struct exchange *x, struct slice bytes)
{
    if (exchange_is_stream(x)) {
        on_stream_bytes(x, bytes);
        return;
    }
    if (x->phase != EXCHANGE_STARTED) {
        bool is_refusal = x->status >= 300;
        if (is_refusal && x->held.len + bytes.len <= REFUSAL_BYTES_MAX) {
            exchange_must(x, buf_append_slice(&x->held, bytes));
            return;
        }
        exchange_start(x); /* a good answer, or one too long to be a refusal */
    }
    exchange_put_body(x, bytes);
}

/* A stream was held for long enough. */
static void end_hold(struct exchange *x)
{
    /* An error that can still be hidden: that the node does not end its stream is no reason to
     * show it. */
    if (exchange_is_over(x)) {
        upstream_abort(x->upstream);
        exchange_on_failed(x, OUTCOME_BODY, OUTCOME_BROKE);
        return;
    }
    exchange_start(x);
    exchange_on_turn(x);
}

void exchange_on_wake(struct exchange *x)
{
    if (x->phase == EXCHANGE_SENT)
        end_hold(x);
    else if (x->phase == EXCHANGE_STARTED)
        exchange_keep_alive(x);
}

/* What the end of a stream says: whole, failed with a reason, or cut (DESIGN D8). */
static enum failover_outcome judge_stream(const struct exchange *x, uint64_t *ret_wait_ms)
{
    const struct sse *s = &x->sse;
    const char *name = x->proxy->nodes[x->node].name;
    bool is_whole = s->is_complete || (s->dialect == SSE_OTHER && x->is_ended);
    struct outcome_answer answer = {.phase = OUTCOME_STREAM,
                                    .end = x->is_ended ? OUTCOME_BROKE : x->end,
                                    .status = x->status,
                                    .code = sse_error_code(s),
                                    .retry_after_ms = sse_retry_after_ms(s)};

    if (x->end == OUTCOME_SILENT) /* the attempt goes on: its end is still to come */
        return outcome_classify(&answer, ret_wait_ms);
    if (answer.retry_after_ms == 0)
        answer.retry_after_ms = x->retry_after_ms;
    if (s->has_error)
        answer.end = OUTCOME_ERROR_EVENT;
    else if (is_whole)
        answer.end = OUTCOME_WHOLE;
    enum failover_outcome outcome = outcome_classify(&answer, ret_wait_ms);
    if (s->has_error)
        evidence_note(&x->proxy->nodes[x->node], "an error in the stream, code %.*s",
                      answer.code.len > 0 ? (int)answer.code.len : 1,
                      answer.code.len > 0 ? answer.code.at : "-");
    else if (!is_whole && x->end == OUTCOME_WHOLE)
        evidence_note(&x->proxy->nodes[x->node], "a stream ended without its end mark");
    if (s->has_error)
        log_info("node %s: an error in its stream code=%.*s class=%s dialect=%s node=%s", name,
                 answer.code.len > 0 ? (int)answer.code.len : 1,
                 answer.code.len > 0 ? answer.code.at : "-", failover_outcome_name(outcome),
                 sse_dialect_name(s->dialect), name);
    return outcome;
}

static enum failover_outcome judge_refusal(struct exchange *x, uint64_t *ret_wait_ms)
{
    struct refusal refusal;

    refusal_read(buf_slice(&x->held), &refusal);
    struct outcome_answer answer = {
        .status = x->status,
        .code = slice_of(refusal.code),
        .message = slice_of(refusal.message),
        .retry_after_ms = x->retry_after_ms != 0 ? x->retry_after_ms : refusal.retry_after_ms};
    enum failover_outcome outcome = outcome_classify(&answer, ret_wait_ms);
    if (outcome == FAILOVER_OUTCOME_OK)
        return outcome;
    struct proxy_node *n = &x->proxy->nodes[x->node];
    if (outcome != FAILOVER_OUTCOME_REQUEST_FAULT) /* which says nothing of the account */
        evidence_note(n, "status %u%s%s%s%s", x->status,
                      refusal.code[0] == '\0' ? "" : ", code ", refusal.code,
                      refusal.message[0] == '\0' ? "" : ": ", refusal.message);
    log_info("node %s: refused a request status=%u code=%s class=%s node=%s request=%s",
             n->name, x->status, refusal.code[0] == '\0' ? "-" : refusal.code,
             failover_outcome_name(outcome), n->name, x->request_id);
    return outcome;
}

/* Of an answer that was not held only the status is known: mostly 200; or a refusal that was
 * too long. */
static enum failover_outcome judge_status(const struct exchange *x, uint64_t *ret_wait_ms)
{
    struct outcome_answer answer = {.status = x->status, .retry_after_ms = x->retry_after_ms};

    return outcome_classify(&answer, ret_wait_ms);
}

static void conclude(struct exchange *x, enum failover_outcome outcome, uint64_t wait_ms)
{
    if (x->client != NULL)
        client_wake_after(x->client, 0);
    if (x->is_spoilt)
        outcome = FAILOVER_OUTCOME_BROKEN;
    if (outcome == FAILOVER_OUTCOME_OK) {
        if (x->phase != EXCHANGE_STARTED)
            exchange_start(x); /* whole, though nothing of it was worth showing before */
        x->proxy->nodes[x->node].healthy_wall_ms = proxy_wall_ms();
    }
    post_outcome(x, outcome, wait_ms);
}

void exchange_on_end(struct exchange *x)
{
    uint64_t wait_ms = 0;

    x->is_ended = true;
    x->end = OUTCOME_WHOLE;
    enum failover_outcome outcome = exchange_is_stream(x)          ? judge_stream(x, &wait_ms)
                                    : x->phase == EXCHANGE_STARTED ? judge_status(x, &wait_ms)
                                                                   : judge_refusal(x, &wait_ms);
    conclude(x, outcome, wait_ms);
}

/* CONNECT and what is not HTTP were noted where the reason is known. */
static void note_failure(const struct exchange *x, enum outcome_phase phase,
                         enum outcome_end end)
{
    const struct config_gateway *g = &x->proxy->config->gateway;
    struct proxy_node *n = &x->proxy->nodes[x->node];
    bool has_head = phase == OUTCOME_BODY;

    if (phase == OUTCOME_CONNECT)
        return;
    if (end == OUTCOME_BROKE)
        evidence_note(n, "the connection broke %s",
                      has_head ? "in the middle of an answer" : "before an answer");
    else if (end == OUTCOME_SILENT && has_head)
        evidence_note(n, "silent for %.1f s in the middle of an answer",
                      (double)g->idle_timeout_ms / 1000);
    else if (end == OUTCOME_SILENT)
        evidence_note(n, "no answer within %.1f s", (double)g->first_byte_timeout_ms / 1000);
}

void exchange_on_failed(struct exchange *x, enum outcome_phase phase, enum outcome_end end)
{
    struct outcome_answer answer = {.phase = phase, .end = end};
    uint64_t wait_ms = 0;

    note_failure(x, phase, end);
    x->end = end;
    /* A stream that had its say is judged by that; one whose connection broke before is a node
     * that died. */
    bool has_said = exchange_is_stream(x) && phase == OUTCOME_BODY &&
                    (end != OUTCOME_BROKE || x->sse.has_error || x->sse.is_complete);
    enum failover_outcome outcome =
        has_said ? judge_stream(x, &wait_ms) : outcome_classify(&answer, &wait_ms);
    conclude(x, outcome, wait_ms);
}

/* ---------------------------------------------------------------- from the driver */

void exchange_dispatch(struct exchange *x, uint16_t node, struct failover_id attempt)
{
    x->attempt = attempt;
    x->attempts++;
    x->proxy->tally.nodes[node].attempts++;
    x->node = node;
    x->phase = EXCHANGE_SENT;
    x->is_paused = false;
    x->is_event_stream = false;
    x->is_ended = false;
    x->status = 0;
    buf_clear(&x->held);
    upstream_start(x, node, attempt);
}
