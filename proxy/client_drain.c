/* client_drain - the connections while the gateway takes nobody new and ends.
 *
 * An answer that begins now says `Connection: close`. A connection that waits for a request is
 * closed, unless one has arrived, though nobody has read it yet; or it is so new that its first
 * one is on the way; or an answer has promised that it stays and the next request came behind.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client_internal.h"
#include "watch.h"

#include <sys/socket.h>

/* 1: something of a request has arrived; 0: FIN; -1: nothing. */
static int peek(const struct client *c)
{
    uv_os_fd_t fd;
    char byte;

    if (uv_fileno(&c->socket.handle, &fd) < 0)
        return 0;
    return (int)recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

void client_drain_idle(struct client *c)
{
    int input = peek(c);
    bool is_awaited = input > 0 || (input < 0 && c->is_new);

    c->has_promised = false; /* that answer is over */
    if (c->is_cutting)
        return;
    if (c->ahead.len > 0)
        client_wait_for_turn(c);
    else if (!is_awaited)
        client_cut(c);
    else if (client_pending(c) == 0)
        client_set_timer(c, FIRST_REQUEST_MS);
}

void client_drain_all(struct proxy *p)
{
    LIST_FOREACH_SAFE (it, &p->clients) {
        struct client *c = LIST_ENTRY(it, struct client, link);
        if (c->phase == CLIENT_IDLE)
            client_drain_idle(c);
        else if (c->phase == CLIENT_BUSY && c->watch != NULL)
            watch_feed(c); /* it ends there */
        else if (c->phase == CLIENT_BUSY && c->exchange != NULL)
            c->has_promised = c->exchange->phase == EXCHANGE_STARTED;
    }
}

unsigned client_count_busy(const struct proxy *p)
{
    unsigned busy = 0;

    LIST_FOREACH (it, &p->clients) {
        const struct client *c = LIST_ENTRY(it, struct client, link);
        /* In a drain those that are idle are only left open because a request comes. */
        bool is_asking = c->phase == CLIENT_HEAD || c->phase == CLIENT_BODY ||
                         (c->phase == CLIENT_IDLE && p->is_draining);
        busy += c->phase == CLIENT_BUSY || is_asking || client_pending(c) > 0;
    }
    return busy;
}
