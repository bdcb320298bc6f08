/* record.h - keeps what a node prints, for people.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "supervisor/ring.h"

struct record {
    const struct config_node *config;
    struct ring *ring; /* NULL without memory for it */
};

/* `config` is borrowed for the life of the record. What cannot be had is told in the log, and
 * done without: nobody stops because a record is not kept. */
void record_open(struct record *record, const struct config_node *config);

/* Other settings, borrowed in place of the former ones; what was kept stays. */
void record_reconfigure(struct record *record, const struct config_node *config);

/* A clean line of at most OUTPUT_LINE_MAX bytes, secrets redacted. Blank ones are left out. */
void record_line(struct record *record, int stream, const char *text, size_t len);

void record_close(struct record *record);

#endif
