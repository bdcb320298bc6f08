/* proc.h - the life of one process, as a state machine.
 *
 * Pure: a plain value, stepped by events that carry the time, answering with a set of things to
 * do. It knows nothing of its neighbours; who may start when is fleet's business.
 *
 *              SPAWN            PROMPT          LOGGED_IN
 *      DOWN ----------> STARTING -----> LOGIN -----------> STARTING
 *       ^                  | PROBE_OK     | PROBE_OK
 *       | TIMER            v              v
 *     BACKOFF <-------- READY <-----------+
 *            EXITED                              STOP, YIELD        TIMER, RESTART
 *                          STARTING, LOGIN, READY ----------> STOPPING ---> KILLING
 *                          STOPPING, KILLING --EXITED--> what `next` says
 *
 * A restart or a stop of a process that serves drains it first: READY -> DRAINING, in which it
 * gets no new request, until IDLE or drain_timeout; then STOPPING. Three kinds of restart come
 * from here: it does not answer (MISSES_MAX probes in a row), it is too large (three MEMORY in
 * a row) or too old (max_age). The last two are not urgent: is_due, and the first IDLE begins.
 *
 * A start has failed when the process dies before it serves, or within startsecs. More than
 * startretries of these in a row are FATAL. A death later than that is judged by autorestart:
 * it may be EXITED, which stays down as FATAL does.
 *
 * A stored login that GitHub refuses stays in its file, so that every start fails the same way.
 * One refusal may be a hiccup. Refused at two starts that began refused_apart from each other,
 * with nothing in between that proves it good, it is dead: SET_ASIDE, to be answered by
 * TOKEN_GONE, which makes this one without a token. Until that answer it backs off as ever, and
 * each refused start asks again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/core/backoff.h"

#define PROC_STATE_MAP(X)                                                                      \
    X(DOWN, "stopped")      /* no process; starts when it is wanted and fleet lets it */       \
    X(STARTING, "starting") /* there is a process; it does not answer yet */                   \
    X(LOGIN, "login")       /* it has shown a device code and waits for a human */             \
    X(READY, "up")          /* it answers */                                                   \
    X(DRAINING, "draining") /* it ends what it does, and gets nothing new */                   \
    X(STOPPING, "stopping") /* TERM is sent */                                                 \
    X(KILLING, "stopping")  /* KILL is sent */                                                 \
    X(BACKOFF, "backoff")   /* no process; it failed, and the next start has a date */         \
    X(EXITED, "exited")     /* no process; it ended by itself, and autorestart says no */      \
    X(FATAL, "failed")      /* no process; it failed too often and stays down */

enum proc_state {
#define X(name, word) PROC_##name,
    PROC_STATE_MAP(X)
#undef X
        PROC_STATE_COUNT
};

#define PROC_EVENT_MAP(X)                                                                      \
    X(WANT)         /* it shall run: leave BACKOFF, EXITED and FATAL at once */                \
    X(SPAWN)        /* fleet: its turn has come (DOWN only) */                                 \
    X(EXITED)       /* the process is reaped, or could not be made: once for each SPAWN */     \
    X(PROBE_OK)     /* it answered */                                                          \
    X(PROBE_FAILED) /* it did not */                                                           \
    X(PROMPT)       /* it showed a device code */                                              \
    X(LOGGED_IN)    /* it said who it is */                                                    \
    X(RESTART)      /* kill it now, start it again */                                          \
    X(CYCLE)        /* the same when what it does has ended; what is down is started */        \
    X(RELOGIN)      /* the same, and its token file is set aside in between */                 \
    X(RETIRE)       /* end it when what it does has ended, keep it down */                     \
    X(IDLE)         /* nobody waits for it: DRAINING is over, or what is due may begin */      \
    X(MEMORY)       /* its memory was looked at: is_over */                                    \
    X(TOKEN_GONE)   /* the answer to SET_ASIDE: its token file is not there any more */        \
    X(YIELD)        /* stop it and queue for the login: somebody else has it */                \
    X(STOP)         /* end it and keep it down */                                              \
    X(KILL)         /* the same at once */                                                     \
    X(TIMER)        /* proc_deadline() has come */

enum proc_event_type {
#define X(name) PROC_EVENT_##name,
    PROC_EVENT_MAP(X)
#undef X
        PROC_EVENT_COUNT
};

/* What proc_step() asks for: a set, since no event asks twice for one of them. */
enum proc_action {
    PROC_DO_SPAWN = 1 << 0,
    PROC_DO_TERM = 1 << 1,
    PROC_DO_KILL = 1 << 2,
    PROC_DO_PROBE = 1 << 3,           /* to be answered with PROBE_OK or PROBE_FAILED */
    PROC_DO_SHOW = 1 << 4,            /* the device code */
    PROC_DO_RETRACT_USED = 1 << 5,    /* it logged in */
    PROC_DO_RETRACT_EXPIRED = 1 << 6, /* nobody used the code in time */
    PROC_DO_RETRACT_GONE = 1 << 7,    /* the process behind it ends or has ended */
    PROC_DO_SET_ASIDE = 1 << 8,       /* its token file, to be answered with TOKEN_GONE */
};

/* Why it is restarted without being asked. The words fit behind "restarted: ". */
#define PROC_CAUSE_MAP(X)                                                                      \
    X(NONE, "")                                                                                \
    X(ASKED, "asked for")                                                                      \
    X(LOGIN, "asked for a fresh login")                                                        \
    X(DEAF, "did not answer three times in a row")                                             \
    X(MEMORY, "used more than memory_max")                                                     \
    X(AGE, "reached max_age")

