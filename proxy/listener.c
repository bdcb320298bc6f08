/* listener - where clients come in: all listening sockets, and how many may enter.
 *
 * Sockets are polled and accepted from here. libuv's own way has two faults for this purpose:
 * when descriptors run out it accepts connections only to close them, and any other error of
 * accept(2) it repeats without end. Here nobody is dropped:
 *
 * - At connections_max all sockets are left alone until a connection closes. Whoever comes
 *   waits in the kernel's queue.
 * - When accept(2) fails, for want of descriptors or memory, they are left alone for RETRY_MS.
 * - A client that has connections_per_address_max of them is let in, told so with a 503, and
 *   shown out.
 *
 * How they are opened is in listener_open.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "listener_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "log.h"
#include "mem.h"

#define RETRY_MS            100 /* after a failed accept(2): ten tries a second cost nothing */
#define COMPLAINT_MS        60000 /* the same trouble is told once in this time */
#define CONTROL_CLIENTS_MAX 16    /* beside connections_max */
#define ACCEPTS_A_TURN      64    /* then those who are in get their turn */

static void on_ready(uv_poll_t *poll, int status, int events);
static void let_in(struct entrance *e);

/* ---------------------------------------------------------------- pause and resume */

static bool is_open(const struct entrance *e)
{
    return e->socket.fd >= 0;
}

/* The owner has room of his own: somebody must be able to see why it is full. */
static bool has_room(const struct entrance *e)
{
    const struct listener *l = e->listener;
    const struct proxy *p = l->proxy;
    unsigned leaving = p->leaving_count < LEAVING_MAX ? p->leaving_count : LEAVING_MAX;

    return e->is_control ? p->control_count < CONTROL_CLIENTS_MAX
                         : p->client_count - p->control_count - leaving < l->room;
}

static bool is_starved(const struct listener *l)
{
    return uv_is_active((const uv_handle_t *)&l->retry);
}

static void start(struct entrance *e)
{
    if (!is_open(e) || e->is_full)
        return;
    (void)uv_poll_start(&e->poll, UV_READABLE, on_ready);
    if (e->listener->is_draining)
        let_in(e); /* an empty queue, which ends the drain, wakes nobody up */
}

void listener_start(struct listener *l)
{
    for (unsigned i = 0; i < l->count; i++)
        start(&l->entrances[i]);
}

static void on_retry(uv_timer_t *timer)
{
    listener_start(timer->data);
}

/* True when this trouble was not told in the last minute. */
static bool is_news(const struct listener *l, uint64_t *told_ms)
{
    uint64_t now_ms = uv_now(l->proxy->loop);

    if (*told_ms != 0 && now_ms - *told_ms < COMPLAINT_MS)
        return false;
    *told_ms = now_ms;
    return true;
}

static void starve(struct listener *l, int r)
{
    if (is_news(l, &l->starved_ms))
        log_warn("connections cannot be accepted now, they wait: %s clients=%u", strerror(-r),
                 l->proxy->client_count);
    (void)uv_timer_start(&l->retry, on_retry, RETRY_MS, 0);
    for (unsigned i = 0; i < l->count; i++) {
        if (is_open(&l->entrances[i]))
            (void)uv_poll_stop(&l->entrances[i].poll);
    }
}

void listener_resume(struct listener *l)
{
    for (unsigned i = 0; l != NULL && !l->is_closing && i < l->count; i++) {
        struct entrance *e = &l->entrances[i];
        if (!e->is_full || !has_room(e))
            continue;
        e->is_full = false;
        if (!is_starved(l))
            start(e);
    }
}

/* ---------------------------------------------------------------- letting in */

static void close_entrance(struct entrance *e);

static bool is_welcome(struct listener *l, const struct peer *peer)
{
    struct proxy *p = l->proxy;
    int64_t most = p->config->gateway.connections_per_address_max;
    char address[PEER_TEXT_MAX];

    if (most == 0 || peer_count(&p->peers, peer) < (unsigned)most)
        return true;
    l->refused++;
    if (is_news(l, &l->refused_ms)) {
        peer_print(peer, address);
        log_warn("an address has all the connections that connections_per_address_max gives "
                 "it, more are refused address=%s refused=%u",
                 address, l->refused);
        l->refused = 0;
    }
    return false;
}

