/* reload.h - what came of reading the settings again: one structure for log, API and systemd.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RELOAD_H
#define RELOAD_H

#include <stdbool.h>

#include "buf.h"

/* Lists of short texts: settings as "[gateway] retry_limit", nodes by name, errors as lines.
 * The word is the key in JSON. */
#define RELOAD_LIST_MAP(X)                                                                     \
    X(ERRORS, "errors")              /* when there is one, nothing was changed */              \
    X(APPLIED, "applied")            /* settings in force from now on */                       \
    X(ADDED, "added")                /* nodes */                                               \
    X(REMOVED, "removed")            /* nodes; one at a time, after what they do */            \
    X(RESTARTED, "restarted")        /* nodes; the same */                                     \
    X(NEEDS_RESTART, "needsRestart") /* settings that wait for a restart of the daemon */      \
    X(NOTES, "notes")                /* sentences */

enum reload_list {
#define X(name, word) RELOAD_##name,
    RELOAD_LIST_MAP(X)
#undef X
        RELOAD_LIST_COUNT
};

/* A value; init and done as for any buffer. */
struct reload {
    struct buf lists[RELOAD_LIST_COUNT]; /* texts, each with its NUL */
    bool is_incomplete;                  /* for want of memory some text is missing */
};

const char *reload_list_word(enum reload_list list);

void reload_init(struct reload *r);
void reload_done(struct reload *r);

void reload_add(struct reload *r, enum reload_list list, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The texts one after the other: begin with NULL; NULL is the end. */
const char *reload_next(const struct reload *r, enum reload_list list, const char *before);

bool reload_has(const struct reload *r, enum reload_list list);
bool reload_is_refused(const struct reload *r);

/* Nothing is different from before. */
bool reload_is_empty(const struct reload *r);

/* In one sentence, for people. -ENOMEM. */
int reload_summary(const struct reload *r, struct buf *out) MUST_CHECK;

#endif
