/* test_fleet - stories of several processes: starts, logins one at a time, stops.
 *
 * Each step sends one event and compares the actions with a line of text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the four above */
#include <cmocka.h>

static const struct proc_policy policy = {
    .start_timeout_ms = 30000,
    .login_timeout_ms = 900000,
    .stopwait_ms = 5000,
    .restart_reset_ms = 60000,
    .probe_interval_ms = 100,
    .login_probe_interval_ms = 1000,
    .refused_apart_ms = 60000,
    .drain_timeout_ms = 20000,
    .restart = {.delay_ms = 1, .delay_max_ms = 3, .factor = 2},
};

static struct fleet fleet;
static uint64_t now_ms;
static char trace[2048];

static void put_action(const struct fleet_action *a, size_t *used)
{
    static const char *const downs[] = {
        [FLEET_REPORT_NONE] = "?",
        [FLEET_REPORT_UP] = "?",
        [FLEET_REPORT_STARTING] = "starting",
        [FLEET_REPORT_LOGIN] = "login",
        [FLEET_REPORT_BACKOFF] = "backoff",
        [FLEET_REPORT_STOPPED] = "stopped",
    };
    size_t left = sizeof trace - *used;
    int n;

    static const char *const holds[] = {"none", "keep", "restart", "stop"};

    if (a->type == FLEET_ACTION_NODE_HOLD)
        n = snprintf(trace + *used, left, "HOLD %u %s; ", a->id.slot, holds[a->hold]);
    else if (a->type == FLEET_ACTION_EXIT)
        n = snprintf(trace + *used, left, "EXIT; ");
    else if (a->type == FLEET_ACTION_NODE_DOWN)
        n = snprintf(trace + *used, left, "%u %s; ", a->id.slot, downs[a->down]);
    else
        n = snprintf(trace + *used, left, "%s %u; ", fleet_action_name(a->type), a->id.slot);
    *used += (size_t)n;
}

static void send(struct fleet_event ev, const char *expected)
{
    struct fleet_actions out;
    size_t used = 0;

    ev.now_ms = now_ms;
    trace[0] = '\0';
    fleet_step(&fleet, &ev, &out);
    for (unsigned i = 0; i < out.count; i++)
        put_action(&out.list[i], &used);
    if (used > 0)
        trace[used - 2] = '\0';
    assert_string_equal(trace, expected);
}

/* The event with the present generation of the slot. */
static void is(enum fleet_event_type type, unsigned slot, const char *expected)
{
    struct fleet_event ev = {.type = type, .has_token = true, .kill_ms = now_ms + 8000};

    ev.id.slot = (uint16_t)slot;
    if (fleet_proc(&fleet, slot) != NULL)
        ev.id.generation = fleet_proc(&fleet, slot)->generation;
    send(ev, expected);
}

static void exits_without_token(unsigned slot, const char *expected)
{
    struct fleet_event ev = {.type = FLEET_EVENT_EXITED};

    ev.id.slot = (uint16_t)slot;
    ev.id.generation = fleet_proc(&fleet, slot)->generation;
    send(ev, expected);
}

/* GitHub refuses its login, and its token file is there. */
static void exits_refused(unsigned slot, const char *expected)
{
    struct fleet_event ev = {.type = FLEET_EVENT_EXITED, .has_token = true, .is_refused = true};

    ev.id.slot = (uint16_t)slot;
    ev.id.generation = fleet_proc(&fleet, slot)->generation;
    send(ev, expected);
}

static void add(unsigned slot, bool has_token, const char *expected)
{
    struct fleet_event ev = {.type = FLEET_EVENT_NODE_ADDED,
                             .has_token = has_token,
                             .is_wanted = true,
                             .policy = policy};

    ev.id.slot = (uint16_t)slot;
    send(ev, expected);
}

/* Lets time pass up to the next deadline. */
static void wait(const char *expected)
{
    now_ms = fleet_deadline(&fleet);
    assert_int_not_equal(now_ms, FLEET_NEVER);
    is(FLEET_EVENT_TIMER, 0, expected);
}

