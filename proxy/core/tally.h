/* tally.h - counts for /metrics, from the start of the program on.
 *
 * Pure. Plain arrays, so that counting is an addition and nothing that peers send can make them
 * grow: endpoints are words of the route, a status that is not in the table counts as its
 * class. A node's counts stay with its slot until the next node gets it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdint.h>

#include "bounds.h"
#include "failover.h"
#include "histogram.h"
#include "route.h"

#define TALLY_NO_NODE      NODES_MAX /* what was answered without asking a node */
#define TALLY_STATUS_COUNT 32
#define TALLY_NEVER        UINT64_MAX

/* How a request ended, as its client saw it. */
#define TALLY_END_MAP(X)                                                                       \
    X(COMPLETE, "complete") /* it was answered, be it with a refusal */                        \
    X(CUT, "cut")           /* its answer broke off */                                         \
    X(LEFT, "left")         /* the client went away first */

enum tally_end {
#define X(name, word) TALLY_END_##name,
    TALLY_END_MAP(X)
#undef X
        TALLY_END_COUNT
};

const char *tally_end_name(enum tally_end end);

/* What one node did, or what was answered without any. */
struct tally_node {
    uint64_t requests[ROUTE_ENDPOINT_COUNT][TALLY_STATUS_COUNT][TALLY_END_COUNT];
    struct histogram first_byte[ROUTE_ENDPOINT_COUNT];
    struct histogram duration[ROUTE_ENDPOINT_COUNT];
    uint64_t response_bytes[ROUTE_ENDPOINT_COUNT];
    uint64_t attempts;
    uint64_t outcomes[FAILOVER_OUTCOME_COUNT];
};

/* All zero is an empty one. */
struct tally {
    struct tally_node nodes[NODES_MAX + 1]; /* TALLY_NO_NODE is the last */
    uint64_t request_bytes[ROUTE_ENDPOINT_COUNT];
    uint64_t switches[FAILOVER_CAUSE_COUNT];
};

/* A request that has ended. */
struct tally_request {
    unsigned node; /* of its last attempt, or TALLY_NO_NODE */
    enum route_endpoint endpoint;
    unsigned status;
    enum tally_end end;
    uint64_t first_ms; /* until the answer began; TALLY_NEVER */
    uint64_t total_ms;
    uint64_t bytes; /* of the answer's body */
};

/* Times count when a node was asked and the answer is complete: clients that left, and answers
 * of our own, say nothing about the nodes. */
void tally_request(struct tally *t, const struct tally_request *request);

/* "200", or "4xx" for what is not in the table of statuses. */
const char *tally_status_name(unsigned index);

#endif
