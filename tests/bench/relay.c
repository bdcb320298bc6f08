/* relay - the floor: carries bytes both ways and understands none of them.
 *
 *   relay PORT BACKEND_PORT
 *
 * What any proxy on this kernel has to pay: wait, read, write, for the request and for the
 * answer. One connection to the backend for each client's, made when the client comes. Raw
 * epoll, level-triggered, one thread, one buffer for all. What a socket does not take is kept,
 * and the other side is not read until it is gone.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

#define EVENTS_MAX 256
#define READ_BYTES (64 * 1024)

/* One socket of a pair. */
struct side {
    struct side *other;
    int fd;
    bool has_ended;    /* its peer sends no more */
    bool is_closed;    /* freed after the turn: later events may name it */
    struct side *next; /* in the list of those */
    char *kept;        /* what this socket has not taken yet */
    size_t kept_len;
    uint32_t events; /* what it is watched for */
};

static int epoll;
static struct side *closed;

static void watch(struct side *s)
{
    uint32_t events = 0;

    if (!s->has_ended && s->other->kept_len == 0)
        events |= EPOLLIN;
    if (s->kept_len > 0)
        events |= EPOLLOUT;
    if (events != s->events)
        net_watch(epoll, s->fd, events, s, false);
    s->events = events;
}

static void close_side(struct side *s)
{
    (void)close(s->fd);
    free(s->kept);
    s->is_closed = true;
    s->next = closed;
    closed = s;
}

static void close_pair(struct side *s)
{
    close_side(s->other);
    close_side(s);
}

static void free_closed(void)
{
    while (closed != NULL) {
        struct side *s = closed;
        closed = s->next;
        free(s);
    }
}

static void keep(struct side *s, const char *at, size_t len)
{
    s->kept = net_alloc(len, 1);
    memcpy(s->kept, at, len);
    s->kept_len = len;
    watch(s);
    watch(s->other);
}

static void on_readable(struct side *s)
{
    static char bytes[READ_BYTES];

    ssize_t n = net_read(s->fd, bytes, sizeof bytes);
    if (n < 0)
        return;
    if (n == 0) {
        s->has_ended = true;
        (void)shutdown(s->other->fd, SHUT_WR);
        if (s->other->has_ended)
            close_pair(s);
        else
            watch(s);
        return;
    }
    ssize_t done = net_write(s->other->fd, bytes, (size_t)n);
    if (done < 0)
        close_pair(s);
    else if (done < n)
        keep(s->other, bytes + done, (size_t)(n - done));
}

static void on_writable(struct side *s)
{
    ssize_t done = net_write(s->fd, s->kept, s->kept_len);
    if (done < 0) {
        close_pair(s);
        return;
    }
    s->kept_len -= (size_t)done;
    if (s->kept_len > 0) {
        memmove(s->kept, s->kept + done, s->kept_len);
        return;
    }
    free(s->kept);
    s->kept = NULL;
    watch(s);
    watch(s->other);
}

static void on_event(struct side *s, uint32_t events)
{
    if (s->is_closed)
        return;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0)
        close_pair(s);
    else if (s->kept_len > 0 && (events & EPOLLOUT) != 0)
        on_writable(s);
    else if ((events & EPOLLIN) != 0)
        on_readable(s);
}

static struct side *new_side(int fd)
{
    struct side *s = net_alloc(1, sizeof *s);

    s->fd = fd;
    s->events = EPOLLIN;
    return s;
}

static void accept_all(int listening, uint16_t backend_port)
{
    int fd;

    while ((fd = net_accept(listening)) >= 0) {
        struct side *client = new_side(fd);
        struct side *node = new_side(net_connect(backend_port));
        client->other = node;
        node->other = client;
        net_watch(epoll, client->fd, EPOLLIN, client, true);
        net_watch(epoll, node->fd, EPOLLIN, node, true);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];

    if (argc != 3)
        net_die("usage: relay PORT BACKEND_PORT");
    uint16_t backend_port = (uint16_t)net_number("BACKEND_PORT", argv[2], UINT16_MAX);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listening = net_listen((uint16_t)net_number("PORT", argv[1], UINT16_MAX));
    net_watch(epoll, listening, EPOLLIN, NULL, true);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listening, backend_port);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        free_closed();
    }
}