static int setup(void **state)
{
    (void)state;
    fleet_init(&fleet, 0, FLEET_EXIT_NEVER, 1);
    now_ms = 5000;
    return 0;
}

static void nodes_with_tokens_start_together(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    add(1, true, "SPAWN 1; 1 starting");
    wait("PROBE 0; PROBE 1");
    is(FLEET_EVENT_PROBE_OK, 1, "NODE_UP 1");
    is(FLEET_EVENT_PROBE_FAILED, 0, "");
    wait("PROBE 0");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
    assert_int_equal(fleet_deadline(&fleet), FLEET_NEVER);
}

static void starts_keep_their_interval(void **state)
{
    (void)state;
    fleet_init(&fleet, 50, FLEET_EXIT_NEVER, 1);
    add(0, true, "SPAWN 0; 0 starting");
    add(1, true, "1 starting");
    add(2, true, "2 starting");
    wait("SPAWN 1");
    assert_int_equal(now_ms, 5050);
    wait("PROBE 0; SPAWN 2");
    assert_int_equal(now_ms, 5100);
}

static void logins_come_one_at_a_time_lowest_first(void **state)
{
    (void)state;
    add(0, false, "SPAWN 0; 0 starting");
    add(1, false, "1 login");
    add(2, true, "SPAWN 2; 2 starting");
    is(FLEET_EVENT_PROMPT, 0, "PROMPT_SHOW 0; 0 login");
    is(FLEET_EVENT_LOGGED_IN, 0, "RETRACT_USED 0; SPAWN 1; 0 starting; 1 starting");
    is(FLEET_EVENT_PROMPT, 1, "PROMPT_SHOW 1; 1 login");
}

static void second_prompt_is_stopped_and_queued(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    add(1, true, "SPAWN 1; 1 starting");
    is(FLEET_EVENT_PROMPT, 1, "PROMPT_SHOW 1; 1 login");
    is(FLEET_EVENT_PROMPT, 0, "TERM 0");
    is(FLEET_EVENT_EXITED, 0, "0 login");
    is(FLEET_EVENT_LOGGED_IN, 1, "RETRACT_USED 1; SPAWN 0; 0 starting; 1 starting");
    is(FLEET_EVENT_PROMPT, 0, "PROMPT_SHOW 0; 0 login");
}

static void fresh_code_of_the_same_process_is_shown_while_another_ends(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    add(1, true, "SPAWN 1; 1 starting");
    is(FLEET_EVENT_PROMPT, 1, "PROMPT_SHOW 1; 1 login");
    is(FLEET_EVENT_PROMPT, 0, "TERM 0");
    is(FLEET_EVENT_PROMPT, 1, "PROMPT_SHOW 1");
}

static void expired_code_restarts_the_same_node_for_a_fresh_one(void **state)
{
    (void)state;
    add(0, false, "SPAWN 0; 0 starting");
    add(1, false, "1 login");
    is(FLEET_EVENT_PROMPT, 0, "PROMPT_SHOW 0; 0 login");
    now_ms += 900000;
    is(FLEET_EVENT_TIMER, 0, "RETRACT_EXPIRED 0; TERM 0");
    exits_without_token(0, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_PROMPT, 0, "PROMPT_SHOW 0; 0 login");
}

static void death_in_login_gives_the_turn_to_the_next(void **state)
{
    (void)state;
    add(0, false, "SPAWN 0; 0 starting");
    add(1, false, "1 login");
    is(FLEET_EVENT_PROMPT, 0, "PROMPT_SHOW 0; 0 login");
    exits_without_token(0, "RETRACT_GONE 0; SPAWN 1; 0 backoff; 1 starting");
    wait("0 login"); /* its pause is over, but it is not its turn */
    is(FLEET_EVENT_PROMPT, 1, "PROMPT_SHOW 1; 1 login");
    is(FLEET_EVENT_LOGGED_IN, 1, "RETRACT_USED 1; SPAWN 0; 0 starting; 1 starting");
}

