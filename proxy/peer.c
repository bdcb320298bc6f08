/* peer - who is at the other end of a client's connection, and how many each of them has.
 *
 * An IPv6 network hands whole /64 prefixes to its customers, so a /64 counts as one address.
 * Members of a bucket are looked through one by one: with a limit on each address a bucket
 * holds about that many.
 *
 * SPDX-License-Identifier: MIT
 */
#include "peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

void peer_init(struct peer *peer, const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

    *peer = (struct peer){0};
    list_init(&peer->link);
    if (address->ss_family == AF_INET6) {
        peer->address = v6->sin6_addr;
    } else if (address->ss_family == AF_INET) {
        memset(peer->address.s6_addr + 10, 0xff, 2);
        memcpy(peer->address.s6_addr + 12, &v4->sin_addr, 4);
    }
}

bool peer_is_unix(const struct peer *peer)
{
    return IN6_IS_ADDR_UNSPECIFIED(&peer->address);
}

static bool is_v4(const struct peer *peer)
{
    return IN6_IS_ADDR_V4MAPPED(&peer->address);
}

bool peer_is_local(const struct peer *peer)
{
    return peer_is_unix(peer) || IN6_IS_ADDR_LOOPBACK(&peer->address) ||
           (is_v4(peer) && peer->address.s6_addr[12] == 127);
}

void peer_print(const struct peer *peer, char ret_text[PEER_TEXT_MAX])
{
    const uint8_t *bytes = peer->address.s6_addr;

    if (peer_is_unix(peer))
        (void)snprintf(ret_text, PEER_TEXT_MAX, "unix");
    else if (is_v4(peer))
        (void)inet_ntop(AF_INET, bytes + 12, ret_text, PEER_TEXT_MAX);
    else
        (void)inet_ntop(AF_INET6, bytes, ret_text, PEER_TEXT_MAX);
}

/* ---------------------------------------------------------------- counting */

/* Those with the same key are counted together. */
static uint64_t key_of(const struct peer *peer)
{
    uint64_t key;

    memcpy(&key, peer->address.s6_addr + (is_v4(peer) ? 8 : 0), sizeof key);
    return key;
}

static size_t bucket_of(uint64_t key)
{
    key *= UINT64_C(0x9e3779b97f4a7c15); /* 2^64 over the golden ratio: spreads neighbours */
    return (size_t)(key >> 56) % PEER_BUCKETS;
}

void peer_table_init(struct peer_table *table)
{
    for (size_t i = 0; i < PEER_BUCKETS; i++)
        list_init(&table->buckets[i]);
}

unsigned peer_count(const struct peer_table *table, const struct peer *peer)
{
    uint64_t key = key_of(peer);
    unsigned count = 0;

    LIST_FOREACH (it, &table->buckets[bucket_of(key)])
        count += key_of(LIST_ENTRY(it, struct peer, link)) == key;
    return count;
}

void peer_enter(struct peer_table *table, struct peer *peer)
{
    list_push_back(&table->buckets[bucket_of(key_of(peer))], &peer->link);
}

void peer_leave(struct peer *peer)
{
    list_remove(&peer->link);
}
