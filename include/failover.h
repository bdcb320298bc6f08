/* failover.h - which node serves a request, and what happens when it cannot.
 *
 * Pure: no I/O, no clock, no allocation, no logging. An event goes in, a bounded array of
 * actions comes out, failover_deadline() arms one timer. `struct failover` is a plain value:
 * copy it, hash it, compare it. The rules are DESIGN D4 to D7; the properties P1 to P11 that
 * hold for every sequence of events are searched exhaustively by tests/unit/model_failover.c.
 *
 * Words. A *request* is what a client wants; an *attempt* is one dispatch of it to one node. An
 * attempt outlives its request when the client left or the answer took too long: copilot-api
 * reads its upstream to the end, so the account is at work until the attempt ends (DESIGN D4).
 * Such an attempt is an *orphan*. The *baton* is with the one active node. It is *settled* once
 * anything was dispatched; before that it follows the highest node that is ready.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FAILOVER_H
#define FAILOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "node.h"

#define FAILOVER_NONE   UINT16_MAX /* no node, no request, no attempt */
#define FAILOVER_MS_MAX UINT64_MAX

/* How an attempt ended. The shell posts exactly one for each attempt, except after TIMEOUT
 * before the end: then a second one when the answer is complete at last. */
#define FAILOVER_OUTCOME_MAP(X)                                                                \
    X(OK, "ok")                 /* the answer is complete, judged by its content */            \
    X(REQUEST_FAULT, "request") /* the request's own fault: 400, 404, 413, 422, 424 */         \
    X(BRAKE, "brake")           /* 429 of the node's own --rate-limit: the owner's wish */     \
    X(CONNECT, "connect")       /* refused, or no connection in time: nothing was sent */      \
    X(RESET, "reset")           /* the connection broke before the end of an answer */         \
    X(TIMEOUT, "timeout")       /* too long without a byte; the attempt goes on */             \
    X(TOKEN, "401")             /* token expired or revoked */                                 \
    X(QUOTA, "402")             /* the month's quota is gone */                                \
    X(FORBIDDEN, "403")         /* 403 without a telling code: /usage decides */               \
    X(RATE, "429")              /* throttled; retry_after_ms tells how long */                 \
    X(ACCOUNT_TYPE, "421")      /* wrong account_type in the settings */                       \
    X(SERVER, "5xx")            /* GitHub's side, or ambiguous */                              \
    X(BROKEN, "broken")         /* 200, but cut or failed before it was complete */

enum failover_outcome {
#define X(name, word) FAILOVER_OUTCOME_##name,
    FAILOVER_OUTCOME_MAP(X)
#undef X
        FAILOVER_OUTCOME_COUNT
};

const char *failover_outcome_name(enum failover_outcome outcome);

/* Why a node's state or the baton changed. The word is for scenarios, the sentence for people.
 */
#define FAILOVER_CAUSE_MAP(X)                                                                  \
    X(NONE, "none", "nothing happened yet")                                                    \
    X(STARTUP, "startup", "start of the node")                                                 \
    X(LOGIN, "login", "waits for a login")                                                     \
    X(PROCESS, "process", "its process is down")                                               \
    X(UP, "up", "it answers")                                                                  \
    X(CONNECT, "connect", "connection refused")                                                \
    X(RESET, "reset", "connection broke before the end of an answer")                          \
    X(TIMEOUT, "timeout", "no answer in time")                                                 \
    X(TOKEN, "token", "token refused (401)")                                                   \
    X(QUOTA, "quota", "quota exhausted (refused with 402)")                                    \
    X(USAGE, "usage", "quota exhausted (by /usage)")                                           \
    X(RATE, "rate", "rate limited (429)")                                                      \
    X(FORBIDDEN, "forbidden", "access refused (403)")                                          \
    X(OVERAGE, "overage", "only paid overage is left (allow_overage = no)")                    \
    X(RESERVE, "reserve", "only the reserve of its quota is left")                             \
    X(CREDENTIALS, "credentials", "GitHub refuses its login (bad credentials)")                \
    X(NO_COPILOT, "no-copilot", "GitHub gives it no Copilot token")                            \
    X(REFRESH, "refresh", "its Copilot token could not be refreshed")                          \
    X(NETWORK, "network", "it cannot reach GitHub")                                            \
    X(PORT, "port", "its port is taken")                                                       \
    X(ACCOUNT_TYPE, "account-type", "wrong account_type (421): correct it and restart")        \
    X(SERVER, "server", "server error (5xx)")                                                  \
    X(BROKEN, "broken", "answer broke off")                                                    \
    X(CHECKED, "checked", "quota checked")                                                     \
    X(RECOVERED, "recovered", "it is back")                                                    \
    X(RESET_ACTIVE, "reset-active", "asked for by reset-active-node")                          \
    X(FAILBACK, "failback", "a higher node is ready again")                                    \
    X(RESTORED, "restored", "remembered from before the restart")                              \
    X(HANDOFF, "handoff", "the other node still works after handoff_timeout")                  \
    X(DEPARTED, "departed", "it only works for clients that have left")                        \
    X(REMOVED, "removed", "the node was removed")                                              \
    X(HELD, "held", "held by order: no new requests")                                          \
    X(LEAVING, "leaving", "about to be restarted or stopped")

