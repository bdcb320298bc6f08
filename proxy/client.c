/* client - one connection from a client: requests in, answers out.
 *
 * Phases: IDLE (waits for a request), HEAD, BODY, BUSY (an answer is made or written), LINGER
 * (the last answer is out, what the peer still sends is read and dropped, so that a reset does
 * not take the answer away: RFC 9112 section 9.6), CLOSING. One request at a time: what a
 * pipelining peer sends ahead waits in `ahead`. The object is freed in its last close callback
 * only. Its beginning is in client_open.c, parsing in client_parse.c, output in client_write.c,
 * what a drain does with it in client_drain.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client_internal.h"

#include <assert.h>

#include "listener.h"
#include "log.h"
#include "mem.h"
#include "watch.h"

#define AHEAD_BYTES_MAX (64 * 1024) /* of a pipelining peer; then it is not read */

/* ---------------------------------------------------------------- life */

struct client_message *client_message(struct client *c)
{
    if (c->message != NULL)
        return c->message;
    struct client_message *m = mem_alloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    strict_init(&m->strict, false, HEAD_BYTES_MAX);
    buf_init(&m->head, 0); /* bounded by core/strict.c */
    buf_init(&m->target, TARGET_BYTES_MAX);
    buf_init(&m->body, ADMIN_BODY_BYTES_MAX);
    buf_init(&m->page_lines, HEAD_BYTES_MAX);
    m->route = (struct route){.kind = ROUTE_BAD_TARGET};
    m->minor = 1;
    c->message = m;
    return m;
}

void client_drop_message(struct client *c)
{
    struct client_message *m = c->message;

    if (m == NULL)
        return;
    buf_done(&m->head);
    buf_done(&m->target);
    buf_done(&m->body);
    buf_done(&m->page_lines);
    mem_free(m);
    c->message = NULL;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;
    struct proxy *p = c->proxy;

    if (--c->handles > 0)
        return;
    client_drop_message(c);
    buf_done(&c->out);
    buf_done(&c->ahead);
    p->client_count--;
    p->control_count -= c->is_control;
    p->leaving_count -= c->is_leaving;
    c->magic = 0;
    mem_free(c);
    listener_resume(p->listener);
    proxy_part_closed(p);
}

void client_close(struct client *c)
{
    if (c->phase == CLIENT_CLOSING)
        return;
    client_access_end(c, c->proxy->is_closing ? CLIENT_ACCESS_CUT : CLIENT_ACCESS_LEFT);
    c->phase = CLIENT_CLOSING;
    list_remove(&c->link);
    list_remove(&c->turn);
    peer_leave(&c->peer);
    uv_close(&c->socket.handle, on_handle_closed);
    uv_close((uv_handle_t *)&c->timer, on_handle_closed);
    watch_free(c->watch);
    c->watch = NULL;
    struct exchange *x = c->exchange;
    c->exchange = NULL;
    if (x != NULL)
        exchange_client_gone(x);
}

struct proxy *client_proxy(const struct client *c)
{
    return c->proxy;
}

void client_address(const struct client *c, char ret_text[CLIENT_ADDRESS_MAX])
{
    if (peer_is_unix(&c->peer))
        ret_text[0] = '\0';
    else
        peer_print(&c->peer, ret_text);
}

void client_leave(struct client *c)
{
    if (c->is_leaving || c->is_control)
        return;
    c->is_leaving = true;
    c->proxy->leaving_count++;
    listener_resume(c->proxy->listener);
}

/* ---------------------------------------------------------------- time */

static void on_timer(uv_timer_t *timer)
{
    struct client *c = timer->data;

    switch (c->phase) {
    case CLIENT_HEAD:
        c->is_persistent = false;
        client_answer_error(c, ROUTE_OPENAI, 408, "The request's head took too long.", NULL, 0);
        break;
    case CLIENT_BODY:
        c->is_persistent = false;
        client_answer_error(c, c->message->route.dialect, 408,
                            "The request's body took too long.", NULL, 0);
        break;
    case CLIENT_BUSY:
        if (!c->is_writing && c->wake_ms > 0) {
            c->wake_ms = 0;
            if (c->exchange != NULL)
                exchange_on_wake(c->exchange);
            else if (c->watch != NULL)
                watch_feed(c);
            break;
        }
        log_info("a client did not take its answer for %llu s: closed",
                 (unsigned long long)(c->proxy->config->gateway.idle_timeout_ms / 1000));
        client_close(c);
        break;
    case CLIENT_IDLE:
    case CLIENT_LINGER:
        client_close(c);
        break;
    case CLIENT_CLOSING:
        break;
    }
}

void client_set_timer(struct client *c, uint64_t timeout_ms)
{
    if (c->phase != CLIENT_CLOSING)
        (void)uv_timer_start(&c->timer, on_timer, timeout_ms, 0);
}

/* Nothing is waited for but, perhaps, the peer to take what is being written. */
void client_rest_timer(struct client *c)
{
    if (c->is_writing)
        client_set_timer(c, c->proxy->config->gateway.idle_timeout_ms);
    else if (c->wake_ms > 0)
        client_set_timer(c, c->wake_ms);
    else
        (void)uv_timer_stop(&c->timer);
}

