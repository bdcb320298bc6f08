/* fleet - the life of all processes: who may start, who may ask for a login, how all end.
 *
 * Pure. An event goes to the process it names (proc.c); what the process asks for becomes
 * actions. Then settle() looks at the whole: opens the gate for those that wait to start, tells
 * the outside what changed by comparing what is with what was reported, and ends a stop.
 *
 * A node stays reported UP until its process is reaped, however it was told to die: until then
 * its answers may still be running (DESIGN D4).
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/fleet.h"

#include <assert.h>
#include <stddef.h>

static struct fleet_action *put(struct fleet *f, struct fleet_actions *out,
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

/* Steps one process and turns what it asks for into actions, in the order of this table: a code
 * is taken back before its process is signalled. */
static void step(struct fleet *f, unsigned slot, const struct fleet_event *ev,
                 enum proc_event_type type, struct fleet_actions *out)
{
    static const struct {
        unsigned bit;
        enum fleet_action_type action;
    } table[] = {
        {PROC_DO_RETRACT_USED, FLEET_ACTION_RETRACT_USED},
        {PROC_DO_RETRACT_EXPIRED, FLEET_ACTION_RETRACT_EXPIRED},
        {PROC_DO_RETRACT_GONE, FLEET_ACTION_RETRACT_GONE},
        {PROC_DO_SET_ASIDE, FLEET_ACTION_SET_ASIDE},
        {PROC_DO_TERM, FLEET_ACTION_TERM},
        {PROC_DO_KILL, FLEET_ACTION_KILL},
        {PROC_DO_SPAWN, FLEET_ACTION_SPAWN},
        {PROC_DO_PROBE, FLEET_ACTION_PROBE},
        {PROC_DO_SHOW, FLEET_ACTION_PROMPT_SHOW},
    };
    struct fleet_member *m = &f->members[slot];
    struct proc_event event = {
        .type = type,
        .now_ms = ev->now_ms,
        .seed = f->seed ^ slot,
        .has_token = ev->has_token,
        .is_refused = ev->is_refused,
        .kill_ms = f->is_stopping ? f->kill_ms : PROC_NEVER,
    };
    unsigned todo = proc_step(&m->proc, &m->policy, &event);

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if ((todo & table[i].bit) != 0)
            (void)put(f, out, table[i].action, slot);
    }
}

/* Does a process other than `slot` hold the login? It does from the start of a process that
 * will ask for one until that is logged in or ends; `even_dying`: or is reaped. */
static bool is_login_held(const struct fleet *f, unsigned slot, bool even_dying)
{
    for (unsigned i = 0; i < NODES_MAX; i++) {
        const struct proc *p = &f->members[i].proc;
        if (i == slot || !f->members[i].is_used || !proc_needs_login(p))
            continue;
        if (p->state == PROC_STARTING || p->state == PROC_LOGIN)
            return true;
        if (even_dying && proc_is_alive(p))
            return true;
    }
    return false;
}

/* Waits for nothing but start_interval. */
static bool is_startable(const struct fleet *f, unsigned slot)
{
    const struct fleet_member *m = &f->members[slot];

    return m->is_used && m->proc.state == PROC_DOWN && m->proc.is_wanted &&
           !(proc_needs_login(&m->proc) && is_login_held(f, slot, true));
}

static void open_gate(struct fleet *f, const struct fleet_event *ev, struct fleet_actions *out)
{
    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        if (ev->now_ms < f->next_start_ms)
            return;
        if (!is_startable(f, slot))
            continue;
        step(f, slot, ev, PROC_EVENT_SPAWN, out);
        f->next_start_ms = ev->now_ms + f->start_interval_ms;
    }
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
    case PROC_FATAL:
        return FLEET_REPORT_STOPPED;
    case PROC_STOPPING:
    case PROC_KILLING:
    case PROC_STATE_COUNT:
        break;
    }
    return m->reported;
}

static void report(struct fleet *f, const struct fleet_event *ev, struct fleet_actions *out)
{
    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        struct fleet_member *m = &f->members[slot];
        enum fleet_report now = report_of(m);
        if (!m->is_used || now == m->reported)
            continue;
        m->reported = now;
        if (now == FLEET_REPORT_UP) {
            (void)put(f, out, FLEET_ACTION_NODE_UP, slot);
            continue;
        }
        struct fleet_action *action = put(f, out, FLEET_ACTION_NODE_DOWN, slot);
        action->down = now;
        if (now == FLEET_REPORT_BACKOFF)
            action->retry_in_ms = m->proc.deadline_ms - ev->now_ms;
    }
}

static bool is_any_alive(const struct fleet *f)
{
    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        if (f->members[slot].is_used && proc_is_alive(&f->members[slot].proc))
            return true;
    }
    return false;
}

static uint64_t give_up_ms(const struct fleet *f)
{
    return f->kill_ms + FLEET_GIVE_UP_MS;
}

static void settle(struct fleet *f, const struct fleet_event *ev, struct fleet_actions *out)
{
    open_gate(f, ev, out);
    report(f, ev, out);
    if (!f->is_stopping || f->has_exited)
        return;
    if (!is_any_alive(f) || ev->now_ms >= give_up_ms(f)) {
        f->has_exited = true;
        (void)put(f, out, FLEET_ACTION_EXIT, NODES_MAX);
    }
}

static void step_all(struct fleet *f, const struct fleet_event *ev, enum proc_event_type type,
                     struct fleet_actions *out)
{
    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        if (f->members[slot].is_used)
            step(f, slot, ev, type, out);
    }
}

