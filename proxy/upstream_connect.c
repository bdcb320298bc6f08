/* upstream_connect - connections to nodes: found in the pool or made, kept, closed.
 *
 * A node's idle connections are in its pool, the newest first, each with a timer of its own.
 * A host name is looked up once and forgotten when a connection to its address fails. The
 * object is freed in its last close callback only.
 *
 * SPDX-License-Identifier: MIT
 */
#include "upstream_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "evidence.h"
#include "log.h"
#include "mem.h"

/* ---------------------------------------------------------------- life */

/* Two handles, and a name look-up under way, keep the object. */
static void unref(struct upstream *u)
{
    struct proxy *p = u->proxy;

    assert(u->refs > 0);
    if (--u->refs > 0)
        return;
    buf_done(&u->head);
    buf_done(&u->request_head);
    body_unref(u->body);
    u->magic = 0;
    mem_free(u);
    p->upstream_count--;
    proxy_part_closed(p);
}

static void on_handle_closed(uv_handle_t *handle)
{
    unref(handle->data);
}

void upstream_close(struct upstream *u)
{
    if (u->state == UPSTREAM_CLOSING)
        return;
    if (u->state == UPSTREAM_IDLE)
        u->node->idle_count--;
    u->state = UPSTREAM_CLOSING;
    list_remove(&u->link);
    uv_close((uv_handle_t *)&u->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&u->timer, on_handle_closed);
}

static struct upstream *new_connection(struct proxy_node *n)
{
    struct proxy *p = n->proxy;

    struct upstream *u = mem_alloc(1, sizeof *u);
    if (u == NULL)
        return NULL;
    u->magic = UPSTREAM_MAGIC;
    u->proxy = p;
    u->node = n;
    u->state = UPSTREAM_CONNECTING;
    list_init(&u->link);
    buf_init(&u->head, 0);
    buf_init(&u->request_head, 0);
    (void)uv_tcp_init(p->loop, &u->tcp);
    (void)uv_timer_init(p->loop, &u->timer);
    u->tcp.data = u;
    u->timer.data = u;
    u->write.data = u; /* and of what shares its place */
    u->refs = 2;
    p->upstream_count++;
    return u;
}

/* ---------------------------------------------------------------- pool */

static struct upstream *take_idle(struct proxy_node *n)
{
    if (list_empty(&n->idle))
        return NULL;
    struct upstream *u = LIST_ENTRY(n->idle.next, struct upstream, link);
    list_remove(&u->link);
    n->idle_count--;
    u->state = UPSTREAM_TALKING;
    u->is_reused = true;
    return u;
}

struct upstream *upstream_open(struct proxy_node *n)
{
    struct upstream *u = take_idle(n);

    return u != NULL ? u : new_connection(n);
}

void upstream_put_away(struct upstream *u)
{
    struct proxy_node *n = u->node;

    buf_done(&u->head);
    bool is_reusable = u->is_sent && !u->has_surplus && u->is_persistent && n->is_up &&
                       n->idle_count < UPSTREAM_POOL_MAX && !u->proxy->is_closing;
    if (!is_reusable) {
        upstream_close(u);
        return;
    }
    u->state = UPSTREAM_IDLE;
    n->idle_count++;
    list_remove(&u->link);
    list_push_front(&n->idle, &u->link);
    upstream_read(u);
    upstream_set_timer(u, UPSTREAM_IDLE_MS);
}

void upstream_close_idle(struct proxy_node *n)
{
    LIST_FOREACH_SAFE (it, &n->idle)
        upstream_close(LIST_ENTRY(it, struct upstream, link));
}

/* ---------------------------------------------------------------- connect */

static void on_connected(uv_connect_t *request, int status)
{
    struct upstream *u = request->data;

    if (u->state == UPSTREAM_CLOSING)
        return;
    if (status < 0) {
        log_debug("node %s: connect failed: %s node=%s", u->node->name, uv_strerror(status),
                  u->node->name);
        evidence_note(u->node, "connect: %s", uv_strerror(status));
        u->node->has_address = u->node->has_address && u->node->resolved_at_ms == 0;
        upstream_fail(u, OUTCOME_BROKE);
        return;
    }
    (void)uv_tcp_nodelay(&u->tcp, 1);
    upstream_talk(u);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct upstream *u = request->data;
    struct proxy_node *n = u->node;

    if (u->state != UPSTREAM_CLOSING && status == 0 && found->ai_addrlen <= sizeof n->address) {
        memcpy(&n->address, found->ai_addr, found->ai_addrlen);
        n->has_address = true;
        n->resolved_at_ms = uv_now(u->proxy->loop);
    }
    uv_freeaddrinfo(found);
    if (u->state == UPSTREAM_CLOSING) {
        unref(u);
        return;
    }
    u->refs--;
    if (status < 0) {
        log_warn("node %s: its host name is not found: %s node=%s", n->name,
                 uv_strerror(status), n->name);
        evidence_note(n, "its host name is not found: %s", uv_strerror(status));
        upstream_fail(u, OUTCOME_BROKE);
        return;
    }
    upstream_connect(u);
}

void upstream_connect(struct upstream *u)
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
        upstream_fail(u, OUTCOME_BROKE);
    }
}
