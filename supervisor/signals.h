/* signals.h - the signals that people and init systems send.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <uv.h>

#include "error.h"

#define SIGNALS_COUNT 6

struct signals {
    uv_signal_t handles[SIGNALS_COUNT];
    unsigned open;
    void (*on_signal)(void *data, int signum);
    void (*on_closed)(void *data);
    void *data;
};

/* Listens for TERM, INT, QUIT, HUP, USR1 and USR2, and ignores PIPE. As PID 1 the kernel drops
 * what has no handler, so all of these have one. Storage is the caller's until on_closed.
 * Errors: those of uv_signal_start(); signals_close() is due even then. */
int signals_open(struct signals *signals, uv_loop_t *loop,
                 void (*on_signal)(void *data, int signum), void *data) MUST_CHECK;

/* Ends in on_closed, with the same data. */
void signals_close(struct signals *signals, void (*on_closed)(void *data));

#endif
