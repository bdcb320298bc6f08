/* listener - the listening socket.
 *
 * At connections_max it stops accepting: what comes waits in the kernel's backlog, nobody is
 * dropped. When accept fails for want of descriptors or memory it pauses for a moment instead
 * of spinning.
 *
 * SPDX-License-Identifier: MIT
 */
#include "listener.h"

#include <errno.h>
#include <stdio.h>

#include "client.h"
#include "log.h"
#include "mem.h"

#define BACKLOG  511
#define PAUSE_MS 100

struct listener {
    struct proxy *proxy;
    uv_tcp_t tcp;
    uv_timer_t pause;
    unsigned waiting; /* on_connection calls whose accept is owed */
    unsigned handles;
    bool is_closing;
};

static void accept_one(struct listener *l);

static void on_pause_over(uv_timer_t *timer)
{
    listener_resume(timer->data);
}

static bool has_room(const struct listener *l)
{
    return l->proxy->client_count < (unsigned)l->proxy->config->gateway.connections_max;
}

static void accept_one(struct listener *l)
{
    /* libuv holds one accepted descriptor back until uv_accept() is called for it, and stops
     * accepting meanwhile: that is how pausing works. */
    if (!has_room(l))
        return;
    int r = client_accept(l->proxy, (uv_stream_t *)&l->tcp);
    if (r == UV_EAGAIN) {
        l->waiting = 0;
        return;
    }
    l->waiting--;
    if (r < 0) {
        log_warn("a connection could not be accepted: %s", uv_strerror(r));
        (void)uv_timer_start(&l->pause, on_pause_over, PAUSE_MS, 0);
    }
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;

    if (status < 0) {
        log_warn("connections cannot be accepted: %s", uv_strerror(status));
        return;
    }
    l->waiting++;
    accept_one(l);
}

void listener_resume(struct listener *l)
{
    if (l == NULL || l->is_closing)
        return;
    while (l->waiting > 0 && has_room(l) && !uv_is_active((uv_handle_t *)&l->pause))
        accept_one(l);
}

static int fill_address(const struct config_listen *where, struct sockaddr_storage *ret_address)
{
    int r = uv_ip4_addr(where->host, where->port, (struct sockaddr_in *)(void *)ret_address);

    if (r < 0)
        r = uv_ip6_addr(where->host, where->port, (struct sockaddr_in6 *)(void *)ret_address);
    return r;
}

static void explain(const struct config_listen *where, int r, struct error *ret_error)
{
    if (r == -EADDRINUSE)
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "port %u on %s is taken by another program: see which with "
                       "'ss -ltnp sport = :%u', or choose another with [gateway] listen or "
                       "GATEWAY_PORT",
                       where->port, where->host, where->port);
    else if (r == -EACCES)
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "port %u on %s needs more rights: take one above 1023, or give the "
                       "capability CAP_NET_BIND_SERVICE",
                       where->port, where->host);
    else
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "cannot listen on %s port %u: %s", where->host, where->port,
                       uv_strerror(r));
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;

    if (--l->handles == 0)
        proxy_part_closed(l->proxy);
}

int listener_open(struct proxy *p, const struct config_listen *where,
                  struct listener **ret_listener, struct error *ret_error)
{
    struct sockaddr_storage address = {0};

    struct listener *l = mem_alloc(1, sizeof *l);
    if (l == NULL)
        return -ENOMEM;
    l->proxy = p;
    (void)uv_tcp_init(p->loop, &l->tcp);
    (void)uv_timer_init(p->loop, &l->pause);
    l->tcp.data = l;
    l->pause.data = l;
    l->handles = 2;
    *ret_listener = l; /* has handles now: freed when they have closed, on failure too */
    int r = fill_address(where, &address);
    if (r == 0)
        r = uv_tcp_bind(&l->tcp, (struct sockaddr *)&address, 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
    if (r < 0)
        explain(where, r, ret_error);
    return r;
}

uint16_t listener_port(const struct listener *l)
{
    struct sockaddr_storage address = {0};
    int len = sizeof address;

    if (uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&address, &len) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET
                     ? ((struct sockaddr_in *)(void *)&address)->sin_port
                     : ((struct sockaddr_in6 *)(void *)&address)->sin6_port);
}

void listener_close(struct listener *l)
{
    if (l == NULL || l->is_closing)
        return;
    l->is_closing = true;
    uv_close((uv_handle_t *)&l->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&l->pause, on_handle_closed);
}

bool listener_is_closed(const struct listener *l)
{
    return l == NULL || l->handles == 0;
}

void listener_free(struct listener *l)
{
    mem_free(l);
}
