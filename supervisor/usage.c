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

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bounds.h"
#include "supervisor/procfs.h"

#define CHILDREN_BYTES 4096

static bool add_stat(pid_t pid, struct usage *sum)
{
    struct procfs_stat stat;

    if (!procfs_stat(pid, &stat))
        return false;
    sum->cpu_ms += stat.cpu_ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    sum->resident_bytes += stat.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

static unsigned add_children(pid_t pid, pid_t *queue, unsigned count)
{
    char name[64];
    char text[CHILDREN_BYTES];

    (void)snprintf(name, sizeof name, "task/%d/children", (int)pid);
    if (procfs_read(pid, name, text, sizeof text) == 0)
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
