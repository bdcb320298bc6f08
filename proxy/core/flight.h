/* flight.h - requests and their attempts: queue, dispatch, end.
 *
 * Pure. Only the engine's own files include this.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FLIGHT_H
#define FLIGHT_H

#include "failover.h"

void flight_init(struct failover *f);

/* The live request or attempt with this id, or NULL when the id is stale. */
struct failover_request *flight_request(struct failover *f, struct failover_id id);
struct failover_attempt *flight_attempt(struct failover *f, struct failover_id id);

/* Puts the request into the queue, at the place of its arrival. */
void flight_enqueue(struct failover *f, struct failover_request *r, uint64_t now_ms);

/* Takes a WAITING request out of the queue. */
void flight_leave(struct failover *f, struct failover_request *r);

/* Dispatches or answers what waits, first come first served. */
void flight_pump(struct failover *f, uint64_t now_ms, struct failover_actions *out);

/* Unbinds request and attempt. The attempt goes on as an orphan. */
void flight_detach(struct failover *f, struct failover_attempt *a);

/* The attempt's client has left, or may have (FIN): a handoff does not wait for it. */
void flight_depart(struct failover *f, struct failover_attempt *a);

/* The attempt is over; its slot is free again. */
void flight_end_attempt(struct failover *f, struct failover_attempt *a);

/* Writes the terminal action and frees the request. */
struct failover_action *flight_finish(struct failover *f, struct failover_request *r,
                                      enum failover_action_type type,
                                      struct failover_actions *out);

/* The request failed in a way that another node may mend: queue it, or answer when its tries
 * are used up. */
void flight_retry(struct failover *f, struct failover_request *r, enum failover_outcome outcome,
                  uint64_t now_ms, struct failover_actions *out);

/* The node's process is gone: its attempts do not count any more, whoever reads their rest. */
void flight_node_down(struct failover *f, uint16_t node);

/* A new process: a new candidate for every request (DESIGN D6). */
void flight_node_up(struct failover *f, uint16_t node);

/* When does a waiting request run out of patience? */
uint64_t flight_deadline(const struct failover *f);

#endif
