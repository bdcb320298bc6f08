/* model_fleet - exhaustive search of the fleet engine.
 *
 * Three nodes, small times. From the start state every event that the shell could produce is
 * tried in every reachable state, and time moves either to the deadline or one tick. States are
 * compared with all times relative to now and generations left out, so that the space is
 * finite. In each state these must hold:
 *
 *   - at most one process in LOGIN, and no second one that will ask for a login starts
 *   - SPAWN only where no process exists, signals and probes only where one does
 *   - a code is shown in LOGIN and nowhere else, and every change of that is announced
 *   - NODE_UP is what makes a node up, and it stays so until its process is reaped
 *   - a TIMER at the deadline strictly moves the deadline
 *   - a late event changes nothing
 *   - a node that shall run is running, or has a date, or waits for another's login
 *   - after a stop no process starts, and TIMERs alone, without any help, lead to EXIT
 *   - SET_ASIDE comes when, and only when, a start is refused that began refused_apart after
 *     another refused one, with nothing between them that proves the login; once a start; and
 * by order, which never takes the file of a live process
 *   - a node that drains is up and held; what is held is held before it is up, and let go only
 *     when it is down or serves; what is disabled ends and does not start
 *
 * Refusals multiply the space, so they are searched with two nodes, and so are the orders that
 * do not concern the others, and probes and looks at the memory of nodes that serve. An
 * unanswered SET_ASIDE is tried in every state: the file cannot be renamed.
 *
 * SPDX-License-Identifier: MIT
 */
#define NODES_MAX 3

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "supervisor/core/backoff.c"
#include "supervisor/core/fleet.c"
#include "supervisor/core/fleet_tell.c"
#include "supervisor/core/proc.c"
#include "supervisor/core/proc_names.c"
#include "supervisor/core/proc_orders.c"
#include "tests/unit/fleet_world.h"

#define TABLE_SIZE (1u << 22)
#define STATES_MAX (TABLE_SIZE / 4 * 3)

struct search {
    struct world *states;
    uint32_t *table; /* index + 1 into states; 0 = empty */
    uint32_t count;
    uint64_t transitions;
    unsigned nodes;
    bool has_refusals;
    bool has_orders; /* restarts and stops that drain */
    bool has_care;   /* the other orders, liveness and memory */
};

static void remember(struct search *s, const struct world *w)
{
    uint64_t words[STATE_WORDS];
    uint64_t other[STATE_WORDS];
    uint64_t hash = 0;

    put_state(w, words);
    for (size_t i = 0; i < STATE_WORDS; i++)
        hash = mix(hash ^ words[i]);
    for (uint32_t at = (uint32_t)hash % TABLE_SIZE;; at = (at + 1) % TABLE_SIZE) {
        if (s->table[at] == 0) {
            check(s->count < STATES_MAX, "the table is large enough", w);
            s->states[s->count] = *w;
            s->table[at] = ++s->count;
            return;
        }
        put_state(&s->states[s->table[at] - 1], other);
        if (memcmp(words, other, sizeof words) == 0)
            return;
    }
}

/* From a state of a stop, the passing of time alone must end it. */
static void check_stop_ends(const struct world *from)
{
    struct world w = *from;

    for (unsigned i = 0; i < 4 * NODES_MAX + 2; i++) {
        struct fleet_event ev = {.type = FLEET_EVENT_TIMER, .now_ms = fleet_deadline(&w.fleet)};
        if (w.fleet.has_exited)
            return;
        check(ev.now_ms != FLEET_NEVER, "a stop has a deadline", &w);
        (void)apply(&w, ev);
    }
    check(w.fleet.has_exited, "a stop ends without help", &w);
}

static void check_late(const struct world *from, unsigned slot)
{
    static const enum fleet_event_type types[] = {
        FLEET_EVENT_EXITED, FLEET_EVENT_PROBE_OK,  FLEET_EVENT_PROBE_FAILED,
        FLEET_EVENT_PROMPT, FLEET_EVENT_LOGGED_IN, FLEET_EVENT_TOKEN_GONE,
    };
    uint64_t words[STATE_WORDS];
    uint64_t after[STATE_WORDS];

    put_state(from, words);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct world w = *from;
        struct fleet_actions out;
        struct fleet_event ev = {.type = types[i], .now_ms = EPOCH};
        ev.id = (struct node_id){.slot = (uint16_t)slot, .generation = 6};
        fleet_step(&w.fleet, &ev, &out);
        put_state(&w, after);
        check(out.count == 0 && memcmp(words, after, sizeof words) == 0,
              "a late event changes nothing", &w);
    }
}

static void visit(struct search *s, const struct world *from, struct fleet_event ev)
{
    struct world w = *from;
    uint64_t deadline_ms = fleet_deadline(&w.fleet);

    s->transitions++;
    (void)apply(&w, ev);
    if (ev.type == FLEET_EVENT_TIMER && ev.now_ms == deadline_ms)
        check(fleet_deadline(&w.fleet) > deadline_ms, "a TIMER moves its deadline", &w);
    normalise(&w, s->has_refusals, ev.now_ms);
    check_state(&w);
    remember(s, &w);
}

/* All ways in which a process can end. */
static void visit_ends(struct search *s, const struct world *from, struct fleet_event ev)
{
    ev.type = FLEET_EVENT_EXITED;
    for (int how = 0; how < (s->has_refusals ? 4 : 2); how++) {
        ev.has_token = (how & 1) != 0;
        ev.is_refused = (how & 2) != 0;
        visit(s, from, ev);
    }
}

