/* test_spawn - a child has what it was given and nothing else; failures say where and why.
 *
 * The children are real: a shell that looks at itself through /proc.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/spawn.h"

#include <errno.h>
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka needs four of the above */
#include <cmocka.h>

static char home[] = "/tmp/test_spawn.XXXXXX";
static char text[65536];

static int group_setup(void **state)
{
    (void)state;
    return mkdtemp(home) == NULL ? -1 : 0;
}

static int group_teardown(void **state)
{
    (void)state;
    return rmdir(home);
}

static int start(const char *file, const char *script, struct spawn_child *child,
                 struct spawn_failure *failure)
{
    char name[] = "sh";
    char option[] = "-c";
    char *copy = strdup(script);
    char path[] = "PATH=/usr/bin:/bin";
    char mark[] = "COPILOT_CLUSTER_NODE=first";
    char *argv[] = {name, option, copy, NULL};
    char *envp[] = {path, mark, NULL};
    struct spawn_request request = {
        .file = file, .argv = argv, .envp = envp, .directory = home};
    int r = spawn_start(&request, child, failure);

    free(copy);
    return r;
}

static void read_all(int fd, char *ret_text, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(fd, ret_text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    ret_text[len] = '\0';
}

static int reap(const struct spawn_child *child)
{
    int status;

    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    return status;
}

/* What the script prints. */
static const char *run(const char *script)
{
    struct spawn_child child;
    struct spawn_failure failure;

    assert_int_equal(start("/bin/sh", script, &child, &failure), 0);
    read_all(child.output_fds[0], text, sizeof text);
    (void)reap(&child);
    assert_false(spawn_child_failed(&child, &failure));
    spawn_child_close(&child);
    return text;
}

static void child_has_three_descriptors_only(void **state)
{
    int leaky = dup(2); /* no CLOEXEC */
    int far = fcntl(2, F_DUPFD, 500);

    (void)state;
    assert_true(leaky > 2 && far >= 500);
    /* Not by listing the directory, which opens it. */
    assert_string_equal(run("n=0; while [ $n -lt 1024 ]; do [ -e /proc/$$/fd/$n ] && "
                            "echo $n; n=$((n+1)); done"),
                        "0\n1\n2\n");
    assert_string_equal(run("readlink /proc/self/fd/0"), "/dev/null\n");
    close(leaky);
    close(far);
}

static void child_has_default_signals_and_an_empty_mask(void **state)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction old_pipe;
    struct sigaction old_user;
    sigset_t block;
    sigset_t before;

    (void)state;
    sigaction(SIGPIPE, &ignore, &old_pipe);
    sigaction(SIGUSR1, &ignore, &old_user);
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &before);
    run("exec cat /proc/self/status");
    sigprocmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGPIPE, &old_pipe, NULL);
    sigaction(SIGUSR1, &old_user, NULL);
    assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
    assert_non_null(strstr(text, "SigIgn:\t0000000000000000"));
    assert_non_null(strstr(text, "SigCgt:\t0000000000000000"));
}

static void our_own_mask_is_restored(void **state)
{
    sigset_t before;
    sigset_t after;

    (void)state;
    sigprocmask(SIG_SETMASK, NULL, &before);
    run(":");
    sigprocmask(SIG_SETMASK, NULL, &after);
    for (int signum = 1; signum < 32; signum++)
        assert_int_equal(sigismember(&before, signum), sigismember(&after, signum));
}

static void child_leads_its_own_session_and_group(void **state)
{
    int pid;
    int pgrp;
    int session;
    int tty;

    (void)state;
    run("cat /proc/$$/stat");
    assert_int_equal(sscanf(text, "%d (sh) %*c %*d %d %d %d", &pid, &pgrp, &session, &tty), 4);
    assert_int_equal(pgrp, pid);
    assert_int_equal(session, pid);
    assert_int_equal(tty, 0);
}

static void child_has_the_given_environment_directory_and_umask(void **state)
{
    char expected[512];

    (void)state;
    (void)snprintf(expected, sizeof expected,
                   "COPILOT_CLUSTER_NODE=first\nPATH=/usr/bin:/bin\n%s\n0077\n", home);
    /* The shell adds PWD to its own environment. */
    assert_string_equal(run("tr '\\0' '\\n' </proc/$$/environ | sort; pwd; umask"), expected);
}

static void child_dies_with_its_parent(void **state)
{
    int ready[2];
    int held[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(held), 0);
    pid_t parent = fork();
    if (parent == 0) {
        struct spawn_child child;
        struct spawn_failure failure;
        char first[16];
        if (start("/bin/sh", "echo up; exec sleep 1000", &child, &failure) < 0)
            _exit(1);
        (void)!read(child.output_fds[0], first, sizeof first);
        (void)!write(ready[1], &child.pid, sizeof child.pid);
        (void)!read(held[0], &byte, 1); /* until we are killed */
        _exit(0);
    }
    pid_t pid = 0;
    assert_int_equal(read(ready[0], &pid, sizeof pid), sizeof pid);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(pidfd >= 0);
    assert_int_equal(kill(parent, SIGKILL), 0);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    struct pollfd died = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&died, 1, 10000), 1);
    close(pidfd);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(held[i]);
    }
}

