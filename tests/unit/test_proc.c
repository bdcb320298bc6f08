/* test_proc - the life of one process: the whole table, and the rules that need time.
 *
 * The table of states and events is text in tests/unit/golden/proc.txt, for people to review.
 * After a wanted change: PROC_GOLDEN=write build/release/tests/test_proc
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the four above */
#include <cmocka.h>

#define GOLDEN "tests/unit/golden/proc.txt"
#define NOW    UINT64_C(1000000)

static const struct proc_policy policy = {
    .start_timeout_ms = 30000,
    .login_timeout_ms = 900000,
    .stopwait_ms = 5000,
    .restart_reset_ms = 60000,
    .probe_interval_ms = 100,
    .login_probe_interval_ms = 1000,
    .refused_apart_ms = 60000,
    .startsecs_ms = 1000,
    .drain_timeout_ms = 20000,
    .live_interval_ms = 15000,
    .max_age_ms = 86400000,
    .restart = {.delay_ms = 1000, .delay_max_ms = 60000, .factor = 2, .jitter = 25},
};

static unsigned send(struct proc *p, enum proc_event_type type, uint64_t now_ms)
{
    struct proc_event ev = {
        .type = type, .now_ms = now_ms, .has_token = true, .kill_ms = PROC_NEVER};

    return proc_step(p, &policy, &ev);
}

/* A process that came to `state` on an ordinary way, at NOW. */
static struct proc in_state(enum proc_state state)
{
    struct proc p;

    proc_init(&p, true);
    p.is_wanted = true;
    if (state == PROC_DOWN)
        return p;
    (void)send(&p, PROC_EVENT_SPAWN, NOW);
    switch (state) {
    case PROC_LOGIN:
        (void)send(&p, PROC_EVENT_PROMPT, NOW);
        break;
    case PROC_READY:
        (void)send(&p, PROC_EVENT_PROBE_OK, NOW);
        break;
    case PROC_DRAINING:
        (void)send(&p, PROC_EVENT_PROBE_OK, NOW);
        (void)send(&p, PROC_EVENT_CYCLE, NOW);
        break;
    case PROC_STOPPING:
        (void)send(&p, PROC_EVENT_YIELD, NOW);
        break;
    case PROC_KILLING:
        (void)send(&p, PROC_EVENT_TIMER, NOW + policy.start_timeout_ms);
        break;
    case PROC_BACKOFF:
    case PROC_EXITED:
    case PROC_FATAL:
        (void)send(&p, PROC_EVENT_EXITED, NOW);
        break;
    case PROC_DOWN:
    case PROC_STARTING:
    case PROC_STATE_COUNT:
        break;
    }
    if (state == PROC_FATAL || state == PROC_EXITED)
        p.state = state; /* they need a policy of their own */
    assert_int_equal(p.state, state);
    return p;
}

static bool is_forbidden(enum proc_state state, enum proc_event_type type)
{
    struct proc p = {.state = state};

    return (type == PROC_EVENT_SPAWN && state != PROC_DOWN) ||
           (type == PROC_EVENT_EXITED && !proc_is_alive(&p));
}

static int put_row(FILE *out, enum proc_state state, enum proc_event_type type)
{
    static const char *const actions[] = {"spawn",           "TERM",         "KILL",
                                          "probe",           "show",         "retract-used",
                                          "retract-expired", "retract-gone", "set-aside"};
    struct proc p = in_state(state);
    uint64_t now_ms = NOW + 2000;

    if (is_forbidden(state, type))
        return fprintf(out, "%-9s %-13s  never\n", proc_state_name(state),
                       proc_event_name(type));
    if (type == PROC_EVENT_TIMER && p.deadline_ms != PROC_NEVER)
        now_ms = p.deadline_ms;
    enum proc_next next = p.next;
    unsigned todo = send(&p, type, now_ms);
    fprintf(out, "%-9s %-13s  %s", proc_state_name(state), proc_event_name(type),
            p.state == state ? "-" : proc_state_name(p.state));
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if ((todo & 1u << i) != 0)
            fprintf(out, " %s", actions[i]);
    }
    if (p.is_due)
        fprintf(out, " due");
    if ((p.state == PROC_DRAINING || p.state == PROC_STOPPING || p.state == PROC_KILLING) &&
        (p.state != state || p.next != next))
        fprintf(out, " then %s",
                p.next == PROC_NEXT_STAY    ? "stay"
                : p.next == PROC_NEXT_START ? "start"
                                            : "back off");
    return fprintf(out, "\n");
}

