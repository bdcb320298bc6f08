/* logfile - a file of lines that never grows beyond its size.
 *
 * Lines gather in one buffer while another is written on libuv's threadpool, since a disk may
 * make its writer wait; then the buffers change places. The worker owns the descriptor: it
 * opens, writes, and rotates between two lines, PATH to PATH.1, PATH.1 to PATH.2, as
 * supervisord does. One job at a time, so nothing is shared.
 *
 * What fails (no space, no directory, no permission) is told once, and tried again every second
 * with what is left; lines that find no room meanwhile are dropped. When it works again, that
 * is told with their number.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/logfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bounds.h"
#include "log.h"
#include "mem.h"

#define LOGFILE_MAGIC 0x4c4f4746u
#define BUFFER_BYTES  (256 * 1024) /* of two: a moment of a slow disk, or of a flood */
#define BATCH_BYTES   (64 * 1024)  /* are written at once */
#define GATHER_MS     100          /* lines wait that long for more */
#define RETRY_MS      1000
#define CLOSE_MS      500
#define NAME_SIZE     4096 /* PATH_MAX */

struct logfile {
    uint32_t magic;
    uv_loop_t *loop;
    uv_timer_t timer;
    char *gathered;
    size_t gathered_len;
    bool wants_reopen;
    bool is_writing; /* while it is, all from here to `error` is the worker's */
    bool must_reopen;
    uv_work_t work;
    char *path;
    uint64_t bytes_max;
    unsigned backups;
    int fd; /* -1 = not open */
    uint64_t size;
    char *batch;
    size_t batch_len;
    size_t batch_at; /* written of it */
    int error;
    int told_error; /* 0 = it works */
    uint64_t dropped;
    uint64_t close_ms; /* 0 = in use */
};

/* ---------------------------------------------------------------- on the threadpool */

static void close_file(struct logfile *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
}

/* Nobody is meant to read it but its owner and group: prompts of a model may be in it. A FIFO
 * without a reader fails, and is tried again. */
static int open_file(struct logfile *l)
{
    struct stat st;

    l->fd =
        open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (l->fd < 0)
        return -errno;
    l->size = fstat(l->fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    return 0;
}

static void backup_name(const struct logfile *l, unsigned i, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, i == 0 ? "%s" : "%s.%u", l->path, i);
}

/* The oldest goes; what cannot be renamed stays, and the file grows until it can. */
static int rotate(struct logfile *l)
{
    char from[NAME_SIZE], to[NAME_SIZE];

    if (l->backups == 0 && ftruncate(l->fd, 0) < 0)
        return -errno;
    for (unsigned i = l->backups; i > 0; i--) {
        backup_name(l, i - 1, from);
        backup_name(l, i, to);
        if (rename(from, to) < 0 && errno != ENOENT)
            return -errno;
    }
    close_file(l);
    return open_file(l);
}

/* Whole lines of the batch that still fit into the file; one at the least. */
static size_t fitting(const struct logfile *l)
{
    const char *at = l->batch + l->batch_at;
    size_t left = l->batch_len - l->batch_at;
    size_t len = 0;

    while (len < left) {
        const char *end = memchr(at + len, '\n', left - len);
        size_t next = end == NULL ? left : (size_t)(end - at) + 1;
        if (len > 0 && l->bytes_max > 0 && l->size + next > l->bytes_max)
            break;
        len = next;
    }
    return len;
}

static int write_piece(struct logfile *l)
{
    bool is_at_line = l->batch_at == 0 || l->batch[l->batch_at - 1] == '\n';
    size_t len = fitting(l);

    if (is_at_line && l->size > 0 && l->bytes_max > 0 && l->size + len > l->bytes_max) {
        int r = rotate(l);
        if (r < 0)
            return r;
        len = fitting(l);
    }
    ssize_t n = write(l->fd, l->batch + l->batch_at, len);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n == 0)
        return -EIO; /* or we would try for ever */
    l->batch_at += (size_t)n;
    l->size += (uint64_t)n;
    return 0;
}

static void on_work(uv_work_t *work)
{
    struct logfile *l = work->data;

    l->error = 0;
    if (l->must_reopen) {
        close_file(l);
        /* The new file gets the whole of the line. */
        while (l->batch_at > 0 && l->batch[l->batch_at - 1] != '\n')
            l->batch_at--;
    }
    l->must_reopen = false;
    if (l->fd < 0)
        l->error = open_file(l);
    while (l->error == 0 && l->batch_at < l->batch_len)
        l->error = write_piece(l);
}

/* ---------------------------------------------------------------- on the loop */

static void on_timer(uv_timer_t *timer);

static void free_logfile(struct logfile *l)
{
    mem_free(l->gathered);
    mem_free(l->batch);
    mem_free(l->path);
    l->magic = 0;
    mem_free(l);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct logfile *l = handle->data;

    close_file(l);
    free_logfile(l);
}

