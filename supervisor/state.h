/* state.h - a small file of ours in the state directory, always whole.
 *
 * Written aside and renamed, so that a reader finds the old text or the new one and never a
 * part; synced, so that this holds after a power cut as well. The slow part runs on libuv's
 * threads. What cannot be written is told once and tried again; nothing here ends the program.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STATE_H
#define STATE_H

#include <stdint.h>

#include <uv.h>

#include "buf.h"
#include "error.h"

#define STATE_NAME_MAX 31

struct state;

/* Where the text comes from. */
struct state_host {
    /* Appends what shall be written; asked for when the write begins. -ENOMEM. */
    int (*compose)(void *data, struct buf *out);
    void *data;
};

/* The file `name` of the directory, which is there and locked by us. A half-written one of a
 * killed predecessor is removed. Writes nothing yet. Errors: those of open(2), -ENOMEM. */
int state_open(uv_loop_t *loop, const char *directory, const char *name,
               const struct state_host *host, struct state **ret_state) MUST_CHECK;

/* The whole file. -ENOENT: there is none; -EFBIG: more than STATE_FILE_BYTES_MAX; -EINVAL: it
 * is no plain file; those of open(2) and read(2); -ENOMEM. Blocks: for the start only. */
int state_read(const struct state *s, struct buf *out) MUST_CHECK;

/* Renames the file to "name.suffix", over an older one of that name. Errors of rename(2). */
int state_set_aside(const struct state *s, const char *suffix) MUST_CHECK;

/* The text has changed: it is written soon, at most once in a second. */
void state_changed(struct state *s);

/* The last text is composed now and written at once; what changes later does not count. */
void state_finish(struct state *s);

/* Closes it after the write that is under way, and a last one. `on_closed` is called from the
 * loop; then it is freed. */
void state_close(struct state *s, void (*on_closed)(void *data), void *data);

#endif
