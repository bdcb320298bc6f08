/* exchange_answer - the answer on its way to the client, and how it ends.
 *
 * Nothing is written before exchange_start(), or before the terminal action that ends a request
 * without one: pass on what is held, or say something ourselves. After it, bytes go out in the
 * turn they came in, with the node held back when the client does not keep up. An answer ends
 * as its framing says, or is cut so that nobody can take it for whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "exchange_internal.h"

#include <stdio.h>

#include "answer.h"
#include "client.h"
#include "driver.h"
#include "exchange_text.h"
#include "log.h"
#include "upstream.h"

#define CHUNK_FRAME_BYTES_MAX 20 /* 16 digits, twice CR LF */

/* ---------------------------------------------------------------- bytes */

void exchange_must(struct exchange *x, int r)
{
    if (r < 0)
        x->is_spoilt = true;
}

static bool is_chunked_out(const struct exchange *x)
{
    return !x->has_length && !x->is_bodiless && x->minor >= 1;
}

void exchange_put_body(struct exchange *x, struct slice bytes)
{
    if (x->client == NULL || bytes.len == 0 || x->is_bodiless)
        return;
    struct buf *out = client_out(x->client);
    x->sent_bytes += bytes.len;
    if (!is_chunked_out(x)) {
        exchange_must(x, buf_append_slice(out, bytes));
        return;
    }
    int r = buf_reserve(out, bytes.len + CHUNK_FRAME_BYTES_MAX); /* once, not by doubling */
    if (r == 0)
        r = buf_append_number(out, bytes.len, 16);
    if (r == 0)
        r = buf_append_slice(out, SLICE("\r\n"));
    if (r == 0)
        r = buf_append_slice(out, bytes);
    if (r == 0)
        r = buf_append_slice(out, SLICE("\r\n"));
    exchange_must(x, r);
}

static void put_head(struct exchange *x)
{
    /* Without a length and without chunks only the end of the connection ends the answer. */
    bool is_delimited = x->has_length || x->is_bodiless || x->minor >= 1;

    client_note_head(x->client, x->status);
    if (!is_delimited)
        client_end_after(x->client);
    exchange_must(x, exchange_text_answer_head(client_out(x->client), x, is_chunked_out(x),
                                               client_is_persistent(x->client)));
    buf_done(&x->answer_fields);
}

static uint64_t keep_alive_ms(const struct exchange *x)
{
    return x->proxy->config->gateway.sse_keepalive_ms;
}

/* What stands in it is ours to read, and there is more to come. */
static bool wants_keep_alive(const struct exchange *x)
{
    return keep_alive_ms(x) > 0 && exchange_is_stream(x) && !x->is_coded && !x->is_bodiless &&
           !exchange_is_over(x);
}

void exchange_start(struct exchange *x)
{
    struct failover_event ev = {.type = FAILOVER_STARTED, .attempt = x->attempt};

    x->phase = EXCHANGE_STARTED;
    body_unref(x->body); /* nothing is sent again; the upstream has its own hold */
    x->body = NULL;
    buf_done(&x->fields);
    driver_post(x->proxy->driver, &ev);
    if (x->client == NULL)
        return;
    put_head(x);
    exchange_put_body(x, buf_slice(&x->held));
    buf_done(&x->held);
    x->heard_ms = uv_now(x->proxy->loop);
    client_wake_after(x->client, wants_keep_alive(x) ? keep_alive_ms(x) : 0);
}

/* Proxies and clients give up on a connection that is silent for a minute or so; a model may
 * think for longer. The timer is not moved by each chunk: it looks how long ago the last was.
 */
void exchange_keep_alive(struct exchange *x)
{
    uint64_t now = uv_now(x->proxy->loop);
    uint64_t due = x->heard_ms + keep_alive_ms(x);

    if (x->client == NULL || !wants_keep_alive(x))
        return;
    if (now >= due) {
        if (x->sse.is_at_boundary) {
            exchange_put_body(x, SLICE(": keep-alive\n\n"));
            x->heard_ms = now;
        }
        due = now + keep_alive_ms(x);
    }
    client_wake_after(x->client, due - now);
    exchange_on_turn(x);
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
    if (client_flush(x->client) && x->upstream != NULL && client_is_behind(x->client) &&
        !x->is_paused) {
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

/* ---------------------------------------------------------------- terminal actions */

/* Frees the exchange after its terminal action; returns its client, NULL when that is gone. */
static struct client *end(struct exchange *x)
{
    struct client *c = x->client;

    if (c != NULL)
        client_forget_exchange(c);
    exchange_release(x);
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

/* The answer ends as it should: its last chunk, or nothing when a length was told. */
static void finish_body(struct exchange *x)
{
    if (x->client != NULL && is_chunked_out(x))
        exchange_must(x, buf_append_slice(client_out(x->client), SLICE("0\r\n\r\n")));
    finish(x);
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
        exchange_put_body(x, buf_slice(&x->held));
    }
    finish_body(x);
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

static void put_error_event(struct exchange *x, const char *why)
{
    struct buf event;
    char message[128];

    if (x->client == NULL || !x->is_event_stream)
        return;
    (void)snprintf(message, sizeof message,
                   "The Copilot node's answer broke off before it was complete: %s.", why);
    buf_init(&event, 4096);
    if (answer_error_event(&event, x->route.sse, message) == 0)
        exchange_put_body(x, buf_slice(&event));
    buf_done(&event);
}

/* The attempt failed after its answer had begun. Either the client has seen the reason, an
 * error event or a long refusal, and its answer ends as the node's did; or it learns of it
 * here. */
void exchange_truncate(struct exchange *x)
{
    static const char *const reasons[] = {
        [OUTCOME_WHOLE] = "it ended without its end mark",
        [OUTCOME_BROKE] = "the connection broke",
        [OUTCOME_SILENT] = "nothing came any more",
        [OUTCOME_GARBAGE] = "it is not HTTP",
        [OUTCOME_ERROR_EVENT] = "it told an error",
    };
    bool is_told = exchange_is_stream(x) ? exchange_is_over(x) : x->is_ended;

    if (is_told && x->is_ended && !x->is_spoilt) {
        finish_body(x);
        return;
    }
    if (!is_told) {
        const char *name = x->proxy->nodes[x->node].name;
        const char *why = x->is_spoilt ? "memory ran out" : reasons[x->end];
        log_warn("node %s: an answer broke off: %s node=%s dialect=%s request=%s", name, why,
                 name, x->is_event_stream ? sse_dialect_name(x->route.sse) : "none",
                 x->request_id);
        put_error_event(x, why);
    }
    cut(x);
}

void exchange_complete(struct exchange *x)
{
    /* DONE of a request that was never answered: its client has left, or half left. */
    if (x->phase != EXCHANGE_STARTED)
        cut(x);
    else
        finish_body(x);
}
