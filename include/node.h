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

/* What a line of a node's log proves about its account (DESIGN D9): /usage answers 500 for a
 * dead token, a rate limit and a hiccup alike. */
#define NODE_EVIDENCE_MAP(X)                                                                   \
    X(CREDENTIALS, "credentials")   /* its start: GitHub refuses the stored login */           \
    X(NO_COPILOT, "no-copilot")     /* its start: no Copilot token for this account */         \
    X(REFRESH, "refresh")           /* its Copilot token was not refreshed: it dies */         \
    X(USAGE_TOKEN, "usage-401")     /* /usage: GitHub said 401 */                              \
    X(USAGE_FORBIDDEN, "usage-403") /* /usage: GitHub said 403 */                              \
    X(USAGE_RATE, "usage-429")      /* /usage: GitHub said 429 */                              \
    X(USAGE_SERVER, "usage-5xx")    /* /usage: GitHub said something else */                   \
    X(NETWORK, "network")           /* it could not reach GitHub */                            \
    X(PORT, "port")                 /* its start: the port is taken */

enum node_evidence {
#define X(name, word) NODE_EVIDENCE_##name,
    NODE_EVIDENCE_MAP(X)
#undef X
        NODE_EVIDENCE_COUNT
};

const char *node_evidence_name(enum node_evidence evidence);

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
