/* stale.h - processes of a former run that have outlived it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STALE_H
#define STALE_H

#include <sys/types.h>

/* Notes the process of a node below the state directory, before it can outlive us: its pid and
 * start time, this boot, its home. What cannot be written is told in the log. */
void stale_note(const char *state_dir, const char *node, const char *home, pid_t pid);

/* It is reaped. */
void stale_forget(const char *state_dir, const char *node);

/* To be called with the lock on the state directory, which proves that the run before has
 * ended: kills what it left, and waits up to two seconds until that is gone, so that no port
 * and no account is used twice. Returns how many processes there were. */
unsigned stale_end(const char *state_dir);

#endif
