/* client_open - how a connection from a client begins: served, or shown out.
 *
 * Its memory is there before it is accepted, so that nobody is accepted only to be dropped.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client_internal.h"

#include <unistd.h>

#include "mem.h"

struct client *client_new(struct proxy *p, bool is_control)
{
    struct client *c = mem_alloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->magic = CLIENT_MAGIC;
    c->proxy = p;
    c->is_control = is_control;
    list_init(&c->turn);
    list_init(&c->peer.link);
    return c;
}

void client_discard(struct client *c)
{
    mem_free(c);
}

/* False when that failed: it is closing then. */
static bool start(struct client *c, int fd, const struct peer *peer)
{
    struct proxy *p = c->proxy;
    bool is_unix = peer_is_unix(peer);

    (void)(is_unix ? uv_pipe_init(p->loop, &c->socket.pipe, 0)
                   : uv_tcp_init(p->loop, &c->socket.tcp)); /* these always succeed */
    (void)uv_timer_init(p->loop, &c->timer);
    c->socket.handle.data = c;
    c->timer.data = c;
    c->handles = 2;
    c->peer.address = peer->address;
    p->client_count++;
    p->control_count += c->is_control;
    list_push_back(&p->clients, &c->link);
    int r = is_unix ? uv_pipe_open(&c->socket.pipe, fd) : uv_tcp_open(&c->socket.tcp, fd);
    if (r < 0) {
        (void)close(fd);
        client_close(c);
    }
    return r == 0;
}

void client_open(struct client *c, int fd, const struct peer *peer)
{
    struct proxy *p = c->proxy;

    if (!start(c, fd, peer))
        return;
    if (!peer_is_local(peer)) /* Docker's proxy makes everybody look like one local client */
        peer_enter(&p->peers, &c->peer);
    c->phase = CLIENT_IDLE;
    c->is_new = true;
    client_set_timer(c, p->is_draining ? FIRST_REQUEST_MS : p->config->gateway.head_timeout_ms);
    client_read(c);
}

void client_show_out(struct client *c, int fd, const struct peer *peer)
{
    if (!start(c, fd, peer))
        return;
    client_leave(c);
    client_access_begin(c);
    client_answer_error(c, ROUTE_OPENAI, 503,
                        "Your address has all the connections that it may have "
                        "([gateway] connections_per_address_max).",
                        NULL, 1);
}
