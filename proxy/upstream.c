/* upstream - one connection to a node, and the attempt that uses it.
 *
 * Happy path: taken from the pool or connected, the request is written, the answer is parsed
 * with llhttp and handed to the exchange piece by piece, the connection goes back to the pool.
 * Failure: before a connection -> CONNECT; broken before or in the answer -> RESET; not HTTP ->
 * BROKEN; too long without a byte -> TIMEOUT, after which the connection is read on and dropped
 * as an orphan. The object is freed in its last close callback only.
 *
 * SPDX-License-Identifier: MIT
 */
#include "upstream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <llhttp.h>

#include "core/outcome.h"
#include "driver.h"
#include "evidence.h"
#include "exchange.h"
#include "fields.h"
#include "log.h"
#include "mem.h"

#define UPSTREAM_MAGIC 0x7570u

enum state {
    STATE_IDLE,       /* in the node's pool */
    STATE_CONNECTING, /* resolving or connecting */
    STATE_TALKING,    /* request and answer */
    STATE_CLOSING,
};

struct upstream {
    unsigned magic;
    enum state state;
    struct proxy *proxy;
    struct proxy_node *node;
    struct list link;
    struct exchange *exchange; /* NULL = orphan, or idle */
    struct failover_id attempt;
    bool has_attempt;    /* the engine waits for an outcome */
    bool is_bypass_head; /* HEAD: the answer has no body */
    bool is_reused;
    bool has_answer_byte;
    bool is_final_head; /* a head that is not 1xx was read */
    bool is_complete;
    bool is_sent;
    bool is_reading;
    bool has_timed_out;
    bool has_surplus; /* bytes after the answer: out of step */
    unsigned refs;
    uint64_t active_ms; /* last sign of life */
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    uv_write_t write;
    llhttp_t parser;
    struct fields *fields;   /* while an answer is read */
    struct buf request_head; /* until it is written */
    struct body *body;       /* until it is written */
};

static void read_node(struct upstream *u);
static void connect_node(struct upstream *u);

/* ---------------------------------------------------------------- life */

/* Two handles, and a name look-up under way, keep the object. */
static void unref(struct upstream *u)
{
    struct proxy *p = u->proxy;

    assert(u->refs > 0);
    if (--u->refs > 0)
        return;
    fields_free(u->fields);
    buf_done(&u->request_head);
    exchange_unref_body(u->body);
    u->magic = 0;
    mem_free(u);
    p->upstream_count--;
    proxy_part_closed(p);
}

static void on_handle_closed(uv_handle_t *handle)
{
    unref(handle->data);
}

static void close_connection(struct upstream *u)
{
    if (u->state == STATE_CLOSING)
        return;
    if (u->state == STATE_IDLE)
        u->node->idle_count--;
    u->state = STATE_CLOSING;
    list_remove(&u->link);
    uv_close((uv_handle_t *)&u->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&u->timer, on_handle_closed);
}

static struct upstream *new_connection(struct proxy *p, struct proxy_node *n)
{
    struct upstream *u = mem_alloc(1, sizeof *u);
    if (u == NULL)
        return NULL;
    u->magic = UPSTREAM_MAGIC;
    u->proxy = p;
    u->node = n;
    u->state = STATE_CONNECTING;
    list_init(&u->link);
    buf_init(&u->request_head, 0);
    (void)uv_tcp_init(p->loop, &u->tcp);
    (void)uv_timer_init(p->loop, &u->timer);
    u->tcp.data = u;
    u->timer.data = u;
    u->connect.data = u;
    u->resolve.data = u;
    u->write.data = u;
    u->refs = 2;
    p->upstream_count++;
    return u;
}

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

/* The attempt is over and the connection of no more use. */
static void fail(struct upstream *u, enum failover_outcome outcome)
{
    if (u->state == STATE_CLOSING)
        return;
    close_connection(u);
    struct exchange *x = release_exchange(u);
    if (x != NULL)
        exchange_on_failed(x, outcome);
    else
        post_orphan_outcome(u, outcome);
}

/* Is it the race with a node that closes its idle connections? Then nothing was lost. */
static bool was_stale(const struct upstream *u)
{
    return u->is_reused && !u->has_answer_byte && !u->has_timed_out;
}

