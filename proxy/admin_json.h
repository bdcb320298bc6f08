/* admin_json.h - the JSON of /health and the admin endpoints.
 *
 * Codec: reads the proxy's state, writes text; no I/O. The fields that the ancestor's users
 * rely on keep their names and meaning (FACTS 6); more are added beside them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_JSON_H
#define ADMIN_JSON_H

#include <jansson.h>

#include "buf.h"
#include "shell.h"

/* ISO 8601 as JavaScript's toISOString() writes it; null for 0. NULL is -ENOMEM. */
json_t *admin_json_time(int64_t wall_ms) MUST_CHECK;

/* A text that may hold anything, such as a value of a settings file, cut to a kilobyte when it
 * is no UTF-8. NULL is -ENOMEM. */
json_t *admin_json_text(const char *text) MUST_CHECK;

/* GET /health. Device codes only for callers who may see them. -ENOMEM. */
int admin_json_health(const struct proxy *p, bool with_logins, struct buf *out) MUST_CHECK;

/* GET /admin/journal: the oldest entry first. -ENOMEM. */
int admin_json_journal(const struct proxy *p, struct buf *out) MUST_CHECK;

/* GET /admin/nodes, /admin/nodes/NAME, /admin/logins, /readyz. -ENOMEM. */
int admin_json_nodes(const struct proxy *p, struct buf *out) MUST_CHECK;
int admin_json_node(const struct proxy *p, unsigned slot, struct buf *out) MUST_CHECK;
int admin_json_logins(const struct proxy *p, struct buf *out) MUST_CHECK;
int admin_json_ready(const struct proxy *p, bool *ret_is_ready, struct buf *out) MUST_CHECK;

/* The answer of POST /admin/reset-active-node: did the node that was asked for become the
 * active one, or with FAILOVER_NONE any that is ready? -ENOMEM. */
int admin_json_reset(const struct proxy *p, uint16_t node, struct buf *out) MUST_CHECK;

/* The same when it was not understood. -ENOMEM. */
int admin_json_refusal(const char *message, struct buf *out) MUST_CHECK;

#endif
