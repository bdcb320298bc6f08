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
#include "supervisor/core/proc.c"

#define EPOCH      1000u /* every stored state lives at this time */
#define TABLE_SIZE (1u << 22)
#define STATES_MAX (TABLE_SIZE / 4 * 3)

/* The world outside, and what it was told. */
struct world {
    struct fleet fleet;
    bool is_shown[NODES_MAX];
    bool is_up[NODES_MAX];
};

struct search {
    struct world *states;
    uint32_t *table; /* index + 1 into states; 0 = empty */
    uint32_t count;
    uint64_t transitions;
};

static const struct proc_policy policy = {
    .start_timeout_ms = 2,
    .login_timeout_ms = 2,
    .stopwait_ms = 2,
    .restart_reset_ms = 1,
    .probe_interval_ms = 1,
    .login_probe_interval_ms = 1,
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

/* Moves the state back to EPOCH and wipes what the future does not depend on. */
static void normalise(struct world *w, uint64_t now_ms)
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
        p->backoff.failures = 0;
        if (p->state != PROC_STARTING && p->state != PROC_LOGIN)
            p->is_probing = false; /* its answer is ignored */
        if (p->state != PROC_STOPPING && p->state != PROC_KILLING)
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
        ret_words[n++] = (uint64_t)p->state | (uint64_t)p->next << 4 |
                         (uint64_t)p->is_wanted << 8 | (uint64_t)p->has_token << 9 |
                         (uint64_t)p->has_prompted << 10 | (uint64_t)p->is_probing << 11 |
                         (uint64_t)p->backoff.failures << 12 |
                         (uint64_t)f->members[i].reported << 16 |
                         (uint64_t)w->is_shown[i] << 20 | (uint64_t)w->is_up[i] << 21;
        ret_words[n++] = p->deadline_ms;
        ret_words[n++] = p->probe_ms;
        ret_words[n++] = p->ready_since_ms;
    }
    ret_words[n++] = f->next_start_ms;
    ret_words[n++] = (uint64_t)f->is_stopping | (uint64_t)f->has_exited << 1;
    ret_words[n++] = f->kill_ms;
}

#define STATE_WORDS (4 * NODES_MAX + 3)

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

/* What one action means to the world, and what must be true of it. */
static void carry_out(struct world *w, const struct fleet *before, const struct fleet_action *a)
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
    case FLEET_ACTION_NODE_UP:
        w->is_up[slot] = true;
        break;
    case FLEET_ACTION_NODE_DOWN:
        check(!w->is_up[slot] || is->state != was->state, "DOWN has a cause", w);
        check(!proc_is_alive(was) || !proc_is_alive(is) || is->state == PROC_LOGIN ||
                  is->state == PROC_STARTING,
              "a node stays up until its process is reaped", w);
        w->is_up[slot] = false;
        break;
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
        logins += p->state == PROC_LOGIN;
        check(w->is_shown[i] == (p->state == PROC_LOGIN), "a code is shown in LOGIN", w);
        check(w->is_up[i] || p->state != PROC_READY, "READY is announced", w);
        check(!w->is_up[i] || proc_is_alive(p), "a dead node is not up", w);
        check(p->is_wanted || p->state == PROC_DOWN || p->state == PROC_FATAL ||
                  p->next == PROC_NEXT_STAY,
              "what is not wanted ends", w);
        check(p->state != PROC_READY || !proc_needs_login(p), "what serves is logged in", w);
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

static bool apply(struct world *w, struct fleet_event ev)
{
    struct fleet before = w->fleet;
    struct fleet_actions out;
    bool has_exited = false;

    fleet_step(&w->fleet, &ev, &out);
    for (unsigned i = 0; i < out.count; i++) {
        carry_out(w, &before, &out.list[i]);
        has_exited = has_exited || out.list[i].type == FLEET_ACTION_EXIT;
    }
    return has_exited;
}

/* From a state of a stop, the passing of time alone must end it. */
static void check_stop_ends(const struct world *from)
{
    struct world w = *from;

    for (unsigned i = 0; i < 3 * NODES_MAX + 2; i++) {
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
        FLEET_EVENT_PROMPT, FLEET_EVENT_LOGGED_IN,
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
    normalise(&w, ev.now_ms);
    check_state(&w);
    remember(s, &w);
}

static void expand(struct search *s, const struct world *from)
{
    const struct fleet *f = &from->fleet;
    struct fleet_event ev = {.now_ms = EPOCH, .kill_ms = EPOCH + 2};

    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        const struct proc *p = &f->members[slot].proc;
        ev.id = (struct node_id){.slot = (uint16_t)slot, .generation = p->generation};
        static const enum fleet_event_type any[] = {FLEET_EVENT_START, FLEET_EVENT_RESTART,
                                                    FLEET_EVENT_STOP};
        for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
            ev.type = any[i];
            visit(s, from, ev);
        }
        check_late(from, slot);
        if (!proc_is_alive(p))
            continue;
        for (int has_token = 0; has_token < 2; has_token++) {
            ev.type = FLEET_EVENT_EXITED;
            ev.has_token = has_token != 0;
            visit(s, from, ev);
        }
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

static uint32_t search_from(struct search *s, unsigned tokens, uint64_t start_interval_ms)
{
    struct world w = {0};

    memset(s->table, 0, TABLE_SIZE * sizeof *s->table);
    s->count = 0;
    fleet_init(&w.fleet, start_interval_ms, 0);
    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
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
    normalise(&w, EPOCH);
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
    };
    clock_t start = clock();

    if (s.states == NULL || s.table == NULL)
        return 1;
    uint32_t together = search_from(&s, 0, 0);
    uint32_t spaced = search_from(&s, 5, 2);
    printf("model_fleet: %u states with %u nodes (%u with start_interval), %llu transitions, "
           "%.1f s: ok\n",
           together + spaced, NODES_MAX, spaced, (unsigned long long)s.transitions,
           (double)(clock() - start) / CLOCKS_PER_SEC);
    free(s.states);
    free(s.table);
    return 0;
}
