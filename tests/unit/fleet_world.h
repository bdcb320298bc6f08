/* fleet_world.h - the world around the fleet engine, for its search: what it was told so far,
 * and what must be true of it.
 *
 * Included by model_fleet.c alone, behind the engine's own sources, which are built small
 * there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FLEET_WORLD_H
#define FLEET_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/core/fleet.h"

#define EPOCH 1000u /* every stored state lives at this time */
#define APART 2u    /* of two refused starts */

/* The world outside, and what it was told. */
struct world {
    struct fleet fleet;
    bool is_shown[NODES_MAX];
    bool is_up[NODES_MAX];
    bool is_asked[NODES_MAX]; /* SET_ASIDE, and not answered yet */
    enum fleet_hold hold[NODES_MAX];
    /* The engine must remember the same of refusals. */
    uint64_t tried_ms[NODES_MAX];
    uint64_t refused_since_ms[NODES_MAX];
};

static struct proc_policy policy = {
    .start_timeout_ms = 2,
    .login_timeout_ms = 2,
    .stopwait_ms = 2,
    .restart_reset_ms = 1,
    .probe_interval_ms = 1,
    .login_probe_interval_ms = 1,
    .refused_apart_ms = APART,
    .drain_timeout_ms = 2,
    /* All pauses are equal, so that the count of failures does not multiply the space. */
    .restart = {.delay_ms = 1, .delay_max_ms = 1},
};

static void check(bool claim, const char *text, const struct world *w)
{
    if (claim)
        return;
    fprintf(stderr, "model_fleet: violated: %s\n", text);
    for (unsigned i = 0; i < NODES_MAX; i++) {
        const struct proc *p = &w->fleet.members[i].proc;
        fprintf(stderr, "  node %u %s wanted=%d token=%d prompted=%d deadline=%lld\n", i,
                proc_state_name(p->state), p->is_wanted, p->has_token, p->has_prompted,
                (long long)(p->deadline_ms - EPOCH));
    }
    exit(1);
}

static void shift(uint64_t *time_ms, uint64_t by_ms)
{
    if (*time_ms != FLEET_NEVER)
        *time_ms -= by_ms;
}

/* Of the two times only their distance counts, up to APART, and so does that to now. */
static void normalise_refusals(uint64_t *tried_ms, uint64_t *refused_since_ms, uint64_t by_ms)
{
    uint64_t latest_ms = EPOCH;
    uint64_t apart = 0;

    shift(tried_ms, by_ms);
    shift(refused_since_ms, by_ms);
    if (*tried_ms != PROC_NEVER && *refused_since_ms != PROC_NEVER)
        apart = *tried_ms - *refused_since_ms;
    if (*tried_ms != PROC_NEVER) {
        if (EPOCH - *tried_ms > APART)
            *tried_ms = EPOCH - APART;
        latest_ms = *tried_ms;
    } else if (*refused_since_ms != PROC_NEVER) {
        apart = EPOCH - *refused_since_ms;
    }
    if (*refused_since_ms != PROC_NEVER)
        *refused_since_ms = latest_ms - (apart > APART ? APART : apart);
}

/* Moves the state back to EPOCH and wipes what the future does not depend on. */
static void normalise(struct world *w, bool has_refusals, uint64_t now_ms)
{
    uint64_t by_ms = now_ms - EPOCH;
    struct fleet *f = &w->fleet;

    for (unsigned i = 0; i < NODES_MAX; i++) {
        struct proc *p = &f->members[i].proc;
        shift(&p->deadline_ms, by_ms);
        shift(&p->probe_ms, by_ms);
        if (p->state == PROC_READY) {
            shift(&p->ready_since_ms, by_ms);
            if (EPOCH - p->ready_since_ms > policy.restart_reset_ms)
                p->ready_since_ms = EPOCH - policy.restart_reset_ms;
        }
        if (!has_refusals) {
            p->tried_ms = PROC_NEVER;
            w->tried_ms[i] = PROC_NEVER;
        }
        normalise_refusals(&p->tried_ms, &p->refused_since_ms, by_ms);
        normalise_refusals(&w->tried_ms[i], &w->refused_since_ms[i], by_ms);
        p->backoff.failures = 0;
        p->failed_starts = 0;
        p->started_ms = 0;
        p->was_ready = false;
        p->cause = PROC_CAUSE_NONE; /* for people */
        if (p->state != PROC_STARTING && p->state != PROC_LOGIN && p->state != PROC_READY)
            p->is_probing = false; /* its answer is ignored */
        if (p->state != PROC_DRAINING && p->state != PROC_STOPPING && p->state != PROC_KILLING)
            p->next = PROC_NEXT_BACKOFF;
        p->generation = 7;
    }
    if (f->next_start_ms < now_ms)
        f->next_start_ms = now_ms;
    shift(&f->next_start_ms, by_ms);
    shift(&f->kill_ms, by_ms);
    if (f->is_stopping && f->kill_ms < EPOCH && is_any_alive(f))
        check(f->kill_ms + FLEET_GIVE_UP_MS + 1 >= EPOCH, "a stop is overdue", w);
}

