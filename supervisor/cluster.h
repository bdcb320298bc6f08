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

struct cluster;

/* Locks the state directory, binds the gateway's port, and begins to start the nodes. The rest
 * happens on the loop, which ends by itself when a signal has stopped everything. The config is
 * borrowed for the life of the cluster. A failure is final: `ret_error` says what to do, and
 * the caller ends the process; no node was started. Errors: -EADDRINUSE, -EBUSY, -EPERM, ...
 * with a sentence. */
int cluster_open(uv_loop_t *loop, const struct config *config, struct cluster **ret_cluster,
                 struct error *ret_error) MUST_CHECK;

/* After the loop has ended. Accepts NULL. */
void cluster_free(struct cluster *c);

/* The i-th place where clients find it; false when there are not so many. */
bool cluster_address(const struct cluster *c, unsigned i, struct proxy_address *ret_address);

/* What config_load() cannot see: commands that cannot be split or expanded. Appends a line an
 * error to `messages`. -EINVAL when there are any, -ENOMEM. */
int cluster_check(const struct config *config, struct buf *messages) MUST_CHECK;

/* The program is broken: kills every node's group. Async-signal-safe; accepts NULL. */
void cluster_panic(struct cluster *c);

#endif
