/* output - what a node prints, as clean lines.
 *
 * The pipe is always read, as a node whose reader stops buffers without bound, and one whose
 * reader goes away dies (FACTS 1).
 *
 * EOF says nothing about the process: a grandchild may hold the pipe open long after it, or the
 * node may close it and live on. So an end comes from output_finish() only; it reads what is
 * there without waiting, since the last words of a node tell why it died.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/output.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "log.h"
#include "mem.h"
#include "supervisor/lines.h"

#define OUTPUT_MAGIC   0x4f555450u
#define LAST_WORDS_MAX (256 * 1024) /* a pipe holds 64 KiB; a grandchild may still write */

struct output {
    uint32_t magic;
    uv_pipe_t pipe;
    uv_timer_t timer; /* runs while something is dropped that was not told */
    unsigned handles;
    bool is_reading;
    struct lines lines;
};

/* One for all: bytes are consumed before the callback returns (one loop, one thread). */
static char read_buffer[READ_BUFFER_BYTES];

static void on_timer(uv_timer_t *timer)
{
    struct output *o = timer->data;

    assert(o->magic == OUTPUT_MAGIC);
    lines_tell(&o->lines, uv_now(timer->loop));
}

static void feed(struct output *o, const char *bytes, size_t n)
{
    lines_feed(&o->lines, uv_now(o->pipe.loop), bytes, n);
    if (lines_owes(&o->lines) && !uv_is_active((uv_handle_t *)&o->timer))
        (void)uv_timer_start(&o->timer, on_timer, LINES_TELL_MS, 0);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct output *o = stream->data;

    assert(o->magic == OUTPUT_MAGIC);
    if (n > 0) {
        feed(o, buf->base, (size_t)n);
    } else if (n < 0) {
        (void)uv_read_stop(stream);
        o->is_reading = false;
        if (n != UV_EOF)
            log_warn("output of a node cannot be read any more error=%s", uv_strerror((int)n));
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct output *o = handle->data;

    if (--o->handles > 0)
        return;
    o->magic = 0;
    mem_free(o);
}

static void close_handles(struct output *o)
{
    uv_close((uv_handle_t *)&o->pipe, on_closed);
    uv_close((uv_handle_t *)&o->timer, on_closed);
}

int output_open(uv_loop_t *loop, int fd, int stream, output_line on_line, void *data,
                struct output **ret_output)
{
    struct output *o = mem_alloc(1, sizeof *o);

    if (o == NULL) {
        (void)close(fd);
        return -ENOMEM;
    }
    o->magic = OUTPUT_MAGIC;
    lines_init(&o->lines, stream, on_line, data);
    (void)uv_pipe_init(loop, &o->pipe, 0); /* these two always succeed */
    (void)uv_timer_init(loop, &o->timer);
    o->pipe.data = o;
    o->timer.data = o;
    o->handles = 2;
    int r = uv_pipe_open(&o->pipe, fd);
    if (r < 0)
        (void)close(fd);
    else
        r = uv_read_start((uv_stream_t *)&o->pipe, on_alloc, on_read);
    if (r < 0) {
        close_handles(o);
        return r;
    }
    o->is_reading = true;
    *ret_output = o;
    return 0;
}

void output_finish(struct output *o)
{
    uv_os_fd_t fd;
    size_t total = 0;

    if (o == NULL)
        return;
    assert(o->magic == OUTPUT_MAGIC);
    while (o->is_reading && total < LAST_WORDS_MAX &&
           uv_fileno((uv_handle_t *)&o->pipe, &fd) == 0) {
        ssize_t n = read(fd, read_buffer, sizeof read_buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        feed(o, read_buffer, (size_t)n);
        total += (size_t)n;
    }
    lines_finish(&o->lines);
    close_handles(o);
}
