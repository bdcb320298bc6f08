/* route.h - from method and target to what the gateway does with a request.
 *
 * Pure. Paths are judged as they will be understood by the node: Node's URL parser resolves dot
 * segments, decodes %2e and turns backslashes around (FACTS 2), so a path that any of this
 * would change is refused, not repaired.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>

#include "slice.h"
#include "sse.h"

/* What was asked for, as metrics name it: a handful of words, whatever paths people try. */
#define ROUTE_ENDPOINT_MAP(X)                                                                  \
    X(OTHER, "other") /* what has no other word, or could not be read */                       \
    X(CHAT, "chat_completions")                                                                \
    X(MESSAGES, "messages")                                                                    \
    X(COUNT_TOKENS, "count_tokens")                                                            \
    X(RESPONSES, "responses")                                                                  \
    X(EMBEDDINGS, "embeddings")                                                                \
    X(MODELS, "models")                                                                        \
    X(HEALTH, "health")                                                                        \
    X(METRICS, "metrics")                                                                      \
    X(ADMIN, "admin")

enum route_endpoint {
#define X(name, word) ROUTE_ENDPOINT_##name,
    ROUTE_ENDPOINT_MAP(X)
#undef X
        ROUTE_ENDPOINT_COUNT
};

const char *route_endpoint_name(enum route_endpoint endpoint);

enum route_kind {
    ROUTE_NODE,         /* goes to a node */
    ROUTE_ROOT,         /* GET / */
    ROUTE_HEALTH,       /* GET /health */
    ROUTE_METRICS,      /* GET /metrics */
    ROUTE_JOURNAL,      /* GET /admin/journal */
    ROUTE_RESET_ACTIVE, /* POST /admin/reset-active-node */
    ROUTE_ADMIN,        /* /livez, /readyz, the rest of /admin/: see admin_path.h */
    ROUTE_OPTIONS,      /* OPTIONS of anything */
    ROUTE_BAD_METHOD,   /* 405 */
    ROUTE_NOT_FOUND,    /* 404 */
    ROUTE_BAD_TARGET,   /* 400 */
};

/* In whose words errors are told. */
enum route_dialect { ROUTE_OPENAI, ROUTE_ANTHROPIC };

struct route {
    enum route_kind kind;
    enum route_endpoint endpoint;
    enum route_dialect dialect;
    enum sse_dialect sse;
    bool is_bypass;     /* makes no upstream call (DESIGN D4) */
    bool is_billable;   /* takes from the quota when a user initiates it */
    bool is_free;       /* not billed, so a drained account still serves it */
    bool is_post;       /* ROUTE_ADMIN: else it is GET or HEAD */
    const char *prefix; /* put before `path` to make the node's target */
    struct slice path;  /* with the query; borrowed from the target */
    const char *allow;  /* methods for the Allow header of a 405 */
};

/* `target` is the request target as received: origin form, absolute form or `*`. */
struct route route_find(struct slice method, struct slice target);

/* The authority of an absolute-form target, empty for the others (RFC 9112 section 3.2.2). */
struct slice route_authority(struct slice target);

#endif
