/* proxy.h - the proxy as the supervisor sees it.
 *
 * One proxy owns the listening sockets, the failover engine, the connections to the nodes and
 * the quota polls. The supervisor tells it which nodes exist, and which of them are up; the
 * proxy asks the supervisor, through `struct proxy_host`, to restart a node and for the facts
 * about processes that /health shows. All calls are made on the loop's thread. Callbacks of
 * proxy_host are made from the loop, never from inside a proxy_* call (DESIGN 5).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "buf.h"
#include "config.h"
#include "error.h"
#include "node.h"
#include "reload.h"
#include "slice.h"

struct proxy;

/* Facts about a node's process, for /health. Strings are borrowed for the call. */
struct proxy_process_view {
    const char *state;  /* "up", "starting", "login", "backoff", ...; NULL for no process */
    int64_t pid;        /* 0 = none */
    uint64_t uptime_ms; /* since the process started; 0 = none */
    uint64_t restarts;  /* starts after the first */
    uint32_t failures;  /* of starts and services in a row */
    unsigned
        login_place; /* in the queue for logins: 1 = it has or gets it now, 0 = not in it */
    const char *last_exit; /* "killed by SIGKILL in service (out of memory)"; or NULL */
    const char *account;   /* the GitHub user it logged in as, as far as it said; or NULL */
    const char *twin;      /* another node that is logged in as the same user; or NULL */
    const char *order;     /* "held", "disabled"; or NULL */
    const char *problem;   /* "exec: No such file or directory", last exit in words; or NULL */
};

/* What a node's processes take of the machine, for /metrics. */
struct proxy_usage_view {
    uint64_t resident_bytes;
    uint64_t cpu_ms; /* since the process started */
};

/* A device code that waits for a human. Strings are borrowed for the call. */
struct proxy_login_view {
    const char *node;
    const char *url;
    const char *code;
    int64_t expires_at_ms; /* wall clock, ms since 1970 */
};

/* A line that a node has printed, redacted. Lines are numbered from 1, without gaps, for as
 * long as the node is there. The text has no NUL and is borrowed for the call. */
struct proxy_line_view {
    uint64_t number;
    int64_t at_ms; /* wall clock, ms since 1970 */
    int stream;    /* 1 = stdout, 2 = stderr */
    const char *text;
    size_t len;
};

/* What people may order of a node. */
#define PROXY_ORDER_MAP(X)                                                                     \
    X(START, "start", "starts")                                                                \
    X(STOP, "stop", "stops, after what it is doing")                                           \
    X(RESTART, "restart", "starts anew, after what it is doing")                               \
    X(LOGIN, "login", "asks for a fresh login")                                                \
    X(ENABLE, "enable", "is enabled")                                                          \
    X(DISABLE, "disable", "is disabled: it stops, and nothing starts it but enable")           \
    X(DRAIN, "drain", "gets no new requests until enable")

enum proxy_order {
#define X(name, word, sentence) PROXY_ORDER_##name,
    PROXY_ORDER_MAP(X)
#undef X
        PROXY_ORDER_COUNT
};

/* A setting as it is in force. Strings are borrowed for the call. */
struct proxy_setting_view {
    const char *section;
    const char *key;
    const char *value;  /* as one writes it into a file; secrets are masked */
    const char *origin; /* "default" or "set" */
};

/* What the proxy needs from its host. `host` is passed back as it came. */
struct proxy_host {
    void *host;
    /* Kill the node's process now and start it again. `why` is borrowed for the call. */
    void (*node_restart)(void *host, unsigned slot, const char *why);
    /* Fill the view; false when the slot has no process (external nodes). */
    bool (*node_process)(void *host, unsigned slot, struct proxy_process_view *ret_view);
    /* The same for what it uses; false as well when the kernel does not tell. May be NULL. */
    bool (*node_usage)(void *host, unsigned slot, struct proxy_usage_view *ret_view);
    /* The i-th waiting login; false when there is none. */
    bool (*login)(void *host, unsigned i, struct proxy_login_view *ret_view);
    /* The number of the first of its last `lines` lines, or, with 0, of the next one that will
     * come. */
    uint64_t (*node_tail)(void *host, unsigned slot, uint64_t lines);
    /* The line with this number; when it is gone, the oldest that is left. False when there is
     * none yet (ask again a moment later), or when nobody reads that node's output. */
    bool (*node_line)(void *host, unsigned slot, uint64_t number,
                      struct proxy_line_view *ret_view);
    /* Carries it out, soon. -ENOENT, -ENOTSUP (it has no process of ours), -EPERM (it is
     * disabled), -ESHUTDOWN. */
    int (*order)(void *host, unsigned slot, enum proxy_order order);
    /* Reads the settings again. `result` is initialised. */
    void (*reload)(void *host, struct reload *result);
    /* The i-th setting; false when there are not so many. */
    bool (*setting)(void *host, unsigned i, struct proxy_setting_view *ret_view);
    /* Where the owner's commands come in: a path of at most LISTEN_PATH_MAX bytes, borrowed for
     * proxy_open(); NULL = nowhere. */
    const char *control_path;
    /* What proxy_remember() would write has changed. May be NULL. */
    void (*memory_changed)(void *host);
    /* The listening sockets and all connections are closed: the last call of a proxy. */
    void (*closed)(void *host);
};

