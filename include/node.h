/* node.h - the words that everybody uses for a node.
 *
 * Freestanding. A node is one copilot-api server and so one GitHub account. Its state is what
 * /health shows and what decides whether requests go there (DESIGN 4).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef NODE_H
#define NODE_H

#include <stdint.h>

/* Name in /health, logs and scenario files is the word itself. */
#define NODE_STATE_MAP(X)                                                                      \
    X(STARTING)      /* its process is on its way up, or its first /usage is being asked */    \
    X(LOGIN)         /* its process waits for a human with a device code, or for its turn */   \
    X(READY)         /* may serve */                                                           \
    X(DRAINED)       /* quota gone; zero-multiplier models only */                             \
    X(RATE_LIMITED)  /* throttled until a known moment */                                      \
    X(INVALID_TOKEN) /* its account refuses us; not asked again until it logs in or restarts   \
                      */                                                                       \
    X(OFFLINE)       /* not reachable, or its process is down */

enum node_state {
#define X(name) NODE_##name,
    NODE_STATE_MAP(X)
#undef X
        NODE_STATE_COUNT
};

const char *node_state_name(enum node_state state);

/* Where a node comes from: `source` in /health. */
enum node_source {
    NODE_SPAWNED,  /* our own child process */
    NODE_EXTERNAL, /* `url =`, COPILOT_NODES: only proxied */
    NODE_DOCKER,   /* a labelled container */
    NODE_SOURCE_COUNT
};

const char *node_source_name(enum node_source source);

/* A node's place in every table. `generation` tells a reused slot from its former owner. */
struct node_id {
    uint16_t slot;
    uint16_t generation;
};

#endif
