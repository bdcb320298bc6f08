/* reaper.h - who of our children has ended, and how.
 *
 * The only place that waits. It reaps every child of the process, also those it does not know:
 * as PID 1, and as a subreaper, we get the orphans of our descendants (FACTS 4).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REAPER_H
#define REAPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "error.h"
#include "list.h"

/* How a process ended: si_code and si_status of waitid(2). */
struct reaper_end {
    int code;
    int status;
};

/* A child that somebody waits for; embedded in its owner. */
struct reaper_child {
    struct list link;
    pid_t pid;
    /* Called once, from the loop, when it is reaped and off the list. Its process group is dead
     * by then: whatever was left in it has been killed. */
    void (*on_exited)(void *data, const struct reaper_end *end);
    void *data;
};

struct reaper {
    uv_signal_t signal;
    struct list children;
    uint64_t orphans; /* reaped without being known */
    void (*on_closed)(void *data);
    void *data;
};

/* Makes the process a subreaper, begins to listen for SIGCHLD, and reaps what has ended
 * already. The storage is the caller's until on_closed. Errors: those of uv_signal_start(). */
int reaper_open(struct reaper *reaper, uv_loop_t *loop) MUST_CHECK;

/* Right after the fork, before the loop runs again. `child` is borrowed until on_exited. */
void reaper_watch(struct reaper *reaper, struct reaper_child *child);

/* Kills our direct children that carry the mark of a node, but are not watched, with all their
 * descendants: they left their process group and lost their parent. `node` NULL means those of
 * any node. Returns how many there were. Reads /proc. */
unsigned reaper_end_strays(struct reaper *reaper, const char *node);

/* Reaps what has ended; true when no child of any kind is left. */
bool reaper_is_alone(struct reaper *reaper);

/* Ends in on_closed. Children are not waited for any more. */
void reaper_close(struct reaper *reaper, void (*on_closed)(void *data), void *data);

/* "exited with status 1", "killed by SIGKILL", "killed by SIGSEGV (core dumped)". */
void reaper_end_words(const struct reaper_end *end, char *ret_words, size_t size);

#endif
