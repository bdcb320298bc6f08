/* proc - the life of one process, as a state machine.
 *
 * Pure. One function an event, each a switch over the states that care; proc_enter() is the
 * only place that changes the state. A death counts as a failure unless somebody asked for it;
 * being READY for restart_reset wipes the count. Restarts are unlimited unless startretries is
 * set.
 *
 * What happens to a process is here, what is asked of it in proc_orders.c. Not done at all: the
 * order of starts and logins (fleet), and every reason in words (the shell).
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/proc_internal.h"

#include <assert.h>
#include <stddef.h>

void proc_enter(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                enum proc_state state)
{
    if (p->state == PROC_READY && now_ms - p->ready_since_ms >= policy->restart_reset_ms)
        backoff_reset(&p->backoff);
    p->state = state;
    p->deadline_ms = PROC_NEVER;
    p->probe_ms = PROC_NEVER;
    p->ready_since_ms = state == PROC_READY ? now_ms : 0;
    p->is_due = false;
    p->misses = 0;
    p->overs = 0;
}

unsigned proc_retract(const struct proc *p, enum proc_action cause)
{
    return p->state == PROC_LOGIN ? (unsigned)cause : 0;
}

void proc_forget_refusals(struct proc *p)
{
    p->tried_ms = PROC_NEVER;
    p->refused_since_ms = PROC_NEVER;
}

void proc_forgive(struct proc *p)
{
    backoff_reset(&p->backoff);
    p->failed_starts = 0;
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
    proc_enter(p, policy, now_ms, PROC_STARTING);
    p->deadline_ms = now_ms + policy->start_timeout_ms;
    if (!p->is_probing)
        p->probe_ms = now_ms + policy->probe_interval_ms;
}

/* When a READY one is asked next whether it lives. */
static uint64_t next_live_probe(const struct proc_policy *policy, uint64_t now_ms)
{
    return policy->live_interval_ms == 0 ? PROC_NEVER : now_ms + policy->live_interval_ms;
}

static unsigned become_ready(struct proc *p, const struct proc_policy *policy,
                             const struct proc_event *ev)
{
    unsigned todo = proc_retract(p, PROC_DO_RETRACT_USED);

    proc_enter(p, policy, ev->now_ms, PROC_READY);
    proc_forget_refusals(p);
    p->has_token = true;
    p->has_prompted = false;
    p->was_ready = true;
    p->probe_ms = next_live_probe(policy, ev->now_ms);
    if (policy->max_age_ms != 0)
        p->deadline_ms = ev->now_ms + policy->max_age_ms -
                         backoff_draw(ev->seed ^ ev->now_ms, policy->max_age_ms / 10);
    return todo;
}

void proc_drain(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                enum proc_next next)
{
    proc_enter(p, policy, now_ms, PROC_DRAINING);
    p->deadline_ms = now_ms + policy->drain_timeout_ms;
    p->next = next;
}

void proc_retime(struct proc *p, const struct proc_policy *policy, uint64_t now_ms)
{
    if (p->state == PROC_READY && !p->is_probing)
        p->probe_ms = next_live_probe(policy, now_ms);
}

unsigned proc_terminate(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                        uint64_t kill_ms, enum proc_next next)
{
    uint64_t deadline_ms = now_ms + policy->stopwait_ms;

    proc_enter(p, policy, now_ms, PROC_STOPPING);
    p->deadline_ms = kill_ms < deadline_ms ? kill_ms : deadline_ms;
    p->next = next;
    return PROC_DO_TERM;
}

unsigned proc_slay(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                   enum proc_next next)
{
    proc_enter(p, policy, now_ms, PROC_KILLING);
    p->next = next;
    return PROC_DO_KILL;
}

unsigned proc_set_aside(struct proc *p, const struct proc_policy *policy, uint64_t now_ms)
{
    proc_enter(p, policy, now_ms, PROC_BACKOFF);
    p->deadline_ms = now_ms + policy->restart.delay_ms;
    return PROC_DO_SET_ASIDE;
}

/* Does autorestart let a process that served for a while, and ended by itself, stay down? */
static bool is_end_final(const struct proc_policy *policy, const struct proc_event *ev)
{
    switch (policy->autorestart) {
    case PROC_AUTORESTART_ALWAYS:
        return false;
    case PROC_AUTORESTART_UNEXPECTED:
        return ev->is_expected;
    case PROC_AUTORESTART_NEVER:
        break;
    }
    return true;
}

