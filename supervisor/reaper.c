/* reaper - who of our children has ended, and how.
 *
 * SIGCHLD says that somebody ended; signals coalesce, so the loop asks until nobody is left.
 * Each is looked at first without being reaped (WNOWAIT): while the leader is still a zombie
 * its process group cannot be reused, and that is the moment to kill what is left in it. Then
 * that pid is reaped, and its owner told.
 *
 * A descendant may leave its group with setsid(). When its parent ends it becomes our child,
 * for we are a subreaper, and the mark in its environment (PLAN_MARK) tells whose it was.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/reaper.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "supervisor/core/plan.h"
#include "supervisor/procfs.h"

#define STRAYS_MAX 1024 /* descendants looked at; more are found by the sweep at the end */

static struct reaper_child *find(struct reaper *reaper, pid_t pid)
{
    LIST_FOREACH (it, &reaper->children) {
        struct reaper_child *child = LIST_ENTRY(it, struct reaper_child, link);
        if (child->pid == pid)
            return child;
    }
    return NULL;
}

static void reap_one(struct reaper *reaper, const siginfo_t *seen)
{
    struct reaper_child *child = find(reaper, seen->si_pid);
    struct reaper_end end = {.code = seen->si_code, .status = seen->si_status};
    siginfo_t info;

    if (child != NULL)
        (void)kill(-seen->si_pid, SIGKILL);
    (void)waitid(P_PID, (id_t)seen->si_pid, &info, WEXITED | WNOHANG);
    if (child == NULL) {
        reaper->orphans++;
        log_debug("an orphan was reaped pid=%d", (int)seen->si_pid);
        return;
    }
    list_remove(&child->link);
    child->on_exited(child->data, &end);
}

static void reap(struct reaper *reaper)
{
    for (;;) {
        siginfo_t seen = {0};
        int r = waitid(P_ALL, 0, &seen, WEXITED | WNOHANG | WNOWAIT);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 || seen.si_pid == 0)
            return;
        reap_one(reaper, &seen);
    }
}

static void on_sigchld(uv_signal_t *handle, int signum)
{
    (void)signum;
    reap(handle->data);
}

int reaper_open(struct reaper *reaper, uv_loop_t *loop)
{
    *reaper = (struct reaper){.orphans = 0};
    list_init(&reaper->children);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        log_warn("orphans of nodes cannot be adopted, some may stay behind error=%s",
                 strerror(errno));
    (void)uv_signal_init(loop, &reaper->signal); /* fails only if the loop's pipe does */
    reaper->signal.data = reaper;
    int r = uv_signal_start(&reaper->signal, on_sigchld, SIGCHLD);
    if (r == 0)
        reap(reaper);
    return r;
}

void reaper_watch(struct reaper *reaper, struct reaper_child *child)
{
    assert(child->pid > 0);
    list_push_back(&reaper->children, &child->link);
}

/* Its children, at most `max`. proc(5), /proc/PID/task/TID/children: orphans come to the first
 * thread, and all that we fork is forked there. */
static size_t children_of(pid_t pid, pid_t *ret_pids, size_t max)
{
    static char text[STRAYS_MAX * 8];
    char name[64];
    size_t count = 0;

    (void)snprintf(name, sizeof name, "task/%d/children", (int)pid);
    (void)procfs_read(pid, name, text, sizeof text);
    for (char *at = text; count < max; count++) {
        char *end;
        long child = strtol(at, &end, 10);
        if (end == at)
            break;
        ret_pids[count] = (pid_t)child;
        at = end;
    }
    return count;
}

static bool has_mark(pid_t pid, const char *node)
{
    static char environment[PLAN_BYTES_MAX]; /* too large for the stack */
    size_t len = procfs_read(pid, "environ", environment, sizeof environment);
    size_t mark_len = strlen(PLAN_MARK "=");

    for (size_t at = 0; at < len; at += strlen(environment + at) + 1) {
        if (strncmp(environment + at, PLAN_MARK "=", mark_len) == 0)
            return node == NULL || strcmp(environment + at + mark_len, node) == 0;
    }
    return false;
}

/* A stray and all that descends from it; it is our child, or was when it was listed. */
static unsigned kill_tree(pid_t root)
{
    static pid_t pids[STRAYS_MAX];
    size_t count = 1;

    pids[0] = root;
    for (size_t i = 0; i < count; i++)
        count += children_of(pids[i], pids + count, STRAYS_MAX - count);
    for (size_t i = 1; i < count; i++) {
        int fd = (int)syscall(SYS_pidfd_open, pids[i], 0);
        if (fd >= 0 && has_mark(pids[i], NULL))
            (void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
        if (fd >= 0)
            (void)close(fd);
    }
    /* Our own child: the number stays its own until we reap it. */
    (void)kill(root, SIGKILL);
    return (unsigned)count;
}

unsigned reaper_end_strays(struct reaper *reaper, const char *node)
{
    static pid_t pids[STRAYS_MAX];
    size_t count = children_of(getpid(), pids, STRAYS_MAX);
    unsigned killed = 0;

    for (size_t i = 0; i < count; i++) {
        if (find(reaper, pids[i]) == NULL && has_mark(pids[i], node))
            killed += kill_tree(pids[i]);
    }
    return killed;
}

bool reaper_is_alone(struct reaper *reaper)
{
    siginfo_t seen = {0};

    reap(reaper);
    return waitid(P_ALL, 0, &seen, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

static void on_signal_closed(uv_handle_t *handle)
{
    struct reaper *reaper = handle->data;

    reaper->on_closed(reaper->data);
}

void reaper_close(struct reaper *reaper, void (*on_closed)(void *data), void *data)
{
    reaper->on_closed = on_closed;
    reaper->data = data;
    uv_close((uv_handle_t *)&reaper->signal, on_signal_closed);
}

static const char *signal_name(int signum)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT",
        [SIGILL] = "SIGILL",   [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT",
        [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",   [SIGKILL] = "SIGKILL",
        [SIGUSR1] = "SIGUSR1", [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
        [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",
        [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS",
    };

    if (signum < 0 || (size_t)signum >= sizeof names / sizeof names[0])
        return NULL;
    return names[signum];
}

void reaper_end_words(const struct reaper_end *end, char *ret_words, size_t size)
{
    const char *name = signal_name(end->status);

    if (end->code == CLD_EXITED)
        (void)snprintf(ret_words, size, "exited with status %d", end->status);
    else if (name != NULL)
        (void)snprintf(ret_words, size, "killed by %s%s", name,
                       end->code == CLD_DUMPED ? " (core dumped)" : "");
    else
        (void)snprintf(ret_words, size, "killed by signal %d", end->status);
}
