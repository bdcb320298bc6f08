/* logfile.h - a file of lines that never grows beyond its size.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOGFILE_H
#define LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "error.h"

struct logfile;

struct logfile_options {
    const char *path;   /* copied */
    uint64_t bytes_max; /* then it is rotated; 0 = never */
    unsigned backups;   /* PATH.1 (the youngest) to PATH.N are kept */
};

/* Nothing is opened yet: that happens with the first line, beside the loop. -ENOMEM. */
int logfile_open(uv_loop_t *loop, const struct logfile_options *options,
                 struct logfile **ret_logfile) MUST_CHECK;

/* Was it opened with these? */
bool logfile_is(const struct logfile *logfile, const struct logfile_options *options);

/* Adds a copy of the line and a line end. Never waits: what finds no room because the file
 * cannot be written as fast, or at all, is dropped and counted. Accepts NULL. */
void logfile_put(struct logfile *logfile, const char *line, size_t len);

/* The file was moved away: the next line goes to a new one. Accepts NULL. */
void logfile_reopen(struct logfile *logfile);

/* Gives it back: what is there is still written, if that can be done within half a second, then
 * the loop frees it. Accepts NULL. */
void logfile_close(struct logfile *logfile);

#endif