/* Only named members: padding must not tell states apart. */
static void put_state(const struct world *w, uint64_t *ret_words)
{
    const struct fleet *f = &w->fleet;
    size_t n = 0;

    for (unsigned i = 0; i < NODES_MAX; i++) {
        const struct proc *p = &f->members[i].proc;
        ret_words[n++] =
            (uint64_t)p->state | (uint64_t)p->next << 4 | (uint64_t)p->is_wanted << 8 |
            (uint64_t)p->has_token << 9 | (uint64_t)p->has_prompted << 10 |
            (uint64_t)p->is_probing << 11 | (uint64_t)p->backoff.failures << 12 |
            (uint64_t)f->members[i].reported << 16 | (uint64_t)w->is_shown[i] << 20 |
            (uint64_t)w->is_up[i] << 21 | (uint64_t)w->is_asked[i] << 22 |
            (uint64_t)w->hold[i] << 23 | (uint64_t)p->is_due << 25 |
            (uint64_t)p->is_relogin << 26 | (uint64_t)p->misses << 27 |
            (uint64_t)p->overs << 29 | (uint64_t)f->members[i].is_held << 31 |
            (uint64_t)f->members[i].is_disabled << 32 | (uint64_t)f->members[i].is_first << 33 |
            (uint64_t)f->members[i].told << 34;
        ret_words[n++] = p->deadline_ms;
        ret_words[n++] = p->probe_ms;
        ret_words[n++] = p->ready_since_ms;
        ret_words[n++] = p->tried_ms;
        ret_words[n++] = p->refused_since_ms;
    }
    ret_words[n++] = f->next_start_ms;
    ret_words[n++] = (uint64_t)f->is_stopping | (uint64_t)f->has_exited << 1;
    ret_words[n++] = f->kill_ms;
}

#define STATE_WORDS (6 * NODES_MAX + 3)

/* What one action means to the world, and what must be true of it. */
static void carry_out(struct world *w, const struct fleet *before, const struct fleet_event *ev,
                      const struct fleet_action *a)
{
    unsigned slot = a->id.slot;

    if (a->type == FLEET_ACTION_EXIT) {
        check(!before->has_exited, "EXIT comes once", w);
        return;
    }
    const struct proc *was = &before->members[slot].proc;
    const struct proc *is = &w->fleet.members[slot].proc;
    switch (a->type) {
    case FLEET_ACTION_SPAWN:
        check(a->id.generation == (uint16_t)(was->generation + 1), "SPAWN is a new generation",
              w);
        check(!w->fleet.is_stopping, "nothing starts during a stop", w);
        w->is_asked[slot] = false;
        w->tried_ms[slot] = ev->now_ms;
        for (unsigned i = 0; i < NODES_MAX; i++) {
            const struct proc *p = &w->fleet.members[i].proc;
            check(i == slot || !proc_needs_login(is) || !proc_needs_login(p) ||
                      !proc_is_alive(p),
                  "no start without a token while another needs its human", w);
        }
        break;
    case FLEET_ACTION_TERM:
    case FLEET_ACTION_KILL:
        check(proc_is_alive(was) && proc_is_alive(is), "only live processes are signalled", w);
        break;
    case FLEET_ACTION_PROBE:
        check(is->is_probing && proc_is_alive(is), "only live processes are probed", w);
        break;
    case FLEET_ACTION_PROMPT_SHOW:
        w->is_shown[slot] = true;
        break;
    case FLEET_ACTION_RETRACT_USED:
    case FLEET_ACTION_RETRACT_EXPIRED:
    case FLEET_ACTION_RETRACT_GONE:
        check(w->is_shown[slot], "only a shown code is retracted", w);
        w->is_shown[slot] = false;
        break;
    case FLEET_ACTION_SET_ASIDE:
        if (ev->type != FLEET_EVENT_RELOGIN && !was->is_relogin) {
            check(!w->is_asked[slot], "a token is set aside once a start", w);
            check(was->state != PROC_READY && ev->is_refused, "only what was refused is", w);
        } else {
            check(!proc_is_alive(is), "no order takes the token of a process", w);
        }
        w->is_asked[slot] = true;
        break;
    case FLEET_ACTION_NODE_HOLD:
        check(w->hold[slot] != a->hold, "a hold is told once", w);
        check(a->hold != FLEET_HOLD_NONE || !w->is_up[slot] || is->state == PROC_READY,
              "who ends is down before it is let go", w);
        w->hold[slot] = a->hold;
        break;
    case FLEET_ACTION_NODE_UP:
        check(!w->fleet.members[slot].is_held || w->hold[slot] == FLEET_HOLD_KEEP,
              "who is held is held before it is up", w);
        w->is_up[slot] = true;
        break;
    case FLEET_ACTION_NODE_DOWN:
        check(!w->is_up[slot] || is->state != was->state, "DOWN has a cause", w);
        check(!proc_is_alive(was) || !proc_is_alive(is) || is->state == PROC_LOGIN ||
                  is->state == PROC_STARTING,
              "a node stays up until its process is reaped", w);
        w->is_up[slot] = false;
        break;
    case FLEET_ACTION_QUIT:
    case FLEET_ACTION_EXIT:
    case FLEET_ACTION_COUNT:
        break;
    }
}