static void stay_down(struct proc *p, const struct proc_policy *policy, uint64_t now_ms,
                      enum proc_state state)
{
    proc_enter(p, policy, now_ms, state);
    p->is_wanted = false;
}

/* The process is gone, and nobody asked it to; or it was killed for what it did. */
static void fail(struct proc *p, const struct proc_policy *policy, const struct proc_event *ev,
                 bool was_killed)
{
    bool has_served = p->was_ready && ev->now_ms - p->started_ms >= policy->startsecs_ms;

    if (has_served && !was_killed && is_end_final(policy, ev)) {
        stay_down(p, policy, ev->now_ms, PROC_EXITED);
        return;
    }
    uint64_t pause_ms = backoff_next(&p->backoff, &policy->restart, ev->seed ^ ev->now_ms);
    if (has_served)
        p->failed_starts = 0;
    else if (p->failed_starts < UINT32_MAX)
        p->failed_starts++;
    if (policy->startretries != 0 && p->failed_starts > policy->startretries) {
        stay_down(p, policy, ev->now_ms, PROC_FATAL);
        return;
    }
    proc_enter(p, policy, ev->now_ms, PROC_BACKOFF);
    p->deadline_ms = ev->now_ms + pause_ms;
}

static bool is_ending(const struct proc *p)
{
    return p->state == PROC_DRAINING || p->state == PROC_STOPPING || p->state == PROC_KILLING;
}

static unsigned on_exited(struct proc *p, const struct proc_policy *policy,
                          const struct proc_event *ev)
{
    bool was_ending = is_ending(p);
    enum proc_next next = was_ending ? p->next : PROC_NEXT_BACKOFF;
    bool is_relogin = p->is_relogin && p->is_wanted;
    unsigned todo = proc_retract(p, PROC_DO_RETRACT_GONE);

    assert(proc_is_alive(p));
    if (!ev->has_token)
        proc_forget_refusals(p);
    else if (is_login_dead(p, policy, ev))
        todo |= PROC_DO_SET_ASIDE;
    p->tried_ms = PROC_NEVER;
    p->has_token = ev->has_token;
    p->is_probing = false;
    p->is_relogin = false;
    proc_enter(p, policy, ev->now_ms, PROC_DOWN);
    if (is_relogin && ev->has_token)
        return todo | proc_set_aside(p, policy, ev->now_ms);
    if (!is_relogin && next == PROC_NEXT_BACKOFF)
        fail(p, policy, ev, was_ending);
    return todo;
}

static unsigned on_prompt(struct proc *p, const struct proc_policy *policy,
                          const struct proc_event *ev)
{
    /* A node that serves may well print what looks like a prompt: some log what they relay. */
    if (p->state != PROC_STARTING && p->state != PROC_LOGIN)
        return 0;
    proc_enter(p, policy, ev->now_ms, PROC_LOGIN);
    proc_forget_refusals(p);
    p->has_prompted = true;
    p->deadline_ms = ev->now_ms + policy->login_timeout_ms;
    if (!p->is_probing)
        p->probe_ms = ev->now_ms + policy->login_probe_interval_ms;
    return PROC_DO_SHOW;
}

static unsigned on_logged_in(struct proc *p, const struct proc_policy *policy,
                             const struct proc_event *ev)
{
    unsigned todo = proc_retract(p, PROC_DO_RETRACT_USED);

    if (p->state != PROC_STARTING && p->state != PROC_LOGIN)
        return 0;
    proc_forget_refusals(p);
    p->has_token = true;
    p->has_prompted = false;
    if (p->state == PROC_LOGIN)
        begin_start(p, policy, ev->now_ms);
    return todo;
}

/* A READY one is asked whether it lives: misses count in a row, then it is drained as well as
 * it can be, and has failed. */
static void on_live_probe(struct proc *p, const struct proc_policy *policy,
                          const struct proc_event *ev)
{
    p->probe_ms = next_live_probe(policy, ev->now_ms);
    if (ev->type == PROC_EVENT_PROBE_OK) {
        p->misses = 0;
    } else if (++p->misses == PROC_MISSES_MAX) {
        p->cause = PROC_CAUSE_DEAF;
        proc_drain(p, policy, ev->now_ms, PROC_NEXT_BACKOFF);
    }
}

