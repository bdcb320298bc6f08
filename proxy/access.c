/* access - where the lines of the access log go: gathered, written in batches, never waited
 * for.
 *
 * Two buffers: lines are added to one while the other is written, and change places when that
 * is done. A write begins when a batch is together, or a moment after the first line.
 *
 * A regular file may make its writer wait, so it is written on libuv's threadpool, one batch at
 * a time. Everything else (a pipe, a FIFO, a terminal, the journal's socket) tells when it is
 * full: it gets what poll(2) says it takes, on the loop, in pieces that end with a line and
 * that no pipe tears (PIPE_BUF), because log lines and others may go the same way. Only one
 * thread writes there: between the poll and the write of one, another could fill the pipe.
 *
 * A FIFO is opened for reading as well (fifo(7)): that neither waits for a reader, nor fails
 * when it leaves; the lines wait in it for the next one.
 *
 * What cannot be written is tried again, so that no line is torn; lines that find no room
 * meanwhile are dropped, and the log says how many, at most once a minute.
 *
 * SPDX-License-Identifier: MIT
 */
#include "access.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"

#define ACCESS_MAGIC   0x6163u
#define BUFFER_BYTES   (128 * 1024) /* of two; some 600 lines, a moment of a slow disk */
#define BATCH_BYTES    (64 * 1024)  /* are written at once */
#define GATHER_MS      100          /* fewer wait that long for more */
#define FULL_MS        5 /* a full pipe is looked at again; doubles up to GATHER_MS */
#define ERROR_RETRY_MS 1000
#define TELL_MS        60000 /* between two lines in the log about the same trouble */
#define DROPPING_MS    1000  /* before the first, so that it tells of more than one line */
#define CLOSE_MS       500
#define CLOSE_RETRY_MS 10

struct sink {
    int fd;
    bool is_file; /* a regular one */
};

struct access {
    unsigned magic;
    uv_loop_t *loop;
    enum access_format format;
    const char *path; /* NULL = stderr */
    struct sink sink;
    struct sink next; /* after the write that runs; fd -1 = none */
    uv_timer_t timer;
    uv_work_t work;
    bool is_writing; /* on the threadpool: `batch`, `written` and `error` are its */
    char *gathered;
    size_t gathered_len;
    char *batch;
    size_t batch_len;
    size_t batch_at; /* written of it */
    size_t written;  /* by the last try */
    int error;       /* of it; -EAGAIN = full */
    uint64_t full_ms;
    uint64_t dropped; /* lines, not told yet */
    uint64_t dropped_from_ms;
    uint64_t dropped_told_ms;
    uint64_t error_told_ms;
    uint64_t close_ms; /* 0 = in use */
    void (*on_closed)(void *data);
    void *closed_data;
};

/* ---------------------------------------------------------------- the sink */

static int open_sink(const char *path, struct sink *ret_sink)
{
    struct stat st;
    struct sink sink = {.fd = STDERR_FILENO};

    if (path != NULL) {
        bool is_fifo = stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
        int flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
        sink.fd = open(path, (is_fifo ? O_RDWR : O_WRONLY) | flags, 0640);
        if (sink.fd < 0)
            return -errno;
    }
    sink.is_file = fstat(sink.fd, &st) == 0 && S_ISREG(st.st_mode);
    *ret_sink = sink;
    return 0;
}

static void close_sink(struct sink *sink)
{
    if (sink->fd > STDERR_FILENO)
        (void)close(sink->fd);
    sink->fd = -1;
}

/* -EAGAIN when it is full. */
static int write_piece(const struct sink *sink, const char *at, size_t len, size_t *ret_written)
{
    struct pollfd ready = {.fd = sink->fd, .events = POLLOUT};

    if (!sink->is_file && len > PIPE_BUF) {
        len = PIPE_BUF;
        while (at[len - 1] != '\n') /* a line is shorter than PIPE_BUF */
            len--;
    }
    if (!sink->is_file && poll(&ready, 1, 0) == 0)
        return -EAGAIN;
    ssize_t n = write(sink->fd, at, len);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0)
        return -EIO; /* or we would try for ever */
    *ret_written += (size_t)n;
    return 0;
}
_Static_assert(ACCESS_LINE_MAX < PIPE_BUF, "a piece has a whole line");

