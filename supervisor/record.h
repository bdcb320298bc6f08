/* record.h - keeps what a node prints, for people.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "config.h"
#include "supervisor/logfile.h"
#include "supervisor/ring.h"

struct record {
    uv_loop_t *loop;
    const struct config_node *config;
    const char *state_dir;
    struct ring *ring;       /* NULL without memory for it */
    struct logfile *logfile; /* NULL unless the settings want one */
};

/* `config` is borrowed for the life of the record. What cannot be had is told in the log, and
 * done without: nobody stops because a record is not kept. */
void record_open(struct record *record, uv_loop_t *loop, const struct config_node *config,
                 const char *state_dir);

/* Other settings, borrowed in place of the former ones; what was kept stays. */
void record_reconfigure(struct record *record, const struct config_node *config);

/* A clean line of at most OUTPUT_LINE_MAX bytes, secrets redacted. Blank ones are left out. */
void record_line(struct record *record, int stream, const char *text, size_t len);

/* Its file was moved away (logrotate): the next line goes to a new one. */
void record_reopen(struct record *record);

/* Ends it; the loop has to run on until the file is written. Harmless when closed already. */
void record_close(struct record *record);

#endif