static void token_that_appears_ends_the_wait(void **state)
{
    (void)state;
    add(0, false, "SPAWN 0; 0 starting");
    add(1, false, "1 login");
    /* A seeded file: the first node logs in without a prompt. */
    is(FLEET_EVENT_LOGGED_IN, 0, "SPAWN 1; 1 starting");
}

static void login_refused_for_a_minute_is_asked_for_anew(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    exits_refused(0, "0 backoff");
    now_ms += 60000;
    is(FLEET_EVENT_TIMER, 0, "SPAWN 0; 0 starting");
    exits_refused(0, "SET_ASIDE 0; 0 backoff");
    is(FLEET_EVENT_TOKEN_GONE, 0, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_PROMPT, 0, "PROMPT_SHOW 0; 0 login");
    is(FLEET_EVENT_LOGGED_IN, 0, "RETRACT_USED 0; 0 starting");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
}

static void node_whose_login_is_set_aside_waits_for_its_turn(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    add(1, false, "SPAWN 1; 1 starting");
    is(FLEET_EVENT_PROMPT, 1, "PROMPT_SHOW 1; 1 login");
    exits_refused(0, "0 backoff");
    now_ms += 60000;
    is(FLEET_EVENT_TIMER, 0, "PROBE 1; SPAWN 0; 0 starting");
    exits_refused(0, "SET_ASIDE 0; 0 backoff");
    is(FLEET_EVENT_TOKEN_GONE, 0, "0 login");
    is(FLEET_EVENT_TOKEN_GONE, 0, "");
    is(FLEET_EVENT_LOGGED_IN, 1, "RETRACT_USED 1; SPAWN 0; 0 starting; 1 starting");
    is(FLEET_EVENT_TOKEN_GONE, 0, ""); /* it runs by now */
    is(FLEET_EVENT_PROMPT, 0, "PROMPT_SHOW 0; 0 login");
}

static void login_that_cannot_be_set_aside_backs_off_as_before(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    exits_refused(0, "0 backoff");
    now_ms += 60000;
    is(FLEET_EVENT_TIMER, 0, "SPAWN 0; 0 starting");
    exits_refused(0, "SET_ASIDE 0; 0 backoff");
    wait("SPAWN 0; 0 starting"); /* nobody has answered: the file is still there */
    exits_refused(0, "SET_ASIDE 0; 0 backoff");
    assert_int_equal(fleet_proc(&fleet, 0)->backoff.failures, 3);
    wait("SPAWN 0; 0 starting");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0"); /* somebody has put in a good one */
}

static void crash_backs_off_and_comes_back(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
    is(FLEET_EVENT_EXITED, 0, "0 backoff");
    assert_int_equal(fleet_deadline(&fleet), now_ms + 1);
    wait("SPAWN 0; 0 starting");
    is(FLEET_EVENT_EXITED, 0, "0 backoff");
    assert_int_equal(fleet_deadline(&fleet), now_ms + 2);
    wait("SPAWN 0; 0 starting");
    assert_int_equal(fleet_proc(&fleet, 0)->generation, 3);
}

static void restarted_node_stays_up_until_it_is_reaped(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
    now_ms += 10;
    is(FLEET_EVENT_RESTART, 0, "KILL 0");
    is(FLEET_EVENT_RESTART, 0, "");
    is(FLEET_EVENT_EXITED, 0, "SPAWN 0; 0 starting");
}

static void late_events_are_ignored(void **state)
{
    struct fleet_event late = {.type = FLEET_EVENT_PROBE_OK};

    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_EXITED, 0, "0 backoff");
    wait("SPAWN 0; 0 starting");
    late.id.generation = 1;
    send(late, "");
    late.type = FLEET_EVENT_EXITED;
    send(late, "");
    late.type = FLEET_EVENT_PROMPT;
    send(late, "");
    assert_int_equal(fleet_proc(&fleet, 0)->state, PROC_STARTING);
}