static void table_is_as_reviewed(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    const char *mode = getenv("PROC_GOLDEN");

    (void)state;
    assert_non_null(out);
    fprintf(out,
            "state     event          goes to, and does (two seconds after it got there)\n\n");
    for (int s = 0; s < PROC_STATE_COUNT; s++) {
        for (int e = 0; e < PROC_EVENT_COUNT; e++)
            (void)put_row(out, (enum proc_state)s, (enum proc_event_type)e);
        fprintf(out, "\n");
    }
    fclose(out);
    if (mode != NULL && strcmp(mode, "write") == 0) {
        FILE *golden = fopen(GOLDEN, "w");
        assert_non_null(golden);
        fwrite(text, 1, len, golden);
        fclose(golden);
    }
    FILE *golden = fopen(GOLDEN, "r");
    assert_non_null(golden);
    char *expected = calloc(1, len + 2);
    assert_non_null(expected);
    assert_int_equal(fread(expected, 1, len + 1, golden), len);
    assert_string_equal(text, expected);
    fclose(golden);
    free(expected);
    free(text);
}

static void start_that_does_not_answer_is_killed_and_backs_off(void **state)
{
    struct proc p = in_state(PROC_STARTING);

    (void)state;
    assert_int_equal(p.deadline_ms, NOW + 30000);
    assert_int_equal(send(&p, PROC_EVENT_TIMER, NOW + 30000), PROC_DO_KILL);
    assert_int_equal(p.state, PROC_KILLING);
    assert_int_equal(send(&p, PROC_EVENT_EXITED, NOW + 30010), 0);
    assert_int_equal(p.state, PROC_BACKOFF);
    assert_int_equal(p.backoff.failures, 1);
}

static void probes_go_out_one_at_a_time(void **state)
{
    struct proc p = in_state(PROC_STARTING);

    (void)state;
    assert_int_equal(proc_deadline(&p), NOW + 100);
    assert_int_equal(send(&p, PROC_EVENT_TIMER, NOW + 100), PROC_DO_PROBE);
    assert_int_equal(proc_deadline(&p), NOW + 30000);
    assert_int_equal(send(&p, PROC_EVENT_TIMER, NOW + 200), 0);
    assert_int_equal(send(&p, PROC_EVENT_PROBE_FAILED, NOW + 250), 0);
    assert_int_equal(proc_deadline(&p), NOW + 350);
}

static void time_for_login_does_not_count_as_start(void **state)
{
    struct proc p = in_state(PROC_STARTING);

    (void)state;
    assert_int_equal(send(&p, PROC_EVENT_PROMPT, NOW + 29000), PROC_DO_SHOW);
    assert_int_equal(p.deadline_ms, NOW + 29000 + 900000);
    assert_true(proc_needs_login(&p));
    assert_int_equal(send(&p, PROC_EVENT_LOGGED_IN, NOW + 600000), PROC_DO_RETRACT_USED);
    assert_int_equal(p.state, PROC_STARTING);
    assert_int_equal(p.deadline_ms, NOW + 630000);
    assert_false(proc_needs_login(&p));
}

static void answer_while_a_code_is_shown_means_logged_in(void **state)
{
    struct proc p = in_state(PROC_LOGIN);

    (void)state;
    assert_int_equal(send(&p, PROC_EVENT_TIMER, NOW + 1000), PROC_DO_PROBE);
    assert_int_equal(send(&p, PROC_EVENT_PROBE_OK, NOW + 1001), PROC_DO_RETRACT_USED);
    assert_int_equal(p.state, PROC_READY);
}

