/* client_write - what goes out to a client, and how an answer ends.
 *
 * Output is gathered in `out` and written once a turn; what the socket does not take is kept in
 * `writing` until it does, and the timer watches over that. An answer ends with the next
 * request (client_finish), or with the connection (client_cut): then everything is flushed, our
 * side is shut down, and what the peer still sends is read and dropped for a moment.
 *
 * SPDX-License-Identifier: MIT
 */
#include "answer.h"
#include "client_internal.h"

#define LINGER_MS 2000

/* ---------------------------------------------------------------- output */

struct buf *client_out(struct client *c)
{
    return &c->out;
}

size_t client_pending(const struct client *c)
{
    return c->out.len + c->writing.len;
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

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct client *c = request->data;

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
    if (uv_shutdown(&c->shutdown, &c->socket.stream, on_shutdown) < 0)
        client_close(c);
}

static void on_written(uv_write_t *request, int status)
{
    struct client *c = request->data;

    c->is_writing = false;
    if (c->phase == CLIENT_CLOSING)
        return;
    if (status < 0) {
        client_close(c);
        return;
    }
    buf_done(&c->writing);
    if (c->phase == CLIENT_IDLE)
        client_set_timer(c, c->proxy->config->gateway.keepalive_timeout_ms);
    else if (!c->is_holding)
        (void)uv_timer_stop(&c->timer);
    if (!client_flush(c) || client_pending(c) > WRITE_LOW_BYTES)
        return;
    if (c->exchange != NULL)
        exchange_writable(c->exchange);
    client_wait_for_turn(c);
}

/* Hands `out` to the socket through the loop. */
static bool write_more(struct client *c)
{
    buf_done(&c->writing);
    c->writing = c->out;
    buf_init(&c->out, 0);
    uv_buf_t b = uv_buf_init(c->writing.data, (unsigned)c->writing.len);
    if (uv_write(&c->write, &c->socket.stream, &b, 1, on_written) < 0) {
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
    if (c->exchange == NULL)
        buf_done(&c->out); /* an idle connection holds no buffer */
    after_flush(c);
    return c->phase != CLIENT_CLOSING;
}

/* ---------------------------------------------------------------- ends of an answer */

void client_forget_exchange(struct client *c)
{
    client_access_exchange(c);
    c->exchange = NULL;
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
    bool has_id = c->request_id[0] != '\0';

    int r =
        buf_printf(out,
                   "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                   "Cache-Control: no-store\r\n%s%s%s%s%s\r\n",
                   status, answer_phrase(status), content_type, body.len, extra_fields,
                   has_id ? "X-Request-Id: " : "", c->request_id, has_id ? "\r\n" : "",
                   client_is_persistent(c) ? (c->minor == 0 ? "Connection: keep-alive\r\n" : "")
                                           : "Connection: close\r\n");
    if (r == 0 && !c->is_head_request)
        r = buf_append_slice(out, body);
    if (r < 0) {
        client_close(c);
        return;
    }
    client_access_head(c, status);
    client_access_body(c, c->is_head_request ? 0 : body.len);
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
