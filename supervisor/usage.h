/* usage.h - what a process and its descendants take of the machine.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

struct usage {
    uint64_t resident_bytes; /* what processes share counts each time */
    uint64_t cpu_ms;         /* of those that live, and of those that they have reaped */
};

/* Adds up `pid` and what descends from it, at most USAGE_PROCESSES_MAX of them: a node of a few
 * processes takes some 30 us. False when it is gone or cannot be read. */
bool usage_of(pid_t pid, struct usage *ret_usage) MUST_CHECK;

#endif