static void expired_code_brings_a_fresh_start_and_no_failure(void **state)
{
    struct proc p = in_state(PROC_LOGIN);

    (void)state;
    assert_int_equal(send(&p, PROC_EVENT_TIMER, NOW + 900000),
                     PROC_DO_RETRACT_EXPIRED | PROC_DO_TERM);
    assert_int_equal(send(&p, PROC_EVENT_EXITED, NOW + 900050), 0);
    assert_int_equal(p.state, PROC_DOWN);
    assert_true(p.is_wanted);
    assert_int_equal(p.backoff.failures, 0);
}

static void prompt_of_a_serving_node_is_ignored(void **state)
{
    struct proc p = in_state(PROC_READY);

    (void)state;
    assert_int_equal(send(&p, PROC_EVENT_PROMPT, NOW + 5), 0);
    assert_int_equal(p.state, PROC_READY);
}

static void stable_service_wipes_the_count_of_failures(void **state)
{
    struct proc p = in_state(PROC_READY);

    (void)state;
    p.backoff.failures = 9;
    (void)send(&p, PROC_EVENT_EXITED, NOW + 59999);
    assert_int_equal(p.backoff.failures, 10);
    p = in_state(PROC_READY);
    p.backoff.failures = 9;
    (void)send(&p, PROC_EVENT_EXITED, NOW + 60000);
    assert_int_equal(p.backoff.failures, 1);
}

static void restart_is_immediate_unless_just_started(void **state)
{
    struct proc p = in_state(PROC_READY);

    (void)state;
    assert_int_equal(send(&p, PROC_EVENT_RESTART, NOW + 1000), PROC_DO_KILL);
    (void)send(&p, PROC_EVENT_EXITED, NOW + 1001);
    assert_int_equal(p.state, PROC_DOWN);
    p = in_state(PROC_READY);
    assert_int_equal(send(&p, PROC_EVENT_RESTART, NOW + 999), PROC_DO_KILL);
    (void)send(&p, PROC_EVENT_EXITED, NOW + 1000);
    assert_int_equal(p.state, PROC_BACKOFF);
}

static void cap_on_failures_ends_in_fatal_and_want_leaves_it(void **state)
{
    struct proc_policy capped = policy;
    struct proc p;
    struct proc_event ev = {.now_ms = NOW, .kill_ms = PROC_NEVER};

    (void)state;
    capped.startretries = 1;
    proc_init(&p, true);
    p.is_wanted = true;
    for (int i = 0; i < 2; i++) {
        ev.type = PROC_EVENT_SPAWN;
        assert_int_equal(proc_step(&p, &capped, &ev), PROC_DO_SPAWN);
        ev.type = PROC_EVENT_EXITED;
        (void)proc_step(&p, &capped, &ev);
        ev.now_ms += 100000;
        ev.type = PROC_EVENT_TIMER;
        (void)proc_step(&p, &capped, &ev);
    }
    assert_int_equal(p.state, PROC_FATAL);
    assert_int_equal(proc_deadline(&p), PROC_NEVER);
    ev.type = PROC_EVENT_WANT;
    (void)proc_step(&p, &capped, &ev);
    assert_int_equal(p.state, PROC_DOWN);
    assert_int_equal(p.backoff.failures, 0);
}

static void stop_is_forced_at_the_earlier_of_two_moments(void **state)
{
    struct proc p = in_state(PROC_READY);
    struct proc_event ev = {.type = PROC_EVENT_STOP, .now_ms = NOW, .kill_ms = NOW + 9000};

    (void)state;
    assert_int_equal(proc_step(&p, &policy, &ev), PROC_DO_TERM);
    assert_int_equal(p.deadline_ms, NOW + 5000);
    ev.kill_ms = NOW + 3000;
    assert_int_equal(proc_step(&p, &policy, &ev), 0);
    assert_int_equal(p.deadline_ms, NOW + 3000);
    assert_int_equal(send(&p, PROC_EVENT_TIMER, NOW + 3000), PROC_DO_KILL);
    (void)send(&p, PROC_EVENT_EXITED, NOW + 3001);
    assert_int_equal(p.state, PROC_DOWN);
    assert_false(p.is_wanted);
}

