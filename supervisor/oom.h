/* oom.h - did the kernel kill for want of memory?
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OOM_H
#define OOM_H

#include <stdbool.h>
#include <stdint.h>

#define OOM_PATH_MAX 512

struct oom {
    char path[OOM_PATH_MAX]; /* a file with a line "oom_kill N"; "" = there is none */
    uint64_t explained;      /* kills that belong to a death we know, or came before us */
};

/* Counts those of our own control group (cgroup v2, memory.events), else those of the whole
 * machine (/proc/vmstat): then a kill elsewhere that falls together with a KILL from a person
 * is taken for the cause. */
void oom_init(struct oom *o);

/* The same with this file. */
void oom_init_at(struct oom *o, const char *path);

/* A process that nobody else has killed died of SIGKILL: was that it? Each kill explains one
 * death. */
bool oom_explains_death(struct oom *o);

#endif
