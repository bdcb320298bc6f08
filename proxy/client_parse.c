/* client_parse - reads requests and decides who answers them.
 *
 * Happy path: core/strict.c finds the end of the head, head.c takes it apart where it lies in
 * the read buffer, core/framing.c says where the body ends, core/route.c what is asked for, and
 * the body is collected run by run. Only a head that comes in pieces is copied, so that all
 * readers see it whole. A head or body that must not be read further is answered at once and
 * the connection closed; any other refusal waits for the end of the message, so that the
 * connection stays usable.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>

#include "admin.h"
#include "client_internal.h"
#include "exchange_text.h"
#include "head.h"
#include "log.h"
#include "proxy.h"

static const char own_body_too_long[] = "The request body is longer than 4096 bytes.";

/* Notes what answer_now() will say. */
static int refuse_now(struct client *c, unsigned status, const char *sentence)
{
    struct client_message *m = c->message;

    m->refusal_status = status;
    m->refusal = sentence;
    return -1;
}

static int out_of_memory(struct client *c)
{
    return refuse_now(c, 503, "The gateway is out of memory.");
}

/* ---------------------------------------------------------------- head */

/* A request for a node: its exchange collects the body. */
static int begin_exchange(struct client *c, const struct head *h)
{
    struct client_message *m = c->message;

    c->exchange = exchange_new(c, h->method, &m->route, &h->fields, m->minor, m->request_id);
    if (c->exchange == NULL)
        return out_of_memory(c);
    return 0;
}