static void stop_terminates_kills_and_exits(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    add(1, false, "SPAWN 1; 1 starting");
    add(2, false, "2 login");
    is(FLEET_EVENT_PROMPT, 1, "PROMPT_SHOW 1; 1 login");
    is(FLEET_EVENT_STOP_ALL, 0, "TERM 0; RETRACT_GONE 1; TERM 1; 2 stopped");
    is(FLEET_EVENT_EXITED, 0, "0 stopped");
    wait("KILL 1");
    is(FLEET_EVENT_EXITED, 1, "1 stopped; EXIT");
    assert_int_equal(fleet_deadline(&fleet), FLEET_NEVER);
    is(FLEET_EVENT_TIMER, 0, "");
}

static void stop_now_kills_at_once_even_during_a_stop(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    add(1, true, "SPAWN 1; 1 starting");
    is(FLEET_EVENT_STOP_ALL, 0, "TERM 0; TERM 1");
    is(FLEET_EVENT_STOP_NOW, 0, "KILL 0; KILL 1");
    wait("EXIT"); /* they hang in the kernel: given up */
}

static void stop_without_processes_exits_at_once(void **state)
{
    (void)state;
    is(FLEET_EVENT_STOP_ALL, 0, "EXIT");
    setup(state);
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_EXITED, 0, "0 backoff");
    is(FLEET_EVENT_STOP_ALL, 0, "0 stopped; EXIT");
}

static void nothing_starts_during_a_stop(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_STOP_ALL, 0, "TERM 0");
    is(FLEET_EVENT_START, 0, "");
    is(FLEET_EVENT_RESTART, 0, "");
    is(FLEET_EVENT_EXITED, 0, "0 stopped; EXIT");
    is(FLEET_EVENT_START, 0, "");
}

static void one_node_can_be_stopped_and_started(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
    is(FLEET_EVENT_STOP, 0, "TERM 0");
    is(FLEET_EVENT_EXITED, 0, "0 stopped");
    is(FLEET_EVENT_START, 0, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_STOP, 0, "TERM 0");
    is(FLEET_EVENT_START, 0, "");
    is(FLEET_EVENT_EXITED, 0, "SPAWN 0");
}

static void start_cuts_a_pause_short(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_EXITED, 0, "0 backoff");
    is(FLEET_EVENT_START, 0, "SPAWN 0; 0 starting");
}

static void ready(unsigned slot)
{
    char line[32];

    (void)snprintf(line, sizeof line, "SPAWN %u; %u starting", slot, slot);
    add(slot, true, line);
    (void)snprintf(line, sizeof line, "NODE_UP %u", slot);
    is(FLEET_EVENT_PROBE_OK, slot, line);
}

static void restart_by_order_is_drained_first(void **state)
{
    (void)state;
    ready(0);
    is(FLEET_EVENT_CYCLE, 0, "HOLD 0 restart");
    is(FLEET_EVENT_CYCLE, 0, "");
    is(FLEET_EVENT_IDLE, 0, "TERM 0");
    is(FLEET_EVENT_EXITED, 0, "SPAWN 0; 0 starting; HOLD 0 none");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
}

static void drain_ends_at_its_timeout(void **state)
{
    uint64_t began_ms = now_ms;

    (void)state;
    ready(0);
    is(FLEET_EVENT_CYCLE, 0, "HOLD 0 restart");
    wait("TERM 0");
    assert_int_equal(now_ms, began_ms + 20000);
}

static void stop_by_order_is_drained_and_lasts(void **state)
{
    (void)state;
    ready(0);
    is(FLEET_EVENT_RETIRE, 0, "HOLD 0 stop");
    is(FLEET_EVENT_IDLE, 0, "TERM 0");
    is(FLEET_EVENT_EXITED, 0, "0 stopped; HOLD 0 none");
    is(FLEET_EVENT_START, 0, "SPAWN 0; 0 starting");
}

static void start_during_the_drain_of_a_stop_makes_it_a_restart(void **state)
{
    (void)state;
    ready(0);
    is(FLEET_EVENT_RETIRE, 0, "HOLD 0 stop");
    is(FLEET_EVENT_START, 0, "HOLD 0 restart");
    is(FLEET_EVENT_IDLE, 0, "TERM 0");
    is(FLEET_EVENT_EXITED, 0, "SPAWN 0; 0 starting; HOLD 0 none");
}

