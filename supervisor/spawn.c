/* spawn - makes a process: fork, exec and everything between.
 *
 * libuv's spawner is not used (DESIGN D3, FACTS 4). All that can fail beforehand is done before
 * the fork; the child makes only async-signal-safe calls (signal-safety(7)) and reports through
 * a pipe that exec closes. Limits come first, while we may still raise them; then the groups,
 * the group and the user; then what must work as that user, and PDEATHSIG, which a change of
 * user would clear (prctl(2)). Nobody waits for that pipe: a child that fails ends, and whoever
 * reaps it asks spawn_child_failed(). A child that hangs in exec is a start that takes too
 * long.
 *
 * All signals are blocked around the fork, so that none of our handlers runs in the child. It
 * gets default actions first and an empty mask last.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/spawn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_OTHER_FD 3
#define UMASK_DEFAULT  077
#define CLOSE_FDS_MAX  65536 /* without close_range(2) so many descriptors are looked at */
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u /* linux/close_range.h */
#endif

/* Everything that the child needs, made before the fork. [0] is the end that reads. */
struct kit {
    const struct spawn_request *request;
    pid_t parent;
    int null_fd;
    int output[2][2];
    int status[2];
    char oom[24]; /* oom_score_adj as text: there is no printf after the fork */
    size_t oom_len;
};

static int check_executable(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) && access(path, X_OK) == 0 ? 0 : -EACCES;
}

static int resolve_path(const char *word, char *ret_path, size_t size)
{
    char *absolute = realpath(word, NULL);
    int r = 0;

    if (absolute == NULL)
        return -errno;
    /* A link keeps its name: busybox and node's shims look at argv[0]. */
    const char *path = word[0] == '/' ? word : absolute;
    if (strlen(path) >= size)
        r = -ENAMETOOLONG;
    if (r == 0)
        r = check_executable(path);
    if (r == 0)
        memcpy(ret_path, path, strlen(path) + 1);
    free(absolute);
    return r;
}

