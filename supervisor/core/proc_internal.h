/* proc_internal.h - what the files of proc share; nobody else includes it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROC_INTERNAL_H
#define PROC_INTERNAL_H

#include "supervisor/core/proc.h"

/* One function an event: changes `p`, returns what is to be done. */
typedef unsigned proc_handler(struct proc *p, const struct proc_policy *policy,
                              const struct proc_event *ev);

/* The only place that changes the state: its deadlines are gone, and what counts in READY. */
void proc_enter(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                enum proc_state state);

/* The set bits that take a shown code back, if there is one. */
unsigned proc_retract(const struct proc *p, enum proc_action cause);

/* The stored login is good, or there is none any more. */
void proc_forget_refusals(struct proc *p);

/* It is as if it had never failed. */
void proc_forgive(struct proc *p);

/* READY -> DRAINING, then STOPPING, then `next`. */
void proc_drain(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                enum proc_next next);

unsigned proc_terminate(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                        uint64_t kill_ms, enum proc_next next);
unsigned proc_slay(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                   enum proc_next next);

/* Its token file is to go before it starts again; a start with the old one is put off a bit. */
unsigned proc_set_aside(struct proc *p, const struct proc_policy *policy, uint64_t now_ms);

/* proc_orders.c: what is asked of it, by people or by the engines. */
proc_handler proc_on_want;
proc_handler proc_on_restart;
proc_handler proc_on_cycle;
proc_handler proc_on_relogin;
proc_handler proc_on_retire;
proc_handler proc_on_yield;
proc_handler proc_on_stop;
proc_handler proc_on_kill;

#endif