enum failover_cause {
#define X(name, word, sentence) FAILOVER_CAUSE_##name,
    FAILOVER_CAUSE_MAP(X)
#undef X
        FAILOVER_CAUSE_COUNT
};

const char *failover_cause_name(enum failover_cause cause);
const char *failover_cause_sentence(enum failover_cause cause);

/* A slot with the generation of its owner. Requests: chosen by the shell. Attempts: by us. */
struct failover_id {
    uint16_t slot;
    uint16_t generation;
};

struct failover_policy {
    uint64_t node_wait_ms;       /* how long a request waits for a node that is starting */
    uint64_t handoff_timeout_ms; /* how long it waits for the old account to finish */
    uint64_t poll_interval_ms;   /* /usage of a node that serves; 0 = only when needed */
    uint64_t drained_poll_interval_ms; /* /usage of a drained node; 0 = only at its reset */
    uint64_t offline_check_ms;         /* GET / of a node that is lost */
    uint64_t cooldown_ms;              /* after a 429 without Retry-After */
    uint64_t drain_hold_ms;        /* how long a 402 is believed against a /usage that lags */
    uint64_t token_restart_gap_ms; /* after it a 401 is worth another restart; 0 = never */
    uint64_t poll_gap_ms;          /* least time between two polls that an estimate asks for */
    uint64_t failback_after_ms; /* failback = auto: a higher node must be READY for so long */
    int64_t reserve_milli;      /* the last N of every account are not touched */
    uint32_t retry_mask;       /* bit FAILOVER_OUTCOME_x: such a failure moves the request on */
    uint16_t retry_limit;      /* further attempts after the first */
    uint16_t queue_max;        /* requests that wait at once */
    uint16_t exhausted_status; /* 503, 402 or 429 when every account refused */
    bool is_overlap;           /* handoff = overlap: do not wait for the old account */
    bool is_abort;             /* on_client_gone = abort: the node stops when we hang up */
    bool is_failback;          /* failback = auto */
    bool is_overage_allowed;   /* allow_overage = yes: spend what GitHub bills extra */
};

/* Bits of retry_mask: the default of `retry_on`. */
#define FAILOVER_RETRY(name) (UINT32_C(1) << FAILOVER_OUTCOME_##name)
#define FAILOVER_RETRY_DEFAULT                                                                 \
    (FAILOVER_RETRY(CONNECT) | FAILOVER_RETRY(RESET) | FAILOVER_RETRY(TIMEOUT) |               \
     FAILOVER_RETRY(TOKEN) | FAILOVER_RETRY(QUOTA) | FAILOVER_RETRY(FORBIDDEN) |               \
     FAILOVER_RETRY(RATE) | FAILOVER_RETRY(ACCOUNT_TYPE) | FAILOVER_RETRY(BROKEN))

/* What a node that is not up is doing. */
enum failover_down {
    FAILOVER_DOWN_STARTING,
    FAILOVER_DOWN_LOGIN,
    FAILOVER_DOWN_BACKOFF, /* comes back in retry_in_ms */
    FAILOVER_DOWN_STOPPED,
};

/* A node that is up, but gets no new request. */
enum failover_hold {
    FAILOVER_HOLD_NONE,
    FAILOVER_HOLD_KEEP,    /* until somebody takes it back */
    FAILOVER_HOLD_RESTART, /* its process ends soon, and a new one comes */
    FAILOVER_HOLD_STOP,    /* its process ends soon */
};

