/* baton.h - which node leads, and how the lead is handed over.
 *
 * Pure. Only the engine's own files include this.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BATON_H
#define BATON_H

#include "failover.h"

/* Picks the active node after anything changed: sticky while it is READY, else the next READY
 * one downwards, cyclically; if there is none, the next DRAINED one, which still serves free
 * models. Writes SWITCHED when the baton moves. */
void baton_settle(struct failover *f, uint64_t now_ms, struct failover_actions *out);

/* Moves the baton although the active node is READY: a 5xx or a broken answer that is retried.
 * Does nothing when no other node is READY. */
void baton_yield(struct failover *f, enum failover_cause cause, uint64_t now_ms,
                 struct failover_actions *out);

/* Moves the baton although the active node is READY: a request that costs so much would touch
 * its reserve. To the next READY node that has room and is not in `tried` (bit per slot).
 * Returns false, and moves nothing, when there is none. */
bool baton_make_room(struct failover *f, int32_t cost_milli, uint64_t tried, uint64_t now_ms,
                     struct failover_actions *out);

/* RESET_ACTIVE: to `node`, or to the highest READY one (FAILOVER_NONE). */
void baton_reset(struct failover *f, uint16_t node, uint64_t now_ms,
                 struct failover_actions *out);

/* The active node's slot is about to be emptied. */
void baton_remove(struct failover *f, uint16_t node, uint64_t now_ms,
                  struct failover_actions *out);

/* Does another account still work, so that nothing may be dispatched (DESIGN D4)? */
bool baton_is_blocked(const struct failover *f);

/* Until when does a request wait for that, which arrived or came back at wait_from_ms? */
uint64_t baton_blocked_until(const struct failover *f, uint64_t wait_from_ms);

/* Requests wait behind accounts that still work: RESTART those that nobody reads any more, and
 * those that may be cut and had their time. */
void baton_press(struct failover *f, uint64_t now_ms, struct failover_actions *out);

/* The next moment at which baton_settle or baton_press has work; only while requests wait. */
uint64_t baton_deadline(const struct failover *f, uint64_t now_ms);

/* Is a node above the active one on its first way up, so that a first request should wait? */
bool baton_is_early(const struct failover *f);

#endif
