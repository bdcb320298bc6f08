/* state - a small file of ours in the state directory, always whole.
 *
 * A change arms the timer, for now or for a second after the last write began; the timer has
 * the text composed and gives it to a thread: create NAME.new aside, write, fsync, rename over
 * NAME, fsync the directory. One write at a time; a change that comes meanwhile arms the timer
 * when it is over, and by then only the newest text counts, so there is never more than one
 * waiting. (The exception is the text of state_finish(), which is composed before the nodes
 * go down.)
 *
 * A failed write (a full disk, a directory that was made read-only) leaves the old file as it
 * is. It is warned about once for each kind of error, and tried again with the next change or
 * after a minute. A symbolic link in place of either file is replaced, never followed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/state.h"

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

#define STATE_MAGIC    0x73746174u
#define GAP_MS         1000  /* between the beginnings of two writes */
#define RETRY_MS       60000 /* after a failed one, when nothing changes */
#define TOLD_MAX       8     /* kinds of errors that are warned about in a row of failures */
#define NAME_BYTES_MAX (STATE_NAME_MAX + 32)

struct state {
    uint32_t magic;
    uv_loop_t *loop;
    struct state_host host;
    int directory_fd;
    char *directory; /* for messages */
    char name[STATE_NAME_MAX + 1];
    char aside[NAME_BYTES_MAX]; /* NAME.new */
    uv_timer_t timer;
    uv_work_t work;
    struct buf text; /* the thread's while is_writing */
    struct buf last; /* of state_finish(), until it can be written */
    bool is_writing;
    bool is_changed; /* since the text that is being written was composed */
    bool is_finished;
    bool is_closing;
    uint64_t begun_ms; /* the last write */
    bool has_begun;
    /* How the write ended, from the thread: 0 or a negative errno, and at which step. */
    int result;
    const char *step;
    int told[TOLD_MAX]; /* errors since the last success */
    unsigned told_count;
    void (*on_closed)(void *data);
    void *closed_data;
};

/* ---------------------------------------------------------------- on a thread */

static int write_text(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.at, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text = slice_skip(text, (size_t)n);
    }
    return 0;
}

/* A new file; what somebody has put in its place is removed first. */
static int create_aside(const struct state *s)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(s->directory_fd, s->aside, flags, 0600);

    if (fd < 0 && errno == EEXIST && unlinkat(s->directory_fd, s->aside, 0) == 0)
        fd = openat(s->directory_fd, s->aside, flags, 0600);
    return fd < 0 ? -errno : fd;
}

static int replace(struct state *s)
{
    s->step = "create";
    int fd = create_aside(s);
    if (fd < 0)
        return fd;
    s->step = "write";
    int r = write_text(fd, buf_slice(&s->text));
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0) {
        s->step = "rename";
        r = renameat(s->directory_fd, s->aside, s->directory_fd, s->name) < 0 ? -errno : 0;
    }
    if (r < 0) {
        (void)unlinkat(s->directory_fd, s->aside, 0);
        return r;
    }
    s->step = "sync";
    /* EINVAL: this file system has no such thing to sync. */
    return fsync(s->directory_fd) < 0 && errno != EINVAL ? -errno : 0;
}

static void on_work(uv_work_t *work)
{
    struct state *s = work->data;

    s->result = replace(s);
}

/* ---------------------------------------------------------------- on the loop */

static void on_written(uv_work_t *work, int status);
static void on_timer(uv_timer_t *timer);

static void tell_failure(struct state *s, int error, const char *step)
{
    for (unsigned i = 0; i < s->told_count; i++) {
        if (s->told[i] == error)
            return;
    }
    if (s->told_count == TOLD_MAX)
        return;
    s->told[s->told_count++] = error;
    log_warn("what is remembered for the next start cannot be written: %s; the last file stays "
             "as it is, %s file=%s/%s step=%s",
             strerror(-error),
             s->is_finished && s->last.len == 0
                 ? "and this was the last try"
                 : "tried again with the next change or in a minute",
             s->directory, s->name, step);
}

static void begin_write(struct state *s)
{
    s->is_writing = true;
    s->has_begun = true;
    s->begun_ms = uv_now(s->loop);
    int r = uv_queue_work(s->loop, &s->work, on_work, on_written);
    assert(r == 0); /* it fails without a callback only */
    (void)r;
}

