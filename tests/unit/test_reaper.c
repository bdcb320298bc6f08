/* test_reaper - every child is reaped, watched ones are told of, their groups do not survive.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/reaper.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka needs four of the above */
#include <cmocka.h>

#include "supervisor/spawn.h"

static uv_loop_t loop;
static struct reaper reaper;

struct seen {
    struct reaper_child child;
    struct spawn_child process;
    struct reaper_end end;
    unsigned calls;
};

static void on_exited(void *data, const struct reaper_end *end)
{
    struct seen *seen = data;

    seen->end = *end;
    seen->calls++;
}

static void on_closed(void *data)
{
    *(bool *)data = true;
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(reaper_open(&reaper, &loop), 0);
    return 0;
}

static int teardown(void **state)
{
    bool is_closed = false;

    (void)state;
    reaper_close(&reaper, on_closed, &is_closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(is_closed);
    return uv_loop_close(&loop);
}

static void start(struct seen *seen, const char *node, const char *script)
{
    char mark[64];
    char name[] = "sh";
    char option[] = "-c";
    char path[] = "PATH=/usr/bin:/bin";
    char *copy = strdup(script);
    char *argv[] = {name, option, copy, NULL};
    char *envp[] = {path, mark, NULL};
    struct spawn_request request = {
        .file = "/bin/sh", .argv = argv, .envp = envp, .directory = "/"};
    struct spawn_failure failure;

    memset(seen, 0, sizeof *seen);
    (void)snprintf(mark, sizeof mark, "COPILOT_CLUSTER_NODE=%s", node);
    assert_int_equal(spawn_start(&request, &seen->process, &failure), 0);
    seen->child =
        (struct reaper_child){.pid = seen->process.pid, .on_exited = on_exited, .data = seen};
    reaper_watch(&reaper, &seen->child);
    free(copy);
}

/* Runs the loop until so many calls came; a child that never ends hangs the test. */
static void wait_calls(const struct seen *seen, unsigned calls)
{
    while (seen->calls < calls)
        uv_run(&loop, UV_RUN_ONCE);
}

static void words_are(const struct seen *seen, const char *expected)
{
    char words[64];

    reaper_end_words(&seen->end, words, sizeof words);
    assert_string_equal(words, expected);
}

static void end_is_told_in_words(void **state)
{
    struct seen seen;

    (void)state;
    start(&seen, "a", "exit 3");
    wait_calls(&seen, 1);
    words_are(&seen, "exited with status 3");
    spawn_child_close(&seen.process);
    start(&seen, "a", "kill -KILL $$");
    wait_calls(&seen, 1);
    words_are(&seen, "killed by SIGKILL");
    spawn_child_close(&seen.process);
    seen.end = (struct reaper_end){.code = CLD_DUMPED, .status = SIGSEGV};
    words_are(&seen, "killed by SIGSEGV (core dumped)");
    seen.end = (struct reaper_end){.code = CLD_KILLED, .status = SIGRTMIN + 3};
    assert_true(seen.end.status > 31);
    words_are(&seen, "killed by signal 37");
}

static void many_ends_behind_one_signal_are_all_told(void **state)
{
    struct seen seen[20];

    (void)state;
    for (size_t i = 0; i < 20; i++)
        start(&seen[i], "a", "exit 0");
    for (size_t i = 0; i < 20; i++) {
        wait_calls(&seen[i], 1);
        assert_int_equal(seen[i].calls, 1);
        spawn_child_close(&seen[i].process);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Waits for the end of a process that need not be our child. */
static void wait_gone(pid_t pid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd died = {.fd = pidfd, .events = POLLIN};

    if (pidfd < 0)
        return; /* gone already */
    assert_int_equal(poll(&died, 1, 10000), 1);
    close(pidfd);
}

static pid_t read_pid(const struct seen *seen)
{
    char text[32] = "";

    assert_true(read(seen->process.output_fds[0], text, sizeof text - 1) > 0);
    return (pid_t)strtol(text, NULL, 10);
}

static void rest_of_the_group_dies_with_its_leader(void **state)
{
    struct seen seen;

    (void)state;
    start(&seen, "a", "sleep 1000 & echo $!; exit 0");
    pid_t grandchild = read_pid(&seen);
    wait_calls(&seen, 1);
    wait_gone(grandchild);
    while (reaper.orphans < 1) /* it was re-parented to us */
        uv_run(&loop, UV_RUN_ONCE);
    spawn_child_close(&seen.process);
}

static void orphans_that_left_the_group_are_ended_by_their_mark(void **state)
{
    struct seen seen;

    (void)state;
    start(&seen, "escapist", "setsid sh -c 'echo $$; exec sleep 1000' & wait");
    pid_t stray = read_pid(&seen); /* said after it left the group */
    spawn_child_signal(&seen.process, SIGKILL);
    wait_calls(&seen, 1);
    assert_int_equal(reaper_end_strays(&reaper, "somebody-else"), 0);
    assert_int_equal(reaper_end_strays(&reaper, "escapist"), 1);
    wait_gone(stray);
    while (reaper.orphans < 1)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(reaper_end_strays(&reaper, NULL), 0);
    spawn_child_close(&seen.process);
}

static void watched_children_are_no_strays(void **state)
{
    struct seen seen;

    (void)state;
    start(&seen, "a", "echo up; exec sleep 1000");
    (void)read_pid(&seen);
    assert_int_equal(reaper_end_strays(&reaper, NULL), 0);
    spawn_child_signal(&seen.process, SIGKILL);
    wait_calls(&seen, 1);
    words_are(&seen, "killed by SIGKILL");
    spawn_child_close(&seen.process);
}

static void unknown_children_are_reaped_and_counted(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        if (fork() == 0)
            _exit(0);
    }
    while (reaper.orphans < 5)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(end_is_told_in_words, setup, teardown),
        cmocka_unit_test_setup_teardown(many_ends_behind_one_signal_are_all_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rest_of_the_group_dies_with_its_leader, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(orphans_that_left_the_group_are_ended_by_their_mark,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(watched_children_are_no_strays, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_children_are_reaped_and_counted, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("reaper", tests, NULL, NULL);
}