/* A start at `now_ms`, in DOWN or BACKOFF, that ends 500 ms later; what EXITED asks for. */
static unsigned start_ends(struct proc *p, uint64_t now_ms, bool is_refused)
{
    struct proc_event ev = {.type = PROC_EVENT_EXITED,
                            .now_ms = now_ms + 500,
                            .has_token = true,
                            .is_refused = is_refused};

    if (p->state == PROC_BACKOFF)
        (void)send(p, PROC_EVENT_WANT, now_ms);
    (void)send(p, PROC_EVENT_SPAWN, now_ms);
    return proc_step(p, &policy, &ev);
}

static void login_refused_again_a_minute_later_is_set_aside(void **state)
{
    struct proc p = in_state(PROC_DOWN);

    (void)state;
    assert_int_equal(start_ends(&p, NOW, true), 0);
    assert_int_equal(p.refused_since_ms, NOW);
    assert_int_equal(start_ends(&p, NOW + 30000, true), 0);
    assert_int_equal(start_ends(&p, NOW + 59999, true), 0);
    assert_int_equal(p.state, PROC_BACKOFF);
    assert_int_equal(start_ends(&p, NOW + 60600, true), PROC_DO_SET_ASIDE);
    assert_int_equal(p.state, PROC_BACKOFF);
    assert_false(proc_needs_login(&p));
    (void)send(&p, PROC_EVENT_TOKEN_GONE, NOW + 61101);
    assert_int_equal(p.state, PROC_DOWN);
    assert_true(proc_needs_login(&p));
    assert_true(p.is_wanted);
    assert_int_equal(p.backoff.failures, 0);
    assert_int_equal(p.refused_since_ms, PROC_NEVER);
}

static void token_that_cannot_be_set_aside_is_asked_for_once_a_start(void **state)
{
    struct proc p = in_state(PROC_DOWN);

    (void)state;
    assert_int_equal(start_ends(&p, NOW, true), 0);
    for (uint64_t at = NOW + 60000; at < NOW + 360000; at += 60000) {
        uint32_t failures = p.backoff.failures;
        assert_int_equal(start_ends(&p, at, true), PROC_DO_SET_ASIDE);
        assert_int_equal(p.state, PROC_BACKOFF); /* no spin */
        assert_int_equal(p.backoff.failures, failures + 1);
    }
}

static void deaths_of_another_kind_neither_count_nor_reset(void **state)
{
    struct proc p = in_state(PROC_DOWN);

    (void)state;
    assert_int_equal(start_ends(&p, NOW, false), 0);
    assert_int_equal(p.refused_since_ms, PROC_NEVER);
    assert_int_equal(start_ends(&p, NOW + 10000, true), 0);
    assert_int_equal(start_ends(&p, NOW + 71000, false), 0);
    assert_int_equal(start_ends(&p, NOW + 72000, true), PROC_DO_SET_ASIDE);
}

static void login_that_is_proven_in_between_begins_anew(void **state)
{
    static const enum proc_event_type proofs[] = {PROC_EVENT_PROBE_OK, PROC_EVENT_LOGGED_IN,
                                                  PROC_EVENT_PROMPT};

    (void)state;
    for (size_t i = 0; i < sizeof proofs / sizeof proofs[0]; i++) {
        struct proc p = in_state(PROC_DOWN);
        assert_int_equal(start_ends(&p, NOW, true), 0);
        (void)send(&p, PROC_EVENT_WANT, NOW + 1000);
        (void)send(&p, PROC_EVENT_SPAWN, NOW + 1000);
        (void)send(&p, proofs[i], NOW + 1500);
        /* What its former lines said of a login does not count any more. */
        struct proc_event ev = {.type = PROC_EVENT_EXITED,
                                .now_ms = NOW + 90000,
                                .has_token = true,
                                .is_refused = true};
        assert_int_equal(proc_step(&p, &policy, &ev) & PROC_DO_SET_ASIDE, 0);
        assert_int_equal(start_ends(&p, NOW + 100000, true), 0);
        assert_int_equal(p.refused_since_ms, NOW + 100000);
    }
}