static void tell(struct logfile *l)
{
    if (l->error != 0 && l->error != l->told_error)
        log_warn(
            "a node's log file cannot be written: %s; tried again every second, lines that "
            "find no room meanwhile are dropped file=%s",
            strerror(-l->error), l->path);
    else if (l->error == 0 && l->told_error != 0)
        log_warn("a node's log file is written again file=%s dropped=%llu", l->path,
                 (unsigned long long)l->dropped);
    else if (l->error == 0 && l->dropped > 0)
        log_warn("lines of a node's log file were dropped, it could not be written as fast as "
                 "they came file=%s dropped=%llu",
                 l->path, (unsigned long long)l->dropped);
    l->told_error = l->error;
    if (l->error == 0)
        l->dropped = 0;
}

static bool is_done(const struct logfile *l)
{
    return l->batch_len == 0 && l->gathered_len == 0 && !l->wants_reopen;
}

/* Nothing is being written: what is the timer for? */
static void rest(struct logfile *l)
{
    bool is_over = l->close_ms != 0 && (is_done(l) || uv_now(l->loop) >= l->close_ms);

    if (is_over)
        uv_close((uv_handle_t *)&l->timer, on_timer_closed);
    else if (!is_done(l))
        (void)uv_timer_start(&l->timer, on_timer,
                             l->close_ms == 0 && l->error != 0 ? RETRY_MS : GATHER_MS, 0);
}

static void on_worked(uv_work_t *work, int status);

static void flush(struct logfile *l)
{
    if (l->batch_len == 0) {
        char *empty = l->batch;
        l->batch = l->gathered;
        l->batch_len = l->gathered_len;
        l->batch_at = 0;
        l->gathered = empty;
        l->gathered_len = 0;
    }
    (void)uv_timer_stop(&l->timer);
    l->must_reopen = l->wants_reopen;
    l->wants_reopen = false;
    l->is_writing = true;
    l->work.data = l;
    int r = uv_queue_work(l->loop, &l->work, on_work, on_worked);
    assert(r == 0); /* it fails without a callback only */
    (void)r;
}

static void on_worked(uv_work_t *work, int status)
{
    struct logfile *l = work->data;

    assert(l->magic == LOGFILE_MAGIC);
    (void)status; /* nobody cancels it */
    l->is_writing = false;
    if (l->batch_at == l->batch_len)
        l->batch_len = 0;
    tell(l);
    if (l->error == 0 && l->gathered_len >= BATCH_BYTES)
        flush(l);
    else
        rest(l);
}

static void on_timer(uv_timer_t *timer)
{
    struct logfile *l = timer->data;

    assert(l->magic == LOGFILE_MAGIC && !l->is_writing);
    flush(l);
}

/* ---------------------------------------------------------------- from outside */

int logfile_open(uv_loop_t *loop, const struct logfile_options *options,
                 struct logfile **ret_logfile)
{
    struct logfile *l = mem_alloc(1, sizeof *l);

    if (l == NULL)
        return -ENOMEM;
    l->path = mem_strdup(options->path);
    l->gathered = mem_alloc(1, BUFFER_BYTES);
    l->batch = mem_alloc(1, BUFFER_BYTES);
    if (l->path == NULL || l->gathered == NULL || l->batch == NULL) {
        free_logfile(l);
        return -ENOMEM;
    }
    l->magic = LOGFILE_MAGIC;
    l->loop = loop;
    l->bytes_max = options->bytes_max;
    l->backups = options->backups;
    l->fd = -1;
    (void)uv_timer_init(loop, &l->timer); /* always succeeds */
    l->timer.data = l;
    *ret_logfile = l;
    return 0;
}

bool logfile_is(const struct logfile *l, const struct logfile_options *options)
{
    return strcmp(l->path, options->path) == 0 && l->bytes_max == options->bytes_max &&
           l->backups == options->backups;
}

void logfile_put(struct logfile *l, const char *line, size_t len)
{
    if (l == NULL)
        return;
    assert(l->magic == LOGFILE_MAGIC);
    if (len >= BUFFER_BYTES - l->gathered_len || l->close_ms != 0) {
        l->dropped++;
        return;
    }
    memcpy(l->gathered + l->gathered_len, line, len);
    l->gathered_len += len;
    l->gathered[l->gathered_len++] = '\n';
    if (l->is_writing || l->batch_len > 0)
        return; /* when that is out */
    if (l->gathered_len >= BATCH_BYTES)
        flush(l);
    else if (!uv_is_active((uv_handle_t *)&l->timer))
        (void)uv_timer_start(&l->timer, on_timer, GATHER_MS, 0);
}

void logfile_reopen(struct logfile *l)
{
    if (l == NULL || l->close_ms != 0)
        return;
    l->wants_reopen = true;
    if (!l->is_writing)
        flush(l);
}

void logfile_close(struct logfile *l)
{
    if (l == NULL)
        return;
    assert(l->magic == LOGFILE_MAGIC && l->close_ms == 0);
    l->close_ms = uv_now(l->loop) + CLOSE_MS;
    if (!l->is_writing)
        rest(l);
}
