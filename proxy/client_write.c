/* client_write - what goes out to a client, and how an answer ends.
 *
 * Output is gathered in `out` and written once a turn; what the socket does not take is kept in
 * `request` until it does, and the timer watches over that. The high mark (DESIGN 6a) is each
 * answer's share of what all may keep, so that many slow readers cost no more than a few. An
 * answer ends with the next request (client_finish), or with the connection (client_cut): then
 * everything is flushed, our side is shut down, and what the peer still sends is read and
 * dropped for a moment.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client_internal.h"

#include <assert.h>

#include "answer.h"
#include "exchange_text.h"
#include "mem.h"

#define LINGER_MS   2000
#define HIGH_TO_LOW (WRITE_HIGH_BYTES / WRITE_LOW_BYTES)

/* ---------------------------------------------------------------- output */

struct buf *client_out(struct client *c)
{
    return &c->out;
}

size_t client_pending(const struct client *c)
{
    return c->out.len + (c->is_writing ? c->request->bytes.len : 0);
}

/* Each answer may keep so much, and all together no more than about WRITE_TOTAL_BYTES. */
static size_t high_mark(const struct client *c)
{
    size_t share = WRITE_TOTAL_BYTES / (REQUESTS_MAX + 1 - c->proxy->free_exchanges);

    return share > WRITE_HIGH_BYTES       ? WRITE_HIGH_BYTES
           : share < WRITE_HIGH_BYTES_MIN ? WRITE_HIGH_BYTES_MIN
                                          : share;
}

bool client_is_behind(const struct client *c)
{
    return client_pending(c) > high_mark(c);
}

bool client_is_persistent(const struct client *c)
{
    bool is_last = c->has_fin && c->ahead.len == 0;

    return c->is_persistent && !is_last && (!c->proxy->is_draining || c->has_promised);
}

void client_note_head(struct client *c, unsigned status)
{
    client_access_head(c, status);
}

void client_end_after(struct client *c)
{
    c->is_persistent = false;
}

static void linger(struct client *c)
{
    c->phase = CLIENT_LINGER;
    client_leave(c);
    (void)uv_read_stop(&c->socket.stream);
    client_read(c);
    client_set_timer(c, LINGER_MS);
}

/* Freed by its callback, which comes even when the connection is closed before. */
static struct client_request *new_request(struct client *c)
{
    struct client_request *request = mem_alloc(1, sizeof *request);

    assert(c->request == NULL); /* one at a time */
    if (request == NULL) {
        client_close(c);
        return NULL;
    }
    buf_init(&request->bytes, 0);
    c->request = request;
    return request;
}

static void free_request(struct client *c)
{
    struct client_request *request = c->request;

    c->request = NULL;
    c->is_writing = false;
    buf_done(&request->bytes);
    mem_free(request);
}

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    struct client *c = shutdown->data;

    free_request(c);
    if (c->phase == CLIENT_CLOSING)
        return;
    if (status < 0 || c->has_fin)
        client_close(c);
    else
        linger(c);
}

/* Everything that was to be said is out. */
static void after_flush(struct client *c)
{
    if (!c->is_cutting || c->phase == CLIENT_CLOSING)
        return;
    c->is_cutting = false;
    (void)uv_timer_stop(&c->timer);
    if (c->request != NULL)
        return; /* it is being shut down already */
    struct client_request *request = new_request(c);
    if (request == NULL)
        return;
    request->shutdown.data = c;
    if (uv_shutdown(&request->shutdown, &c->socket.stream, on_shutdown) < 0) {
        free_request(c);
        client_close(c);
    }
}

/* The peer has taken everything: what is waited for now? */
static void set_timer_after_write(struct client *c)
{
    const struct config_gateway *g = &c->proxy->config->gateway;

    switch (c->phase) {
    case CLIENT_IDLE:
        client_set_timer(c, g->keepalive_timeout_ms);
        break;
    case CLIENT_HEAD: /* of the next request, while the last answer was taken slowly */
        client_set_timer(c, g->head_timeout_ms);
        break;
    case CLIENT_BODY:
        client_set_timer(c, g->body_timeout_ms);
        break;
    case CLIENT_BUSY:
    case CLIENT_LINGER:
    case CLIENT_CLOSING:
        client_rest_timer(c);
        break;
    }
}

static void on_written(uv_write_t *write, int status)
{
    struct client *c = write->data;

    free_request(c);
    if (c->phase == CLIENT_CLOSING)
        return;
    if (status < 0) {
        client_close(c);
        return;
    }
    set_timer_after_write(c);
    if (!client_flush(c) || client_pending(c) > high_mark(c) / HIGH_TO_LOW)
        return;
    if (c->exchange != NULL)
        exchange_writable(c->exchange);
    client_wait_for_turn(c);
}

