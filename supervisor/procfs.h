/* procfs.h - other processes, as /proc shows them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROCFS_H
#define PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/* proc(5), /proc/PID/stat. */
struct procfs_stat {
    char state; /* 'R', 'S', 'Z', ... */
    pid_t ppid;
    pid_t session;
    uint64_t cpu_ticks;   /* its own, and of the children that it has reaped */
    uint64_t start_ticks; /* since boot: with the pid it names one process for all time */
    uint64_t resident_pages;
};

/* False when it is gone, or cannot be understood. */
bool procfs_stat(pid_t pid, struct procfs_stat *ret_stat) MUST_CHECK;

/* Reads the beginning of a file below /proc/PID, and ends it with NUL; its length, 0 when it is
 * gone or not ours to read. */
size_t procfs_read(pid_t pid, const char *name, char *ret_text, size_t size);

/* Calls `visit` for every process there is now. */
void procfs_each(void (*visit)(void *data, pid_t pid), void *data);

/* Resident memory of all processes of a session, in bytes. What they share counts each time. */
uint64_t procfs_session_bytes(pid_t session);

/* The kernel's name for this boot, "" when it does not say; `ret_text` has PROCFS_BOOT_MAX. */
#define PROCFS_BOOT_MAX 64
void procfs_boot_id(char *ret_text);

#endif
