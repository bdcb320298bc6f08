/* history.h - what has happened of late, for those who look on: GET /admin/events.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdint.h>

#include <jansson.h>

#include "bounds.h"

/* A ring; all zero is an empty one. */
struct history {
    uint64_t count;              /* ever added; they are numbered from 1 */
    char *ring[EVENTS_KEPT_MAX]; /* "event: TYPE\ndata: JSON\n" */
};

/* Takes `data`; the oldest one makes room. Without memory for it an event is only counted, and
 * who looks on sees the gap. */
void history_add(struct history *e, const char *type, json_t *data);

/* The event of that number, or NULL when it is not there (any more). */
const char *history_at(const struct history *e, uint64_t number);

void history_done(struct history *e);

#endif