/* Binds the listening sockets, or takes those of systemd; starts nothing else yet. The config
 * is borrowed for the life of the proxy. On failure `ret_error` says which address, and what to
 * do. Errors: -EADDRINUSE, -EACCES, ... of bind(2); -ENOMEM. */
int proxy_open(uv_loop_t *loop, const struct config *config, const struct proxy_host *host,
               struct proxy **ret_proxy, struct error *ret_error) MUST_CHECK;

/* A place where clients find the gateway. */
struct proxy_address {
    char url[128];      /* "http://127.0.0.1:8080/v1", or "unix:/run/x.sock" */
    bool is_everywhere; /* it is bound to every interface; the url says loopback */
};

/* The i-th of them, with the port that was really bound; false when there are not so many. */
bool proxy_address(const struct proxy *p, unsigned i, struct proxy_address *ret_address);

/* A node exists. Slots are chosen by the caller; it becomes the last one in the order. */
void proxy_node_added(struct proxy *p, unsigned slot, const char *name, enum node_source source,
                      const char *token);

/* The settings have changed: these are in force from now on, and borrowed in place of the
 * former ones. [gateway] listen and [log] access must be the same in both. */
void proxy_reconfigure(struct proxy *p, const struct config *config);

/* The nodes in use, in the order of their index; all of them must be in it. */
void proxy_nodes_ordered(struct proxy *p, const unsigned *slots, unsigned count);

/* What goes to an external node from now on; NULL for none. */
void proxy_node_token(struct proxy *p, unsigned slot, const char *token);

/* The node is gone: what still runs there is cut off, and moves on where it can. What is known
 * of a container's account is kept for a node of the same name. */
void proxy_node_removed(struct proxy *p, unsigned slot);

/* Does it have the lead, or still work for a client? */
bool proxy_node_is_active(const struct proxy *p, unsigned slot);

/* May the slot be given to another node? */
bool proxy_node_is_free(const struct proxy *p, unsigned slot);

/* Its process answers at address:port (IP literal; IPv6 without brackets). For external nodes
 * `address` may be a host name; it is resolved when it is used. */
void proxy_node_up(struct proxy *p, unsigned slot, const char *address, uint16_t port);

/* What a node that is not up is doing. */
enum proxy_down {
    PROXY_DOWN_STARTING, /* its process runs, but does not answer yet */
    PROXY_DOWN_LOGIN,    /* it waits for a human, or for its turn to */
    PROXY_DOWN_BACKOFF,  /* it died; the next start is in retry_in_ms */
    PROXY_DOWN_STOPPED,  /* it will not come back by itself */
};

/* The node's process is gone (reaped) or not ready yet. May be called again when the kind
 * changes. `reason` in words for /health, copied; NULL keeps the last one. */
void proxy_node_down(struct proxy *p, unsigned slot, enum proxy_down kind, uint64_t retry_in_ms,
                     const char *reason);

/* A node that is up, but gets no new request; what runs there goes on. */
enum proxy_hold {
    PROXY_HOLD_NONE,
    PROXY_HOLD_KEEP,    /* until it is taken back */
    PROXY_HOLD_RESTART, /* its process ends soon, and a new one comes: requests may wait for it
                         */
    PROXY_HOLD_STOP,    /* its process ends soon */
};

/* The hold stays when the node goes down and up. It is in force before the loop reads from a
 * socket again. */
void proxy_node_hold(struct proxy *p, unsigned slot, enum proxy_hold hold);

/* Requests under way on that node whose clients still wait. */
unsigned proxy_node_busy(const struct proxy *p, unsigned slot);

/* A login code of it is shown ("waiting"), or taken back ("used", "expired", "gone"). */
void proxy_node_login(struct proxy *p, unsigned slot, const char *what);

/* A line of its log proves something about its account (DESIGN D9). `line` is for people:
 * redacted, copied. */
void proxy_node_evidence(struct proxy *p, unsigned slot, enum node_evidence evidence,
                         const char *line);

/* What survives a restart of the program, as one JSON object: facts about the accounts, the
 * active node, the journal. No secrets. -ENOMEM. */
int proxy_remember(const struct proxy *p, struct buf *out) MUST_CHECK;

/* Takes such an object back; call it before the first proxy_node_added(). What belongs to nodes
 * that are not added is dropped at the first proxy_remember(). -EINVAL: not JSON of ours,
 * -ENOTSUP: written by a newer program, -ENOMEM. */
int proxy_recall(struct proxy *p, struct slice json) MUST_CHECK;

/* The version that such a text says it has, for -ENOTSUP; 0 when it says none. */
int64_t proxy_memory_version(struct slice json);

/* Log files that were moved away (logrotate) are opened again under their names. */
void proxy_reopen_logs(struct proxy *p);

/* Nobody new; what runs, and who waits in a socket's queue, is answered with `Connection:
 * close`. `drained` of the host is not needed: ask with proxy_busy(). Idle connections are
 * closed at once, new ones that have not asked anything yet in a moment. */
void proxy_drain(struct proxy *p);

/* Requests whose clients still wait for an answer, or may be about to come in. */
unsigned proxy_busy(const struct proxy *p);

/* Cuts what is left and closes everything; ends in proxy_host.closed, after which the proxy is
 * freed. */
void proxy_close(struct proxy *p);

#endif