static void exec_failure_is_told_after_the_end(void **state)
{
    struct spawn_child child;
    struct spawn_failure failure = {0};
    char script[256];

    (void)state;
    (void)snprintf(script, sizeof script, "%s/noexec", home);
    int fd = open(script, O_WRONLY | O_CREAT, 0755);
    assert_int_equal(write(fd, "no interpreter\n", 15), 15);
    close(fd);
    assert_int_equal(start(script, ":", &child, &failure), 0);
    (void)reap(&child);
    assert_true(spawn_child_failed(&child, &failure));
    assert_int_equal(failure.stage, SPAWN_STAGE_EXEC);
    assert_int_equal(failure.error, ENOEXEC);
    assert_string_equal(spawn_stage_word(failure.stage), "exec");
    spawn_child_close(&child);
    unlink(script);
}

static void missing_directory_is_its_own_stage(void **state)
{
    char name[] = "sh";
    char *argv[] = {name, NULL};
    char *envp[] = {NULL};
    struct spawn_request request = {
        .file = "/bin/sh", .argv = argv, .envp = envp, .directory = "/no/such/directory"};
    struct spawn_child child;
    struct spawn_failure failure = {0};

    (void)state;
    assert_int_equal(spawn_start(&request, &child, &failure), 0);
    (void)reap(&child);
    assert_true(spawn_child_failed(&child, &failure));
    assert_int_equal(failure.stage, SPAWN_STAGE_DIRECTORY);
    assert_int_equal(failure.error, ENOENT);
    spawn_child_close(&child);
}

static void signals_reach_the_whole_group(void **state)
{
    struct spawn_child child;
    struct spawn_failure failure;
    char first[16];

    (void)state;
    assert_int_equal(start("/bin/sh", "sleep 1000 & echo up; wait", &child, &failure), 0);
    assert_int_equal(read(child.output_fds[0], first, sizeof first), 3);
    spawn_child_signal(&child, SIGTERM);
    read_all(child.output_fds[0], text, sizeof text); /* ends only when both are gone */
    int status = reap(&child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    spawn_child_close(&child);
}

static void stopped_child_still_terminates(void **state)
{
    struct spawn_child child;
    struct spawn_failure failure;

    (void)state;
    assert_int_equal(start("/bin/sh", "kill -STOP $$", &child, &failure), 0);
    assert_int_equal(waitpid(child.pid, NULL, WUNTRACED), child.pid);
    spawn_child_signal(&child, SIGTERM);
    int status = reap(&child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    spawn_child_close(&child);
}

static void child_can_be_signalled_from_the_first_moment(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct spawn_child child;
        struct spawn_failure failure;
        assert_int_equal(start("/bin/sh", "exec sleep 1000", &child, &failure), 0);
        spawn_child_signal(&child, i % 2 == 0 ? SIGKILL : SIGTERM);
        assert_true(WIFSIGNALED(reap(&child)));
        spawn_child_close(&child);
    }
}

static void no_descriptor_is_leaked(void **state)
{
    (void)state;
    int before = dup(0);
    close(before);
    for (int i = 0; i < 20; i++)
        run(":");
    int after = dup(0);
    close(after);
    assert_int_equal(before, after);
}

static void executables_are_found_as_a_shell_would(void **state)
{
    char path[256];

    (void)state;
    assert_int_equal(spawn_resolve("sh", "/nowhere::/bin:/usr/bin", path, sizeof path), 0);
    assert_string_equal(path, "/bin/sh");
    assert_int_equal(spawn_resolve("/bin/sh", "", path, sizeof path), 0);
    assert_string_equal(path, "/bin/sh");
    assert_int_equal(spawn_resolve("no-such-program", "/bin:/usr/bin", path, sizeof path),
                     -ENOENT);
    assert_int_equal(spawn_resolve("/no/such/program", "", path, sizeof path), -ENOENT);
    assert_int_equal(spawn_resolve("sh", "", path, sizeof path), -ENOENT);
    assert_int_equal(spawn_resolve("/bin", "", path, sizeof path), -EACCES);
    assert_int_equal(spawn_resolve("/etc/passwd", "", path, sizeof path), -EACCES);
    assert_int_equal(spawn_resolve("passwd", "/etc", path, sizeof path), -EACCES);
    assert_int_equal(spawn_resolve("sh", "/bin", path, 4), -ENAMETOOLONG);
}

static void relative_paths_count_from_our_directory(void **state)
{
    char path[256];
    char expected[256];
    char *before = getcwd(NULL, 0);

    (void)state;
    assert_int_equal(chdir("/usr"), 0);
    assert_int_equal(spawn_resolve("bin/env", "", path, sizeof path), 0);
    (void)snprintf(expected, sizeof expected, "/usr/bin/env");
    assert_string_equal(path, expected);
    assert_int_equal(chdir(before), 0);
    free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_has_three_descriptors_only),
        cmocka_unit_test(child_has_default_signals_and_an_empty_mask),
        cmocka_unit_test(our_own_mask_is_restored),
        cmocka_unit_test(child_leads_its_own_session_and_group),
        cmocka_unit_test(child_has_the_given_environment_directory_and_umask),
        cmocka_unit_test(child_dies_with_its_parent),
        cmocka_unit_test(exec_failure_is_told_after_the_end),
        cmocka_unit_test(missing_directory_is_its_own_stage),
        cmocka_unit_test(signals_reach_the_whole_group),
        cmocka_unit_test(stopped_child_still_terminates),
        cmocka_unit_test(child_can_be_signalled_from_the_first_moment),
        cmocka_unit_test(no_descriptor_is_leaked),
        cmocka_unit_test(executables_are_found_as_a_shell_would),
        cmocka_unit_test(relative_paths_count_from_our_directory),
    };

    return cmocka_run_group_tests_name("spawn", tests, group_setup, group_teardown);
}
