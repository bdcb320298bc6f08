/* fleet_tell - what the outside is told of the processes, and who goes first.
 *
 * Pure. What is, is compared with what was told last; the difference becomes actions.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/fleet_internal.h"

#include <assert.h>

struct fleet_action *fleet_put(struct fleet *f, struct fleet_actions *out,
                               enum fleet_action_type type, unsigned slot)
{
    assert(out->count < FLEET_ACTIONS_MAX);
    struct fleet_action *action = &out->list[out->count++];
    *action = (struct fleet_action){
        .type = type,
        .id = {.slot = (uint16_t)slot,
               .generation = slot < NODES_MAX ? f->members[slot].proc.generation : 0},
    };
    return action;
}

bool fleet_is_before(const struct fleet *f, unsigned slot, unsigned other)
{
    const struct fleet_member *a = &f->members[slot];
    const struct fleet_member *b = &f->members[other];

    if (a->is_first != b->is_first)
        return a->is_first;
    return a->priority != b->priority ? a->priority < b->priority : slot < other;
}

static enum fleet_report report_of(const struct fleet_member *m)
{
    switch (m->proc.state) {
    case PROC_DOWN:
        if (!m->proc.is_wanted)
            return FLEET_REPORT_STOPPED;
        return proc_needs_login(&m->proc) ? FLEET_REPORT_LOGIN : FLEET_REPORT_STARTING;
    case PROC_STARTING:
        return FLEET_REPORT_STARTING;
    case PROC_LOGIN:
        return FLEET_REPORT_LOGIN;
    case PROC_READY:
        return FLEET_REPORT_UP;
    case PROC_BACKOFF:
        return FLEET_REPORT_BACKOFF;
    case PROC_EXITED:
    case PROC_FATAL:
        return FLEET_REPORT_STOPPED;
    case PROC_DRAINING:
    case PROC_STOPPING:
    case PROC_KILLING:
    case PROC_STATE_COUNT:
        break;
    }
    return m->reported;
}

static enum fleet_hold hold_of(const struct fleet_member *m)
{
    bool is_ending = m->proc.state == PROC_DRAINING ||
                     (m->told != FLEET_HOLD_NONE &&
                      (m->proc.state == PROC_STOPPING || m->proc.state == PROC_KILLING));

    if (is_ending && m->proc.next == PROC_NEXT_STAY)
        return FLEET_HOLD_STOP;
    if (is_ending && !m->is_held)
        return FLEET_HOLD_RESTART;
    return m->is_held ? FLEET_HOLD_KEEP : FLEET_HOLD_NONE;
}

static void tell_hold(struct fleet *f, unsigned slot, struct fleet_actions *out)
{
    struct fleet_member *m = &f->members[slot];

    if (m->told == hold_of(m))
        return;
    m->told = hold_of(m);
    fleet_put(f, out, FLEET_ACTION_NODE_HOLD, slot)->hold = m->told;
}

static void tell_report(struct fleet *f, unsigned slot, uint64_t now_ms,
                        struct fleet_actions *out)
{
    struct fleet_member *m = &f->members[slot];
    enum fleet_report now = report_of(m);

    if (now == m->reported)
        return;
    m->reported = now;
    if (now == FLEET_REPORT_UP) {
        (void)fleet_put(f, out, FLEET_ACTION_NODE_UP, slot);
        return;
    }
    struct fleet_action *action = fleet_put(f, out, FLEET_ACTION_NODE_DOWN, slot);
    action->down = now;
    if (now == FLEET_REPORT_BACKOFF)
        action->retry_in_ms = m->proc.deadline_ms - now_ms;
}

/* Whoever is up or about to be is held first and then reported; whoever is down the other way
 * round: between the two no request may go there. */
void fleet_tell(struct fleet *f, const struct fleet_event *ev, struct fleet_actions *out)
{
    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        if (!f->members[slot].is_used)
            continue;
        if (hold_of(&f->members[slot]) != FLEET_HOLD_NONE)
            tell_hold(f, slot, out);
        tell_report(f, slot, ev->now_ms, out);
        tell_hold(f, slot, out);
    }
}

unsigned fleet_quitter(const struct fleet *f)
{
    unsigned last = NODES_MAX;

    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        const struct fleet_member *m = &f->members[slot];
        if (!m->is_used)
            continue;
        bool has_given_up = proc_has_given_up(&m->proc);
        if (f->exit_on == FLEET_EXIT_ESSENTIAL && m->is_essential && has_given_up)
            return slot;
        if (f->exit_on == FLEET_EXIT_ALL && !has_given_up)
            return NODES_MAX;
        if (f->exit_on == FLEET_EXIT_ALL)
            last = slot;
    }
    return last;
}

static bool is_queued(const struct fleet *f, unsigned slot)
{
    const struct fleet_member *m = &f->members[slot];

    return m->is_used && m->proc.is_wanted && proc_needs_login(&m->proc);
}

unsigned fleet_login_place(const struct fleet *f, unsigned slot)
{
    unsigned place = 1;

    if (!is_queued(f, slot))
        return 0;
    if (proc_is_alive(&f->members[slot].proc))
        return place;
    for (unsigned i = 0; i < NODES_MAX; i++) {
        if (i != slot && is_queued(f, i) &&
            (proc_is_alive(&f->members[i].proc) || fleet_is_before(f, i, slot)))
            place++;
    }
    return place;
}