static void check_state(const struct world *w)
{
    unsigned logins = 0;

    for (unsigned i = 0; i < NODES_MAX; i++) {
        const struct proc *p = &w->fleet.members[i].proc;
        const struct fleet_member *m = &w->fleet.members[i];
        logins += p->state == PROC_LOGIN;
        check(w->is_shown[i] == (p->state == PROC_LOGIN), "a code is shown in LOGIN", w);
        check(w->is_up[i] || p->state != PROC_READY, "READY is announced", w);
        check(!w->is_up[i] || proc_is_alive(p), "a dead node is not up", w);
        check(p->state != PROC_READY || w->hold[i] == (m->is_held ? FLEET_HOLD_KEEP : 0),
              "who serves is held by order alone", w);
        check(p->state != PROC_DRAINING || (w->is_up[i] && w->hold[i] != FLEET_HOLD_NONE),
              "who drains is held", w);
        check(!m->is_disabled || !p->is_wanted, "who is disabled ends, and stays down", w);
        check(p->is_wanted || p->state == PROC_DOWN || p->state == PROC_FATAL ||
                  p->next == PROC_NEXT_STAY,
              "what is not wanted ends", w);
        check(p->state != PROC_READY || !proc_needs_login(p), "what serves is logged in", w);
        check(p->state != PROC_READY || p->refused_since_ms == PROC_NEVER,
              "what serves is not refused", w);
        check(p->tried_ms == w->tried_ms[i] && p->refused_since_ms == w->refused_since_ms[i],
              "refusals are remembered until the login is proven or gone", w);
        check(p->state == PROC_DOWN || p->state == PROC_READY || p->state == PROC_KILLING ||
                  p->state == PROC_FATAL || p->deadline_ms != PROC_NEVER,
              "only a wait for somebody else has no deadline", w);
        check(p->state != PROC_DOWN || !p->is_wanted || w->fleet.next_start_ms > EPOCH ||
                  (proc_needs_login(p) && is_login_held(&w->fleet, i, true)),
              "nobody waits without need", w);
    }
    check(logins <= 1, "one login at a time", w);
    check(fleet_deadline(&w->fleet) >= EPOCH, "no deadline in the past", w);
}

/* What the event means for the login of its node; true when SET_ASIDE must follow. */
static bool note_login(struct world *w, const struct fleet_event *ev)
{
    unsigned slot = ev->id.slot;
    const struct proc *p = &w->fleet.members[slot].proc;
    uint64_t *since_ms = &w->refused_since_ms[slot];
    uint64_t tried_ms = w->tried_ms[slot];
    bool is_starting = p->state == PROC_STARTING || p->state == PROC_LOGIN;
    bool is_new =
        is_starting && (ev->type == FLEET_EVENT_PROBE_OK || ev->type == FLEET_EVENT_LOGGED_IN ||
                        ev->type == FLEET_EVENT_PROMPT);
    bool has_exited = ev->type == FLEET_EVENT_EXITED;

    if (is_new || has_exited)
        w->tried_ms[slot] = PROC_NEVER;
    if (is_new || ev->type == FLEET_EVENT_TOKEN_GONE || (has_exited && !ev->has_token))
        *since_ms = PROC_NEVER;
    if (!has_exited || !ev->has_token || !ev->is_refused || tried_ms == PROC_NEVER)
        return false;
    if (*since_ms == PROC_NEVER)
        *since_ms = tried_ms;
    return p->is_wanted && tried_ms - *since_ms >= APART;
}

static bool apply(struct world *w, struct fleet_event ev)
{
    struct fleet before = w->fleet;
    struct fleet_actions out;
    bool has_exited = false;
    bool is_due = note_login(w, &ev);
    bool is_asked = false;

    fleet_step(&w->fleet, &ev, &out);
    for (unsigned i = 0; i < out.count; i++) {
        carry_out(w, &before, &ev, &out.list[i]);
        has_exited = has_exited || out.list[i].type == FLEET_ACTION_EXIT;
        is_asked = is_asked || out.list[i].type == FLEET_ACTION_SET_ASIDE;
    }
    bool is_order =
        ev.type == FLEET_EVENT_RELOGIN || before.members[ev.id.slot].proc.is_relogin;
    check(is_due == is_asked || (is_order && is_asked),
          "a login is set aside when it is dead or by order", w);
    if (ev.type == FLEET_EVENT_TOKEN_GONE) {
        const struct proc *p = &w->fleet.members[ev.id.slot].proc;
        check(proc_needs_login(p) && p->state != PROC_BACKOFF, "it queues for a login", w);
    }
    return has_exited;
}

#endif
