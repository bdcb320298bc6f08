/* proc - the life of one process, as a state machine.
 *
 * Pure. One function an event, each a switch over the states that care; enter() is the only
 * place that changes the state. A death counts as a failure unless somebody asked for it; being
 * READY for restart_reset wipes the count. Restarts are unlimited unless failures_max is set.
 *
 * Not done here: the order of starts and logins (fleet), and every reason in words (the shell).
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/proc.h"

#include <assert.h>
#include <stddef.h>

static void enter(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                  enum proc_state state)
{
    if (p->state == PROC_READY && now_ms - p->ready_since_ms >= policy->restart_reset_ms)
        backoff_reset(&p->backoff);
    p->state = state;
    p->deadline_ms = PROC_NEVER;
    p->probe_ms = PROC_NEVER;
    p->ready_since_ms = state == PROC_READY ? now_ms : 0;
}

/* The set bits that take a shown code back, if there is one. */
static unsigned retract(const struct proc *p, enum proc_action cause)
{
    return p->state == PROC_LOGIN ? (unsigned)cause : 0;
}

/* The stored login is good, or there is none any more. */
static void forget_refusals(struct proc *p)
{
    p->tried_ms = PROC_NEVER;
    p->refused_since_ms = PROC_NEVER;
}

/* Has the process that ended shown that the stored login is dead? */
static bool is_login_dead(struct proc *p, const struct proc_policy *policy,
                          const struct proc_event *ev)
{
    if (!ev->is_refused || p->tried_ms == PROC_NEVER)
        return false;
    if (p->refused_since_ms == PROC_NEVER)
        p->refused_since_ms = p->tried_ms;
    return p->is_wanted && p->tried_ms - p->refused_since_ms >= policy->refused_apart_ms;
}

static void begin_start(struct proc *p, const struct proc_policy *policy, uint64_t now_ms)
{
    enter(p, policy, now_ms, PROC_STARTING);
    p->deadline_ms = now_ms + policy->start_timeout_ms;
    if (!p->is_probing)
        p->probe_ms = now_ms + policy->probe_interval_ms;
}

static unsigned become_ready(struct proc *p, const struct proc_policy *policy, uint64_t now_ms)
{
    unsigned todo = retract(p, PROC_DO_RETRACT_USED);

    enter(p, policy, now_ms, PROC_READY);
    forget_refusals(p);
    p->has_token = true;
    p->has_prompted = false;
    return todo;
}

static unsigned terminate(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                          uint64_t kill_ms, enum proc_next next)
{
    uint64_t deadline_ms = now_ms + policy->stopwait_ms;

    enter(p, policy, now_ms, PROC_STOPPING);
    p->deadline_ms = kill_ms < deadline_ms ? kill_ms : deadline_ms;
    p->next = next;
    return PROC_DO_TERM;
}

static unsigned slay(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                     enum proc_next next)
{
    enter(p, policy, now_ms, PROC_KILLING);
    p->next = next;
    return PROC_DO_KILL;
}

static void fail(struct proc *p, const struct proc_policy *policy, const struct proc_event *ev)
{
    uint64_t pause_ms = backoff_next(&p->backoff, &policy->restart, ev->seed ^ ev->now_ms);

    if (policy->failures_max != 0 && p->backoff.failures >= policy->failures_max) {
        enter(p, policy, ev->now_ms, PROC_FATAL);
        p->is_wanted = false;
        return;
    }
    enter(p, policy, ev->now_ms, PROC_BACKOFF);
    p->deadline_ms = ev->now_ms + pause_ms;
}

