/* listen_socket.h - one listening socket: made from settings or taken over, and its end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LISTEN_SOCKET_H
#define LISTEN_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "config.h"
#include "error.h"

struct proxy_address;

struct listen_socket {
    int fd; /* -1 = closed */
    bool is_inherited;
    bool is_unix;
    bool has_file; /* we have made the socket's file, and shall remove it */
    dev_t device;  /* of that file */
    ino_t inode;
    char path[LISTEN_PATH_MAX + 1];
};

/* Binds and listens; `where` is an address or a path. A file that a dead process has left at
 * the path is replaced. Errors of socket(2), bind(2) and listen(2), with a sentence that tells
 * what to do; -EADDRINUSE also for a path at which somebody listens. */
int listen_socket_open(const struct config_listen *where, struct listen_socket *ret_socket,
                       struct error *ret_error) MUST_CHECK;

/* A listening socket that somebody else has made, and will use again. Takes the descriptor. */
void listen_socket_adopt(int fd, struct listen_socket *ret_socket);

/* From now on clients are refused, or wait for a successor; who is in the queue can still be
 * accepted. Not for one that was adopted: its queue is the successor's. */
void listen_socket_stop(struct listen_socket *s);

/* Harmless when it is closed. Whoever is still in the queue of a socket of our own is cut. */
void listen_socket_close(struct listen_socket *s);

/* Where clients find it. */
void listen_socket_address(const struct listen_socket *s, struct proxy_address *ret_address);

#endif