/* On the threadpool, or on the loop: as much of the batch as the sink takes. */
static void write_batch(struct access *a)
{
    size_t left = a->batch_len - a->batch_at;

    a->written = 0;
    a->error = 0;
    while (a->written < left && a->error == 0)
        a->error = write_piece(&a->sink, a->batch + a->batch_at + a->written, left - a->written,
                               &a->written);
}

/* ---------------------------------------------------------------- trouble */

static bool is_time_to_tell(const struct access *a, uint64_t *told_ms)
{
    uint64_t now_ms = uv_now(a->loop);

    if (*told_ms != 0 && now_ms - *told_ms < TELL_MS)
        return false;
    *told_ms = now_ms;
    return true;
}

static const char *name_of(const struct access *a)
{
    return a->path == NULL ? "stderr" : a->path;
}

static void tell_dropped(struct access *a)
{
    if (a->dropped == 0)
        return;
    bool is_early = uv_now(a->loop) - a->dropped_from_ms < DROPPING_MS;
    if (a->close_ms == 0 && (is_early || !is_time_to_tell(a, &a->dropped_told_ms)))
        return;
    log_warn("lines of the access log were dropped, it could not be written as fast as they "
             "came file=%s dropped=%llu",
             name_of(a), (unsigned long long)a->dropped);
    a->dropped = 0;
}

static void tell_error(struct access *a)
{
    if (is_time_to_tell(a, &a->error_told_ms))
        log_warn("the access log cannot be written: %s; tried again every second, lines that "
                 "find no room meanwhile are dropped file=%s",
                 strerror(-a->error), name_of(a));
}

/* Lines that are left at the end. */
static void count_left(struct access *a, const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        a->dropped += at[i] == '\n';
}

/* ---------------------------------------------------------------- writing */

static void on_timer(uv_timer_t *timer);
static void flush(struct access *a);

static void free_access(struct access *a)
{
    mem_free(a->gathered);
    mem_free(a->batch);
    a->magic = 0;
    mem_free(a);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct access *a = handle->data;
    void (*on_closed)(void *data) = a->on_closed;
    void *data = a->closed_data;

    close_sink(&a->sink);
    close_sink(&a->next);
    free_access(a);
    on_closed(data);
}

/* Nothing is being written: what is the timer for? */
static void rest(struct access *a)
{
    size_t left = a->batch_len - a->batch_at;
    bool is_done = left == 0 && a->gathered_len == 0;
    uint64_t wait_ms = GATHER_MS;

    tell_dropped(a);
    if (left > 0 && a->error == -EAGAIN) {
        wait_ms = a->full_ms;
        a->full_ms = a->full_ms < GATHER_MS / 2 ? a->full_ms * 2 : GATHER_MS;
    } else if (left > 0) {
        wait_ms = ERROR_RETRY_MS;
    }
    if (a->close_ms == 0) {
        if (is_done)
            wait_ms = DROPPING_MS; /* there is still something to tell */
        if (!is_done || a->dropped > 0)
            (void)uv_timer_start(&a->timer, on_timer, wait_ms, 0);
        return;
    }
    if (!is_done && uv_now(a->loop) < a->close_ms) {
        (void)uv_timer_start(&a->timer, on_timer, CLOSE_RETRY_MS, 0);
        return;
    }
    count_left(a, a->batch + a->batch_at, left);
    count_left(a, a->gathered, a->gathered_len);
    tell_dropped(a);
    uv_close((uv_handle_t *)&a->timer, on_timer_closed);
}

/* A file that was moved away keeps no half a line: the new one gets the whole of it. */
static void change_sink(struct access *a)
{
    if (a->next.fd < 0)
        return;
    close_sink(&a->sink);
    a->sink = a->next;
    a->next.fd = -1;
    while (a->batch_at > 0 && a->batch[a->batch_at - 1] != '\n')
        a->batch_at--;
}

/* A try is over. */
static void after_write(struct access *a)
{
    a->batch_at += a->written;
    if (a->written > 0)
        a->full_ms = FULL_MS;
    if (a->error != 0 && a->error != -EAGAIN)
        tell_error(a);
    if (a->batch_at == a->batch_len) {
        a->batch_at = 0;
        a->batch_len = 0;
    }
    change_sink(a);
}