static void held_node_lives_on_and_stays_held_through_a_death(void **state)
{
    (void)state;
    ready(0);
    is(FLEET_EVENT_HOLD, 0, "HOLD 0 keep");
    is(FLEET_EVENT_EXITED, 0, "0 backoff");
    wait("SPAWN 0; 0 starting");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
    is(FLEET_EVENT_ENABLE, 0, "HOLD 0 none");
}

static void disabled_node_is_started_by_enable_alone(void **state)
{
    (void)state;
    ready(0);
    is(FLEET_EVENT_DISABLE, 0, "HOLD 0 stop");
    is(FLEET_EVENT_IDLE, 0, "TERM 0");
    is(FLEET_EVENT_EXITED, 0, "0 stopped; HOLD 0 none");
    is(FLEET_EVENT_START, 0, "");
    is(FLEET_EVENT_CYCLE, 0, "");
    is(FLEET_EVENT_RELOGIN, 0, "");
    is(FLEET_EVENT_ENABLE, 0, "SPAWN 0; 0 starting");
}

static void fresh_login_sets_the_token_aside_and_goes_first(void **state)
{
    (void)state;
    ready(0);
    add(1, false, "SPAWN 1; 1 starting");
    add(2, false, "2 login");
    is(FLEET_EVENT_PROMPT, 1, "PROMPT_SHOW 1; 1 login");
    is(FLEET_EVENT_RELOGIN, 0, "HOLD 0 restart");
    is(FLEET_EVENT_IDLE, 0, "TERM 0");
    is(FLEET_EVENT_EXITED, 0, "SET_ASIDE 0; 0 backoff; HOLD 0 none");
    is(FLEET_EVENT_TOKEN_GONE, 0, "0 login");
    assert_int_equal(fleet_login_place(&fleet, 1), 1);
    /* Slot 2 has waited for longer, but somebody sits there and waits for slot 0. */
    is(FLEET_EVENT_RELOGIN, 0, "");
    assert_int_equal(fleet_login_place(&fleet, 0), 2);
    assert_int_equal(fleet_login_place(&fleet, 2), 3);
    is(FLEET_EVENT_LOGGED_IN, 1, "RETRACT_USED 1; SPAWN 0; 0 starting; 1 starting");
}

static void fresh_login_of_a_node_that_is_down_needs_no_process(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_EXITED, 0, "0 backoff");
    is(FLEET_EVENT_RELOGIN, 0, "SET_ASIDE 0");
    is(FLEET_EVENT_TOKEN_GONE, 0, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_PROMPT, 0, "PROMPT_SHOW 0; 0 login");
    is(FLEET_EVENT_RELOGIN, 0, "RETRACT_GONE 0; TERM 0");
    exits_without_token(0, "SPAWN 0; 0 starting");
    assert_int_equal(fleet_proc(&fleet, 0)->backoff.failures, 0);
}

static struct fleet_event about(enum fleet_event_type type, unsigned slot)
{
    return (struct fleet_event){
        .type = type,
        .id = {.slot = (uint16_t)slot, .generation = fleet_proc(&fleet, slot)->generation}};
}

static void too_large_node_is_restarted_when_idle_and_one_at_a_time(void **state)
{
    struct fleet_event look;

    (void)state;
    ready(0);
    ready(1);
    for (int i = 0; i < 6; i++) {
        look = about(FLEET_EVENT_MEMORY, (unsigned)i % 2);
        look.is_over = true;
        is(FLEET_EVENT_IDLE, (unsigned)i % 2, "");
        send(look, "");
    }
    is(FLEET_EVENT_IDLE, 0, "HOLD 0 restart");
    is(FLEET_EVENT_IDLE, 1, "");
    is(FLEET_EVENT_IDLE, 0, "TERM 0");
    is(FLEET_EVENT_EXITED, 0, "SPAWN 0; 0 starting; HOLD 0 none");
    is(FLEET_EVENT_IDLE, 1, "");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
    is(FLEET_EVENT_IDLE, 1, "HOLD 1 restart");
}

