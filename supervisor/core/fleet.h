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
 *   - Starts and logins go by priority, then by slot; a login that was asked for goes first.
 *   - A node that is held gets no new request: by an order (HOLD until ENABLE), or while its
 *     process is drained for a restart or a stop. One that is disabled is stopped, too.
 *   - A restart that is only due (memory, age) waits while another node is on its way.
 *   - QUIT: no process runs that must (exit_on), and none will by itself.
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
    X(NODE_REMOVED) /* slot: it has no process, and never will again */                        \
    X(POLICY)       /* slot, policy, priority, is_essential: other settings */                 \
    X(RULES)        /* start_interval_ms, exit_on: the same for all */                         \
    X(START)        /* slot: it shall run */                                                   \
    X(EXITED)       /* id, has_token, is_refused, is_expected: reaped, or it could not be      \
                       made; once for each SPAWN */                                            \
    X(PROBE_OK)     /* id: the answer to PROBE */                                              \
    X(PROBE_FAILED) /* id: the other one */                                                    \
    X(PROMPT)       /* id: it shows a device code */                                           \
    X(LOGGED_IN)    /* id: it named its account */                                             \
    X(TOKEN_GONE)   /* id: the answer to SET_ASIDE; none when it could not be done */          \
    X(RESTART)      /* slot: kill it now and start it again */                                 \
    X(STOP)         /* slot: end it, keep it down */                                           \
    X(CYCLE)        /* slot: drain, end and start it; what is down is started */               \
    X(RELOGIN)      /* slot: the same for a fresh login */                                     \
    X(RETIRE)       /* slot: drain and end it, keep it down */                                 \
    X(HOLD)         /* slot: no new requests for it until ENABLE */                            \
    X(DISABLE)      /* slot: RETIRE; START, CYCLE and RELOGIN do nothing until ENABLE */       \
    X(ENABLE)       /* slot: takes HOLD and DISABLE back, and starts it */                     \
    X(IDLE)         /* id: nobody waits for it, or what is due has waited long enough */       \
    X(MEMORY)       /* id, is_over: a look at its memory */                                    \
    X(STOP_ALL)     /* kill_ms: end all, at that moment by force */                            \
    X(STOP_NOW)     /* the same by force at once */                                            \
    X(TIMER)        /* fleet_deadline() has come */

enum fleet_event_type {
#define X(name) FLEET_EVENT_##name,
    FLEET_EVENT_MAP(X)
#undef X
        FLEET_EVENT_COUNT
};

enum fleet_exit_on { FLEET_EXIT_NEVER, FLEET_EXIT_ESSENTIAL, FLEET_EXIT_ALL };

struct fleet_event {
    enum fleet_event_type type;
    uint64_t now_ms;   /* monotonic, never less than in the event before */
    struct node_id id; /* START, RESTART, STOP: only the slot counts */
    bool has_token;
    bool is_refused;
    bool is_expected;
    bool is_over;
    bool is_wanted; /* false: it stays down until START */
    bool is_essential;
    int32_t priority; /* lower ones start first */
    uint64_t kill_ms; /* STOP_ALL: finite */
    struct proc_policy policy;
    uint64_t start_interval_ms;
    enum fleet_exit_on exit_on;
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
    X(NODE_HOLD)       /* id, hold: before NODE_UP when both come */                           \
    X(NODE_UP)         /* id */                                                                \
    X(NODE_DOWN)       /* id, down, retry_in_ms */                                             \
    X(QUIT)            /* id: who has given up, see exit_on; to be answered by a stop */       \
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

/* Why a node gets no new requests. */
enum fleet_hold {
    FLEET_HOLD_NONE,
    FLEET_HOLD_KEEP,    /* by order; its process lives on */
    FLEET_HOLD_RESTART, /* its process ends soon, and another one starts */
    FLEET_HOLD_STOP,    /* its process ends soon */
};

struct fleet_action {
    enum fleet_action_type type;
    struct node_id id;
    enum fleet_hold hold;
    enum fleet_report down; /* NODE_DOWN */
    uint64_t retry_in_ms;   /* NODE_DOWN with BACKOFF: until the next start */
};

/* For each node at most: a retraction, a signal or SET_ASIDE, a report, two changes of its
 * hold, a spawn; and one EXIT and QUIT. */
#define FLEET_ACTIONS_MAX (6 * NODES_MAX + 2)

struct fleet_actions {
    struct fleet_action list[FLEET_ACTIONS_MAX];
    unsigned count;
};

struct fleet_member {
    bool is_used; /* external nodes have a slot, but no process */
    bool is_held;
    bool is_disabled;
    bool is_first; /* in the queue for logins: somebody waits for it */
    bool is_essential;
    int32_t priority;
    enum fleet_report reported;
    enum fleet_hold told; /* the last NODE_HOLD */
    struct proc proc;
    struct proc_policy policy;
};

struct fleet {
    struct fleet_member members[NODES_MAX];
    uint64_t seed;
    uint64_t start_interval_ms;
    uint64_t next_start_ms; /* no start before this */
    enum fleet_exit_on exit_on;
    bool is_stopping;
    bool has_quit;
    bool has_exited;
    uint64_t kill_ms; /* of a stop */
};

/* `seed` decides the jitter of pauses and nothing else. */
void fleet_init(struct fleet *f, uint64_t start_interval_ms, enum fleet_exit_on exit_on,
                uint64_t seed);

/* One event. `*out` is overwritten. An event that comes late is fine and does nothing. */
void fleet_step(struct fleet *f, const struct fleet_event *event, struct fleet_actions *out);

/* When it wants a TIMER, or FLEET_NEVER. A TIMER at that time moves it. */
uint64_t fleet_deadline(const struct fleet *f);

/* NULL for a slot without a process. */
const struct proc *fleet_proc(const struct fleet *f, unsigned slot);

/* Its place in the queue of those who need a human: 1 = it has or gets the login now, 0 = it
 * is not in it. */
unsigned fleet_login_place(const struct fleet *f, unsigned slot);

/* READY, PROMPT_SHOW ... for tests and traces. */
const char *fleet_event_name(enum fleet_event_type type);
const char *fleet_action_name(enum fleet_action_type type);

#endif