static unsigned on_probe(struct proc *p, const struct proc_policy *policy,
                         const struct proc_event *ev)
{
    bool was_probing = p->is_probing;

    p->is_probing = false;
    if (p->state == PROC_READY && was_probing)
        on_live_probe(p, policy, ev);
    if (p->state != PROC_STARTING && p->state != PROC_LOGIN)
        return 0;
    if (ev->type == PROC_EVENT_PROBE_OK)
        return become_ready(p, policy, ev);
    p->probe_ms = ev->now_ms + (p->state == PROC_LOGIN ? policy->login_probe_interval_ms
                                                       : policy->probe_interval_ms);
    return 0;
}

static unsigned on_memory(struct proc *p, const struct proc_policy *policy,
                          const struct proc_event *ev)
{
    (void)policy;
    if (p->state != PROC_READY || p->is_due)
        return 0;
    p->overs = ev->is_over ? (uint8_t)(p->overs + 1) : 0;
    if (p->overs == PROC_OVERS_MAX) {
        p->is_due = true;
        p->cause = PROC_CAUSE_MEMORY;
    }
    return 0;
}

static unsigned on_idle(struct proc *p, const struct proc_policy *policy,
                        const struct proc_event *ev)
{
    if (p->state == PROC_DRAINING)
        return proc_terminate(p, policy, ev->now_ms, PROC_NEVER, p->next);
    if (p->state == PROC_READY && p->is_due)
        proc_drain(p, policy, ev->now_ms, PROC_NEXT_START);
    return 0;
}

/* It becomes like any other that has never logged in, and need not pay for former failures. */
static unsigned on_token_gone(struct proc *p, const struct proc_policy *policy,
                              const struct proc_event *ev)
{
    if (proc_is_alive(p))
        return 0; /* somebody started it before this came: its prompt will tell */
    proc_forget_refusals(p);
    proc_forgive(p);
    p->has_token = false;
    if (p->state == PROC_BACKOFF)
        proc_enter(p, policy, ev->now_ms, PROC_DOWN);
    return 0;
}

static unsigned on_deadline(struct proc *p, const struct proc_policy *policy,
                            const struct proc_event *ev)
{
    switch (p->state) {
    case PROC_STARTING:
        return proc_slay(p, policy, ev->now_ms, PROC_NEXT_BACKOFF);
    case PROC_LOGIN:
        return PROC_DO_RETRACT_EXPIRED |
               proc_terminate(p, policy, ev->now_ms, PROC_NEVER, PROC_NEXT_START);
    case PROC_READY: /* max_age */
        p->deadline_ms = PROC_NEVER;
        if (!p->is_due)
            p->cause = PROC_CAUSE_AGE;
        p->is_due = true;
        return 0;
    case PROC_DRAINING:
        return proc_terminate(p, policy, ev->now_ms, PROC_NEVER, p->next);
    case PROC_STOPPING:
        return proc_slay(p, policy, ev->now_ms, p->next);
    case PROC_BACKOFF:
        proc_enter(p, policy, ev->now_ms, PROC_DOWN);
        return 0;
    case PROC_DOWN:
    case PROC_KILLING:
    case PROC_EXITED:
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
    p->started_ms = ev->now_ms;
    p->was_ready = false;
    p->cause = PROC_CAUSE_NONE;
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
    static proc_handler *const handlers[] = {
        [PROC_EVENT_WANT] = proc_on_want,      [PROC_EVENT_SPAWN] = on_spawn,
        [PROC_EVENT_EXITED] = on_exited,       [PROC_EVENT_PROBE_OK] = on_probe,
        [PROC_EVENT_PROBE_FAILED] = on_probe,  [PROC_EVENT_PROMPT] = on_prompt,
        [PROC_EVENT_LOGGED_IN] = on_logged_in, [PROC_EVENT_RESTART] = proc_on_restart,
        [PROC_EVENT_CYCLE] = proc_on_cycle,    [PROC_EVENT_RELOGIN] = proc_on_relogin,
        [PROC_EVENT_RETIRE] = proc_on_retire,  [PROC_EVENT_IDLE] = on_idle,
        [PROC_EVENT_MEMORY] = on_memory,       [PROC_EVENT_TOKEN_GONE] = on_token_gone,
        [PROC_EVENT_YIELD] = proc_on_yield,    [PROC_EVENT_STOP] = proc_on_stop,
        [PROC_EVENT_KILL] = proc_on_kill,      [PROC_EVENT_TIMER] = on_timer,
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
    case PROC_DRAINING:
    case PROC_STOPPING:
    case PROC_KILLING:
        return true;
    case PROC_DOWN:
    case PROC_BACKOFF:
    case PROC_EXITED:
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

bool proc_has_given_up(const struct proc *p)
{
    return p->state == PROC_EXITED || p->state == PROC_FATAL;
}