int spawn_resolve(const char *word, const char *search_path, char *ret_path, size_t size)
{
    int result = -ENOENT;

    if (strchr(word, '/') != NULL)
        return resolve_path(word, ret_path, size);
    while (*search_path != '\0') {
        size_t len = strcspn(search_path, ":");
        int n = snprintf(ret_path, size, "%.*s/%s", (int)len, search_path, word);
        if (len > 0 && (n < 0 || (size_t)n >= size))
            return -ENAMETOOLONG;
        int r = len > 0 ? check_executable(ret_path) : -ENOENT;
        if (r == 0)
            return 0;
        if (r == -EACCES)
            result = r;
        search_path += len + (search_path[len] == ':');
    }
    return result;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void kit_done(struct kit *kit)
{
    close_fd(&kit->null_fd);
    for (int i = 0; i < 2; i++) {
        close_fd(&kit->output[0][i]);
        close_fd(&kit->output[1][i]);
        close_fd(&kit->status[i]);
    }
}

static int kit_init(struct kit *kit, const struct spawn_request *request)
{
    *kit = (struct kit){
        .request = request,
        .parent = getpid(),
        .output = {{-1, -1}, {-1, -1}},
        .status = {-1, -1},
    };
    kit->oom_len = (size_t)snprintf(kit->oom, sizeof kit->oom, "%lld",
                                    (long long)request->oom_score_adj.value);
    kit->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (kit->null_fd < 0 || pipe2(kit->output[0], O_CLOEXEC) < 0 ||
        pipe2(kit->output[1], O_CLOEXEC) < 0 || pipe2(kit->status, O_CLOEXEC | O_NONBLOCK) < 0)
        goto fail;
    /* main keeps 0, 1 and 2 open, so that dup2() in the child cannot hit one of these. */
    assert(kit->null_fd >= FIRST_OTHER_FD);
    return 0;
fail:;
    int r = -errno;
    kit_done(kit);
    return r;
}

/* ---- the child, between fork and exec ---- */

static _Noreturn void child_fail(const struct kit *kit, enum spawn_stage stage)
{
    struct spawn_failure failure = {.stage = stage, .error = errno};

    (void)!write(kit->status[1], &failure, sizeof failure);
    _exit(127);
}

/* Nothing but 0, 1 and 2 may pass through exec. */
static void child_close_others(void)
{
    if (syscall(SYS_close_range, FIRST_OTHER_FD, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    struct rlimit limit;
    rlim_t end = CLOSE_FDS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < end)
        end = limit.rlim_cur;
    for (int fd = FIRST_OTHER_FD; fd < (int)end; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* By the system call: libc refuses 32 and 33, and a parent may have left those ignored too (GNU
 * make does). All bytes zero is SIG_DFL without flags on every architecture. */
static void child_reset_signals(void)
{
    static const unsigned char defaults[64];

    for (int signum = 1; signum < NSIG; signum++)
        (void)syscall(SYS_rt_sigaction, signum, defaults, NULL, (NSIG - 1) / 8);
}

static void child_limit(const struct kit *kit, const struct config_optional *wanted,
                        bool is_core)
{
    rlim_t value = wanted->value == CONFIG_INFINITY ? RLIM_INFINITY : (rlim_t)wanted->value;
    struct rlimit limit = {.rlim_cur = value, .rlim_max = value};

    if (wanted->is_set && setrlimit(is_core ? RLIMIT_CORE : RLIMIT_NOFILE, &limit) < 0)
        child_fail(kit, is_core ? SPAWN_STAGE_CORE : SPAWN_STAGE_NOFILE);
}

/* proc(5). A process that has changed its user may not write its own files in /proc before it
 * is dumpable again. */
static void child_oom(const struct kit *kit)
{
    (void)prctl(PR_SET_DUMPABLE, 1);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, kit->oom, kit->oom_len) != (ssize_t)kit->oom_len)
        child_fail(kit, SPAWN_STAGE_OOM);
    (void)close(fd);
}

static void child_become(const struct kit *kit, const struct identity *id)
{
    if (setgroups(id->group_count, id->groups) < 0)
        child_fail(kit, SPAWN_STAGE_GROUPS);
    if (setresgid(id->gid, id->gid, id->gid) < 0)
        child_fail(kit, SPAWN_STAGE_GROUP);
    if (setresuid(id->uid, id->uid, id->uid) < 0)
        child_fail(kit, SPAWN_STAGE_USER);
}

static _Noreturn void child_run(const struct kit *kit)
{
    const struct spawn_request *request = kit->request;
    sigset_t none;

    child_reset_signals();
    if (setsid() < 0)
        child_fail(kit, SPAWN_STAGE_SESSION);
    if (dup2(kit->null_fd, STDIN_FILENO) < 0 || dup2(kit->output[0][1], STDOUT_FILENO) < 0 ||
        dup2(kit->output[1][1], STDERR_FILENO) < 0)
        child_fail(kit, SPAWN_STAGE_STDIO);
    child_close_others();
    child_limit(kit, &request->limit_core, true);
    child_limit(kit, &request->limit_nofile, false);
    if (!request->limit_nofile.is_set && request->nofile_before != NULL &&
        setrlimit(RLIMIT_NOFILE, request->nofile_before) < 0)
        child_fail(kit, SPAWN_STAGE_NOFILE);
    if (request->nice.is_set && setpriority(PRIO_PROCESS, 0, (int)request->nice.value) < 0)
        child_fail(kit, SPAWN_STAGE_NICE);
    if (request->oom_score_adj.is_set)
        child_oom(kit);
    if (request->identity != NULL && request->identity->is_set)
        child_become(kit, request->identity);
    (void)umask(request->umask.is_set ? (mode_t)request->umask.value : UMASK_DEFAULT);
    if (chdir(request->directory) < 0)
        child_fail(kit, SPAWN_STAGE_DIRECTORY);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        child_fail(kit, SPAWN_STAGE_PARENT);
    if (getppid() != kit->parent)
        _exit(127); /* it died before we could tie ourselves to it */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    execve(request->file, request->argv, request->envp);
    child_fail(kit, SPAWN_STAGE_EXEC);
}

/* ---- the parent ---- */

static int take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

int spawn_start(const struct spawn_request *request, struct spawn_child *ret_child,
                struct spawn_failure *ret_failure)
{
    struct kit kit;
    sigset_t all;
    sigset_t before;
    int r = kit_init(&kit, request);

    if (r < 0) {
        *ret_failure = (struct spawn_failure){.stage = SPAWN_STAGE_PIPE, .error = -r};
        return r;
    }
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int fork_error = errno;
    if (pid == 0)
        child_run(&kit);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        kit_done(&kit);
        *ret_failure = (struct spawn_failure){.stage = SPAWN_STAGE_FORK, .error = fork_error};
        return -fork_error;
    }
    *ret_child = (struct spawn_child){
        .pid = pid,
        .pidfd = (int)syscall(SYS_pidfd_open, pid, 0), /* CLOEXEC by itself */
        .status_fd = take(&kit.status[0]),
        .output_fds = {take(&kit.output[0][0]), take(&kit.output[1][0])},
    };
    kit_done(&kit);
    return 0;
}

bool spawn_child_failed(const struct spawn_child *child, struct spawn_failure *ret_failure)
{
    struct spawn_failure failure;

    if (read(child->status_fd, &failure, sizeof failure) != (ssize_t)sizeof failure ||
        (unsigned)failure.stage >= SPAWN_STAGE_COUNT)
        return false;
    *ret_failure = failure;
    return true;
}

void spawn_child_signal(const struct spawn_child *child, int signum)
{
    assert(child->pid > 0);
    if (kill(-child->pid, signum) < 0 && errno == ESRCH) {
        /* It has not come to setsid() yet. The number is its own until it is reaped. */
        if (child->pidfd < 0 ||
            syscall(SYS_pidfd_send_signal, child->pidfd, signum, NULL, 0) < 0)
            (void)kill(child->pid, signum);
    }
    if (signum == SIGTERM)
        (void)kill(-child->pid, SIGCONT);
}

void spawn_child_init(struct spawn_child *child)
{
    *child = (struct spawn_child){.pidfd = -1, .status_fd = -1, .output_fds = {-1, -1}};
}

void spawn_child_close(struct spawn_child *child)
{
    close_fd(&child->pidfd);
    close_fd(&child->status_fd);
    close_fd(&child->output_fds[0]);
    close_fd(&child->output_fds[1]);
    spawn_child_init(child);
}

const char *spawn_stage_word(enum spawn_stage stage)
{
    static const char *const words[] = {
#define X(name, word) [SPAWN_STAGE_##name] = word,
        SPAWN_STAGE_MAP(X)
#undef X
    };
    _Static_assert(sizeof words / sizeof words[0] == SPAWN_STAGE_COUNT, "a word each");
    assert(stage < SPAWN_STAGE_COUNT);
    return words[stage];
}