static void nothing_is_set_aside_without_a_token_or_a_wish(void **state)
{
    struct proc p = in_state(PROC_DOWN);
    struct proc_event ev = {
        .type = PROC_EVENT_EXITED, .now_ms = NOW + 61000, .is_refused = true};

    (void)state;
    assert_int_equal(start_ends(&p, NOW, true), 0);
    (void)send(&p, PROC_EVENT_WANT, NOW + 60500);
    (void)send(&p, PROC_EVENT_SPAWN, NOW + 60500);
    assert_int_equal(proc_step(&p, &policy, &ev), 0);
    assert_true(proc_needs_login(&p));
    assert_int_equal(p.refused_since_ms, PROC_NEVER);
    p = in_state(PROC_DOWN);
    assert_int_equal(start_ends(&p, NOW, true), 0);
    (void)send(&p, PROC_EVENT_WANT, NOW + 60500);
    (void)send(&p, PROC_EVENT_SPAWN, NOW + 60500);
    (void)send(&p, PROC_EVENT_STOP, NOW + 60600);
    ev.has_token = true;
    assert_int_equal(proc_step(&p, &policy, &ev), 0);
    assert_int_equal(p.state, PROC_DOWN);
}

static void silence_three_times_in_a_row_drains_and_counts_as_a_failure(void **state)
{
    struct proc p = in_state(PROC_READY);
    uint64_t now_ms = NOW;

    (void)state;
    for (int i = 0; i < 4; i++) {
        now_ms += 15000;
        assert_int_equal(send(&p, PROC_EVENT_TIMER, now_ms), PROC_DO_PROBE);
        (void)send(&p, i == 0 ? PROC_EVENT_PROBE_FAILED : PROC_EVENT_PROBE_OK, now_ms);
        assert_int_equal(p.state, PROC_READY);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(p.state, PROC_READY);
        now_ms += 15000;
        assert_int_equal(send(&p, PROC_EVENT_TIMER, now_ms), PROC_DO_PROBE);
        (void)send(&p, PROC_EVENT_PROBE_FAILED, now_ms);
    }
    assert_int_equal(p.state, PROC_DRAINING);
    assert_int_equal(p.cause, PROC_CAUSE_DEAF);
    assert_int_equal(send(&p, PROC_EVENT_IDLE, now_ms), PROC_DO_TERM);
    (void)send(&p, PROC_EVENT_EXITED, now_ms);
    assert_int_equal(p.state, PROC_BACKOFF);
    assert_int_equal(p.backoff.failures, 1);
}

static void memory_must_be_over_three_times_in_a_row(void **state)
{
    struct proc p = in_state(PROC_READY);
    struct proc_event ev = {.type = PROC_EVENT_MEMORY, .now_ms = NOW};
    static const bool looks[] = {true, true, false, true, true};

    (void)state;
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        ev.is_over = looks[i];
        (void)proc_step(&p, &policy, &ev);
        assert_false(p.is_due);
    }
    (void)proc_step(&p, &policy, &ev);
    assert_true(p.is_due);
    assert_int_equal(send(&p, PROC_EVENT_IDLE, NOW), 0);
    assert_int_equal(p.state, PROC_DRAINING);
    assert_int_equal(p.cause, PROC_CAUSE_MEMORY);
}

static void age_makes_a_restart_due_within_the_last_tenth(void **state)
{
    struct proc p = in_state(PROC_READY);
    uint64_t day_ms = 86400000;

    (void)state;
    assert_in_range(p.deadline_ms, NOW + day_ms / 10 * 9, NOW + day_ms);
    assert_int_equal(send(&p, PROC_EVENT_TIMER, p.deadline_ms), 0);
    assert_true(p.is_due);
    assert_int_equal(p.cause, PROC_CAUSE_AGE);
    assert_int_equal(p.state, PROC_READY);
}