static void arm(struct state *s, uint64_t at_ms)
{
    uint64_t now_ms = uv_now(s->loop);

    (void)uv_timer_start(&s->timer, on_timer, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

static void arm_next(struct state *s)
{
    arm(s, s->has_begun ? s->begun_ms + GAP_MS : 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct state *s = timer->data;

    assert(s->magic == STATE_MAGIC && !s->is_writing && !s->is_finished);
    s->is_changed = false;
    s->is_writing = true; /* a change that comes now waits */
    int r = s->host.compose(s->host.data, &s->text);
    if (r == 0) {
        begin_write(s);
        return;
    }
    s->is_writing = false;
    buf_done(&s->text);
    tell_failure(s, r, "compose");
    arm(s, uv_now(s->loop) + RETRY_MS);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct state *s = handle->data;
    void (*on_closed)(void *data) = s->on_closed;
    void *data = s->closed_data;

    (void)close(s->directory_fd);
    buf_done(&s->text);
    buf_done(&s->last);
    mem_free(s->directory);
    s->magic = 0;
    mem_free(s);
    on_closed(data);
}

/* The text of state_finish(), or the end. */
static void finish_or_close(struct state *s)
{
    if (s->last.len > 0) {
        s->text = s->last;
        buf_init(&s->last, 0);
        begin_write(s);
    } else if (s->is_closing) {
        uv_close((uv_handle_t *)&s->timer, on_timer_closed);
    }
}

static void on_written(uv_work_t *work, int status)
{
    struct state *s = work->data;

    assert(s->magic == STATE_MAGIC && status == 0); /* it is never cancelled */
    (void)status;
    s->is_writing = false;
    buf_done(&s->text);
    if (s->result < 0) {
        tell_failure(s, s->result, s->step);
    } else if (s->told_count > 0) {
        log_info("what is remembered for the next start is written again file=%s/%s",
                 s->directory, s->name);
        s->told_count = 0;
    }
    if (s->is_finished)
        finish_or_close(s);
    else if (s->is_changed)
        arm_next(s);
    else if (s->result < 0)
        arm(s, uv_now(s->loop) + RETRY_MS);
}

void state_changed(struct state *s)
{
    assert(s->magic == STATE_MAGIC);
    if (s->is_finished || s->is_changed)
        return;
    s->is_changed = true;
    if (!s->is_writing)
        arm_next(s);
}

void state_finish(struct state *s)
{
    assert(s->magic == STATE_MAGIC && !s->is_finished);
    s->is_finished = true;
    (void)uv_timer_stop(&s->timer);
    int r = s->host.compose(s->host.data, &s->last);
    if (r < 0) {
        buf_done(&s->last);
        tell_failure(s, r, "compose");
    }
    if (!s->is_writing)
        finish_or_close(s);
}

void state_close(struct state *s, void (*on_closed)(void *data), void *data)
{
    assert(s->magic == STATE_MAGIC && !s->is_closing);
    s->is_closing = true;
    s->is_finished = true;
    s->on_closed = on_closed;
    s->closed_data = data;
    (void)uv_timer_stop(&s->timer);
    if (!s->is_writing)
        finish_or_close(s);
}

/* ---------------------------------------------------------------- beginning */

int state_open(uv_loop_t *loop, const char *directory, const char *name,
               const struct state_host *host, struct state **ret_state)
{
    assert(strlen(name) <= STATE_NAME_MAX);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct state *s = mem_alloc(1, sizeof *s);
    char *copy = mem_strdup(directory);
    if (s == NULL || copy == NULL) {
        (void)close(fd);
        mem_free(copy);
        mem_free(s);
        return -ENOMEM;
    }
    *s = (struct state){.magic = STATE_MAGIC,
                        .loop = loop,
                        .host = *host,
                        .directory_fd = fd,
                        .directory = copy};
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    (void)snprintf(s->aside, sizeof s->aside, ".%s.new", name);
    buf_init(&s->text, 0);
    buf_init(&s->last, 0);
    (void)uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    s->work.data = s;
    (void)unlinkat(fd, s->aside, 0); /* if it cannot, the first write will say so */
    *ret_state = s;
    return 0;
}

static int read_all(int fd, struct buf *out)
{
    char block[16 * 1024];

    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        if (out->len + (size_t)n > STATE_FILE_BYTES_MAX)
            return -EFBIG;
        int r = buf_append(out, block, (size_t)n);
        if (r < 0)
            return r;
    }
}

int state_read(const struct state *s, struct buf *out)
{
    struct stat st;
    /* A fifo must not stop us. */
    int fd = openat(s->directory_fd, s->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP ? -EINVAL : -errno;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0 && !S_ISREG(st.st_mode))
        r = -EINVAL;
    if (r == 0)
        r = read_all(fd, out);
    (void)close(fd);
    return r;
}

int state_set_aside(const struct state *s, const char *suffix)
{
    char target[NAME_BYTES_MAX];

    int len = snprintf(target, sizeof target, "%s.%s", s->name, suffix);
    if (len < 0 || (size_t)len >= sizeof target)
        return -ENAMETOOLONG;
    return renameat(s->directory_fd, s->name, s->directory_fd, target) < 0 ? -errno : 0;
}
