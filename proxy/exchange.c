/* exchange - one request on its way to a node, and the answer on its way back.
 *
 * Happy path: the body is collected, the engine says DISPATCH, the upstream hands over head and
 * body, and as soon as the answer is worth showing (the first content of a stream, the first
 * byte of anything else that was not refused) it is STARTED and goes out in the turn it came
 * in. A refusal is held whole, classified, and given to the engine, which passes it on, tries
 * another node, or has us answer ourselves. Nothing reaches the client before STARTED, so that
 * a retry is invisible; nothing is retried after it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "core/outcome.h"
#include "core/price.h"
#include "driver.h"
#include "evidence.h"
#include "exchange_text.h"
#include "log.h"
#include "mem.h"
#include "refusal.h"
#include "upstream.h"

/* ---------------------------------------------------------------- life */

void exchange_unref_body(struct body *b)
{
    if (b == NULL || --b->refs > 0)
        return;
    b->proxy->body_bytes -= b->charged;
    buf_done(&b->bytes);
    mem_free(b);
}

static void free_exchange(struct exchange *x)
{
    assert(!x->is_registered && x->upstream == NULL);
    exchange_unref_body(x->body);
    buf_done(&x->target);
    buf_done(&x->fields);
    buf_done(&x->answer_fields);
    buf_done(&x->held);
    mem_free(x);
}

struct exchange *exchange_new(struct client *client, struct slice method,
                              const struct route *route, const struct fields *fields,
                              unsigned minor)
{
    struct exchange *x = mem_alloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->proxy = client_proxy(client);
    x->client = client;
    x->route = *route;
    x->minor = minor;
    (void)snprintf(x->method, sizeof x->method, "%.*s", (int)method.len, method.at);
    exchange_text_request_id(x->proxy, fields, x->request_id, sizeof x->request_id);
    buf_init(&x->target, 0);
    buf_init(&x->fields, 0);
    buf_init(&x->answer_fields, 0);
    buf_init(&x->held, 0);
    scan_init(&x->scan);
    int r = buf_append_slice(&x->target, slice_of(route->prefix));
    if (r == 0)
        r = buf_append_slice(&x->target, route->path);
    if (r == 0)
        r = exchange_text_request_fields(&x->fields, fields, x->request_id);
    if (r < 0) {
        free_exchange(x);
        return NULL;
    }
    return x;
}

int exchange_add_body(struct exchange *x, struct slice bytes)
{
    struct proxy *p = x->proxy;

    if (x->body == NULL) {
        x->body = mem_alloc(1, sizeof *x->body);
        if (x->body == NULL)
            return -ENOMEM;
        x->body->proxy = p;
        x->body->refs = 1;
        buf_init(&x->body->bytes, p->config->gateway.body_max_bytes);
    }
    struct body *b = x->body;
    if (p->body_bytes + bytes.len > p->config->gateway.body_memory_max_bytes)
        return -ENOBUFS;
    int r = buf_append_slice(&b->bytes, bytes);
    if (r < 0)
        return r;
    p->body_bytes += bytes.len;
    b->charged += bytes.len;
    if (x->route.is_billable)
        scan_feed(&x->scan, bytes);
    return 0;
}

/* ---------------------------------------------------------------- to the engine */

void exchange_submit(struct exchange *x)
{
    struct proxy *p = x->proxy;

    assert(p->free_exchanges > 0); /* connections_max <= REQUESTS_MAX, one request each */
    x->id.slot = p->free_exchange[--p->free_exchanges];
    x->id.generation = ++p->exchange_generation[x->id.slot];
    p->exchanges[x->id.slot] = x;
    x->is_registered = true;
    x->phase = EXCHANGE_WAITING;
    int32_t price = x->route.is_billable ? price_milli(slice_of(x->scan.model)) : 0;
    struct failover_event ev = {
        .type = FAILOVER_REQUEST,
        .request = x->id,
        .is_bypass = x->route.is_bypass,
        .is_free_model = x->route.is_free || (x->route.is_billable && price == 0),
        .cost_milli = x->scan.is_agent ? 0 : price,
    };
    driver_post(p->driver, &ev);
}