static void add_node(struct fleet *f, const struct fleet_event *ev)
{
    struct fleet_member *m = &f->members[ev->id.slot];

    assert(ev->id.slot < NODES_MAX && !m->is_used);
    m->is_used = true;
    m->policy = ev->policy;
    proc_init(&m->proc, ev->has_token);
    m->proc.is_wanted = ev->is_wanted && !f->is_stopping;
}

static void stop_all(struct fleet *f, const struct fleet_event *ev, struct fleet_actions *out)
{
    bool at_once = ev->type == FLEET_EVENT_STOP_NOW;
    uint64_t kill_ms = at_once ? ev->now_ms : ev->kill_ms;

    assert(kill_ms <= FLEET_NEVER - FLEET_GIVE_UP_MS);
    if (!f->is_stopping || kill_ms < f->kill_ms)
        f->kill_ms = kill_ms;
    f->is_stopping = true;
    step_all(f, ev, at_once ? PROC_EVENT_KILL : PROC_EVENT_STOP, out);
}

/* Events that belong to one process, by slot or by slot and generation. */
static void step_one(struct fleet *f, const struct fleet_event *ev, struct fleet_actions *out)
{
    static const struct {
        bool is_bound; /* to the generation */
        enum proc_event_type type;
    } table[FLEET_EVENT_COUNT] = {
        [FLEET_EVENT_START] = {false, PROC_EVENT_WANT},
        [FLEET_EVENT_RESTART] = {false, PROC_EVENT_RESTART},
        [FLEET_EVENT_STOP] = {false, PROC_EVENT_STOP},
        [FLEET_EVENT_EXITED] = {true, PROC_EVENT_EXITED},
        [FLEET_EVENT_PROBE_OK] = {true, PROC_EVENT_PROBE_OK},
        [FLEET_EVENT_PROBE_FAILED] = {true, PROC_EVENT_PROBE_FAILED},
        [FLEET_EVENT_PROMPT] = {true, PROC_EVENT_PROMPT},
        [FLEET_EVENT_LOGGED_IN] = {true, PROC_EVENT_LOGGED_IN},
        [FLEET_EVENT_TOKEN_GONE] = {true, PROC_EVENT_TOKEN_GONE},
    };
    enum proc_event_type type = table[ev->type].type;
    unsigned slot = ev->id.slot;

    assert(slot < NODES_MAX && f->members[slot].is_used);
    if (table[ev->type].is_bound && ev->id.generation != f->members[slot].proc.generation)
        return;
    if (f->is_stopping && (type == PROC_EVENT_WANT || type == PROC_EVENT_RESTART))
        return;
    if (type == PROC_EVENT_PROMPT && is_login_held(f, slot, false))
        type = PROC_EVENT_YIELD;
    step(f, slot, ev, type, out);
}

void fleet_init(struct fleet *f, uint64_t start_interval_ms, uint64_t seed)
{
    *f = (struct fleet){
        .seed = seed,
        .start_interval_ms = start_interval_ms,
        .kill_ms = FLEET_NEVER,
    };
}

void fleet_step(struct fleet *f, const struct fleet_event *event, struct fleet_actions *out)
{
    out->count = 0;
    switch (event->type) {
    case FLEET_EVENT_NODE_ADDED:
        add_node(f, event);
        break;
    case FLEET_EVENT_STOP_ALL:
    case FLEET_EVENT_STOP_NOW:
        stop_all(f, event, out);
        break;
    case FLEET_EVENT_TIMER:
        step_all(f, event, PROC_EVENT_TIMER, out);
        break;
    case FLEET_EVENT_START:
    case FLEET_EVENT_EXITED:
    case FLEET_EVENT_PROBE_OK:
    case FLEET_EVENT_PROBE_FAILED:
    case FLEET_EVENT_PROMPT:
    case FLEET_EVENT_LOGGED_IN:
    case FLEET_EVENT_TOKEN_GONE:
    case FLEET_EVENT_RESTART:
    case FLEET_EVENT_STOP:
        step_one(f, event, out);
        break;
    case FLEET_EVENT_COUNT:
        assert(event->type < FLEET_EVENT_COUNT);
        break;
    }
    settle(f, event, out);
}

uint64_t fleet_deadline(const struct fleet *f)
{
    uint64_t deadline_ms = FLEET_NEVER;

    if (f->has_exited)
        return FLEET_NEVER;
    if (f->is_stopping)
        deadline_ms = give_up_ms(f);
    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        const struct fleet_member *m = &f->members[slot];
        uint64_t due_ms = FLEET_NEVER;
        if (m->is_used)
            due_ms = is_startable(f, slot) ? f->next_start_ms : proc_deadline(&m->proc);
        if (due_ms < deadline_ms)
            deadline_ms = due_ms;
    }
    return deadline_ms;
}

const struct proc *fleet_proc(const struct fleet *f, unsigned slot)
{
    return slot < NODES_MAX && f->members[slot].is_used ? &f->members[slot].proc : NULL;
}

const char *fleet_event_name(enum fleet_event_type type)
{
    static const char *const names[] = {
#define X(name) [FLEET_EVENT_##name] = #name,
        FLEET_EVENT_MAP(X)
#undef X
    };
    _Static_assert(sizeof names / sizeof names[0] == FLEET_EVENT_COUNT, "a name each");
    assert(type < FLEET_EVENT_COUNT);
    return names[type];
}

const char *fleet_action_name(enum fleet_action_type type)
{
    static const char *const names[] = {
#define X(name) [FLEET_ACTION_##name] = #name,
        FLEET_ACTION_MAP(X)
#undef X
    };
    _Static_assert(sizeof names / sizeof names[0] == FLEET_ACTION_COUNT, "a name each");
    assert(type < FLEET_ACTION_COUNT);
    return names[type];
}
