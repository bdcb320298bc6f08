/* search.h - what the files of the engine's search share.
 *
 * Arrows: model_failover.c (every state, breadth first); model_random.c and
 * tests/fuzz/fuzz_failover.c (random and chosen paths) by search_walk.c -> search_events.c
 * (what can happen next) -> search_check.c and search_rules.c (one event and its properties) ->
 * search_key.c (when are two states the same) -> search_store.c (states that were seen, states
 * to look at).
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
    bool is_ready;     /* as NODE_CHANGED told it */
    bool is_asked;     /* a 403 came and its /usage is not in yet */
    uint64_t left_at;  /* the baton left it; 0 = not */
    uint64_t token_at; /* it refused a token; 0 = not */
    uint64_t ready_at; /* READY since then */
};

struct world {
    struct failover engine;
    struct shadow_node nodes[NODES];
    struct shadow_request requests[REQUESTS];
    struct shadow_attempt attempts[ATTEMPTS];
    uint64_t now;
    uint64_t placed_at; /* the last move that holds fail-back off */
    uint16_t depth;
    uint8_t budget;
};

struct search {
    const char *name;
    unsigned nodes;
    unsigned requests;
    unsigned budget; /* adverse events on one path */
    struct failover_policy policy;
    bool is_warm;      /* starts with all nodes READY; else with all of them down */
    bool has_external; /* node 0 is external */
    bool has_free;     /* requests for zero-multiplier models and bypass requests, too */
    bool has_removal;  /* nodes are removed and added again */
    bool has_holds;    /* nodes are held, and let go */
    bool has_evidence; /* lines of the nodes' logs */
    bool has_costs;    /* requests that cost one or two, accounts that have little */
    bool is_restored;  /* starts with what a former run remembered */
};

/* What search_fail() names beside the search: where one can play it again. NULL = nothing. */
extern const char *search_label;

/* The search under way, the events it has checked, the actions of the last step. */
extern const struct search *search_current;
extern uint64_t search_events_checked;
extern struct failover_actions search_actions;

/* Says what is wrong in which state, and ends the program. */
void search_fail(const struct world *w, const struct failover_event *ev, const char *format,
                 ...) __attribute__((noreturn, format(printf, 3, 4)));

/* The state in which a search starts. */
void search_begin(const struct search *s, struct world *ret_w);

/* Calls `visit` for every event that the shell could produce in this state. Adverse are those
 * that a `budget` bounds: failures, departures, orders from outside. */
typedef void (*search_visit)(void *data, const struct failover_event *ev, bool is_adverse);
void search_each_event(const struct world *w, search_visit visit, void *data);

/* What happens next if all goes well from now on; false when nothing does. */
bool search_good_event(const struct world *w, struct failover_event *ret_ev);

/* Steps the engine with one event and checks P1 to P8, P11, D4 to D6 on what it does. */
void search_apply(struct world *w, const struct failover_event *ev);

/* search_rules.c: one action against the shadow. `leader` has the baton when it is carried out.
 */
bool search_is_ready(const struct failover *f, unsigned node);
void search_check_action(struct world *w, const struct failover_event *ev,
                         const struct failover_action *action, unsigned leader);
void search_check_switch(struct world *w, const struct failover_event *ev,
                         const struct failover_action *action, bool was_ready, bool was_settled,
                         bool is_judging_step);

/* P10: the same event again from `before` does and yields the same as it did; events for what
 * has ended do nothing. */
void search_check_repeat(const struct world *before, const struct failover_event *ev,
                         const struct world *after);
void search_check_stale(const struct world *w);

/* Does no request wait for its end? */
bool search_is_idle(const struct world *w);

/* search_walk.c: one path. `random` draws from what is possible; at the end all goes well. */
extern const unsigned search_walks;
void search_walk_begin(unsigned walk, struct world *ret_w);
void search_walk_step(struct world *w, uint32_t random);
void search_walk_end(struct world *w);

/* A state as the rules see it: times relative to now, slots in order of arrival, nothing that
 * no rule reads. */
struct key {
    uint16_t at[512];
    size_t len;
};

void search_make_key(const struct world *w, struct key *ret_k);
bool search_same_key(const struct key *a, const struct key *b);

/* The number of the state, counted from 0. `*ret_is_new`: it was not known. */
uint32_t search_number(const struct key *k, bool *ret_is_new);
size_t search_seen(void);

/* Where a state goes when all goes well; SEARCH_END when its requests have ended. */
#define SEARCH_END UINT32_MAX
void search_set_next(uint32_t state, uint32_t next);

/* P9: a state from which that path never ends, or SEARCH_END when there is none. */
uint32_t search_find_endless(void);

/* First in, first out. search_pop() is false when there is none. */
void search_push(const struct world *w, uint32_t number);
bool search_pop(struct world *ret_w, uint32_t *ret_number);

/* Forgets all states and the queue; `base` is a typical state. The memory is kept until
 * search_done(). */
void search_start(const struct world *base);
void search_done(void);

#endif
