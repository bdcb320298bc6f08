/* health.h - the facts about one node, and how events change them.
 *
 * Pure. Only the engine's own files include this.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HEALTH_H
#define HEALTH_H

#include "failover.h"

enum node_state health_state(const struct failover_node *n);

/* The fact that makes this state the state. `before` is the state until now. */
enum failover_cause health_cause(const struct failover_node *n, enum node_state before);

/* May it be asked for /usage? Not a dead token that only a restart can heal (P7). */
bool health_is_pollable(const struct failover_node *n);

/* Will it be able to serve within node_wait, as far as anybody knows? */
bool health_is_coming(const struct failover_node *n, uint64_t node_wait_ms, uint64_t now_ms);

/* May the streams that it still serves be cut when a handoff takes too long (DESIGN D4)? */
bool health_may_be_cut(const struct failover_node *n);

void health_up(struct failover_node *n, uint64_t now_ms);
void health_down(struct failover_node *n, enum failover_down down, uint64_t retry_in_ms,
                 uint64_t now_ms);

/* What an answer teaches about its node. Returns true when the 403 is the second in a row, so
 * that the account is to blame (DESIGN D7). */
bool health_outcome(struct failover_node *n, const struct failover_policy *policy,
                    enum failover_outcome outcome, uint64_t retry_after_ms, uint64_t now_ms);

/* Is it time for the restart that a 401 asks for? The streams of others may end before, until
 * handoff_timeout (DESIGN D4). */
bool health_is_restart_due(const struct failover_node *n, uint64_t now_ms);

/* RESTART was sent: NODE_DOWN is awaited. */
void health_restart_asked(struct failover_node *n);

/* A 403 that /usage confirms as the account's: a cooldown. */
void health_forbidden(struct failover_node *n, const struct failover_policy *policy,
                      uint64_t now_ms);

/* What a line of its log proves. Returns true when the account is to blame for what is being
 * judged. */
bool health_evidence(struct failover_node *n, const struct failover_policy *policy,
                     enum node_evidence evidence, uint64_t now_ms);

/* What is remembered of it from before a restart of the program, and what to remember. */
void health_restore(struct failover_node *n, const struct failover_memory *memory,
                    uint64_t now_ms);
void health_remember(const struct failover_node *n, uint64_t now_ms,
                     struct failover_memory *ret_memory);

/* Would a request that costs so much leave the account's reserve untouched? */
bool health_fits(const struct failover_node *n, const struct failover_policy *policy,
                 int32_t cost_milli);

/* When to ask /usage again after it has failed. */
uint64_t health_poll_again(const struct failover_node *n, const struct failover_policy *policy,
                           uint64_t now_ms);

/* Other rules are in force: what is known of the quota is judged by them, and asked again. */
void health_policy_changed(struct failover_node *n, const struct failover_policy *policy,
                           uint64_t now_ms);

void health_usage(struct failover_node *n, const struct failover_policy *policy,
                  const struct failover_usage *usage, uint64_t random, uint64_t now_ms);
void health_usage_failed(struct failover_node *n, const struct failover_policy *policy,
                         bool is_unreachable, uint64_t now_ms);
void health_probe_done(struct failover_node *n, const struct failover_policy *policy,
                       bool is_ok, uint64_t now_ms);

/* Takes `cost_milli` from the estimate (gives it back when negative). An estimate at its end
 * asks for a poll. */
void health_spend(struct failover_node *n, const struct failover_policy *policy,
                  int32_t cost_milli, uint64_t now_ms);

/* Ends what has run out by now. */
void health_tick(struct failover_node *n, uint64_t now_ms);

/* The next moment at which health_tick or a probe has work. */
uint64_t health_deadline(const struct failover_node *n);

#endif
