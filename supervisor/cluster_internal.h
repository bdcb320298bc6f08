/* cluster_internal.h - what cluster*.c share; nobody else includes it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_INTERNAL_H
#define CLUSTER_INTERNAL_H

#include <stdint.h>

#include <uv.h>

#include "bounds.h"
#include "config.h"
#include "fetch.h"
#include "proxy.h"
#include "supervisor/child.h"
#include "supervisor/cluster.h"
#include "supervisor/cluster_docker.h"
#include "supervisor/config_list.h"
#include "supervisor/control.h"
#include "supervisor/core/fleet.h"
#include "supervisor/identity.h"
#include "supervisor/pidfile.h"
#include "supervisor/reaper.h"
#include "supervisor/signals.h"
#include "supervisor/state.h"

#define CLUSTER_MAGIC 0x434c5553u
#define CLUSTER_QUEUE_MAX                                                                      \
    (FLEET_EVENT_COUNT * NODES_MAX) /* kinds of events that a node can have pending */

enum cluster_phase {
    CLUSTER_RUNNING,
    CLUSTER_DRAINING, /* nobody new; running answers end */
    CLUSTER_STOPPING, /* the nodes end */
    CLUSTER_CLOSING,  /* proxy and fetches close */
    CLUSTER_SWEEPING, /* what the nodes left behind ends */
    CLUSTER_CLOSED,
};

/* What the cluster keeps for a slot. External nodes have no child. */
struct cluster_member {
    struct config_node *config;  /* owned; NULL = the slot is empty */
    struct config_node *running; /* what its process was started with, or `config`, or NULL */
    struct child *child;         /* owned */
    struct fetch *probe;
    struct cluster *cluster;      /* for the probe's callback */
    uint64_t login_expires_at_ms; /* wall clock */
    uint64_t memory_look_ms;      /* the next one is due */
    uint64_t due_since_ms;        /* a restart is due, or it drains; 0 = no */
    bool is_held;                 /* an external node, by order */
    unsigned index;               /* its place in the file, among those that stay */
    bool is_leaving;              /* a reload found it gone from the settings */
    bool is_gone;                 /* out of fleet and proxy; its connections close */
    bool is_turn;                 /* a reload works on it */
    bool was_up;                  /* when its turn began, and it has not come up since */
    uint64_t turn_since_ms;
    char restart_why[REASON_MAX];
};

struct cluster {
    uint32_t magic;
    uv_loop_t *loop;
    const struct config *config;
    struct config *owned; /* the same after the first reload; NULL before */
    struct cluster_source source;
    struct buf setting;                     /* the last one that was shown */
    char control_path[LISTEN_PATH_MAX + 1]; /* "" = it would be too long */
    struct proxy *proxy;
    struct fetch_pool *pool;
    struct reaper reaper;
    struct signals signals;
    uv_idle_t pump;
    uv_timer_t timer; /* fleet_deadline() */
    uv_timer_t tick;  /* runs while draining and sweeping */
    uv_timer_t care;  /* cluster_care.c */
    uint64_t care_ms; /* its pause, or UINT64_MAX */
    uv_timer_t turns; /* cluster_turns.c */
    unsigned held_by; /* the node that keeps others waiting; NODES_MAX = none */
    struct child_host child_host;
    struct oom oom;
    struct identity identity;    /* [supervisor] user, or ourselves */
    struct rlimit nofile_before; /* our limit, before we raised it */
    struct pidfile pidfile;
    int lock_fd;          /* -1: the state directory is not ours to write to */
    struct state *memory; /* NULL: nothing survives a restart */
    enum cluster_phase phase;
    unsigned stop_signals;
    bool has_quit;        /* exit_on has ended it */
    uint64_t shutdown_ms; /* when the whole shutdown must be over */
    uint64_t drain_ms;    /* when the drain must be over */
    unsigned sweeps;
    unsigned quiet_sweeps;
    unsigned open_handles;
    struct cluster_member members[NODES_MAX];
    unsigned member_count;
    struct cluster_docker *docker; /* NULL: containers are not looked for */
    void (*docker_closed)(void *data);
    struct fleet fleet;
    struct fleet_actions actions;
    struct fleet_event queue[CLUSTER_QUEUE_MAX];
    unsigned queue_first;
    unsigned queue_len;
};

/* Posts an event; it is handled on the loop's next turn. An equal one that waits already is
 * enough: a step looks at what is, not at what was. */
void cluster_post(struct cluster *c, struct fleet_event event);

/* The same about one node: slot, generation and token file of its child are filled in. */
void cluster_post_node(struct cluster *c, enum fleet_event_type type, unsigned slot);

/* cluster.c: what the children call. */
void cluster_child_host_init(struct cluster *c);

/* cluster_self.c: who we are to be, looked up before anything is made; and the change, after
 * everything that needs root. Errors in words. */
int cluster_self_find(struct cluster *c, struct error *ret_error) MUST_CHECK;
int cluster_self_note(struct cluster *c,
                      struct error *ret_error) MUST_CHECK; /* in the pid file */
int cluster_self_become(struct cluster *c, struct error *ret_error) MUST_CHECK;

/* cluster_care.c: after whatever may have changed a process. */
void cluster_care_arm(struct cluster *c);

/* cluster_open.c: the state directory, locked; a failure that is not `is_needed` is told. */
int cluster_open_state(struct cluster *c, bool is_needed, struct error *ret_error) MUST_CHECK;

/* cluster_member.c */
struct config_node *cluster_copy_node(const struct config_node *n) MUST_CHECK; /* or NULL */
void cluster_free_node(struct config_node *n);                                 /* or NULL */
int cluster_make_child(struct cluster *c, const struct config_node *n, unsigned slot,
                       struct child **ret_child, struct error *ret_error) MUST_CHECK;
void cluster_free_child(struct child *child); /* or NULL */
void cluster_free_member(struct cluster *c, unsigned slot);
void cluster_add_node(struct cluster *c, unsigned slot); /* to proxy and fleet */
void cluster_post_policies(struct cluster *c);           /* as the settings are now */
enum fleet_exit_on cluster_exit_on(const struct config *config);

/* cluster_turns.c: after a reload. */
void cluster_turns_start(struct cluster *c);
void cluster_turns_changed(struct cluster *c, unsigned slot, struct reload *result);
void cluster_turns_started(struct cluster *c, unsigned slot); /* its process is a new one */

/* cluster_host.c: the proxy's wishes and questions. The twin is another node that is logged in
 * as the same GitHub user, NULL = none. */
const char *cluster_twin(const struct cluster *c, unsigned slot);
void cluster_host_init(struct cluster *c, struct proxy_host *ret_host);

/* cluster_memory.c: what survives a restart. */
void cluster_memory_open(struct cluster *c); /* after the proxy, before its nodes */
void cluster_memory_changed(void *host);
void cluster_memory_finish(struct cluster *c); /* before the nodes go down */
void cluster_memory_close(struct cluster *c, void (*on_closed)(void *data));

/* cluster_end.c: from a signal to the last closed handle. */
void cluster_end_on_signal(void *data, int signum);
void cluster_end_quit(struct cluster *c, const char *node); /* exit_on */
void cluster_end_close(struct cluster *c);                  /* EXIT of the fleet */
void cluster_end_on_proxy_closed(void *host);

#endif