void client_wake_after(struct client *c, uint64_t timeout_ms)
{
    if (c->wake_ms == timeout_ms && timeout_ms == 0)
        return;
    c->wake_ms = timeout_ms;
    client_rest_timer(c);
}

/* ---------------------------------------------------------------- input */

static void keep_ahead(struct client *c, struct slice bytes)
{
    if (buf_append_slice(&c->ahead, bytes) < 0) {
        client_close(c);
        return;
    }
    if (c->ahead.len > AHEAD_BYTES_MAX) {
        (void)uv_read_stop(&c->socket.stream);
        c->is_reading = false;
    }
}

static void on_fin(struct client *c)
{
    c->has_fin = true;
    switch (c->phase) {
    case CLIENT_IDLE:
    case CLIENT_HEAD:
    case CLIENT_BODY:
    case CLIENT_LINGER:
        (void)uv_read_stop(&c->socket.stream);
        c->is_reading = false;
        if (c->phase == CLIENT_IDLE && c->ahead.len > 0)
            break; /* whole requests wait for their turn */
        if (client_pending(c) > 0)
            client_cut(c); /* an answer is still on its way out */
        else
            client_close(c); /* nothing more can come of it */
        break;
    case CLIENT_BUSY:
        (void)uv_read_stop(&c->socket.stream);
        c->is_reading = false;
        if (c->exchange != NULL)
            exchange_client_fin(c->exchange);
        else if (c->watch != NULL)
            client_close(c); /* nobody can say more than that he has heard enough */
        break;
    case CLIENT_CLOSING:
        break;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct client *c = handle->data;

    (void)suggested;
    *ret_buf = uv_buf_init(c->proxy->read_buffer, READ_BUFFER_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct client *c = stream->data;

    assert(c->magic == CLIENT_MAGIC);
    if (n == 0 || c->phase == CLIENT_CLOSING)
        return;
    if (n == UV_EOF) {
        on_fin(c);
        return;
    }
    if (n < 0) {
        client_close(c);
        return;
    }
    if (c->phase == CLIENT_LINGER || c->is_cutting)
        return; /* dropped */
    if (c->phase == CLIENT_BUSY || c->ahead.len > 0)
        keep_ahead(c, (struct slice){b->base, (size_t)n});
    else
        client_parse(c, b->base, (size_t)n);
}

void client_read(struct client *c)
{
    if (c->is_reading && c->phase != CLIENT_LINGER)
        return;
    c->is_reading = uv_read_start(&c->socket.stream, on_alloc, on_read) == 0;
}

static void on_turn(uv_idle_t *idle);

/* What was sent ahead is the next request: one a client and turn of the loop, never inside an
 * answer, so that a pipeline can neither nest nor starve others. Answers that are not taken
 * stop it. */
void client_wait_for_turn(struct client *c)
{
    struct proxy *p = c->proxy;

    if (p->is_closing || c->phase != CLIENT_IDLE || c->ahead.len == 0 || client_is_behind(c) ||
        !list_empty(&c->turn))
        return;
    list_push_back(&p->turns, &c->turn);
    (void)uv_idle_start(&p->turn, on_turn);
}

static void take_turn(struct client *c)
{
    struct buf ahead = c->ahead;

    list_remove(&c->turn);
    if (c->phase != CLIENT_IDLE)
        return;
    buf_init(&c->ahead, 0);
    client_parse(c, ahead.data, ahead.len);
    buf_done(&ahead);
    bool is_partial = c->phase == CLIENT_HEAD || c->phase == CLIENT_BODY;
    if (c->has_fin && is_partial)
        client_cut(c); /* the rest of it will not come */
    else if (c->phase != CLIENT_CLOSING && !c->has_fin && c->ahead.len <= AHEAD_BYTES_MAX)
        client_read(c);
}

static void on_turn(uv_idle_t *idle)
{
    struct proxy *p = idle->data;
    struct list now;

    (void)uv_idle_stop(idle);
    list_init(&now);
    while (!list_empty(&p->turns)) {
        struct list *link = p->turns.next;
        list_remove(link);
        list_push_back(&now, link);
    }
    while (!list_empty(&now))
        take_turn(LIST_ENTRY(now.next, struct client, turn));
}

static void on_turn_closed(uv_handle_t *handle)
{
    struct proxy *p = handle->data;

    p->is_turn_open = false;
    proxy_part_closed(p);
}

void client_open_all(struct proxy *p)
{
    list_init(&p->clients);
    list_init(&p->turns);
    peer_table_init(&p->peers);
    (void)uv_idle_init(p->loop, &p->turn);
    p->turn.data = p;
    p->is_turn_open = true;
}

/* ---------------------------------------------------------------- all of them */

void client_close_all(struct proxy *p)
{
    if (p->is_turn_open && !uv_is_closing((uv_handle_t *)&p->turn))
        uv_close((uv_handle_t *)&p->turn, on_turn_closed);
    while (!list_empty(&p->clients)) /* each takes itself off the list */
        client_close(LIST_ENTRY(p->clients.next, struct client, link));
}
