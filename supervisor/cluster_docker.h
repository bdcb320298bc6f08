/* cluster_docker.h - nodes that are containers: from what the engine says to nodes of the
 * proxy.
 *
 * Only cluster*.c include it. The slots of these nodes come from the upper end of the table,
 * those of the settings from its lower one, so that neither asks the other.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_DOCKER_H
#define CLUSTER_DOCKER_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "bounds.h"
#include "fetch.h"
#include "proxy.h"
#include "supervisor/core/evidence.h"
#include "supervisor/core/prompt.h"
#include "supervisor/docker.h"
#include "supervisor/docker_log.h"

struct cluster;
struct cluster_docker;

enum docker_phase {
    DOCKER_PHASE_DOWN,     /* no process that could answer, or no address */
    DOCKER_PHASE_STARTING, /* asked until it answers */
    DOCKER_PHASE_LOGIN,    /* the same, but a human is needed */
    DOCKER_PHASE_UP,       /* the proxy's affair now */
};

struct docker_node {
    struct cluster_docker *owner; /* NULL = unused */
    unsigned slot;
    char name[NODE_NAME_MAX + 1];
    struct docker_container row; /* as listed last */
    bool is_listed;
    bool is_leaving;
    uint64_t leave_ms; /* when what still runs there is cut */
    enum docker_phase phase;
    uint64_t phase_ms; /* since when */
    bool is_silence_told;
    char host[DOCKER_URL_MAX];
    uint16_t port;
    char down[REASON_MAX]; /* as told to the proxy; "" = nothing */
    struct fetch *probe;
    uint64_t probe_ms; /* the next one is due */
    struct docker_log *log;
    struct prompt prompt;
    struct evidence evidence;
    bool has_code; /* one waits to be used */
    bool is_code_shown;
    bool is_code_expired;
    int64_t code_expires_ms; /* wall clock */
    struct fetch *restart;
};

struct cluster_docker {
    struct cluster *cluster;
    struct docker *docker;
    uv_timer_t tick; /* runs while somebody starts, logs in or leaves */
    struct docker_node nodes[NODES_MAX];
    unsigned order[NODES_MAX]; /* places in `nodes`, listed ones by index */
    unsigned order_count;
    bool is_crowd_told; /* more containers than slots */
    bool is_closing;
};

/* Begins to look when the settings want it. -ENOMEM. */
int cluster_docker_open(struct cluster *c) MUST_CHECK;

/* Ends all calls; the handles close. Before the pool of fetches. */
void cluster_docker_close(struct cluster *c, void (*on_closed)(void *data));

/* Tells the proxy the order of all nodes: those of the settings, then the containers. */
void cluster_docker_order(const struct cluster *c);

/* The settings have moved to another place in memory. */
void cluster_docker_reconfigure(struct cluster *c);

/* The i-th code that waits; the fact about a container. For proxy_host. */
bool cluster_docker_login(const struct cluster *c, unsigned i,
                          struct proxy_login_view *ret_view);
bool cluster_docker_process(const struct cluster *c, unsigned slot,
                            struct proxy_process_view *ret_view);

/* ---- cluster_docker_node.c */
/* Compares it with its row of the list, and begins what follows from that. */
void cluster_docker_look_at(struct docker_node *n);
void cluster_docker_go_down(struct docker_node *n, enum proxy_down kind, const char *reason);
/* Each tick while it is to answer. */
void cluster_docker_await(struct docker_node *n, uint64_t now_ms);
void cluster_docker_cancel_probe(struct docker_node *n);

/* ---- between cluster_docker*.c */
void cluster_docker_phase(struct docker_node *n, enum docker_phase phase);
void cluster_docker_wake(struct cluster_docker *cd);
void cluster_docker_follow(struct docker_node *n);    /* its log */
void cluster_docker_look_code(struct docker_node *n); /* each tick */
void cluster_docker_forget(struct docker_node *n);    /* log and code */

#endif
