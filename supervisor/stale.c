/* stale - processes of a former run that have outlived it.
 *
 * A node dies with us (PR_SET_PDEATHSIG), unless its program has dropped that (a change of user
 * does), or is a wrapper: then the wrapper dies, and what it started lives on. So each process
 * is noted in a file while it runs, STATE_DIR/running/NODE. A clean end leaves none of these,
 * and a start that finds none looks no further.
 *
 * A process is one of ours when it is the noted one (same boot, pid and start time), or when it
 * carries the mark and the HOME of that node and began no earlier. A pid alone proves nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/stale.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bounds.h"
#include "log.h"
#include "supervisor/core/plan.h"
#include "supervisor/home.h"
#include "supervisor/procfs.h"

#define WAIT_MS 2000 /* a killed process needs milliseconds */
#define LOOK_MS 10

struct note {
    char node[NODE_NAME_MAX + 1];
    char boot[PROCFS_BOOT_MAX];
    char home[HOME_PATH_MAX];
    int pid;
    uint64_t start_ticks;
};

static bool path_of(const char *state_dir, const char *node, char ret_path[HOME_PATH_MAX])
{
    int len = snprintf(ret_path, HOME_PATH_MAX, "%s/running/%s", state_dir, node);

    return len > 0 && len < HOME_PATH_MAX;
}

void stale_note(const char *state_dir, const char *node, const char *home, pid_t pid)
{
    char text[HOME_PATH_MAX + 128];
    char boot[PROCFS_BOOT_MAX];
    char path[HOME_PATH_MAX];
    struct procfs_stat stat;

    if (!path_of(state_dir, "", path) || (mkdir(path, 0700) < 0 && errno != EEXIST) ||
        !path_of(state_dir, node, path) || !procfs_stat(pid, &stat))
        goto fail;
    procfs_boot_id(boot);
    int len = snprintf(text, sizeof text, "%d %" PRIu64 " %s\n%s\n", (int)pid, stat.start_ticks,
                       boot, home);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        goto fail;
    ssize_t n = write(fd, text, (size_t)len);
    (void)close(fd);
    if (n == len)
        return;
    (void)unlink(path);
fail:
    log_warn(
        "the node's process could not be noted; should it outlive a crash of this program, "
        "the next start will not find it node=%s error=\"%s\"",
        node, strerror(errno));
}

void stale_forget(const char *state_dir, const char *node)
{
    char path[HOME_PATH_MAX];

    if (path_of(state_dir, node, path))
        (void)unlink(path);
}

/* "PID START BOOT", then the home on a line of its own. */
static bool parse_note(char *text, struct note *ret_note)
{
    char *at = text;

    ret_note->pid = (int)strtol(at, &at, 10);
    ret_note->start_ticks = strtoull(at, &at, 10);
    at += *at == ' ';
    size_t boot_len = strcspn(at, "\n");
    if (ret_note->pid <= 1 || at[boot_len] != '\n' || boot_len >= sizeof ret_note->boot)
        return false;
    memcpy(ret_note->boot, at, boot_len);
    ret_note->boot[boot_len] = '\0';
    at += boot_len + 1;
    at[strcspn(at, "\n")] = '\0';
    (void)snprintf(ret_note->home, sizeof ret_note->home, "%s", at);
    return at[0] != '\0';
}

static bool read_note(const char *path, const char *node, struct note *ret_note)
{
    char text[HOME_PATH_MAX + 128];

    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0 || strlen(node) >= sizeof ret_note->node)
        return false;
    text[n] = '\0';
    memcpy(ret_note->node, node, strlen(node) + 1);
    return parse_note(text, ret_note);
}

/* The value of a variable in "NAME=value\0NAME=value\0", or "". */
static const char *variable(const char *environment, size_t len, const char *name)
{
    size_t name_len = strlen(name);

    for (size_t at = 0; at < len; at += strlen(environment + at) + 1) {
        if (strncmp(environment + at, name, name_len) == 0 && environment[at + name_len] == '=')
            return environment + at + name_len + 1;
    }
    return "";
}

static bool is_left_by(const struct note *note, pid_t pid)
{
    static char environment[PLAN_BYTES_MAX]; /* too large for the stack */
    struct procfs_stat stat;

    if (pid == getpid() || !procfs_stat(pid, &stat) || stat.state == 'Z' ||
        stat.start_ticks < note->start_ticks)
        return false;
    if (pid == note->pid && stat.start_ticks == note->start_ticks)
        return true;
    size_t len = procfs_read(pid, "environ", environment, sizeof environment);
    return strcmp(variable(environment, len, PLAN_MARK), note->node) == 0 &&
           strcmp(variable(environment, len, "HOME"), note->home) == 0;
}

struct hunt {
    const struct note *note;
    unsigned found;
    unsigned killed; /* of those found, for the first time */
    bool is_first;
};

static void hunt_one(void *data, pid_t pid)
{
    struct hunt *hunt = data;

    if (!is_left_by(hunt->note, pid))
        return;
    /* The number may change hands between a look and a kill, what is behind a pidfd does not.
     */
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return;
    if (is_left_by(hunt->note, pid)) {
        hunt->found++;
        hunt->killed += hunt->is_first;
        if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 && hunt->is_first)
            log_error("a process of a former run cannot be ended: %s; end it yourself node=%s "
                      "pid=%d",
                      strerror(errno), hunt->note->node, (int)pid);
    }
    (void)close(fd);
}

static unsigned end_note(const struct note *note)
{
    struct hunt hunt = {.note = note, .is_first = true};

    for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms += LOOK_MS) {
        hunt.found = 0;
        procfs_each(hunt_one, &hunt);
        if (hunt.found == 0)
            break;
        hunt.is_first = false;
        (void)poll(NULL, 0, LOOK_MS);
    }
    if (hunt.killed > 0)
        log_warn("ended what a former run had left behind node=%s processes=%u", note->node,
                 hunt.killed);
    return hunt.killed;
}

unsigned stale_end(const char *state_dir)
{
    static struct note note; /* too large for the stack */
    char boot[PROCFS_BOOT_MAX];
    char path[HOME_PATH_MAX];
    const struct dirent *entry;
    unsigned count = 0;

    DIR *dir = path_of(state_dir, "", path) ? opendir(path) : NULL;
    if (dir == NULL)
        return 0;
    procfs_boot_id(boot);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || !path_of(state_dir, entry->d_name, path))
            continue;
        if (read_note(path, entry->d_name, &note) && strcmp(note.boot, boot) == 0)
            count += end_note(&note);
        (void)unlink(path);
    }
    (void)closedir(dir);
    return count;
}
