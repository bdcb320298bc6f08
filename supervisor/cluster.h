/* cluster.h - the whole: nodes' processes, the proxy in front of them, and their common end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "buf.h"
#include "config.h"
#include "error.h"
#include "proxy.h"
#include "reload.h"

struct cluster;

/* Locks the state directory, binds the gateway's port, and begins to start the nodes. The rest
 * happens on the loop, which ends by itself when a signal has stopped everything. The config is
 * borrowed for the life of the cluster. A failure is final: `ret_error` says what to do, and
 * the caller ends the process; no node was started. Errors: -EADDRINUSE, -EBUSY, -EPERM, ...
 * with a sentence. */
int cluster_open(uv_loop_t *loop, const struct config *config, struct cluster **ret_cluster,
                 struct error *ret_error) MUST_CHECK;

/* Where a reload gets the settings from: as config_load(). Without one nothing is read again.
 */
struct cluster_source {
    int (*load)(void *data, struct config **ret_config, struct buf *messages);
    void *data;
};

void cluster_set_source(struct cluster *c, const struct cluster_source *source);

/* Reads the settings again. All or nothing: with errors in the result nothing has changed. What
 * is live is in force at the return; nodes that start anew or leave have their turns from the
 * loop, one at a time, the active one last after its drain. A further reload meanwhile is fine:
 * what is left to do is then what differs from it. `cause` is for the log: "HUP", "api". */
void cluster_reload(struct cluster *c, const char *cause, struct reload *result);

/* Nodes have still to have their turn. */
bool cluster_is_reloading(const struct cluster *c);

/* After the loop has ended. Accepts NULL. */
void cluster_free(struct cluster *c);

/* Orders about one node: posted here, carried out from the next turn of the loop on, and
 * idempotent. Slots are those of the proxy. A node that serves is held first, so that the lead
 * goes to another one, and what it does may end within drain_timeout.
 * Errors: -ENOENT (no such slot), -ENOTSUP (external: there is no process of ours),
 * -EPERM (disabled: enable it first), -ESHUTDOWN (the whole is ending). */
int cluster_start(struct cluster *c, unsigned slot) MUST_CHECK;   /* leaves a pause, too */
int cluster_stop(struct cluster *c, unsigned slot) MUST_CHECK;    /* until a start */
int cluster_restart(struct cluster *c, unsigned slot) MUST_CHECK; /* what is down is started */

/* A fresh login, also of a node whose token is dead: its process ends, its token file is set
 * aside (renamed, not deleted), and it is the next to ask for a code. */
int cluster_login(struct cluster *c, unsigned slot) MUST_CHECK;

/* No new requests, while its process lives on; good for external nodes, too. */
int cluster_drain(struct cluster *c, unsigned slot) MUST_CHECK;

/* Stopped, and nothing starts it but ENABLE; an external node is drained. ENABLE takes back
 * both, and starts it. */
int cluster_disable(struct cluster *c, unsigned slot) MUST_CHECK;
int cluster_enable(struct cluster *c, unsigned slot) MUST_CHECK;

/* What orders have made of it, for people: "held", "disabled" or "". */
const char *cluster_order_word(const struct cluster *c, unsigned slot);

/* What the program exits with: 0, or 1 when exit_on has ended it. */
int cluster_exit_status(const struct cluster *c);

/* The i-th place where clients find it; false when there are not so many. */
bool cluster_address(const struct cluster *c, unsigned i, struct proxy_address *ret_address);

/* What config_load() cannot see: commands that cannot be split or expanded. Appends a line an
 * error to `messages`. -EINVAL when there are any, -ENOMEM. */
int cluster_check(const struct config *config, struct buf *messages) MUST_CHECK;

/* The program is broken: kills every node's group. Async-signal-safe; accepts NULL. */
void cluster_panic(struct cluster *c);

#endif
