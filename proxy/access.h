/* access.h - where the lines of the access log go: gathered, written in batches, never waited
 * for.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ACCESS_H
#define ACCESS_H

#include <uv.h>

#include "core/access_line.h"
#include "error.h"

struct access;

/* `path` NULL = stderr; borrowed for the life of the object. A file is made with mode 0640 and
 * appended to. Errors: those of open(2), with a sentence; -ENOMEM. */
int access_open(uv_loop_t *loop, enum access_format format, const char *path,
                struct access **ret_access, struct error *ret_error) MUST_CHECK;

/* Adds a line. When the sink is too slow it is dropped and counted. */
void access_put(struct access *a, const struct access_line *line);

/* A line could not even be made, for want of memory. */
void access_lost(struct access *a);

/* Opens the file again under its name, which somebody has moved away (logrotate). Lines that
 * are being written still go to the old one. When it cannot be opened the old one stays. */
void access_reopen(struct access *a);

/* Writes what is there, within half a second if the sink takes it; then `on_closed` is called
 * from the loop, and the object is gone. */
void access_close(struct access *a, void (*on_closed)(void *data), void *data);

#endif