static void lower_priority_starts_first(void **state)
{
    struct fleet_event ev = {
        .type = FLEET_EVENT_NODE_ADDED, .is_wanted = true, .policy = policy};

    (void)state;
    fleet_init(&fleet, 50, FLEET_EXIT_NEVER, 1);
    add(0, true, "SPAWN 0; 0 starting");
    add(1, true, "1 starting");
    ev.id.slot = 2;
    ev.has_token = true;
    ev.priority = -1;
    send(ev, "2 starting");
    wait("SPAWN 2");
}

static void essential_node_that_gives_up_ends_the_whole(void **state)
{
    struct fleet_event ev = {.type = FLEET_EVENT_NODE_ADDED,
                             .has_token = true,
                             .is_wanted = true,
                             .is_essential = true,
                             .policy = policy};

    (void)state;
    fleet_init(&fleet, 0, FLEET_EXIT_ESSENTIAL, 1);
    ev.policy.startretries = 1;
    ready(1);
    send(ev, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_EXITED, 0, "0 backoff");
    wait("SPAWN 0; 0 starting");
    is(FLEET_EVENT_EXITED, 0, "0 stopped; QUIT 0");
    is(FLEET_EVENT_STOP_ALL, 0, "TERM 1");
}

static void exit_on_all_waits_for_the_last_one(void **state)
{
    struct fleet_event ev = {
        .type = FLEET_EVENT_NODE_ADDED, .has_token = true, .is_wanted = true, .policy = policy};

    (void)state;
    fleet_init(&fleet, 0, FLEET_EXIT_ALL, 1);
    ev.policy.autorestart = PROC_AUTORESTART_NEVER;
    send(ev, "SPAWN 0; 0 starting");
    ev.id.slot = 1;
    send(ev, "SPAWN 1; 1 starting");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
    is(FLEET_EVENT_PROBE_OK, 1, "NODE_UP 1");
    is(FLEET_EVENT_EXITED, 0, "0 stopped");
    is(FLEET_EVENT_EXITED, 1, "1 stopped; QUIT 1");
}

static void node_that_is_down_can_be_removed_and_its_slot_used_again(void **state)
{
    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_NODE_REMOVED, 0, ""); /* it has a process: no */
    assert_non_null(fleet_proc(&fleet, 0));
    uint16_t generation = fleet_proc(&fleet, 0)->generation;
    is(FLEET_EVENT_STOP, 0, "TERM 0");
    is(FLEET_EVENT_EXITED, 0, "0 stopped");
    is(FLEET_EVENT_NODE_REMOVED, 0, "");
    assert_null(fleet_proc(&fleet, 0));
    is(FLEET_EVENT_START, 0, ""); /* late */
    add(0, true, "SPAWN 0; 0 starting");
    assert_int_equal(fleet_proc(&fleet, 0)->generation, generation + 1);
}

static void other_settings_count_from_the_next_deadline_on(void **state)
{
    struct fleet_event ev = {.type = FLEET_EVENT_POLICY, .policy = policy};

    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    ev.policy.restart = (struct backoff_policy){.delay_ms = 700, .delay_max_ms = 700};
    send(ev, "");
    is(FLEET_EVENT_EXITED, 0, "0 backoff");
    assert_int_equal(fleet_deadline(&fleet), now_ms + 700);
}

static void looks_at_what_is_up_follow_other_settings_at_once(void **state)
{
    struct fleet_event ev = {.type = FLEET_EVENT_POLICY, .policy = policy};

    (void)state;
    add(0, true, "SPAWN 0; 0 starting");
    is(FLEET_EVENT_PROBE_OK, 0, "NODE_UP 0");
    ev.policy.live_interval_ms = 15000;
    send(ev, "");
    assert_int_equal(fleet_deadline(&fleet), now_ms + 15000);
    now_ms += 15000;
    is(FLEET_EVENT_TIMER, 0, "PROBE 0");
    ev.policy.live_interval_ms = 0; /* while the answer is awaited: it is the last one */
    ev.now_ms = now_ms;
    send(ev, "");
    is(FLEET_EVENT_PROBE_OK, 0, "");
    assert_int_equal(fleet_deadline(&fleet), FLEET_NEVER);
}