/* Quota as /usage tells it. Units: thousandths of a premium request. */
struct failover_usage {
    int64_t remaining_milli;
    int64_t entitlement_milli;
    uint64_t reset_in_ms; /* until quota_reset_date; 0 = unknown */
    bool has_remaining;   /* false: the plan tells no figure */
    bool is_unlimited;
    bool is_exhausted;         /* percent_remaining <= 0 and not unlimited (FACTS 3) */
    bool is_overage_permitted; /* the account may go on, for money */
};

/* What the engine knows of a node that outlives a restart of the program. */
struct failover_memory {
    bool is_active;
    bool is_drained;
    enum failover_cause cause; /* of the drain or of the limit */
    uint64_t limited_in_ms;    /* the cooldown's rest; 0 = none */
    uint64_t hold_in_ms;       /* the 402 is believed so long; 0 = none */
    bool has_usage;
    struct failover_usage usage; /* as polled, reset_in_ms from now on */
    int64_t estimate_milli;
};

enum failover_event_type {
    FAILOVER_NODE_ADDED,   /* node, rank, is_owned */
    FAILOVER_NODE_REMOVED, /* node */
    FAILOVER_NODE_UP,      /* node: its process answers */
    FAILOVER_NODE_DOWN,    /* node, down, retry_in_ms; its process is reaped, or not up yet */
    FAILOVER_ORDER,        /* ranks: the nodes stand in another order */
    FAILOVER_NODE_HELD,    /* node, hold; stays so when its process goes down and up */
    FAILOVER_USAGE,        /* node, poll_serial, usage */
    FAILOVER_USAGE_FAILED, /* node, poll_serial, is_unreachable */
    FAILOVER_EVIDENCE,     /* node, evidence: its log says so */
    FAILOVER_RESTORED,     /* node, memory: right after NODE_ADDED */
    FAILOVER_PROBE_DONE,   /* node, is_ok */
    FAILOVER_REQUEST,      /* request, cost_milli, is_free_model, is_bypass */
    FAILOVER_STARTED,      /* attempt: the first byte goes to the client now */
    FAILOVER_OUTCOME,      /* attempt, outcome, retry_after_ms */
    FAILOVER_CLIENT_GONE,  /* request */
    FAILOVER_CLIENT_FIN,   /* request: it sends no more, but may still read (half-closed) */
    FAILOVER_RESET_ACTIVE, /* node, or FAILOVER_NONE for the highest ready one */
    FAILOVER_POLICY,       /* policy */
    FAILOVER_TIMER,        /* the deadline has come */
    FAILOVER_EVENT_COUNT
};

struct failover_event {
    enum failover_event_type type;
    uint64_t now_ms; /* monotonic; never steps back */
    uint16_t node;
    struct failover_id request;
    struct failover_id attempt;
    uint32_t rank; /* order of nodes; higher goes first */
    bool is_owned; /* we can restart it */
    enum failover_down down;
    uint64_t retry_in_ms;
    enum failover_hold hold;
    uint16_t poll_serial;
    struct failover_usage usage;
    bool is_unreachable;
    bool is_ok;
    int32_t cost_milli; /* what the request takes from the quota if it succeeds */
    bool is_free_model; /* multiplier 0: a drained account still serves it */
    bool is_bypass;     /* makes no upstream call: outside the baton (DESIGN D4) */
    enum failover_outcome outcome;
    uint64_t retry_after_ms; /* 0 = not told */
    enum node_evidence evidence;
    const struct failover_memory *memory; /* borrowed for the call */
    const uint32_t *ranks;                /* by slot, NODES_MAX; borrowed for the call */
    const struct failover_policy *policy; /* borrowed for the call */
};

/* What answer we make ourselves. */
enum failover_reply {
    FAILOVER_REPLY_NO_NODE,    /* no node can serve now */
    FAILOVER_REPLY_EXHAUSTED,  /* every candidate refused for reasons of its account */
    FAILOVER_REPLY_HANDOFF,    /* the old account did not finish in time */
    FAILOVER_REPLY_QUEUE_FULL, /* too many wait already */
    FAILOVER_REPLY_UPSTREAM,   /* the last attempt broke or timed out; no one else to ask */
    FAILOVER_REPLY_COUNT
};