static void visit_orders(struct search *s, const struct world *from, struct fleet_event ev)
{
    static const enum fleet_event_type types[] = {
        FLEET_EVENT_CYCLE, FLEET_EVENT_RETIRE,  FLEET_EVENT_IDLE,   FLEET_EVENT_RELOGIN,
        FLEET_EVENT_HOLD,  FLEET_EVENT_DISABLE, FLEET_EVENT_ENABLE, FLEET_EVENT_MEMORY,
    };
    size_t count = s->has_care ? sizeof types / sizeof types[0] : 3;

    for (size_t i = 0; i < count && s->has_orders; i++) {
        ev.type = types[i];
        visit(s, from, ev);
    }
    ev.is_over = true;
    if (s->has_care)
        visit(s, from, ev);
}

static void expand(struct search *s, const struct world *from)
{
    const struct fleet *f = &from->fleet;
    struct fleet_event ev = {.now_ms = EPOCH, .kill_ms = EPOCH + 2};

    for (unsigned slot = 0; slot < s->nodes; slot++) {
        const struct proc *p = &f->members[slot].proc;
        ev.id = (struct node_id){.slot = (uint16_t)slot, .generation = p->generation};
        static const enum fleet_event_type any[] = {FLEET_EVENT_START, FLEET_EVENT_RESTART,
                                                    FLEET_EVENT_STOP};
        for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
            ev.type = any[i];
            visit(s, from, ev);
        }
        visit_orders(s, from, ev);
        check_late(from, slot);
        if (from->is_asked[slot]) {
            struct world answered = *from;
            answered.is_asked[slot] = false;
            ev.type = FLEET_EVENT_TOKEN_GONE;
            visit(s, &answered, ev);
        }
        if (!proc_is_alive(p))
            continue;
        visit_ends(s, from, ev);
        ev.type = FLEET_EVENT_PROMPT;
        visit(s, from, ev);
        ev.type = FLEET_EVENT_LOGGED_IN;
        visit(s, from, ev);
        if (!p->is_probing)
            continue;
        ev.type = FLEET_EVENT_PROBE_OK;
        visit(s, from, ev);
        ev.type = FLEET_EVENT_PROBE_FAILED;
        visit(s, from, ev);
    }
    ev.type = FLEET_EVENT_STOP_ALL;
    visit(s, from, ev);
    ev.type = FLEET_EVENT_STOP_NOW;
    visit(s, from, ev);
    ev.type = FLEET_EVENT_TIMER;
    ev.now_ms = fleet_deadline(f);
    if (ev.now_ms != FLEET_NEVER)
        visit(s, from, ev);
}

/* `tokens` has a bit for each node that has one. */
static uint32_t search_from(struct search *s, unsigned tokens, uint64_t start_interval_ms)
{
    struct world w = {0};

    memset(s->table, 0, TABLE_SIZE * sizeof *s->table);
    s->count = 0;
    fleet_init(&w.fleet, start_interval_ms, FLEET_EXIT_NEVER, 0);
    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        proc_init(&w.fleet.members[slot].proc, false);
        w.tried_ms[slot] = PROC_NEVER;
        w.refused_since_ms[slot] = PROC_NEVER;
    }
    for (unsigned slot = 0; slot < s->nodes; slot++) {
        struct fleet_event ev = {
            .type = FLEET_EVENT_NODE_ADDED,
            .now_ms = EPOCH,
            .id = {.slot = (uint16_t)slot, .generation = 0},
            .has_token = (tokens & 1u << slot) != 0,
            .is_wanted = true,
            .policy = policy,
        };
        (void)apply(&w, ev);
    }
    normalise(&w, s->has_refusals, EPOCH);
    remember(s, &w);
    for (uint32_t i = 0; i < s->count; i++) {
        struct world from = s->states[i];
        if (from.fleet.is_stopping)
            check_stop_ends(&from);
        expand(s, &from);
    }
    return s->count;
}

int main(void)
{
    struct search s = {
        .states = malloc(sizeof(struct world) * STATES_MAX),
        .table = malloc(sizeof(uint32_t) * TABLE_SIZE),
        .nodes = NODES_MAX,
    };
    clock_t start = clock();

    if (s.states == NULL || s.table == NULL)
        return 1;
    uint32_t together = search_from(&s, 0, 0);
    uint32_t spaced = search_from(&s, 5, 2);
    s.has_orders = true;
    uint32_t ordered = search_from(&s, 6, 0);
    s.nodes = 2;
    s.has_care = true;
    policy.live_interval_ms = 2;
    uint32_t cared = search_from(&s, 1, 0);
    policy.live_interval_ms = 0;
    s.has_orders = s.has_care = false;
    s.has_refusals = true;
    uint32_t refused = search_from(&s, 3, 0);
    printf(
        "model_fleet: %u nodes: %u states, %u with start_interval, %u with orders; %u "
        "nodes: %u with all orders and care, %u with refusals; %llu transitions, %.1f s: ok\n",
        NODES_MAX, together, spaced, ordered, s.nodes, cared, refused,
        (unsigned long long)s.transitions, (double)(clock() - start) / CLOCKS_PER_SEC);
    free(s.states);
    free(s.table);
    return 0;
}
