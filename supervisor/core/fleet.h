/* fleet.h - the life of all processes: who may start, who may ask for a login, how all end.
 *
 * Pure: a plain value. Event in, bounded array of actions out, one deadline (DESIGN D1). Only
 * values cross the line; a process is named by slot and generation, and an event for a former
 * generation is ignored.
 *
 * The rules:
 *   - A node with a token file starts at once (start_interval after the start before it).
 *   - At most one process needs a human at a time. A node without a token waits for its turn,
 *     lowest slot first; one that prompts out of turn is stopped and queued.
 *   - A code that nobody used in time: that node is restarted for a fresh one, not as a
 * failure.
 *   - A process that dies starts again after a growing pause, without end (DESIGN D10).
 *   - A login that GitHub refuses for good is set aside (proc.h), and the node queues for
 *     another.
 *   - A stop always ends: TERM, KILL at stopwait or at kill_ms, and EXIT when all are reaped or
 *     FLEET_GIVE_UP_MS after that.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FLEET_H
#define FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "node.h"
#include "supervisor/core/proc.h"

#define FLEET_NEVER PROC_NEVER
#define FLEET_GIVE_UP_MS                                                                       \
    2000 /* KILL needs milliseconds; beyond this it hangs in the kernel                        \
          */

#define FLEET_EVENT_MAP(X)                                                                     \
    X(NODE_ADDED)   /* slot, has_token, is_wanted, policy: it exists */                        \
    X(START)        /* slot: it shall run */                                                   \
    X(EXITED)       /* id, has_token, is_refused: reaped, or it could not be made; once for    \
                       each SPAWN */                                                           \
    X(PROBE_OK)     /* id: the answer to PROBE */                                              \
    X(PROBE_FAILED) /* id: the other one */                                                    \
    X(PROMPT)       /* id: it shows a device code */                                           \
    X(LOGGED_IN)    /* id: it named its account */                                             \
    X(TOKEN_GONE)   /* id: the answer to SET_ASIDE; none when it could not be done */          \
    X(RESTART)      /* slot: kill it now and start it again */                                 \
    X(STOP)         /* slot: end it, keep it down */                                           \
    X(STOP_ALL)     /* kill_ms: end all, at that moment by force */                            \
    X(STOP_NOW)     /* the same by force at once */                                            \
    X(TIMER)        /* fleet_deadline() has come */

enum fleet_event_type {
#define X(name) FLEET_EVENT_##name,
    FLEET_EVENT_MAP(X)
#undef X
        FLEET_EVENT_COUNT
};

struct fleet_event {
    enum fleet_event_type type;
    uint64_t now_ms;   /* monotonic, never less than in the event before */
    struct node_id id; /* START, RESTART, STOP: only the slot counts */
    bool has_token;
    bool is_refused;
    bool is_wanted;   /* false: it stays down until START */
    uint64_t kill_ms; /* STOP_ALL: finite */
    struct proc_policy policy;
};

#define FLEET_ACTION_MAP(X)                                                                    \
    X(SPAWN)           /* id: start it; to be answered by EXITED, sooner or later */           \
    X(TERM)            /* id: signal its group */                                              \
    X(KILL)            /* id */                                                                \
    X(PROBE)           /* id: does it answer? */                                               \
    X(PROMPT_SHOW)     /* id: its device code */                                               \
    X(RETRACT_USED)    /* id: the code was used */                                             \
    X(RETRACT_EXPIRED) /* id: nobody used it in time */                                        \
    X(RETRACT_GONE)    /* id: the process behind it ends */                                    \
    X(SET_ASIDE)       /* id: its token file; to be answered by TOKEN_GONE */                  \
    X(NODE_UP)         /* id */                                                                \
    X(NODE_DOWN)       /* id, down, retry_in_ms */                                             \
    X(EXIT)            /* all are reaped, or given up */

enum fleet_action_type {
#define X(name) FLEET_ACTION_##name,
    FLEET_ACTION_MAP(X)
#undef X
        FLEET_ACTION_COUNT
};

/* What the outside knows of a node. */
enum fleet_report {
    FLEET_REPORT_NONE, /* nothing yet */
    FLEET_REPORT_UP,
    FLEET_REPORT_STARTING,
    FLEET_REPORT_LOGIN, /* waits for a human, or for its turn to */
    FLEET_REPORT_BACKOFF,
    FLEET_REPORT_STOPPED,
};

struct fleet_action {
    enum fleet_action_type type;
    struct node_id id;
    enum fleet_report down; /* NODE_DOWN */
    uint64_t retry_in_ms;   /* NODE_DOWN with BACKOFF: until the next start */
};

/* For each node at most: a retraction, a signal or SET_ASIDE, a report, a spawn; and one EXIT.
 */
#define FLEET_ACTIONS_MAX (4 * NODES_MAX + 1)

struct fleet_actions {
    struct fleet_action list[FLEET_ACTIONS_MAX];
    unsigned count;
};

struct fleet_member {
    bool is_used; /* external nodes have a slot, but no process */
    enum fleet_report reported;
    struct proc proc;
    struct proc_policy policy;
};

struct fleet {
    struct fleet_member members[NODES_MAX];
    uint64_t seed;
    uint64_t start_interval_ms;
    uint64_t next_start_ms; /* no start before this */
    bool is_stopping;
    bool has_exited;
    uint64_t kill_ms; /* of a stop */
};

/* `seed` decides the jitter of pauses and nothing else. */
void fleet_init(struct fleet *f, uint64_t start_interval_ms, uint64_t seed);

/* One event. `*out` is overwritten. An event that comes late is fine and does nothing. */
void fleet_step(struct fleet *f, const struct fleet_event *event, struct fleet_actions *out);

/* When it wants a TIMER, or FLEET_NEVER. A TIMER at that time moves it. */
uint64_t fleet_deadline(const struct fleet *f);

/* NULL for a slot without a process. */
const struct proc *fleet_proc(const struct fleet *f, unsigned slot);

/* READY, PROMPT_SHOW ... for tests and traces. */
const char *fleet_event_name(enum fleet_event_type type);
const char *fleet_action_name(enum fleet_action_type type);

#endif