enum failover_action_type {
    FAILOVER_DISPATCH,     /* request, attempt, node */
    FAILOVER_PASS,         /* request: hand on the refusal that the shell holds. Terminal */
    FAILOVER_REPLY,        /* request, reply, status, retry_after_ms. Terminal */
    FAILOVER_TRUNCATE,     /* request: end the answer visibly incomplete. Terminal */
    FAILOVER_DONE,         /* request: complete, or its client left. Terminal */
    FAILOVER_ABORT,        /* attempt: hang up on the node */
    FAILOVER_POLL,         /* node, poll_serial: ask /usage */
    FAILOVER_PROBE,        /* node: ask GET / */
    FAILOVER_RESTART,      /* node, cause: kill its process and start it again */
    FAILOVER_NODE_CHANGED, /* node, old_state, new_state, cause */
    FAILOVER_SWITCHED,     /* from, node (the new active one), cause */
    FAILOVER_ACTION_COUNT
};

struct failover_action {
    enum failover_action_type type;
    struct failover_id request;
    struct failover_id attempt;
    uint16_t node;
    uint16_t from;
    uint16_t poll_serial;
    uint16_t status;
    enum failover_reply reply;
    enum failover_cause cause;
    enum node_state old_state;
    enum node_state new_state;
    uint64_t retry_after_ms; /* 0 = unknown */
};

/* One step can end every request, and say a few words about every node. */
#define FAILOVER_ACTIONS_MAX (REQUESTS_MAX + ATTEMPTS_MAX + 5 * NODES_MAX + 8)

struct failover_actions {
    uint32_t count;
    struct failover_action at[FAILOVER_ACTIONS_MAX];
};

/* A node as the engine knows it. The facts are independent; failover_node_state() makes one
 * word of them. */
struct failover_node {
    bool is_used;
    bool is_owned;
    bool is_up;
    bool is_checked;         /* /usage was asked since it came up */
    bool is_lost;            /* a connection failed; probed until it answers */
    bool is_drained;         /* quota gone */
    bool is_token_bad;       /* 401 */
    bool is_type_bad;        /* 421 */
    bool is_confirmed;       /* /usage was read since it came up */
    bool is_forbidden_asked; /* a 403 asked for its /usage, which is not in yet */
    bool is_network_counted; /* evidence of no network since the last POLL */
    bool is_cut_off;         /* its log says again and again that it cannot reach GitHub */
    bool is_probing;         /* a PROBE is under way */
    bool is_restart_asked;   /* RESTART sent, NODE_DOWN awaited */
    bool is_token_restarted; /* had its one restart for a 401 since the last success */
    bool has_failed_start;   /* died at least once before it was up */
    uint8_t forbidden_streak;
    uint8_t network_streak; /* evidence of no network in a row */
    enum failover_down down;
    enum failover_hold hold;
    enum node_state shown;     /* last state that was told in NODE_CHANGED */
    enum failover_cause cause; /* of the present state: one of those below, or of down */
    enum failover_cause down_cause;
    enum failover_cause token_cause; /* why is_token_bad */
    enum failover_cause lost_cause;  /* why is_lost */
    enum failover_cause drain_cause; /* why is_drained; outlives the process */
    enum failover_cause limit_cause; /* why limited_until_ms; the same */
    enum failover_cause well_cause;  /* how it became READY */
    uint32_t rank;
    uint16_t inflight;         /* attempts that count (not bypass, not after NODE_DOWN) */
    uint16_t orphans;          /* those whose client has left, or sent FIN */
    uint16_t judging;          /* requests that wait for its /usage */
    uint64_t down_until_ms;    /* BACKOFF ends */
    uint64_t limited_until_ms; /* cooldown ends; 0 = not limited */
    uint64_t hold_until_ms;    /* a 402 is believed until then */
    uint64_t
        handoff_until_ms;   /* the baton left while attempts ran; they may go on until then */
    uint64_t restart_at_ms; /* a 401 asks for a restart: then at the latest */
    uint64_t token_restarted_ms; /* the last of these */
    uint64_t poll_at_ms;
    uint64_t probe_at_ms;
    uint64_t broke_at_ms;  /* lost by a broken connection, not by silence; 0 = not */
    uint64_t polled_at_ms; /* last POLL sent */
    uint64_t reset_at_ms;  /* quota comes back; past = should be back; 0 = unknown */
    struct failover_usage usage;
    bool has_usage;
    int64_t estimate_milli; /* usage.remaining_milli less what was spent since */
    int64_t reserved_milli; /* of that, for attempts in flight */
    uint64_t since_ms;      /* of the shown state */
    /* For people only; no rule reads them. */
    uint32_t failures;      /* in a row */
    uint64_t checked_at_ms; /* 0 = never */
    uint64_t healthy_at_ms; /* 0 = never */
};

