/* search.h - what the files of the engine's exhaustive search share.
 *
 * Arrows: model_failover.c (the search) -> search_check.c (one event and its properties) ->
 * search_world.c (states: keys, the set of those seen, the queue).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEARCH_H
#define SEARCH_H

#include <stddef.h>

#include "failover.h"

#define NODES    NODES_MAX
#define REQUESTS REQUESTS_MAX
#define ATTEMPTS ATTEMPTS_MAX

struct shadow_request {
    bool is_live;
    bool is_started;
    bool is_fin; /* its client may have left */
    uint8_t attempts;
    uint8_t tried; /* bit a node; cleared when a new process comes up */
};

struct shadow_attempt {
    bool is_used;
    bool is_working; /* its process lives, so the account is at work */
    uint8_t node;
    uint8_t request; /* REQUESTS = orphan */
};

struct shadow_node {
    uint8_t refusals;  /* 403 in a row */
    uint64_t left_at;  /* the baton left it; 0 = not */
    uint64_t token_at; /* it refused a token; 0 = not */
};

struct world {
    struct failover engine;
    struct shadow_node nodes[NODES];
    struct shadow_request requests[REQUESTS];
    struct shadow_attempt attempts[ATTEMPTS];
    uint64_t now;
    uint8_t budget;
    uint16_t depth;
};

struct search {
    const char *name;
    unsigned nodes;
    unsigned requests;
    unsigned budget;
    struct failover_policy policy;
    bool is_warm;      /* starts with all nodes READY; else with all of them down */
    bool has_external; /* node 0 is external */
    bool has_free;     /* requests for zero-multiplier models and bypass requests, too */
    bool has_removal;  /* nodes are removed and added again */
};

/* The search under way, the events it has checked, the actions of the last step. */
extern const struct search *search_current;
extern uint64_t search_events;
extern struct failover_actions search_actions;

/* Says what is wrong in which state, and ends the program. */
void search_fail(const struct world *w, const struct failover_event *ev, const char *format,
                 ...) __attribute__((noreturn, format(printf, 3, 4)));

/* Steps the engine with one event and checks P1 to P8, P11, D4 and D6 on what it does. */
void search_apply(struct world *w, const struct failover_event *ev);

/* A state as the rules see it: times relative to now, nothing that no rule reads. */
struct key {
    unsigned char bytes[1024];
    size_t len;
};

void search_make_key(const struct world *w, struct key *k);

/* True once for each state. */
bool search_is_new(const struct key *k);
size_t search_seen(void);

/* First in, first out. search_pop() is false when there is none. */
void search_push(const struct world *w);
bool search_pop(struct world *ret_w);

/* Forgets all states and the queue; the memory is kept until search_done(). */
void search_start(void);
void search_done(void);

#endif