/* Moves the attempt to a new connection. */
static void start_over(struct upstream *u)
{
    struct exchange *x = u->exchange;
    struct failover_id attempt = u->attempt;
    uint16_t node = (uint16_t)(u->node - u->proxy->nodes);

    if (x == NULL) { /* an orphan whose request never arrived: nothing is at work */
        fail(u, FAILOVER_OUTCOME_RESET);
        return;
    }
    close_connection(u);
    (void)release_exchange(u);
    upstream_close_idle(u->node); /* the others are as old */
    upstream_start(x, node, attempt);
}

static void broken(struct upstream *u)
{
    if (was_stale(u))
        start_over(u);
    else
        fail(u, FAILOVER_OUTCOME_RESET);
}

static void on_timer(uv_timer_t *timer);

static uint64_t patience(const struct upstream *u)
{
    const struct config_gateway *g = &u->proxy->config->gateway;

    return u->is_final_head ? g->idle_timeout_ms : g->first_byte_timeout_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct upstream *u = timer->data;
    uint64_t now = uv_now(u->proxy->loop);

    if (u->state == STATE_IDLE) {
        close_connection(u);
        return;
    }
    if (u->state == STATE_CONNECTING) {
        evidence_note(u->node, "no connection within %.1f s",
                      (double)u->proxy->config->gateway.connect_timeout_ms / 1000);
        fail(u, FAILOVER_OUTCOME_CONNECT);
        return;
    }
    uint64_t until = u->active_ms + patience(u);
    if (!u->is_reading) /* the client is the slow one */
        until = now + patience(u);
    if (until > now) {
        (void)uv_timer_start(&u->timer, on_timer, until - now, 0);
        return;
    }
    if (u->exchange == NULL) { /* an orphan that is silent for that long: give up on it */
        fail(u, FAILOVER_OUTCOME_RESET);
        return;
    }
    /* The account may still be at work: an orphan from now on (DESIGN D4). */
    u->has_timed_out = true;
    u->active_ms = now;
    (void)uv_timer_start(&u->timer, on_timer, patience(u), 0);
    struct exchange *x = u->exchange;
    u->exchange = NULL;
    x->upstream = NULL;
    exchange_on_failed(x, FAILOVER_OUTCOME_TIMEOUT);
}

/* To the pool, or closed when it cannot be used again. */
static void put_away(struct upstream *u)
{
    struct proxy_node *n = u->node;

    fields_free(u->fields);
    u->fields = NULL;
    bool is_reusable = u->is_sent && !u->has_surplus && llhttp_should_keep_alive(&u->parser) &&
                       n->is_up && n->idle_count < UPSTREAM_POOL_MAX && !u->proxy->is_closing;
    if (!is_reusable) {
        close_connection(u);
        return;
    }
    u->state = STATE_IDLE;
    n->idle_count++;
    list_remove(&u->link);
    list_push_front(&n->idle, &u->link);
    read_node(u);
    (void)uv_timer_start(&u->timer, on_timer, UPSTREAM_IDLE_MS, 0);
}

static void complete(struct upstream *u)
{
    struct exchange *x = release_exchange(u);
    struct outcome_answer answer = {.status = u->parser.status_code};
    uint64_t wait_ms;

    if (x == NULL && u->has_attempt && answer.status >= 400)
        evidence_note(u->node, "status %u, for a client that has left", answer.status);
    put_away(u);
    if (x != NULL)
        exchange_on_end(x);
    else
        post_orphan_outcome(u, outcome_classify(&answer, &wait_ms));
}

/* ---------------------------------------------------------------- answer */

static int on_field_name(llhttp_t *parser, const char *at, size_t len)
{
    struct upstream *u = parser->data;

    return fields_name(u->fields, (struct slice){at, len}) < 0 ? -1 : 0;
}

static int on_field_value(llhttp_t *parser, const char *at, size_t len)
{
    struct upstream *u = parser->data;

    return fields_value(u->fields, (struct slice){at, len}) < 0 ? -1 : 0;
}

