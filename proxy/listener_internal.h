/* listener_internal.h - what listener*.c share; nobody else includes it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LISTENER_INTERNAL_H
#define LISTENER_INTERNAL_H

#include "listen_socket.h"
#include "listener.h"

#define ENTRANCE_MAGIC 0x656eu

/* One listening socket in the loop. */
struct entrance {
    unsigned magic;
    struct listener *listener;
    bool is_control; /* for the owner, who has room of his own */
    bool is_full;    /* not polled until one of its connections closes */
    struct listen_socket socket;
    uv_poll_t poll;
};

struct listener {
    struct proxy *proxy;
    struct entrance entrances[LISTENERS_MAX + 1]; /* and the control socket */
    unsigned count;
    uv_timer_t retry; /* runs after accept(2) has failed */
    unsigned handles;
    unsigned room;       /* connections at once */
    unsigned refused;    /* for their address, since that was told */
    uint64_t refused_ms; /* when it was told; 0 = never */
    uint64_t starved_ms; /* likewise of accept(2) */
    bool is_draining;
    bool is_closing;
};

/* Polls all sockets that are open. */
void listener_start(struct listener *l);

#endif
