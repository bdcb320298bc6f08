/* ending.h - how the end of an attempt changes its request and its node.
 *
 * Pure. Only the engine's own files include this.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENDING_H
#define ENDING_H

#include "failover.h"

/* Whose fault a 403 was that nobody explained (DESIGN D7). */
enum ending_judgement { ENDING_BLAMES_REQUEST, ENDING_BLAMES_ACCOUNT };

/* OUTCOME: teaches the node, then ends, moves or keeps the request. */
void ending_take(struct failover *f, const struct failover_event *ev,
                 struct failover_actions *out);

/* Ends the wait of every request that was refused with 403 by this node. */
void ending_judge(struct failover *f, uint16_t node, enum ending_judgement judgement,
                  uint64_t now_ms, struct failover_actions *out);

#endif