static void start_interval_that_is_shortened_lets_the_next_one_go_earlier(void **state)
{
    struct fleet_event ev = {.type = FLEET_EVENT_RULES, .start_interval_ms = 60000};

    (void)state;
    send(ev, "");
    add(0, true, "SPAWN 0; 0 starting");
    add(1, true, "1 starting");
    ev.start_interval_ms = 0;
    send(ev, "SPAWN 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nodes_with_tokens_start_together, setup),
        cmocka_unit_test_setup(starts_keep_their_interval, setup),
        cmocka_unit_test_setup(logins_come_one_at_a_time_lowest_first, setup),
        cmocka_unit_test_setup(second_prompt_is_stopped_and_queued, setup),
        cmocka_unit_test_setup(fresh_code_of_the_same_process_is_shown_while_another_ends,
                               setup),
        cmocka_unit_test_setup(expired_code_restarts_the_same_node_for_a_fresh_one, setup),
        cmocka_unit_test_setup(death_in_login_gives_the_turn_to_the_next, setup),
        cmocka_unit_test_setup(token_that_appears_ends_the_wait, setup),
        cmocka_unit_test_setup(login_refused_for_a_minute_is_asked_for_anew, setup),
        cmocka_unit_test_setup(node_whose_login_is_set_aside_waits_for_its_turn, setup),
        cmocka_unit_test_setup(login_that_cannot_be_set_aside_backs_off_as_before, setup),
        cmocka_unit_test_setup(crash_backs_off_and_comes_back, setup),
        cmocka_unit_test_setup(restarted_node_stays_up_until_it_is_reaped, setup),
        cmocka_unit_test_setup(late_events_are_ignored, setup),
        cmocka_unit_test_setup(node_that_is_down_can_be_removed_and_its_slot_used_again, setup),
        cmocka_unit_test_setup(other_settings_count_from_the_next_deadline_on, setup),
        cmocka_unit_test_setup(looks_at_what_is_up_follow_other_settings_at_once, setup),
        cmocka_unit_test_setup(start_interval_that_is_shortened_lets_the_next_one_go_earlier,
                               setup),
        cmocka_unit_test_setup(stop_terminates_kills_and_exits, setup),
        cmocka_unit_test_setup(stop_now_kills_at_once_even_during_a_stop, setup),
        cmocka_unit_test_setup(stop_without_processes_exits_at_once, setup),
        cmocka_unit_test_setup(nothing_starts_during_a_stop, setup),
        cmocka_unit_test_setup(one_node_can_be_stopped_and_started, setup),
        cmocka_unit_test_setup(start_cuts_a_pause_short, setup),
        cmocka_unit_test_setup(restart_by_order_is_drained_first, setup),
        cmocka_unit_test_setup(drain_ends_at_its_timeout, setup),
        cmocka_unit_test_setup(stop_by_order_is_drained_and_lasts, setup),
        cmocka_unit_test_setup(start_during_the_drain_of_a_stop_makes_it_a_restart, setup),
        cmocka_unit_test_setup(held_node_lives_on_and_stays_held_through_a_death, setup),
        cmocka_unit_test_setup(disabled_node_is_started_by_enable_alone, setup),
        cmocka_unit_test_setup(fresh_login_sets_the_token_aside_and_goes_first, setup),
        cmocka_unit_test_setup(fresh_login_of_a_node_that_is_down_needs_no_process, setup),
        cmocka_unit_test_setup(too_large_node_is_restarted_when_idle_and_one_at_a_time, setup),
        cmocka_unit_test_setup(lower_priority_starts_first, setup),
        cmocka_unit_test_setup(essential_node_that_gives_up_ends_the_whole, setup),
        cmocka_unit_test_setup(exit_on_all_waits_for_the_last_one, setup),
    };

    return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
