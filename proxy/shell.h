/* shell.h - what the files of the proxy's shell share: struct proxy and its nodes.
 *
 * Arrows: proxy.c composes; listener.c -> client.c -> exchange.c -> upstream.c; driver.c is the
 * only one that talks to the engine, and calls exchange.c, upstream.c and poller.c to carry its
 * actions out. Everything runs on the loop's thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SHELL_H
#define SHELL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "bounds.h"
#include "config.h"
#include "core/tally.h"
#include "failover.h"
#include "fetch.h"
#include "history.h"
#include "journal.h"
#include "list.h"
#include "peer.h"
#include "proxy.h"
#include "quota.h"

struct access;
struct driver;
struct exchange;
struct listener;
struct memory;
struct upstream;

/* A node as the shell knows it. */
struct proxy_node {
    struct proxy *proxy;
    bool is_used;
    bool is_leaving; /* removed; its slot is used again when its last connection has closed */
    bool is_up;
    enum node_source source;
    char name[NODE_NAME_MAX + 1];
    char reason[REASON_MAX];   /* why its process is down, in words; "" = not known */
    char evidence[REASON_MAX]; /* what was last seen of its account, in words; "" = nothing */
    uint64_t evidence_ms;      /* when; on the loop's clock */
    bool is_evidence_logged;   /* the node's own log said it */
    char *token;               /* owned, or NULL */
    char host[256];
    uint16_t port;
    char authority[272]; /* host:port as it goes into Host and URLs */
    struct sockaddr_storage address;
    bool has_address;        /* host is an IP literal, or was resolved */
    uint64_t resolved_at_ms; /* 0 = a literal, good for ever */
    struct list idle;        /* struct upstream.link: kept connections */
    unsigned idle_count;
    struct list busy;   /* struct upstream.link: attempts under way */
    struct quota quota; /* last good answer of /usage */
    bool has_quota;
    uint64_t polled_ms;       /* when /usage was asked last, on the loop's clock; 0 = never */
    int64_t quota_wall_ms;    /* when it came; 0 = never */
    int64_t estimate_milli;   /* the engine's, as last seen */
    int64_t estimate_wall_ms; /* when that was new; 0 = never */
    int64_t since_wall_ms;    /* of the present state */
    int64_t check_wall_ms;    /* last answer to a poll or probe; 0 = never */
    int64_t healthy_wall_ms;  /* last success; 0 = never */
    struct fetch *probe;
};

struct proxy {
    uv_loop_t *loop;
    const struct config *config;
    const char *control_path; /* while it opens; NULL = none */
    struct proxy_host host;
    struct driver *driver;
    struct listener *listener;
    struct access *access; /* NULL = no access log */
    struct tally tally;    /* for /metrics */
    struct fetch_pool *fetches;
    struct fetch *poll; /* the one /usage under way, or NULL */
    uint16_t poll_serial;
    uint16_t poll_node;
    struct proxy_node nodes[NODES_MAX];
    unsigned node_count;       /* slots in use are below it */
    uint16_t order[NODES_MAX]; /* slots by index, removed ones left out */
    uint32_t ranks[NODES_MAX]; /* by slot, for the engine */
    unsigned order_count;
    struct exchange *exchanges[REQUESTS_MAX]; /* by the engine's request slot */
    uint16_t exchange_generation[REQUESTS_MAX];
    uint16_t free_exchange[REQUESTS_MAX]; /* stack of free slots */
    unsigned free_exchanges;
    struct upstream *attempts[ATTEMPTS_MAX]; /* by the engine's attempt slot */
    struct list clients;                     /* struct client.link */
    struct list turns; /* struct client.turn: requests sent ahead, one each a turn */
    uv_idle_t turn;    /* runs while turns is not empty */
    bool is_turn_open;
    unsigned client_count;
    unsigned control_count;  /* of them: on the control socket, beside connections_max */
    unsigned leaving_count;  /* of the others: nothing more will be asked */
    struct peer_table peers; /* struct client.peer, as far as it counts */
    unsigned upstream_count; /* open connections to nodes */
    uint64_t body_bytes;     /* request bodies in memory, against body_memory_max */
    struct journal journal;
    uint64_t watched_ms; /* when somebody last followed /admin/events; 0 = never */
    struct history history;
    struct memory *recalled; /* of the run before; NULL = nothing */
    uint32_t boot_id;        /* random: the first half of the request ids that we make */
    uint64_t request_count;  /* the second half */
    bool is_draining;
    bool is_closing;
    bool is_driver_open;
    bool are_fetches_closed;
    char read_buffer[READ_BUFFER_BYTES]; /* shared: what is read is used before the next read */
};

/* Milliseconds since 1970, for people. */
int64_t proxy_wall_ms(void);

/* Is the node one that people see, and does the engine know it already? */
bool proxy_knows_node(const struct proxy *p, unsigned slot);

/* Its place in the order; -1 for FAILOVER_NONE and for nodes that were removed. */
int proxy_index_of(const struct proxy *p, unsigned slot);

/* What is known of a node that goes is kept for when it returns. Out of memory: it is not. */
void proxy_memory_keep(struct proxy *p, unsigned slot);

/* Called when a part of the proxy has closed; ends the proxy when it was the last. */
void proxy_part_closed(struct proxy *p);

#endif