/* After a terminal action. */
static void unregister(struct exchange *x)
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

/* Clients hang up when they have seen the end mark of a stream; the node's last chunk comes in
 * a moment. Nothing departs then: a handoff waits that moment instead of killing the node. */
static bool is_as_good_as_done(struct exchange *x)
{
    if (x->upstream == NULL || !x->is_event_stream || !x->sse.is_complete)
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

/* ---------------------------------------------------------------- out to the client */

/* An answer that could not be written whole, for want of memory, must not look whole. */
static void must(struct exchange *x, int r)
{
    if (r < 0)
        x->is_spoilt = true;
}

static bool is_chunked_out(const struct exchange *x)
{
    return !x->has_length && !x->is_bodiless && x->minor >= 1;
}

static void put_body(struct exchange *x, struct slice bytes)
{
    if (x->client == NULL || bytes.len == 0 || x->is_bodiless)
        return;
    struct buf *out = client_out(x->client);
    int r = is_chunked_out(x) ? buf_printf(out, "%zx\r\n", bytes.len) : 0;
    if (r == 0)
        r = buf_append_slice(out, bytes);
    if (r == 0 && is_chunked_out(x))
        r = buf_append_slice(out, SLICE("\r\n"));
    must(x, r);
}

static void put_head(struct exchange *x)
{
    /* Without a length and without chunks only the end of the connection ends the answer. */
    bool is_delimited = x->has_length || x->is_bodiless || x->minor >= 1;

    if (!is_delimited)
        client_end_after(x->client);
    must(x, exchange_text_answer_head(client_out(x->client), x, is_chunked_out(x),
                                      client_is_persistent(x->client)));
}

/* The first byte goes out: no retry from here on. */
static void start(struct exchange *x)
{
    struct failover_event ev = {.type = FAILOVER_STARTED, .attempt = x->attempt};

    x->phase = EXCHANGE_STARTED;
    driver_post(x->proxy->driver, &ev);
    if (x->client == NULL)
        return;
    client_hold_done(x->client);
    put_head(x);
    put_body(x, buf_slice(&x->held));
    buf_done(&x->held);
}

void exchange_on_turn(struct exchange *x)
{
    if (x->client == NULL)
        return;
    if (x->is_spoilt) {
        client_close(x->client);
        return;
    }
    if (x->phase != EXCHANGE_STARTED)
        return;
    if (client_flush(x->client) && x->upstream != NULL &&
        client_pending(x->client) > WRITE_HIGH_BYTES && !x->is_paused) {
        x->is_paused = true;
        upstream_pause(x->upstream);
    }
}

void exchange_writable(struct exchange *x)
{
    if (!x->is_paused || x->upstream == NULL)
        return;
    x->is_paused = false;
    upstream_resume(x->upstream);
}

/* ---------------------------------------------------------------- from the node */

void exchange_on_head(struct exchange *x, unsigned status, const struct fields *fields)
{
    struct slice type = fields_find(fields, SLICE("content-type"));
    struct slice length = fields_find(fields, SLICE("content-length"));
    struct slice retry = fields_find(fields, SLICE("retry-after"));
    uint64_t seconds = 0;

    x->status = status;
    x->has_length =
        length.at != NULL && slice_to_u64(length, UINT64_MAX / 2, &x->content_length);
    x->is_event_stream = type.len >= 17 && slice_equal_nocase((struct slice){type.at, 17},
                                                              SLICE("text/event-stream"));
    x->is_bodiless = status == 204 || status == 304 || strcmp(x->method, "HEAD") == 0;
    x->retry_after_ms =
        retry.at != NULL && slice_to_u64(retry, UINT32_MAX, &seconds) ? seconds * 1000 : 0;
    sse_init(&x->sse, x->route.sse);
    buf_clear(&x->answer_fields);
    must(x, exchange_text_answer_fields(&x->answer_fields, fields));
    if (x->client != NULL && x->is_event_stream && status < 300)
        client_hold(x->client, HELD_STREAM_MS);
}

static void on_stream_bytes(struct exchange *x, struct slice bytes)
{
    sse_feed(&x->sse, bytes);
    if (x->phase == EXCHANGE_STARTED) {
        put_body(x, bytes);
        return;
    }
    must(x, buf_append_slice(&x->held, bytes));
    /* An error before any content is worth another node; the end of the stream decides. */
    bool is_worth_it = x->sse.has_content || (x->sse.is_complete && !x->sse.has_error);
    if (is_worth_it || x->held.len > HELD_STREAM_BYTES_MAX)
        start(x);
}

void exchange_on_body(struct exchange *x, struct slice bytes)
{
    if (x->status < 300 && x->is_event_stream) {
        on_stream_bytes(x, bytes);
        return;
    }
    if (x->phase != EXCHANGE_STARTED) {
        bool is_refusal = x->status >= 300;
        if (is_refusal && x->held.len + bytes.len <= REFUSAL_BYTES_MAX) {
            must(x, buf_append_slice(&x->held, bytes));
            return;
        }
        start(x); /* a good answer, or one too long to be a refusal */
    }
    put_body(x, bytes);
}

void exchange_hold_over(struct exchange *x)
{
    if (x->phase != EXCHANGE_SENT)
        return;
    start(x);
    exchange_on_turn(x);
}

/* What the end of a stream says: whole, failed with a reason, or cut (DESIGN D8). */
static enum failover_outcome judge_stream(const struct exchange *x, uint64_t *ret_wait_ms)
{
    const struct sse *s = &x->sse;
    struct refusal refusal;

    if (s->has_error && !s->has_content && x->phase != EXCHANGE_STARTED) {
        refusal_read((struct slice){s->error, s->error_len}, &refusal);
        evidence_note(&x->proxy->nodes[x->node], "error in the stream%s%s: %s",
                      refusal.code[0] == '\0' ? "" : ", code ", refusal.code, refusal.message);
        struct outcome_answer answer = {.status = 429, .code = slice_of(refusal.code)};
        enum failover_outcome outcome = outcome_classify(&answer, ret_wait_ms);
        bool has_code = refusal.code[0] != '\0' && (outcome == FAILOVER_OUTCOME_QUOTA ||
                                                    strstr(refusal.code, "rate_limit"));
        return has_code ? outcome : FAILOVER_OUTCOME_BROKEN;
    }
    /* The client has seen the node's own error event, or the end marker. */
    bool is_whole = s->is_complete || s->has_error || s->dialect == SSE_OTHER;
    if (!is_whole)
        evidence_note(&x->proxy->nodes[x->node], "a stream ended without its end mark");
    return is_whole ? FAILOVER_OUTCOME_OK : FAILOVER_OUTCOME_BROKEN;
}

static enum failover_outcome judge_refusal(struct exchange *x, uint64_t *ret_wait_ms)
{
    struct refusal refusal;

    refusal_read(buf_slice(&x->held), &refusal);
    struct outcome_answer answer = {.status = x->status,
                                    .code = slice_of(refusal.code),
                                    .message = slice_of(refusal.message),
                                    .retry_after_ms = x->retry_after_ms};
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

void exchange_on_end(struct exchange *x)
{
    enum failover_outcome outcome = FAILOVER_OUTCOME_OK;
    uint64_t wait_ms = 0;

    if (x->client != NULL)
        client_hold_done(x->client);
    if (x->status < 300 && x->is_event_stream)
        outcome = judge_stream(x, &wait_ms);
    else if (x->phase != EXCHANGE_STARTED)
        outcome = judge_refusal(x, &wait_ms);
    if (x->is_spoilt)
        outcome = FAILOVER_OUTCOME_BROKEN;
    if (outcome == FAILOVER_OUTCOME_OK) {
        if (x->phase != EXCHANGE_STARTED)
            start(x); /* whole, though nothing of it was worth showing before */
        x->proxy->nodes[x->node].healthy_wall_ms = proxy_wall_ms();
    }
    post_outcome(x, outcome, wait_ms);
}

/* CONNECT and BROKEN were noted where the reason is known. */
static void note_failure(const struct exchange *x, enum failover_outcome outcome)
{
    const struct config_gateway *g = &x->proxy->config->gateway;
    struct proxy_node *n = &x->proxy->nodes[x->node];
    bool has_head = x->status != 0;

    if (outcome == FAILOVER_OUTCOME_RESET)
        evidence_note(n, "the connection broke %s",
                      has_head ? "in the middle of an answer" : "before an answer");
    if (outcome == FAILOVER_OUTCOME_TIMEOUT && has_head)
        evidence_note(n, "silent for %.1f s in the middle of an answer",
                      (double)g->idle_timeout_ms / 1000);
    if (outcome == FAILOVER_OUTCOME_TIMEOUT && !has_head)
        evidence_note(n, "no answer within %.1f s", (double)g->first_byte_timeout_ms / 1000);
}

void exchange_on_failed(struct exchange *x, enum failover_outcome outcome)
{
    note_failure(x, outcome);
    if (x->client != NULL)
        client_hold_done(x->client);
    post_outcome(x, outcome, 0);
}

/* ---------------------------------------------------------------- from the driver */

void exchange_dispatch(struct exchange *x, uint16_t node, struct failover_id attempt)
{
    x->attempt = attempt;
    x->node = node;
    x->phase = EXCHANGE_SENT;
    x->is_paused = false;
    x->status = 0;
    buf_clear(&x->held);
    upstream_start(x, node, attempt);
}

/* Frees the exchange after its terminal action; returns its client, NULL when that is gone. */
static struct client *end(struct exchange *x)
{
    struct client *c = x->client;

    if (c != NULL)
        client_forget_exchange(c);
    unregister(x);
    free_exchange(x);
    return c;
}

static void finish(struct exchange *x)
{
    bool is_spoilt = x->is_spoilt;
    struct client *c = end(x);

    if (c != NULL && is_spoilt)
        client_cut(c);
    else if (c != NULL)
        client_finish(c);
}

static void cut(struct exchange *x)
{
    struct client *c = end(x);

    if (c != NULL)
        client_cut(c);
}

void exchange_pass(struct exchange *x)
{
    if (x->client != NULL) {
        put_head(x);
        put_body(x, buf_slice(&x->held));
        if (is_chunked_out(x))
            must(x, buf_append_slice(client_out(x->client), SLICE("0\r\n\r\n")));
    }
    finish(x);
}

void exchange_reply(struct exchange *x, const struct failover_action *action)
{
    struct buf details;
    char message[1024];

    buf_init(&details, 8192);
    exchange_text_no_node(x->proxy, action, message, sizeof message, &details);
    enum route_dialect dialect = x->route.dialect;
    uint64_t retry_after_s = (action->retry_after_ms + 999) / 1000;
    struct client *c = end(x);
    if (c != NULL)
        client_answer_error(c, dialect, action->status, message,
                            details.len > 1 ? details.data : NULL, retry_after_s);
    buf_done(&details);
}

void exchange_truncate(struct exchange *x)
{
    struct buf event;

    log_warn("an answer broke off node=%s stream=%s request=%s", x->proxy->nodes[x->node].name,
             x->is_event_stream ? "yes" : "no", x->request_id);
    if (x->client != NULL && x->is_event_stream) {
        buf_init(&event, 4096);
        if (answer_error_event(&event, x->route.sse,
                               "The upstream stream broke off before it was complete.") == 0)
            put_body(x, buf_slice(&event));
        buf_done(&event);
    }
    cut(x);
}

void exchange_complete(struct exchange *x)
{
    /* DONE of a request that was never answered: its client has left, or half left. */
    if (x->phase != EXCHANGE_STARTED) {
        cut(x);
        return;
    }
    if (x->client != NULL && is_chunked_out(x))
        must(x, buf_append_slice(client_out(x->client), SLICE("0\r\n\r\n")));
    finish(x);
}