/* A connection that was reset while it waited, or of which the kernel has a network error to
 * tell (accept(2)): nothing to do about it, the next one may be well. */
static bool is_of_the_connection(int error)
{
    static const int errors[] = {ECONNABORTED, EINTR,       EPERM,      ENETDOWN,
                                 EPROTO,       ENOPROTOOPT, EHOSTDOWN,  ENONET,
                                 EHOSTUNREACH, EOPNOTSUPP,  ENETUNREACH};

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i] == error)
            return true;
    }
    return false;
}

/* -EAGAIN when nobody waits. The memory comes first: whoever was accepted is served. */
static int let_one_in(struct entrance *e)
{
    struct listener *l = e->listener;
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    struct peer peer;

    struct client *c = client_new(l->proxy, e->is_control);
    if (c == NULL)
        return -ENOMEM;
    int fd =
        accept4(e->socket.fd, (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        int error = errno;
        client_discard(c);
        return is_of_the_connection(error) ? 0 : -error;
    }
    peer_init(&peer, &address);
    if (is_welcome(l, &peer)) {
        client_open(c, fd, &peer);
    } else if (l->proxy->leaving_count < LEAVING_MAX) {
        client_show_out(c, fd, &peer);
    } else {
        (void)close(fd); /* a flood: without a word */
        client_discard(c);
    }
    return 0;
}

static void let_in(struct entrance *e)
{
    struct listener *l = e->listener;
    /* A drain does not come back for the rest; the queue is no longer than this. */
    unsigned most = l->is_draining ? LISTEN_BACKLOG + 1 : ACCEPTS_A_TURN;

    for (unsigned i = 0; i < most && has_room(e); i++) {
        int r = let_one_in(e);
        if (r == -EAGAIN) {
            if (l->is_draining)
                close_entrance(e);
            return;
        }
        if (r < 0) {
            starve(l, r);
            return;
        }
    }
    if (!has_room(e)) {
        e->is_full = true; /* the others find out when somebody wants to come in there */
        (void)uv_poll_stop(&e->poll);
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct entrance *e = poll->data;

    assert(e->magic == ENTRANCE_MAGIC);
    (void)events;
    if (status < 0)
        starve(e->listener, status);
    else
        let_in(e);
}

/* ---------------------------------------------------------------- the end */

static void on_handle_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;

    if (--l->handles == 0)
        proxy_part_closed(l->proxy);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct entrance *e = handle->data;

    assert(e->magic == ENTRANCE_MAGIC);
    handle->data = e->listener;
    on_handle_closed(handle);
}

static void close_entrance(struct entrance *e)
{
    if (!is_open(e))
        return;
    uv_close((uv_handle_t *)&e->poll, on_poll_closed); /* it lets go of the descriptor now */
    listen_socket_close(&e->socket);
}

void listener_drain(struct listener *l)
{
    l->is_draining = true;
    for (unsigned i = 0; i < l->count; i++) {
        struct entrance *e = &l->entrances[i];
        if (!is_open(e))
            continue;
        if (e->socket.is_inherited) {
            close_entrance(e);
            continue;
        }
        listen_socket_stop(&e->socket);
        if (!is_starved(l))
            let_in(e);
    }
}

unsigned listener_count_draining(const struct listener *l)
{
    unsigned count = 0;

    for (unsigned i = 0; l->is_draining && i < l->count; i++)
        count += is_open(&l->entrances[i]);
    return count;
}

void listener_close(struct listener *l)
{
    if (l == NULL || l->is_closing)
        return;
    l->is_closing = true;
    for (unsigned i = 0; i < l->count; i++)
        close_entrance(&l->entrances[i]);
    uv_close((uv_handle_t *)&l->retry, on_handle_closed);
}

bool listener_is_closed(const struct listener *l)
{
    return l == NULL || l->handles == 0;
}

void listener_free(struct listener *l)
{
    mem_free(l);
}

bool listener_address(const struct listener *l, unsigned i, struct proxy_address *ret_address)
{
    if (i >= l->count || !is_open(&l->entrances[i]) || l->entrances[i].is_control)
        return false;
    listen_socket_address(&l->entrances[i].socket, ret_address);
    return true;
}