/* The body is wanted (RFC 9110 section 10.1.1). */
static int ask_for_body(struct client *c, const struct framing *framing)
{
    if (!framing->expects_continue || framing->body == FRAMING_NO_BODY)
        return 0;
    int r = buf_append_slice(client_out(c), SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    return r < 0 || !client_flush(c) ? refuse_now(c, 503, "The connection is gone.") : 0;
}

static void note_refusal(struct client *c, const struct framing *framing)
{
    struct client_message *m = c->message;

    switch (m->route.kind) {
    case ROUTE_BAD_TARGET:
        m->refusal_status = 400;
        m->refusal = "The path must be written plainly: no dot segments, double slashes, "
                     "backslashes or encoded ones.";
        break;
    case ROUTE_NOT_FOUND:
        m->refusal_status = 404;
        m->refusal = "There is nothing here. The API is under /v1/, the state under /health.";
        break;
    case ROUTE_BAD_METHOD:
        m->refusal_status = 405;
        m->refusal = "This method is not allowed here.";
        break;
    default:
        if (framing->wants_websocket) {
            m->refusal_status = 404;
            m->refusal = "This gateway does not speak WebSocket; use plain HTTP.";
        }
        break;
    }
}

/* How its body will be read. */
static void set_framing(struct client *c, const struct head *h, const struct framing *framing)
{
    struct client_message *m = c->message;

    m->framing = framing->body;
    m->body_left = framing->content_length;
    if (m->framing == FRAMING_CHUNKED)
        chunked_init(&m->chunked, HEAD_BYTES_MAX, HEAD_FIELDS_MAX - (unsigned)h->fields.count);
}

/* The head is well-formed: what does it ask for? */
static int judge_head(struct client *c, const struct head *h)
{
    struct client_message *m = c->message;
    const struct config_gateway *gateway = &c->proxy->config->gateway;

    m->minor = h->minor;
    m->is_head_request = slice_equal(h->method, SLICE("HEAD"));
    if (buf_append_slice(&m->target, h->target) < 0)
        return h->target.len > TARGET_BYTES_MAX
                   ? refuse_now(c, 414, strict_sentence(STRICT_TARGET))
                   : out_of_memory(c);
    client_access_target(c, h->method);
    exchange_text_request_id(c->proxy, &h->fields, m->request_id, sizeof m->request_id);
    struct framing framing = framing_of_request(h->fields.at, h->fields.count, m->minor);
    if (framing.refusal_status != 0)
        return refuse_now(c, framing.refusal_status, framing.refusal);
    c->is_persistent = framing.is_persistent && !slice_equal(h->method, SLICE("CONNECT"));
    m->route = route_find(h->method, buf_slice(&m->target));
    struct slice seen = fields_find(&h->fields, SLICE("Last-Event-ID"));
    if (m->route.kind == ROUTE_ADMIN && seen.len > 0 && seen.len < sizeof m->last_event_id)
        memcpy(m->last_event_id, seen.at, seen.len);
    if (framing.content_length > gateway->body_max_bytes)
        return refuse_now(c, 413, "The request body is longer than [gateway] body_max.");
    if (m->route.kind == ROUTE_RESET_ACTIVE && framing.content_length > ADMIN_BODY_BYTES_MAX)
        return refuse_now(c, 413, own_body_too_long);
    client_admit(c, h, &framing);
    if (m->refusal_status == 0)
        note_refusal(c, &framing);
    if (m->refusal_status != 0 && framing.expects_continue)
        return -1; /* answered before the body is sent (RFC 9110 section 10.1.1) */
    set_framing(c, h, &framing);
    if (m->refusal_status != 0)
        return 0;
    int r = m->route.kind == ROUTE_NODE ? begin_exchange(c, h) : 0;
    return r == 0 ? ask_for_body(c, &framing) : r;
}

static int read_head(struct client *c, struct slice bytes)
{
    struct head h;

    int r = head_request(&h, bytes);
    switch (r) {
    case 0:
        r = judge_head(c, &h);
        break;
    case -E2BIG:
        r = refuse_now(c, 431, "The request has more than 100 header fields.");
        break;
    case -ENOMEM:
        r = out_of_memory(c);
        break;
    default:
        r = refuse_now(c, 400, "The request is not well-formed HTTP/1.1.");
        log_debug("a request is malformed: %s", h.reason);
        break;
    }
    head_done(&h);
    return r;
}

/* ---------------------------------------------------------------- body */

/* Only one of our own endpoints has something to read; what others are sent is dropped. */
static int add_own_body(struct client *c, struct slice bytes)
{
    struct client_message *m = c->message;

    if (c->phase == CLIENT_CLOSING)
        return -1;
    if (m->route.kind != ROUTE_RESET_ACTIVE || m->refusal_status != 0)
        return 0;
    switch (buf_append_slice(&m->body, bytes)) {
    case 0:
        return 0;
    case -EMSGSIZE:
        return refuse_now(c, 413, own_body_too_long);
    default:
        return refuse_now(c, 503, "The gateway is out of memory.");
    }
}

static int add_body(struct client *c, struct slice bytes)
{
    if (c->exchange == NULL)
        return add_own_body(c, bytes);
    switch (exchange_add_body(c->exchange, bytes)) {
    case 0:
        return 0;
    case -EMSGSIZE:
        return refuse_now(c, 413, "The request body is longer than [gateway] body_max.");
    case -ENOBUFS:
        return refuse_now(c, 503,
                          "Too many request bodies are held in memory already "
                          "([gateway] body_memory_max).");
    default:
        return out_of_memory(c);
    }
}

/* -EAGAIN while the body goes on, -1 when it is refused. */
static int read_chunks(struct client *c, struct slice *bytes)
{
    struct slice data;

    for (;;) {
        switch (chunked_next(&c->message->chunked, bytes, &data)) {
        case CHUNKED_DATA:
            if (add_body(c, data) < 0)
                return -1;
            break;
        case CHUNKED_MORE:
            return -EAGAIN;
        case CHUNKED_WHOLE:
            return 0;
        case CHUNKED_BAD:
            return refuse_now(c, 400, "The body is not in the chunked coding (RFC 9112 7.1).");
        case CHUNKED_TOO_MUCH:
            return refuse_now(c, 431, "There is too much besides the chunks of the body.");
        }
    }
}

static int read_length(struct client *c, struct slice *bytes)
{
    struct client_message *m = c->message;
    struct slice data = *bytes;

    if (data.len > m->body_left)
        data.len = (size_t)m->body_left;
    if (data.len > 0 && add_body(c, data) < 0)
        return -1;
    m->body_left -= data.len;
    *bytes = slice_skip(*bytes, data.len);
    return m->body_left == 0 ? 0 : -EAGAIN;
}

static int read_body(struct client *c, struct slice *bytes)
{
    switch (c->message->framing) {
    case FRAMING_LENGTH:
        return read_length(c, bytes);
    case FRAMING_CHUNKED:
        return read_chunks(c, bytes);
    case FRAMING_NO_BODY:
    case FRAMING_UNTIL_CLOSE: /* of answers only */
        break;
    }
    return 0;
}

/* ---------------------------------------------------------------- message */

/* The whole message is here: answer it, or hand it to the engine. */
static void answer(struct client *c)
{
    struct client_message *m = c->message;
    struct route route = m->route;

    c->phase = CLIENT_BUSY;
    client_rest_timer(c);
    if (route.kind != ROUTE_ADMIN) /* whose path is read once more */
        buf_done(&m->target);
    if (m->refusal_status == 405) {
        char allow[64];
        (void)snprintf(allow, sizeof allow, "Allow: %s\r\n", route.allow);
        client_answer(c, 405, "text/plain", allow, SLICE("This method is not allowed here.\n"));
    } else if (m->refusal_status != 0) {
        client_answer_error(c, route.dialect, m->refusal_status, m->refusal, NULL, 0);
    } else if (route.kind == ROUTE_NODE && c->proxy->free_exchanges == 0) {
        /* Only with connections_max at its bound, and more on the control socket. */
        client_answer_error(c, route.dialect, 503, "Too many requests are under way.", NULL, 1);
    } else if (route.kind == ROUTE_NODE) {
        exchange_submit(c->exchange);
    } else {
        admin_answer(c, &route);
    }
}

/* The message must not be read further. */
static void answer_now(struct client *c)
{
    struct client_message *m = c->message;
    uint64_t retry_after_s = m->refusal_status == 503;

    if (c->phase == CLIENT_CLOSING)
        return;
    client_access_begin(c);
    buf_done(&m->body);
    c->is_persistent = false;
    client_answer_error(c, m->route.dialect, m->refusal_status, m->refusal, NULL,
                        retry_after_s);
}

/* The first octet of a message came, empty lines aside. */
static void begin_message(struct client *c)
{
    c->phase = CLIENT_HEAD;
    c->is_new = false;
    client_access_begin(c);
}

/* What is behind the message is the beginning of the next one. */
static void end_message(struct client *c, struct slice behind)
{
    if (behind.len > 0 && buf_append_slice(&c->ahead, behind) < 0)
        client_close(c);
    else
        answer(c);
}

static void continue_body(struct client *c, struct slice bytes)
{
    switch (read_body(c, &bytes)) {
    case 0:
        end_message(c, bytes);
        break;
    case -EAGAIN:
        client_set_timer(c, c->proxy->config->gateway.body_timeout_ms);
        break;
    default:
        answer_now(c);
        break;
    }
}

/* The head goes on. Empty lines before it are forgotten, but for half of one. */
static void wait_for_head(struct client *c, struct slice head)
{
    struct client_message *m = c->message;

    if (!m->strict.has_begun) {
        head = slice_skip(head, m->strict.line_at);
        strict_init(&m->strict, false, HEAD_BYTES_MAX);
    } else if (c->phase == CLIENT_IDLE) {
        begin_message(c);
        client_set_timer(c, c->proxy->config->gateway.head_timeout_ms);
    }
    if (head.len == 0)
        client_drop_message(c);
    else if (buf_append_slice(&m->head, head) < 0)
        client_close(c);
}

static void continue_head(struct client *c, char *head, size_t len)
{
    struct strict *strict = &c->message->strict;
    enum strict_verdict verdict = strict_read(strict, head, len);

    if (verdict == STRICT_MORE) {
        wait_for_head(c, (struct slice){head, len});
        return;
    }
    if (c->phase == CLIENT_IDLE)
        begin_message(c);
    int r = verdict == STRICT_WHOLE
                ? read_head(c, (struct slice){head, strict->end})
                : refuse_now(c, strict_status(verdict), strict_sentence(verdict));
    if (r < 0) {
        answer_now(c);
        return;
    }
    c->phase = CLIENT_BODY;
    continue_body(c, slice_skip((struct slice){head, len}, strict->end));
}

void client_parse(struct client *c, char *bytes, size_t len)
{
    if (c->phase == CLIENT_BODY) {
        continue_body(c, (struct slice){bytes, len});
        return;
    }
    struct client_message *m = client_message(c);
    if (m == NULL) {
        client_close(c);
        return;
    }
    if (m->head.len == 0) {
        continue_head(c, bytes, len);
        return;
    }
    struct buf kept = m->head;
    buf_init(&m->head, 0);
    if (buf_append(&kept, bytes, len) < 0)
        client_close(c);
    else
        continue_head(c, kept.data, kept.len);
    buf_done(&kept);
}
