/* cluster.h - the whole: nodes' processes, the proxy in front of them, and their common end.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <stdint.h>

#include <uv.h>

#include "buf.h"
#include "config.h"
#include "error.h"

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

/* Where clients find it: http://127.0.0.1:8080/v1. `ret_url` has `size` bytes. */
void cluster_url(const struct cluster *c, char *ret_url, size_t size);

/* What config_load() cannot see: commands that cannot be split or expanded. Appends a line an
 * error to `messages`. -EINVAL when there are any, -ENOMEM. */
int cluster_check(const struct config *config, struct buf *messages) MUST_CHECK;

/* The program is broken: kills every node's group. Async-signal-safe; accepts NULL. */
void cluster_panic(struct cluster *c);

#endif
