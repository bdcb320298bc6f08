/* upstream.h - one connection to a node, and the attempt that uses it.
 *
 * Connections are kept for reuse, at most UPSTREAM_POOL_MAX a node and UPSTREAM_IDLE_MS each:
 * nodes close idle ones after 5 s. A reused connection that breaks before the first byte of an
 * answer was stale; the request is sent again on a new one, and the node is not blamed.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include "shell.h"

/* Sends the exchange's request to the node. The exchange hears about the answer through its
 * exchange_on_* functions, never inside this call; a failure to start is posted as an
 * outcome. */
void upstream_start(struct exchange *x, uint16_t node, struct failover_id attempt);

/* Nobody reads the answer any more: it is read to its end and dropped (DESIGN D4). */
void upstream_detach(struct upstream *u);

/* Hangs up. No outcome is posted. Accepts NULL. */
void upstream_abort(struct upstream *u);

/* Backpressure: stops and goes on reading the node. */
void upstream_pause(struct upstream *u);
void upstream_resume(struct upstream *u);

/* Closes the kept connections of a node. */
void upstream_close_idle(struct proxy_node *n);

/* Ends everything on a node that is leaving, from the loop's next turn on, with outcomes. */
void upstream_cut_all(struct proxy_node *n);

/* Closes all connections of all nodes, without outcomes. */
void upstream_close_all(struct proxy *p);

#endif
