/* fleet - the life of all processes: who may start, who may ask for a login, how all end.
 *
 * Pure. An event goes to the process it names (proc.c); what the process asks for becomes
 * actions. Then settle() looks at the whole: opens the gate for those that wait to start, tells
 * the outside what changed by comparing what is with what was reported, and ends a stop.
 *
 * A node stays reported UP until its process is reaped, however it was told to die: until then
 * its answers may still be running (DESIGN D4).
 *
 * What the outside is told is in fleet_tell.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/fleet_internal.h"

#include <assert.h>
#include <stddef.h>

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
        .is_expected = ev->is_expected,
        .is_over = ev->is_over,
        .kill_ms = f->is_stopping ? f->kill_ms : PROC_NEVER,
    };
    unsigned todo = proc_step(&m->proc, &m->policy, &event);

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if ((todo & table[i].bit) != 0)
            (void)fleet_put(f, out, table[i].action, slot);
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

/* Who starts next, or NODES_MAX. */
static unsigned next_start(const struct fleet *f)
{
    unsigned best = NODES_MAX;

    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        if (is_startable(f, slot) && (best == NODES_MAX || fleet_is_before(f, slot, best)))
            best = slot;
    }
    return best;
}

static void open_gate(struct fleet *f, const struct fleet_event *ev, struct fleet_actions *out)
{
    while (ev->now_ms >= f->next_start_ms) {
        unsigned slot = next_start(f);
        if (slot == NODES_MAX)
            return;
        step(f, slot, ev, PROC_EVENT_SPAWN, out);
        f->members[slot].is_first = false;
        f->next_start_ms = ev->now_ms + f->start_interval_ms;
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
    fleet_tell(f, ev, out);
    unsigned quitter = f->is_stopping || f->has_quit ? NODES_MAX : fleet_quitter(f);
    if (quitter != NODES_MAX) {
        f->has_quit = true;
        (void)fleet_put(f, out, FLEET_ACTION_QUIT, quitter);
    }
    if (!f->is_stopping || f->has_exited)
        return;
    if (!is_any_alive(f) || ev->now_ms >= give_up_ms(f)) {
        f->has_exited = true;
        (void)fleet_put(f, out, FLEET_ACTION_EXIT, NODES_MAX);
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
    m->is_essential = ev->is_essential;
    m->priority = ev->priority;
    uint16_t generation = m->proc.generation; /* goes on: a late event is for the former one */
    proc_init(&m->proc, ev->has_token);
    m->proc.generation = generation;
    m->proc.is_wanted = ev->is_wanted && !f->is_stopping;
}

/* Its slot may be given to another node. */
static void remove_node(struct fleet *f, const struct fleet_event *ev)
{
    struct fleet_member *m = &f->members[ev->id.slot];
    uint16_t generation = m->proc.generation;

    assert(ev->id.slot < NODES_MAX);
    if (!m->is_used || proc_is_alive(&m->proc))
        return;
    *m = (struct fleet_member){.proc = {.generation = generation}};
}

static void change_policy(struct fleet *f, const struct fleet_event *ev)
{
    struct fleet_member *m = &f->members[ev->id.slot];

    assert(ev->id.slot < NODES_MAX);
    if (!m->is_used)
        return;
    m->policy = ev->policy;
    m->is_essential = ev->is_essential;
    m->priority = ev->priority;
    proc_retime(&m->proc, &m->policy, ev->now_ms);
}

static void change_rules(struct fleet *f, const struct fleet_event *ev)
{
    f->exit_on = ev->exit_on;
    if (f->next_start_ms > ev->now_ms + ev->start_interval_ms)
        f->next_start_ms = ev->now_ms + ev->start_interval_ms;
    f->start_interval_ms = ev->start_interval_ms;
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

/* Is another node on its way up or down? What is not urgent waits for it. */
static bool is_other_moving(const struct fleet *f, unsigned slot)
{
    for (unsigned i = 0; i < NODES_MAX; i++) {
        enum proc_state state = f->members[i].proc.state;
        if (i != slot && f->members[i].is_used && state != PROC_LOGIN && state != PROC_READY &&
            proc_is_alive(&f->members[i].proc))
            return true;
    }
    return false;
}

/* May the event reach its process now? */
static bool is_let_through(const struct fleet *f, unsigned slot, enum proc_event_type type)
{
    const struct fleet_member *m = &f->members[slot];
    bool is_start = type == PROC_EVENT_WANT || type == PROC_EVENT_CYCLE ||
                    type == PROC_EVENT_RELOGIN || type == PROC_EVENT_RESTART;

    if (is_start && (f->is_stopping || (m->is_disabled && type != PROC_EVENT_RESTART)))
        return false;
    return type != PROC_EVENT_IDLE || m->proc.state != PROC_READY || !is_other_moving(f, slot);
}

/* HOLD, DISABLE, ENABLE: what is remembered of an order. */
static void take_order(struct fleet_member *m, enum fleet_event_type type)
{
    if (type == FLEET_EVENT_HOLD || type == FLEET_EVENT_ENABLE)
        m->is_held = type == FLEET_EVENT_HOLD;
    if (type == FLEET_EVENT_DISABLE || type == FLEET_EVENT_ENABLE)
        m->is_disabled = type == FLEET_EVENT_DISABLE;
    m->is_first = type == FLEET_EVENT_RELOGIN || (m->is_first && type != FLEET_EVENT_DISABLE);
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
        [FLEET_EVENT_CYCLE] = {false, PROC_EVENT_CYCLE},
        [FLEET_EVENT_RELOGIN] = {false, PROC_EVENT_RELOGIN},
        [FLEET_EVENT_RETIRE] = {false, PROC_EVENT_RETIRE},
        [FLEET_EVENT_HOLD] = {false, PROC_EVENT_COUNT}, /* nothing to the process */
        [FLEET_EVENT_DISABLE] = {false, PROC_EVENT_RETIRE},
        [FLEET_EVENT_ENABLE] = {false, PROC_EVENT_WANT},
        [FLEET_EVENT_EXITED] = {true, PROC_EVENT_EXITED},
        [FLEET_EVENT_PROBE_OK] = {true, PROC_EVENT_PROBE_OK},
        [FLEET_EVENT_PROBE_FAILED] = {true, PROC_EVENT_PROBE_FAILED},
        [FLEET_EVENT_PROMPT] = {true, PROC_EVENT_PROMPT},
        [FLEET_EVENT_LOGGED_IN] = {true, PROC_EVENT_LOGGED_IN},
        [FLEET_EVENT_TOKEN_GONE] = {true, PROC_EVENT_TOKEN_GONE},
        [FLEET_EVENT_IDLE] = {true, PROC_EVENT_IDLE},
        [FLEET_EVENT_MEMORY] = {true, PROC_EVENT_MEMORY},
    };
    enum proc_event_type type = table[ev->type].type;
    unsigned slot = ev->id.slot;

    assert(slot < NODES_MAX);
    if (!f->members[slot].is_used)
        return; /* it was removed meanwhile */
    if (table[ev->type].is_bound && ev->id.generation != f->members[slot].proc.generation)
        return;
    take_order(&f->members[slot], ev->type);
    if (type == PROC_EVENT_COUNT || !is_let_through(f, slot, type))
        return;
    if (type == PROC_EVENT_PROMPT && is_login_held(f, slot, false))
        type = PROC_EVENT_YIELD;
    step(f, slot, ev, type, out);
}

void fleet_init(struct fleet *f, uint64_t start_interval_ms, enum fleet_exit_on exit_on,
                uint64_t seed)
{
    *f = (struct fleet){
        .seed = seed,
        .start_interval_ms = start_interval_ms,
        .exit_on = exit_on,
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
    case FLEET_EVENT_NODE_REMOVED:
        remove_node(f, event);
        break;
    case FLEET_EVENT_POLICY:
        change_policy(f, event);
        break;
    case FLEET_EVENT_RULES:
        change_rules(f, event);
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
    case FLEET_EVENT_CYCLE:
    case FLEET_EVENT_RELOGIN:
    case FLEET_EVENT_RETIRE:
    case FLEET_EVENT_HOLD:
    case FLEET_EVENT_DISABLE:
    case FLEET_EVENT_ENABLE:
    case FLEET_EVENT_IDLE:
    case FLEET_EVENT_MEMORY:
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