enum proc_cause {
#define X(name, words) PROC_CAUSE_##name,
    PROC_CAUSE_MAP(X)
#undef X
        PROC_CAUSE_COUNT
};

/* What a death long after the start means. */
enum proc_autorestart {
    PROC_AUTORESTART_ALWAYS,
    PROC_AUTORESTART_UNEXPECTED, /* EXITED when the exit is an expected one */
    PROC_AUTORESTART_NEVER,      /* EXITED */
};

/* What follows when the present process is gone. */
enum proc_next {
    PROC_NEXT_BACKOFF, /* it failed: wait, then start */
    PROC_NEXT_START,   /* start at once */
    PROC_NEXT_STAY,    /* stay down */
};

struct proc_policy {
    uint64_t start_timeout_ms;  /* from spawn (or login) to the first good probe */
    uint64_t login_timeout_ms;  /* how long a device code is good for */
    uint64_t stopwait_ms;       /* from TERM to KILL */
    uint64_t restart_reset_ms;  /* READY for so long: it is stable again */
    uint64_t probe_interval_ms; /* while STARTING */
    uint64_t
        login_probe_interval_ms; /* while LOGIN: not every fork says that it is logged in */
    uint64_t refused_apart_ms;   /* two refused starts so far apart: the login is dead */
    uint64_t startsecs_ms;       /* a process that ends sooner was a failed start */
    uint64_t drain_timeout_ms;   /* how long DRAINING may take */
    uint64_t live_interval_ms;   /* probes while READY; 0 = none */
    uint64_t max_age_ms;         /* READY for so long, less up to a tenth: is_due; 0 = never */
    uint32_t startretries;       /* failed starts in a row, then FATAL; 0 = never (D10) */
    enum proc_autorestart autorestart;
    struct backoff_policy restart;
};

#define PROC_NEVER      UINT64_MAX
#define PROC_MISSES_MAX 3 /* probes: one may be lost to a full backlog, three are not */
#define PROC_OVERS_MAX  3 /* looks: a garbage collection may come in between */

struct proc {
    enum proc_state state;
    enum proc_next next;     /* counts in STOPPING and KILLING */
    uint16_t generation;     /* starts so far, modulo 65536 */
    bool is_wanted;          /* it shall run */
    bool has_token;          /* its token file was there when last looked at */
    bool has_prompted;       /* it asked for a login and has not had one since */
    bool is_probing;         /* a probe is out */
    bool was_ready;          /* the present process has served */
    bool is_due;             /* READY: to be restarted when nobody needs it */
    bool is_relogin;         /* its token file is to be set aside when it is gone */
    uint8_t misses;          /* probes without an answer in a row, READY */
    uint8_t overs;           /* looks at too much memory in a row, READY */
    enum proc_cause cause;   /* of what is due, or of the restart under way */
    uint32_t failed_starts;  /* in a row */
    uint64_t started_ms;     /* the present or the last process */
    uint64_t ready_since_ms; /* counts in READY */
    uint64_t deadline_ms;    /* of the state, or PROC_NEVER */
    uint64_t probe_ms;       /* time of the next probe, or PROC_NEVER */
    uint64_t tried_ms; /* start of the process while its login is unproven, or PROC_NEVER */
    uint64_t refused_since_ms; /* `tried_ms` of the first refused start, or PROC_NEVER */
    struct backoff backoff;
};

struct proc_event {
    enum proc_event_type type;
    uint64_t now_ms;
    uint64_t seed;    /* for jitter */
    bool has_token;   /* EXITED: is the token file there? */
    bool is_refused;  /* EXITED: it said that GitHub refuses the stored login */
    bool is_expected; /* EXITED: with one of exitcodes */
    bool is_over;     /* MEMORY: more than memory_max */
    uint64_t kill_ms; /* STOP: send KILL at this moment at the latest; PROC_NEVER = stopwait */
};

void proc_init(struct proc *p, bool has_token);

/* The policy has changed under a process: looks at whether it lives follow it now, its other
 * deadlines stay as they were given. */
void proc_retime(struct proc *p, const struct proc_policy *policy, uint64_t now_ms);

/* Returns a set of enum proc_action. SPAWN in another state than DOWN and EXITED without a
 * process are bugs of the caller; every other event may come in every state. */
unsigned proc_step(struct proc *p, const struct proc_policy *policy,
                   const struct proc_event *event);

/* When it wants a TIMER, or PROC_NEVER. */
uint64_t proc_deadline(const struct proc *p);

/* A process exists: it may be signalled, and will end in EXITED. */
bool proc_is_alive(const struct proc *p);

/* Its next start, or its present one, needs a human. */
bool proc_needs_login(const struct proc *p);

/* Down for good: nothing but an order starts it again. */
bool proc_has_given_up(const struct proc *p);

/* The sentence of PROC_CAUSE_MAP. */
const char *proc_cause_words(enum proc_cause cause);

/* The word for people: "up", "login", ... */
const char *proc_state_word(enum proc_state state);

/* The names as in the X-macros: READY, PROBE_OK. For tests and state tables. */
const char *proc_state_name(enum proc_state state);
const char *proc_event_name(enum proc_event_type type);

#endif