static unsigned on_want(struct proc *p, const struct proc_policy *policy,
                        const struct proc_event *ev)
{
    p->is_wanted = true;
    switch (p->state) {
    case PROC_FATAL:
        backoff_reset(&p->backoff);
        enter(p, policy, ev->now_ms, PROC_DOWN);
        break;
    case PROC_BACKOFF:
        enter(p, policy, ev->now_ms, PROC_DOWN);
        break;
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

static unsigned on_exited(struct proc *p, const struct proc_policy *policy,
                          const struct proc_event *ev)
{
    enum proc_next next = p->next;
    unsigned todo = retract(p, PROC_DO_RETRACT_GONE);

    assert(proc_is_alive(p));
    if (p->state != PROC_STOPPING && p->state != PROC_KILLING)
        next = PROC_NEXT_BACKOFF;
    if (!ev->has_token)
        forget_refusals(p);
    else if (is_login_dead(p, policy, ev))
        todo |= PROC_DO_SET_ASIDE;
    p->tried_ms = PROC_NEVER;
    p->has_token = ev->has_token;
    p->is_probing = false;
    enter(p, policy, ev->now_ms, PROC_DOWN);
    if (next == PROC_NEXT_BACKOFF)
        fail(p, policy, ev);
    return todo;
}

static unsigned on_prompt(struct proc *p, const struct proc_policy *policy,
                          const struct proc_event *ev)
{
    /* A node that serves may well print what looks like a prompt: some log what they relay. */
    if (p->state != PROC_STARTING && p->state != PROC_LOGIN)
        return 0;
    enter(p, policy, ev->now_ms, PROC_LOGIN);
    forget_refusals(p);
    p->has_prompted = true;
    p->deadline_ms = ev->now_ms + policy->login_timeout_ms;
    if (!p->is_probing)
        p->probe_ms = ev->now_ms + policy->login_probe_interval_ms;
    return PROC_DO_SHOW;
}

static unsigned on_logged_in(struct proc *p, const struct proc_policy *policy,
                             const struct proc_event *ev)
{
    unsigned todo = retract(p, PROC_DO_RETRACT_USED);

    if (p->state != PROC_STARTING && p->state != PROC_LOGIN)
        return 0;
    forget_refusals(p);
    p->has_token = true;
    p->has_prompted = false;
    if (p->state == PROC_LOGIN)
        begin_start(p, policy, ev->now_ms);
    return todo;
}

static unsigned on_probe(struct proc *p, const struct proc_policy *policy,
                         const struct proc_event *ev)
{
    p->is_probing = false;
    if (p->state != PROC_STARTING && p->state != PROC_LOGIN)
        return 0;
    if (ev->type == PROC_EVENT_PROBE_OK)
        return become_ready(p, policy, ev->now_ms);
    p->probe_ms = ev->now_ms + (p->state == PROC_LOGIN ? policy->login_probe_interval_ms
                                                       : policy->probe_interval_ms);
    return 0;
}

static unsigned on_restart(struct proc *p, const struct proc_policy *policy,
                           const struct proc_event *ev)
{
    enum proc_next next = PROC_NEXT_START;
    unsigned todo = retract(p, PROC_DO_RETRACT_GONE);

    /* Just started: whatever is wrong with it will be wrong again. */
    if (p->state == PROC_STARTING ||
        (p->state == PROC_READY && ev->now_ms - p->ready_since_ms < policy->restart.delay_ms))
        next = PROC_NEXT_BACKOFF;
    if (p->state != PROC_STARTING && p->state != PROC_LOGIN && p->state != PROC_READY)
        return 0; /* it is on its way already, or nobody wants it */
    return todo | slay(p, policy, ev->now_ms, next);
}

/* It becomes like any other that has never logged in, and need not pay for former failures. */
static unsigned on_token_gone(struct proc *p, const struct proc_policy *policy,
                              const struct proc_event *ev)
{
    if (proc_is_alive(p))
        return 0; /* somebody started it before this came: its prompt will tell */
    forget_refusals(p);
    backoff_reset(&p->backoff);
    p->has_token = false;
    if (p->state == PROC_BACKOFF)
        enter(p, policy, ev->now_ms, PROC_DOWN);
    return 0;
}

static unsigned on_yield(struct proc *p, const struct proc_policy *policy,
                         const struct proc_event *ev)
{
    if (p->state != PROC_STARTING)
        return 0;
    forget_refusals(p);
    p->has_prompted = true;
    return terminate(p, policy, ev->now_ms, PROC_NEVER, PROC_NEXT_START);
}

static unsigned on_stop(struct proc *p, const struct proc_policy *policy,
                        const struct proc_event *ev)
{
    unsigned todo = retract(p, PROC_DO_RETRACT_GONE);

    p->is_wanted = false;
    p->next = PROC_NEXT_STAY;
    switch (p->state) {
    case PROC_STARTING:
    case PROC_LOGIN:
    case PROC_READY:
        return todo | terminate(p, policy, ev->now_ms, ev->kill_ms, PROC_NEXT_STAY);
    case PROC_STOPPING:
        if (ev->kill_ms < p->deadline_ms)
            p->deadline_ms = ev->kill_ms;
        return 0;
    case PROC_BACKOFF:
    case PROC_FATAL:
        enter(p, policy, ev->now_ms, PROC_DOWN);
        return 0;
    case PROC_DOWN:
    case PROC_KILLING:
    case PROC_STATE_COUNT:
        break;
    }
    return 0;
}

static unsigned on_kill(struct proc *p, const struct proc_policy *policy,
                        const struct proc_event *ev)
{
    unsigned todo = retract(p, PROC_DO_RETRACT_GONE);

    if (!proc_is_alive(p) || p->state == PROC_KILLING)
        return on_stop(p, policy, ev);
    p->is_wanted = false;
    return todo | slay(p, policy, ev->now_ms, PROC_NEXT_STAY);
}

static unsigned on_deadline(struct proc *p, const struct proc_policy *policy,
                            const struct proc_event *ev)
{
    switch (p->state) {
    case PROC_STARTING:
        return slay(p, policy, ev->now_ms, PROC_NEXT_BACKOFF);
    case PROC_LOGIN:
        return PROC_DO_RETRACT_EXPIRED |
               terminate(p, policy, ev->now_ms, PROC_NEVER, PROC_NEXT_START);
    case PROC_STOPPING:
        return slay(p, policy, ev->now_ms, p->next);
    case PROC_BACKOFF:
        enter(p, policy, ev->now_ms, PROC_DOWN);
        return 0;
    case PROC_DOWN:
    case PROC_READY:
    case PROC_KILLING:
    case PROC_FATAL:
    case PROC_STATE_COUNT:
        break;
    }
    return 0;
}

static unsigned on_timer(struct proc *p, const struct proc_policy *policy,
                         const struct proc_event *ev)
{
    if (ev->now_ms >= p->deadline_ms)
        return on_deadline(p, policy, ev);
    if (ev->now_ms < p->probe_ms)
        return 0;
    p->probe_ms = PROC_NEVER;
    p->is_probing = true;
    return PROC_DO_PROBE;
}

static unsigned on_spawn(struct proc *p, const struct proc_policy *policy,
                         const struct proc_event *ev)
{
    assert(p->state == PROC_DOWN && p->is_wanted);
    p->generation++;
    p->tried_ms = ev->now_ms;
    begin_start(p, policy, ev->now_ms);
    return PROC_DO_SPAWN;
}

void proc_init(struct proc *p, bool has_token)
{
    *p = (struct proc){
        .state = PROC_DOWN,
        .has_token = has_token,
        .deadline_ms = PROC_NEVER,
        .probe_ms = PROC_NEVER,
        .tried_ms = PROC_NEVER,
        .refused_since_ms = PROC_NEVER,
    };
}

unsigned proc_step(struct proc *p, const struct proc_policy *policy,
                   const struct proc_event *event)
{
    static unsigned (*const handlers[])(struct proc *, const struct proc_policy *,
                                        const struct proc_event *) = {
        [PROC_EVENT_WANT] = on_want,
        [PROC_EVENT_SPAWN] = on_spawn,
        [PROC_EVENT_EXITED] = on_exited,
        [PROC_EVENT_PROBE_OK] = on_probe,
        [PROC_EVENT_PROBE_FAILED] = on_probe,
        [PROC_EVENT_PROMPT] = on_prompt,
        [PROC_EVENT_LOGGED_IN] = on_logged_in,
        [PROC_EVENT_RESTART] = on_restart,
        [PROC_EVENT_TOKEN_GONE] = on_token_gone,
        [PROC_EVENT_YIELD] = on_yield,
        [PROC_EVENT_STOP] = on_stop,
        [PROC_EVENT_KILL] = on_kill,
        [PROC_EVENT_TIMER] = on_timer,
    };
    _Static_assert(sizeof handlers / sizeof handlers[0] == PROC_EVENT_COUNT, "a handler each");

    assert(event->type < PROC_EVENT_COUNT);
    return handlers[event->type](p, policy, event);
}

uint64_t proc_deadline(const struct proc *p)
{
    return p->deadline_ms < p->probe_ms ? p->deadline_ms : p->probe_ms;
}

bool proc_is_alive(const struct proc *p)
{
    switch (p->state) {
    case PROC_STARTING:
    case PROC_LOGIN:
    case PROC_READY:
    case PROC_STOPPING:
    case PROC_KILLING:
        return true;
    case PROC_DOWN:
    case PROC_BACKOFF:
    case PROC_FATAL:
    case PROC_STATE_COUNT:
        break;
    }
    return false;
}

bool proc_needs_login(const struct proc *p)
{
    return !p->has_token || p->has_prompted;
}
