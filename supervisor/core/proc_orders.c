/* proc_orders - what is asked of a process: to run, to start anew, to end.
 *
 * Pure. The other half of the state machine of proc.h. A wish to end it kindly finds a serving
 * process in READY and drains it first; everywhere else there is nobody to wait for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/proc_internal.h"

#include <stddef.h>

unsigned proc_on_want(struct proc *p, const struct proc_policy *policy,
                      const struct proc_event *ev)
{
    p->is_wanted = true;
    switch (p->state) {
    case PROC_EXITED:
    case PROC_FATAL:
        proc_forgive(p);
        proc_enter(p, policy, ev->now_ms, PROC_DOWN);
        break;
    case PROC_BACKOFF:
        proc_enter(p, policy, ev->now_ms, PROC_DOWN);
        break;
    case PROC_DRAINING:
    case PROC_STOPPING:
    case PROC_KILLING:
        if (p->next == PROC_NEXT_STAY)
            p->next = PROC_NEXT_START;
        break;
    case PROC_DOWN:
    case PROC_STARTING:
    case PROC_LOGIN:
    case PROC_READY:
    case PROC_STATE_COUNT:
        break;
    }
    return 0;
}

unsigned proc_on_restart(struct proc *p, const struct proc_policy *policy,
                         const struct proc_event *ev)
{
    enum proc_next next = PROC_NEXT_START;
    unsigned todo = proc_retract(p, PROC_DO_RETRACT_GONE);

    if (p->state == PROC_DRAINING)
        return proc_slay(p, policy, ev->now_ms, p->next);
    /* Just started: whatever is wrong with it will be wrong again. */
    if (p->state == PROC_STARTING ||
        (p->state == PROC_READY && ev->now_ms - p->ready_since_ms < policy->restart.delay_ms))
        next = PROC_NEXT_BACKOFF;
    if (p->state != PROC_STARTING && p->state != PROC_LOGIN && p->state != PROC_READY)
        return 0; /* it is on its way already, or nobody wants it */
    return todo | proc_slay(p, policy, ev->now_ms, next);
}

unsigned proc_on_cycle(struct proc *p, const struct proc_policy *policy,
                       const struct proc_event *ev)
{
    unsigned todo = proc_retract(p, PROC_DO_RETRACT_GONE);

    p->cause = PROC_CAUSE_ASKED;
    if (p->state == PROC_READY) {
        proc_drain(p, policy, ev->now_ms, PROC_NEXT_START);
        return 0;
    }
    if (p->state == PROC_STARTING || p->state == PROC_LOGIN)
        return todo | proc_terminate(p, policy, ev->now_ms, PROC_NEVER, PROC_NEXT_START);
    return proc_on_want(p, policy, ev);
}

unsigned proc_on_relogin(struct proc *p, const struct proc_policy *policy,
                         const struct proc_event *ev)
{
    unsigned todo = 0;

    if (proc_is_alive(p)) {
        p->is_relogin = true;
        todo = proc_on_cycle(p, policy, ev);
    } else {
        proc_forgive(p);
        (void)proc_on_want(p, policy, ev);
        if (p->has_token)
            todo = proc_set_aside(p, policy, ev->now_ms);
    }
    p->cause = PROC_CAUSE_LOGIN;
    return todo;
}

unsigned proc_on_retire(struct proc *p, const struct proc_policy *policy,
                        const struct proc_event *ev)
{
    if (p->state != PROC_READY && p->state != PROC_DRAINING)
        return proc_on_stop(p, policy, ev);
    p->is_wanted = false;
    p->is_relogin = false;
    if (p->state == PROC_READY)
        proc_drain(p, policy, ev->now_ms, PROC_NEXT_STAY);
    p->next = PROC_NEXT_STAY;
    return 0;
}

unsigned proc_on_yield(struct proc *p, const struct proc_policy *policy,
                       const struct proc_event *ev)
{
    if (p->state != PROC_STARTING)
        return 0;
    proc_forget_refusals(p);
    p->has_prompted = true;
    return proc_terminate(p, policy, ev->now_ms, PROC_NEVER, PROC_NEXT_START);
}

unsigned proc_on_stop(struct proc *p, const struct proc_policy *policy,
                      const struct proc_event *ev)
{
    unsigned todo = proc_retract(p, PROC_DO_RETRACT_GONE);

    p->is_wanted = false;
    p->is_relogin = false;
    p->next = PROC_NEXT_STAY;
    switch (p->state) {
    case PROC_STARTING:
    case PROC_LOGIN:
    case PROC_READY:
    case PROC_DRAINING:
        return todo | proc_terminate(p, policy, ev->now_ms, ev->kill_ms, PROC_NEXT_STAY);
    case PROC_STOPPING:
        if (ev->kill_ms < p->deadline_ms)
            p->deadline_ms = ev->kill_ms;
        return 0;
    case PROC_BACKOFF:
    case PROC_EXITED:
    case PROC_FATAL:
        proc_enter(p, policy, ev->now_ms, PROC_DOWN);
        return 0;
    case PROC_DOWN:
    case PROC_KILLING:
    case PROC_STATE_COUNT:
        break;
    }
    return 0;
}

unsigned proc_on_kill(struct proc *p, const struct proc_policy *policy,
                      const struct proc_event *ev)
{
    unsigned todo = proc_retract(p, PROC_DO_RETRACT_GONE);

    if (!proc_is_alive(p) || p->state == PROC_KILLING)
        return proc_on_stop(p, policy, ev);
    p->is_wanted = false;
    p->is_relogin = false;
    return todo | proc_slay(p, policy, ev->now_ms, PROC_NEXT_STAY);
}