enum failover_request_state {
    FAILOVER_REQUEST_FREE,
    FAILOVER_REQUEST_WAITING, /* in the queue */
    FAILOVER_REQUEST_SENT,
    FAILOVER_REQUEST_JUDGING, /* refused with 403; /usage of `node` decides */
    FAILOVER_REQUEST_STARTED,
};

struct failover_request {
    uint64_t tried; /* bit per node slot */
    uint64_t wait_from_ms;
    uint32_t order; /* arrival */
    int32_t cost_milli;
    uint16_t generation;
    uint16_t attempt; /* slot, FAILOVER_NONE when none is bound */
    uint16_t node;    /* of the last attempt */
    uint16_t next;    /* in the queue */
    uint8_t attempts;
    uint8_t state;
    uint8_t last_outcome;
    bool is_free_model;
    bool is_bypass;
    bool is_fin;        /* its client sent FIN: not dispatched (again), but still answered */
    bool was_moved;     /* had its one move for a 5xx or a broken answer */
    bool was_roomed;    /* the baton was moved for it since its last dispatch */
    bool waits_handoff; /* what wait_from_ms counts for */
    bool only_account_refusals;
};

struct failover_attempt {
    uint16_t generation;
    uint16_t request; /* slot, FAILOVER_NONE for an orphan */
    uint16_t node;
    uint16_t next_free;
    int32_t cost_milli;
    bool is_used;
    bool is_counted;  /* in the node's inflight */
    bool is_departed; /* its client has left, or sent FIN */
    bool is_bypass;
};

struct failover {
    struct failover_policy policy;
    uint64_t seed; /* spreads polls; 0 = not */
    uint64_t deadline_ms;
    uint64_t placed_ms; /* the baton was put where it is although a higher node was ready */
    uint32_t next_order;
    uint16_t node_top; /* slots in use are below it */
    uint16_t active;   /* FAILOVER_NONE until some node was ready */
    uint16_t first;    /* leads if it can until the baton is settled: the active node of before
                          the restart, or FAILOVER_NONE for the highest */
    uint16_t queue_head;
    uint16_t queue_tail;
    uint16_t queue_len;
    uint16_t free_attempt;
    uint16_t poll_node; /* whose /usage is being asked; FAILOVER_NONE */
    uint16_t poll_serial;
    bool is_settled;
    struct failover_node nodes[NODES_MAX];
    struct failover_request requests[REQUESTS_MAX];
    struct failover_attempt attempts[ATTEMPTS_MAX];
};

/* An engine without nodes. `policy` is copied; seed 0 means no jitter. */
void failover_init(struct failover *f, const struct failover_policy *policy, uint64_t seed);

/* Takes one event in, writes the actions to carry out, in order. A stale event (an attempt or
 * request that has ended, a node that is gone) yields no action. An event that the shell cannot
 * produce, such as REQUEST on a slot in use, is an assertion. */
void failover_step(struct failover *f, const struct failover_event *ev,
                   struct failover_actions *out);

/* When to send TIMER, on the clock of now_ms; FAILOVER_MS_MAX for never. */
static inline uint64_t failover_deadline(const struct failover *f)
{
    return f->deadline_ms;
}

/* The one word for a node's facts. The slot must be in use. */
enum node_state failover_node_state(const struct failover *f, uint16_t node);

/* The active node if it can serve, else FAILOVER_NONE: activeNodeId of /health. */
uint16_t failover_active(const struct failover *f);

/* What to remember of a node across a restart of the program. The slot must be in use. */
void failover_remember(const struct failover *f, uint16_t node, uint64_t now_ms,
                       struct failover_memory *ret_memory);

/* When does some node come back by itself: ms from now, 0 = unknown. For Retry-After. */
uint64_t failover_recovery_ms(const struct failover *f, uint64_t now_ms);

#endif
