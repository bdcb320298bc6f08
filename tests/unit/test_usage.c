/* test_usage - what a process and its descendants take of the machine.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/usage.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCK ((size_t)64 * 1024 * 1024)

static char block[BLOCK];

/* A child that has touched `size` bytes, and has a child of its own that did so, too. */
static pid_t start(size_t size, bool has_child, int ready)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    if (has_child)
        (void)setpgid(0, 0);
    memset(block, 1, size);
    if (has_child)
        (void)start(size, false, ready);
    else
        (void)!write(ready, "x", 1);
    for (;;)
        (void)pause();
}

static void memory_of_descendants_is_added(void **state)
{
    struct usage usage;
    int ready[2];
    char mark;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = start(BLOCK, true, ready[1]);
    assert_int_equal(read(ready[0], &mark, 1), 1);
    assert_true(usage_of(pid, &usage));
    assert_in_range(usage.resident_bytes, 2 * BLOCK, 3 * BLOCK);
    (void)kill(-pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void work_shows_as_cpu_time(void **state)
{
    struct usage before;
    struct usage now;

    (void)state;
    assert_true(usage_of(getpid(), &before));
    do {
        memset(block, 2, BLOCK);
        assert_true(usage_of(getpid(), &now));
    } while (now.cpu_ms < before.cpu_ms + 20);
}

static void a_process_that_is_not_there_has_none(void **state)
{
    struct usage usage = {.cpu_ms = 7};

    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(usage_of(pid, &usage));
    assert_int_equal(usage.cpu_ms, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_descendants_is_added),
        cmocka_unit_test(work_shows_as_cpu_time),
        cmocka_unit_test(a_process_that_is_not_there_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
