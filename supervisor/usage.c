/* usage - what a process and its descendants take of the machine.
 *
 * /proc/PID/stat tells of one process, /proc/PID/task/PID/children names those of its first
 * thread; nodes that are started by a wrapper (npx, a shell) have their server there. A walk
 * from the leader downwards costs what the node is large, not what the machine is busy. A
 * process may end between two looks: then it is missing from the sum, no more.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"

#define STAT_BYTES     1024
#define CHILDREN_BYTES 4096

/* Fields of proc(5)'s stat, counted from the state, its third. */
enum { FIELD_UTIME = 11, FIELD_STIME, FIELD_CUTIME, FIELD_CSTIME, FIELD_RSS = 21, FIELD_COUNT };

static bool read_file(const char *path, char *ret_text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret_text, size - 1);

    if (fd >= 0)
        (void)close(fd);
    ret_text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* "pid (comm) state ppid ...": comm may hold anything, so the last bracket ends it. */
static bool add_stat(pid_t pid, struct usage *sum)
{
    uint64_t fields[FIELD_COUNT] = {0};
    char path[64];
    char text[STAT_BYTES];
    unsigned count = 1;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    char *at = read_file(path, text, sizeof text) ? strrchr(text, ')') : NULL;
    if (at == NULL || at[1] != ' ' || at[2] == '\0')
        return false;
    for (at += 3; count < FIELD_COUNT && *at == ' '; count++)
        fields[count] = strtoull(at, &at, 10);
    if (count < FIELD_COUNT)
        return false;
    uint64_t ticks =
        fields[FIELD_UTIME] + fields[FIELD_STIME] + fields[FIELD_CUTIME] + fields[FIELD_CSTIME];
    sum->cpu_ms += ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    sum->resident_bytes += fields[FIELD_RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

static unsigned add_children(pid_t pid, pid_t *queue, unsigned count)
{
    char path[64];
    char text[CHILDREN_BYTES];

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    if (!read_file(path, text, sizeof text))
        return count; /* the kernel may be built without it */
    for (char *at = text; count < USAGE_PROCESSES_MAX; count++) {
        long child = strtol(at, &at, 10);
        if (child <= 0)
            break;
        queue[count] = (pid_t)child;
    }
    return count;
}

bool usage_of(pid_t pid, struct usage *ret_usage)
{
    pid_t queue[USAGE_PROCESSES_MAX] = {pid};
    struct usage sum = {0};
    unsigned count = 1;

    if (!add_stat(pid, &sum))
        return false;
    count = add_children(pid, queue, count);
    for (unsigned i = 1; i < count; i++) {
        if (add_stat(queue[i], &sum))
            count = add_children(queue[i], queue, count);
    }
    *ret_usage = sum;
    return true;
}
