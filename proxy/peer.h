/* peer.h - who is at the other end of a client's connection, and how many each of them has.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PEER_H
#define PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "list.h"

#define PEER_BUCKETS  256
#define PEER_TEXT_MAX INET6_ADDRSTRLEN

struct peer {
    struct list link;        /* in a bucket of struct peer_table while it is counted */
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d; all zero on a unix socket */
};

/* Connections by address. Owns nothing. */
struct peer_table {
    struct list buckets[PEER_BUCKETS];
};

/* From accept4(2) or getpeername(2). It is not counted yet. */
void peer_init(struct peer *peer, const struct sockaddr_storage *address);

bool peer_is_unix(const struct peer *peer);

/* On this machine: a loopback address or a unix socket. */
bool peer_is_local(const struct peer *peer);

/* "192.0.2.7", "2001:db8::1", or "unix". */
void peer_print(const struct peer *peer, char ret_text[PEER_TEXT_MAX]);

void peer_table_init(struct peer_table *table);

/* How many there are from where this one comes from. The time it takes grows with that. */
unsigned peer_count(const struct peer_table *table, const struct peer *peer);

/* Counts it until peer_leave(), which is harmless for one that was not counted. */
void peer_enter(struct peer_table *table, struct peer *peer);
void peer_leave(struct peer *peer);

#endif