static int on_head(llhttp_t *parser)
{
    struct upstream *u = parser->data;

    if (parser->status_code < 200) {
        fields_clear(u->fields); /* an interim answer (RFC 9110 section 15.2) */
        return parser->status_code == 101 ? -1 : 0;
    }
    fields_finish(u->fields);
    u->is_final_head = true;
    if (u->exchange != NULL)
        exchange_on_head(u->exchange, parser->status_code, u->fields);
    return u->is_bypass_head ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct upstream *u = parser->data;

    if (u->exchange != NULL)
        exchange_on_body(u->exchange, (struct slice){at, len});
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct upstream *u = parser->data;

    if (parser->status_code < 200)
        return 0;
    u->is_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

static void take_bytes(struct upstream *u, const char *bytes, size_t len)
{
    u->active_ms = uv_now(u->proxy->loop);
    u->has_answer_byte = true;
    if (u->state != STATE_TALKING) {
        broken(u); /* bytes that nobody asked for */
        return;
    }
    llhttp_errno_t error = llhttp_execute(&u->parser, bytes, len);
    if (u->is_complete) {
        u->has_surplus = llhttp_get_error_pos(&u->parser) != bytes + len;
        complete(u);
    } else if (error != HPE_OK) {
        log_warn("node %s: its answer is not HTTP: %s node=%s", u->node->name,
                 llhttp_errno_name(error), u->node->name);
        evidence_note(u->node, "its answer is not HTTP (%s)", llhttp_errno_name(error));
        fail(u, FAILOVER_OUTCOME_BROKEN);
    } else if (u->exchange != NULL) {
        exchange_on_turn(u->exchange);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct upstream *u = handle->data;

    (void)suggested;
    *ret_buf = uv_buf_init(u->proxy->read_buffer, READ_BUFFER_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct upstream *u = stream->data;

    assert(u->magic == UPSTREAM_MAGIC);
    if (u->state == STATE_CLOSING || n == 0)
        return;
    if (n > 0) {
        take_bytes(u, b->base, (size_t)n);
        return;
    }
    if (u->state == STATE_IDLE) {
        close_connection(u);
        return;
    }
    /* An answer without a length ends with the connection (RFC 9112 section 6.3 rule 8). */
    if (n == UV_EOF && u->is_final_head)
        (void)llhttp_finish(&u->parser); /* tells on_complete() */
    if (u->is_complete)
        complete(u);
    else
        broken(u);
}

static void read_node(struct upstream *u)
{
    if (!u->is_reading && uv_read_start((uv_stream_t *)&u->tcp, on_alloc, on_read) == 0)
        u->is_reading = true;
}

void upstream_pause(struct upstream *u)
{
    if (u->is_reading && u->state == STATE_TALKING) {
        (void)uv_read_stop((uv_stream_t *)&u->tcp);
        u->is_reading = false;
    }
}

void upstream_resume(struct upstream *u)
{
    u->active_ms = uv_now(u->proxy->loop);
    if (u->state == STATE_TALKING)
        read_node(u);
}

/* ---------------------------------------------------------------- request */

static void sent(struct upstream *u)
{
    u->is_sent = true;
    buf_done(&u->request_head);
    exchange_unref_body(u->body);
    u->body = NULL;
}

static void on_written(uv_write_t *request, int status)
{
    struct upstream *u = request->data;

    /* A node that answers early and hangs up: what it said is still to be read, and the read
     * side hears of the end. */
    if (status == 0 && u->state != STATE_CLOSING)
        sent(u);
}

static int build_head(struct upstream *u, const struct exchange *x)
{
    struct buf *head = &u->request_head;

    buf_clear(head);
    int r = buf_printf(head, "%s ", x->method);
    if (r == 0)
        r = buf_append_slice(head, buf_slice(&x->target));
    if (r == 0)
        r = buf_printf(head, " HTTP/1.1\r\nHost: %s\r\n", u->node->authority);
    if (r == 0)
        r = buf_append_slice(head, buf_slice(&x->fields));
    if (r == 0 && u->node->token != NULL)
        r = buf_printf(head, "Authorization: Bearer %s\r\n", u->node->token);
    if (r == 0 && (x->body != NULL || strcmp(x->method, "POST") == 0))
        r = buf_printf(head, "Content-Length: %zu\r\n",
                       x->body == NULL ? (size_t)0 : x->body->bytes.len);
    if (r == 0)
        r = buf_append_slice(head, SLICE("\r\n"));
    return r;
}

/* Writes what the socket takes now, and the rest through the loop. */
static void write_request(struct upstream *u)
{
    uv_buf_t bufs[2] = {{.base = u->request_head.data, .len = u->request_head.len}};
    unsigned count = 1;

    if (u->body != NULL && u->body->bytes.len > 0)
        bufs[count++] = (uv_buf_t){.base = u->body->bytes.data, .len = u->body->bytes.len};
    int n = uv_try_write((uv_stream_t *)&u->tcp, bufs, count);
    size_t done = n > 0 ? (size_t)n : 0;
    while (count > 0 && done >= bufs[0].len) {
        done -= bufs[0].len;
        bufs[0] = bufs[1];
        count--;
    }
    if (count == 0) {
        sent(u);
        return;
    }
    bufs[0].base += done;
    bufs[0].len -= done;
    /* On failure the read side hears of it. */
    (void)uv_write(&u->write, (uv_stream_t *)&u->tcp, bufs, count, on_written);
}

static void talk(struct upstream *u)
{
    u->state = STATE_TALKING;
    u->active_ms = uv_now(u->proxy->loop);
    u->has_answer_byte = false;
    u->is_final_head = false;
    u->is_complete = false;
    u->is_sent = false;
    llhttp_init(&u->parser, HTTP_RESPONSE, &settings);
    u->parser.data = u;
    (void)uv_timer_start(&u->timer, on_timer, patience(u), 0);
    read_node(u);
    write_request(u);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct upstream *u = request->data;

    if (u->state == STATE_CLOSING)
        return;
    if (status < 0) {
        log_debug("node %s: connect failed: %s node=%s", u->node->name, uv_strerror(status),
                  u->node->name);
        evidence_note(u->node, "connect: %s", uv_strerror(status));
        u->node->has_address = u->node->has_address && u->node->resolved_at_ms == 0;
        fail(u, FAILOVER_OUTCOME_CONNECT);
        return;
    }
    (void)uv_tcp_nodelay(&u->tcp, 1);
    talk(u);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct upstream *u = request->data;
    struct proxy_node *n = u->node;

    if (u->state != STATE_CLOSING && status == 0 && found->ai_addrlen <= sizeof n->address) {
        memcpy(&n->address, found->ai_addr, found->ai_addrlen);
        n->has_address = true;
        n->resolved_at_ms = uv_now(u->proxy->loop);
    }
    uv_freeaddrinfo(found);
    if (u->state == STATE_CLOSING) {
        unref(u);
        return;
    }
    u->refs--;
    if (status < 0) {
        log_warn("node %s: its host name is not found: %s node=%s", n->name,
                 uv_strerror(status), n->name);
        evidence_note(n, "its host name is not found: %s", uv_strerror(status));
        fail(u, FAILOVER_OUTCOME_CONNECT);
        return;
    }
    connect_node(u);
}

static void connect_node(struct upstream *u)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct proxy_node *n = u->node;
    int r;

    if (!n->has_address) {
        char port[8];
        (void)snprintf(port, sizeof port, "%u", n->port);
        r = uv_getaddrinfo(u->proxy->loop, &u->resolve, on_resolved, n->host, port, &hints);
        u->refs += r == 0;
    } else {
        r = uv_tcp_connect(&u->connect, &u->tcp, (const struct sockaddr *)&n->address,
                           on_connected);
    }
    if (r < 0) {
        evidence_note(n, "connect: %s", uv_strerror(r));
        fail(u, FAILOVER_OUTCOME_CONNECT);
    }
}

/* ---------------------------------------------------------------- interface */

static struct upstream *take_idle(struct proxy_node *n)
{
    if (list_empty(&n->idle))
        return NULL;
    struct upstream *u = LIST_ENTRY(n->idle.next, struct upstream, link);
    list_remove(&u->link);
    n->idle_count--;
    u->is_reused = true;
    return u;
}

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

    struct upstream *u = take_idle(n);
    bool is_new = u == NULL;
    if (is_new)
        u = new_connection(p, n);
    if (u == NULL) {
        fail_to_start(x, attempt);
        return;
    }
    list_push_back(&n->busy, &u->link);
    u->fields = fields_new(UPSTREAM_HEAD_BYTES_MAX);
    if (u->fields == NULL || build_head(u, x) < 0) {
        u->state = STATE_TALKING; /* it is not in the pool any more */
        close_connection(u);
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
    if (x->body != NULL) {
        u->body = x->body;
        u->body->refs++;
    }
    if (!is_new) {
        talk(u);
        return;
    }
    (void)uv_timer_start(&u->timer, on_timer, p->config->gateway.connect_timeout_ms, 0);
    connect_node(u);
}

void upstream_detach(struct upstream *u)
{
    u->exchange = NULL;
    if (u->state == STATE_CONNECTING) { /* nothing was sent: nobody is at work */
        close_connection(u);
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
    close_connection(u);
}

void upstream_close_idle(struct proxy_node *n)
{
    LIST_FOREACH_SAFE (it, &n->idle)
        close_connection(LIST_ENTRY(it, struct upstream, link));
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
            close_connection(u);
        }
    }
}