/* Hands `out` to the socket through the loop. */
static bool write_more(struct client *c)
{
    struct client_request *request = new_request(c);

    if (request == NULL)
        return false;
    request->bytes = c->out;
    buf_init(&c->out, 0);
    uv_buf_t b = uv_buf_init(request->bytes.data, (unsigned)request->bytes.len);
    request->write.data = c;
    if (uv_write(&request->write, &c->socket.stream, &b, 1, on_written) < 0) {
        free_request(c);
        client_close(c);
        return false;
    }
    c->is_writing = true;
    client_set_timer(c, c->proxy->config->gateway.idle_timeout_ms);
    return true;
}

bool client_flush(struct client *c)
{
    if (c->phase == CLIENT_CLOSING)
        return false;
    if (c->is_writing)
        return true;
    if (c->out.len > 0) {
        uv_buf_t b = uv_buf_init(c->out.data, (unsigned)c->out.len);
        int n = uv_try_write(&c->socket.stream, &b, 1);
        if (n < 0 && n != UV_EAGAIN) {
            client_close(c);
            return false;
        }
        buf_consume(&c->out, n > 0 ? (size_t)n : 0);
        if (c->out.len > 0)
            return write_more(c);
    }
    buf_done(&c->out); /* bytes in flight have a buffer, nothing else */
    after_flush(c);
    return c->phase != CLIENT_CLOSING;
}

/* ---------------------------------------------------------------- ends of an answer */

void client_forget_exchange(struct client *c)
{
    client_access_exchange(c);
    c->exchange = NULL;
    c->wake_ms = 0;
}

void client_cut(struct client *c)
{
    client_access_end(c, CLIENT_ACCESS_CUT);
    c->is_persistent = false;
    c->is_cutting = true;
    (void)client_flush(c);
}

void client_finish(struct client *c)
{
    struct proxy *p = c->proxy;

    if (c->phase == CLIENT_CLOSING)
        return;
    client_access_end(c, CLIENT_ACCESS_WHOLE);
    if (!client_is_persistent(c)) {
        client_cut(c);
        return;
    }
    if (!client_flush(c))
        return;
    c->phase = CLIENT_IDLE;
    client_drop_message(c);
    if (!c->is_writing) /* else when it is written */
        client_set_timer(c, p->config->gateway.keepalive_timeout_ms);
    if (p->is_draining)
        client_drain_idle(c);
    else
        client_wait_for_turn(c);
}

void client_answer(struct client *c, unsigned status, const char *content_type,
                   const char *extra_fields, struct slice body)
{
    struct buf *out = &c->out;
    struct client_message *m = client_message(c);

    if (m == NULL) {
        client_close(c);
        return;
    }
    if (m->request_id[0] == '\0') /* of a head that could not be read */
        exchange_text_request_id(c->proxy, NULL, m->request_id, sizeof m->request_id);
    size_t shown = m->is_head_request ? 0 : body.len;
    int r =
        buf_printf(out,
                   "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                   "Cache-Control: no-store\r\n%s%.*s%sX-Request-Id: %s\r\n%s\r\n",
                   status, answer_phrase(status), content_type, body.len, extra_fields,
                   (int)m->page_lines.len, m->page_lines.len == 0 ? "" : m->page_lines.data,
                   status == 401 ? "WWW-Authenticate: Bearer\r\n" : "", m->request_id,
                   client_is_persistent(c) ? (m->minor == 0 ? "Connection: keep-alive\r\n" : "")
                                           : "Connection: close\r\n");
    if (r == 0)
        r = buf_append(out, body.at, shown);
    if (r < 0) {
        client_close(c);
        return;
    }
    client_access_head(c, status);
    client_access_body(c, shown);
    client_finish(c);
}

void client_answer_error(struct client *c, enum route_dialect dialect, unsigned status,
                         const char *message, const char *details, uint64_t retry_after_s)
{
    struct buf body;
    char retry[64] = "";

    if (c->phase == CLIENT_CLOSING)
        return;
    c->phase = CLIENT_BUSY;
    client_rest_timer(c);
    if (c->exchange != NULL) { /* one that the engine does not know yet */
        struct exchange *x = c->exchange;
        client_forget_exchange(c);
        exchange_client_gone(x);
    }
    buf_init(&body, 0);
    if (answer_error(&body, dialect, status, message, details) < 0) {
        buf_done(&body);
        client_close(c);
        return;
    }
    if (retry_after_s > 0)
        (void)snprintf(retry, sizeof retry, "Retry-After: %llu\r\n",
                       (unsigned long long)retry_after_s);
    client_answer(c, status, "application/json", retry, buf_slice(&body));
    buf_done(&body);
}
