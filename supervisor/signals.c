/* signals - the signals that people and init systems send.
 *
 * libuv writes them to a pipe, so on_signal runs on the loop like any other callback. What a
 * signal means is the caller's business.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/signals.h"

#include <signal.h>

static void on_uv_signal(uv_signal_t *handle, int signum)
{
    struct signals *signals = handle->data;

    signals->on_signal(signals->data, signum);
}

int signals_open(struct signals *signals, uv_loop_t *loop,
                 void (*on_signal)(void *data, int signum), void *data)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
    _Static_assert(sizeof numbers / sizeof numbers[0] == SIGNALS_COUNT, "a handle each");
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int r = 0;

    *signals = (struct signals){.on_signal = on_signal, .data = data};
    /* A client or a log reader that goes away is an error of write(2), not the end of us. */
    (void)sigaction(SIGPIPE, &ignore, NULL);
    for (unsigned i = 0; i < SIGNALS_COUNT; i++) {
        (void)uv_signal_init(loop, &signals->handles[i]);
        signals->handles[i].data = signals;
        signals->open++;
        if (r == 0)
            r = uv_signal_start(&signals->handles[i], on_uv_signal, numbers[i]);
    }
    return r;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct signals *signals = handle->data;

    if (--signals->open == 0)
        signals->on_closed(signals->data);
}

void signals_close(struct signals *signals, void (*on_closed)(void *data))
{
    signals->on_closed = on_closed;
    for (unsigned i = 0; i < SIGNALS_COUNT; i++)
        uv_close((uv_handle_t *)&signals->handles[i], on_handle_closed);
}
