/* admin_reset.h - reads the body of POST /admin/reset-active-node.
 *
 * Codec: jansson only, no I/O.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_RESET_H
#define ADMIN_RESET_H

#include "buf.h"
#include "shell.h"

/* Which node is wanted. Returns 200 and the slot in `ret_node`, FAILOVER_NONE for the highest
 * one that is ready: no body, {} and {"node":null} say that. Else the status of the refusal,
 * with one sentence for people in `message` (empty when there was no memory for it): 400 for a
 * body that is none, 404 for a name that no node has, 503 without memory. */
unsigned admin_reset_read(const struct proxy *p, struct slice body, uint16_t *ret_node,
                          struct buf *message) MUST_CHECK;

#endif