/* How a process of this policy stands after it ended `life_ms` after its start. */
static enum proc_state after_end(enum proc_autorestart autorestart, bool is_expected,
                                 uint64_t life_ms)
{
    struct proc_policy own = policy;
    struct proc_event ev = {.type = PROC_EVENT_EXITED,
                            .now_ms = NOW + life_ms,
                            .has_token = true,
                            .is_expected = is_expected};
    struct proc p = in_state(PROC_READY);

    own.autorestart = autorestart;
    (void)proc_step(&p, &own, &ev);
    assert_int_equal(p.is_wanted, p.state == PROC_BACKOFF);
    return p.state;
}

static void autorestart_judges_ends_after_startsecs_alone(void **state)
{
    (void)state;
    assert_int_equal(after_end(PROC_AUTORESTART_ALWAYS, true, 5000), PROC_BACKOFF);
    assert_int_equal(after_end(PROC_AUTORESTART_UNEXPECTED, false, 5000), PROC_BACKOFF);
    assert_int_equal(after_end(PROC_AUTORESTART_UNEXPECTED, true, 5000), PROC_EXITED);
    assert_int_equal(after_end(PROC_AUTORESTART_NEVER, false, 5000), PROC_EXITED);
    assert_int_equal(after_end(PROC_AUTORESTART_NEVER, false, 999), PROC_BACKOFF);
}

static void service_between_failed_starts_begins_their_count_anew(void **state)
{
    struct proc p = in_state(PROC_READY);

    (void)state;
    p.failed_starts = 7;
    (void)send(&p, PROC_EVENT_EXITED, NOW + 999);
    assert_int_equal(p.failed_starts, 8);
    p = in_state(PROC_READY);
    p.failed_starts = 7;
    (void)send(&p, PROC_EVENT_EXITED, NOW + 1000);
    assert_int_equal(p.failed_starts, 0);
}

static void words_for_people_exist(void **state)
{
    (void)state;
    assert_string_equal(proc_state_word(PROC_READY), "up");
    assert_string_equal(proc_state_word(PROC_KILLING), "stopping");
    assert_string_equal(proc_state_word(PROC_FATAL), "failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_as_reviewed),
        cmocka_unit_test(start_that_does_not_answer_is_killed_and_backs_off),
        cmocka_unit_test(probes_go_out_one_at_a_time),
        cmocka_unit_test(time_for_login_does_not_count_as_start),
        cmocka_unit_test(answer_while_a_code_is_shown_means_logged_in),
        cmocka_unit_test(expired_code_brings_a_fresh_start_and_no_failure),
        cmocka_unit_test(prompt_of_a_serving_node_is_ignored),
        cmocka_unit_test(stable_service_wipes_the_count_of_failures),
        cmocka_unit_test(restart_is_immediate_unless_just_started),
        cmocka_unit_test(cap_on_failures_ends_in_fatal_and_want_leaves_it),
        cmocka_unit_test(stop_is_forced_at_the_earlier_of_two_moments),
        cmocka_unit_test(login_refused_again_a_minute_later_is_set_aside),
        cmocka_unit_test(token_that_cannot_be_set_aside_is_asked_for_once_a_start),
        cmocka_unit_test(deaths_of_another_kind_neither_count_nor_reset),
        cmocka_unit_test(login_that_is_proven_in_between_begins_anew),
        cmocka_unit_test(nothing_is_set_aside_without_a_token_or_a_wish),
        cmocka_unit_test(silence_three_times_in_a_row_drains_and_counts_as_a_failure),
        cmocka_unit_test(memory_must_be_over_three_times_in_a_row),
        cmocka_unit_test(age_makes_a_restart_due_within_the_last_tenth),
        cmocka_unit_test(autorestart_judges_ends_after_startsecs_alone),
        cmocka_unit_test(service_between_failed_starts_begins_their_count_anew),
        cmocka_unit_test(words_for_people_exist),
    };

    return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