static void on_work(uv_work_t *work)
{
    write_batch(work->data);
}

static void on_worked(uv_work_t *work, int status)
{
    struct access *a = work->data;

    assert(a->magic == ACCESS_MAGIC);
    (void)status; /* nobody cancels it */
    a->is_writing = false;
    after_write(a);
    if (a->error == 0 && (a->gathered_len >= BATCH_BYTES || a->close_ms != 0))
        flush(a);
    else
        rest(a);
}

/* The next batch, when the last one is out. False when there is nothing. */
static bool take_batch(struct access *a)
{
    if (a->batch_len == 0) {
        char *empty = a->batch;
        a->batch = a->gathered;
        a->batch_len = a->gathered_len;
        a->gathered = empty;
        a->gathered_len = 0;
    }
    return a->batch_len > 0;
}

static void flush(struct access *a)
{
    (void)uv_timer_stop(&a->timer);
    a->error = 0;
    while (a->error == 0 && take_batch(a)) {
        if (a->sink.is_file) {
            a->is_writing = true;
            int r = uv_queue_work(a->loop, &a->work, on_work, on_worked);
            assert(r == 0); /* it fails without a callback only */
            (void)r;
            return;
        }
        write_batch(a);
        after_write(a);
    }
    rest(a);
}

static void on_timer(uv_timer_t *timer)
{
    struct access *a = timer->data;

    assert(a->magic == ACCESS_MAGIC && !a->is_writing);
    flush(a);
}

/* ---------------------------------------------------------------- from outside */

void access_lost(struct access *a)
{
    if (a->dropped++ == 0)
        a->dropped_from_ms = uv_now(a->loop);
    tell_dropped(a);
}

void access_put(struct access *a, const struct access_line *line)
{
    if (BUFFER_BYTES - a->gathered_len < ACCESS_LINE_MAX || a->close_ms != 0) {
        access_lost(a);
        return;
    }
    a->gathered_len += access_line_write(line, a->format, a->gathered + a->gathered_len);
    if (a->is_writing || a->batch_len > 0)
        return; /* when that is out */
    if (a->gathered_len >= BATCH_BYTES)
        flush(a);
    else if (!uv_is_active((uv_handle_t *)&a->timer))
        (void)uv_timer_start(&a->timer, on_timer, GATHER_MS, 0);
}

void access_reopen(struct access *a)
{
    struct sink sink;

    if (a->close_ms != 0)
        return;
    if (a->path == NULL) {
        log_info("the access log goes to stderr, there is nothing to open again");
        return;
    }
    int r = open_sink(a->path, &sink);
    if (r < 0) {
        log_warn("the access log cannot be opened again: %s; it goes on in the old file "
                 "file=%s",
                 strerror(-r), a->path);
        return;
    }
    close_sink(&a->next);
    a->next = sink;
    log_info("the access log was opened again file=%s", a->path);
    if (a->is_writing)
        return;
    change_sink(a);
    flush(a);
}

int access_open(uv_loop_t *loop, enum access_format format, const char *path,
                struct access **ret_access, struct error *ret_error)
{
    struct access *a = mem_alloc(1, sizeof *a);
    int r = a == NULL ? -ENOMEM : 0;

    if (r == 0) {
        a->gathered = mem_alloc(1, BUFFER_BYTES);
        a->batch = mem_alloc(1, BUFFER_BYTES);
        r = a->gathered == NULL || a->batch == NULL ? -ENOMEM : 0;
    }
    if (r == 0)
        r = open_sink(path, &a->sink);
    if (r < 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "[log] access_file %s cannot be opened: %s", path == NULL ? "" : path,
                       strerror(-r));
        if (a != NULL)
            free_access(a);
        return r;
    }
    a->magic = ACCESS_MAGIC;
    a->loop = loop;
    a->format = format;
    a->path = path;
    a->next.fd = -1;
    a->full_ms = FULL_MS;
    a->timer.data = a;
    a->work.data = a;
    (void)uv_timer_init(loop, &a->timer);
    *ret_access = a;
    return 0;
}

void access_close(struct access *a, void (*on_closed)(void *data), void *data)
{
    a->on_closed = on_closed;
    a->closed_data = data;
    a->close_ms = uv_now(a->loop) + CLOSE_MS;
    if (!a->is_writing)
        flush(a);
}
