/* test_stale - what a former run left behind is ended, and nobody else is.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/stale.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka needs four of the above */
#include <cmocka.h>

#include "supervisor/core/plan.h"
#include "supervisor/procfs.h"

static char base[32];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(base, sizeof base, "/tmp/test-stale-XXXXXX");
    return mkdtemp(base) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    char path[64];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/running/a", base);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/running", base);
    (void)rmdir(path);
    return rmdir(base);
}

/* A process of its own session that waits; `mark` NULL = without one. It is reaped at once when
 * it ends, for the test ignores SIGCHLD, as init would do it. */
static pid_t left_behind(const char *mark, const char *home)
{
    char mark_text[64];
    char home_text[64];
    char *envp[] = {home_text, mark == NULL ? NULL : mark_text, NULL};
    char *argv[] = {(char[]){"sleep"}, (char[]){"600"}, NULL};
    int ready[2];

    (void)snprintf(mark_text, sizeof mark_text, PLAN_MARK "=%s", mark == NULL ? "" : mark);
    (void)snprintf(home_text, sizeof home_text, "HOME=%s", home);
    (void)signal(SIGCHLD, SIG_IGN);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setsid();
        execve("/bin/sleep", argv, envp);
        _exit(127);
    }
    (void)close(ready[1]);
    (void)!read(ready[0], mark_text, 1); /* exec closes its end */
    (void)close(ready[0]);
    assert_true(pid > 0);
    return pid;
}

static bool is_there(pid_t pid)
{
    struct procfs_stat stat;

    return procfs_stat(pid, &stat) && stat.state != 'Z';
}

static void noted_process_is_found_without_its_mark(void **state)
{
    pid_t pid = left_behind(NULL, "/elsewhere");

    (void)state;
    stale_note(base, "a", "/home/a", pid);
    assert_int_equal(stale_end(base), 1);
    assert_false(is_there(pid));
    assert_int_equal(stale_end(base), 0);
}

static void what_it_started_is_found_by_mark_and_home(void **state)
{
    pid_t leader = left_behind("a", "/home/a");
    stale_note(base, "a", "/home/a", leader);
    pid_t own = left_behind("a", "/home/a");
    pid_t other_home = left_behind("a", "/home/of-another-cluster");
    pid_t other_node = left_behind("b", "/home/a");

    (void)state;
    (void)kill(leader, SIGKILL);
    while (is_there(leader))
        (void)poll(NULL, 0, 1);
    assert_int_equal(stale_end(base), 1);
    assert_false(is_there(own));
    assert_true(is_there(other_home));
    assert_true(is_there(other_node));
    (void)kill(other_home, SIGKILL);
    (void)kill(other_node, SIGKILL);
}

static void put_note(const char *text)
{
    char path[64];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/running/a", base);
    f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static void number_that_has_changed_hands_is_left_alone(void **state)
{
    char text[128];
    char boot[PROCFS_BOOT_MAX];
    struct procfs_stat stat;
    pid_t pid = left_behind(NULL, "/elsewhere");

    (void)state;
    assert_true(procfs_stat(pid, &stat));
    procfs_boot_id(boot);
    stale_note(base, "a", "/home/a", pid);
    /* The same pid, but another start; then another boot; then nonsense. */
    (void)snprintf(text, sizeof text, "%d %llu %s\n/home/a\n", (int)pid,
                   (unsigned long long)stat.start_ticks - 1, boot);
    put_note(text);
    assert_int_equal(stale_end(base), 0);
    (void)snprintf(text, sizeof text, "%d %llu another-boot\n/home/a\n", (int)pid,
                   (unsigned long long)stat.start_ticks);
    put_note(text);
    assert_int_equal(stale_end(base), 0);
    put_note("1 0\n");
    assert_int_equal(stale_end(base), 0);
    put_note("");
    assert_int_equal(stale_end(base), 0);
    assert_true(is_there(pid));
    (void)kill(pid, SIGKILL);
}

static void reaped_process_is_not_looked_for(void **state)
{
    pid_t pid = left_behind(NULL, "/elsewhere");

    (void)state;
    stale_note(base, "a", "/home/a", pid);
    stale_forget(base, "a");
    assert_int_equal(stale_end(base), 0);
    assert_true(is_there(pid));
    (void)kill(pid, SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(noted_process_is_found_without_its_mark, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_it_started_is_found_by_mark_and_home, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(number_that_has_changed_hands_is_left_alone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reaped_process_is_not_looked_for, setup, teardown),
    };

    return cmocka_run_group_tests_name("stale", tests, NULL, NULL);
}
