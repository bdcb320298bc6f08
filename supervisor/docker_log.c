/* docker_log - follows what one container prints.
 *
 * The container is asked first whether it has a terminal, since that decides how the bytes are
 * to be read, and when it was started: what its former process said is of no use any more.
 * Lines come with the time at which they were printed, so that a login code can be judged that
 * waits since before we came.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/docker_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <uv.h>

#include "log.h"
#include "mem.h"
#include "supervisor/core/docker_frame.h"
#include "supervisor/lines.h"

#define TAIL_LINES     1000 /* of the past: a prompt is on the tenth line */
#define CLOCK_SLACK_MS 2000 /* between a line and its way to us */

struct docker_log {
    struct docker *docker;
    struct docker_log_host host;
    struct fetch *call; /* the question, then the stream */
    char id[DOCKER_ID_LEN + 1];
    int64_t begun_ms; /* wall clock */
    struct docker_frame frame;
    struct lines lines[2]; /* stdout, stderr */
};

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_line(void *data, int stream, const char *text, size_t len)
{
    struct docker_log *log = data;
    struct slice line = {.at = text, .len = len};
    int64_t at_ms = 0;

    (void)docker_names_take_time(&line, &at_ms);
    log->host.on_line(log->host.data, stream, line.at, line.len, at_ms,
                      at_ms != 0 && at_ms < log->begun_ms - CLOCK_SLACK_MS);
}

static void end(struct docker_log *log)
{
    lines_finish(&log->lines[0]);
    lines_finish(&log->lines[1]);
    log->host.on_end(log->host.data);
}

/* on_line never closes the log, so that it may be called in the middle of a piece. */
static void on_piece(void *data, struct slice bytes)
{
    struct docker_log *log = data;
    enum docker_frame_result result;
    struct slice piece;
    int stream;

    while ((result = docker_frame_next(&log->frame, &bytes, &stream, &piece)) ==
           DOCKER_FRAME_PIECE) {
        if (stream == 1 || stream == 2)
            lines_feed(&log->lines[stream - 1], uv_hrtime() / 1000000, piece.at, piece.len);
    }
    if (result != DOCKER_FRAME_BROKEN)
        return;
    log_warn("Docker: the log of a container is not in frames, it cannot be read id=%.12s",
             log->id);
    fetch_cancel(log->call);
    log->call = NULL;
    end(log);
}

static void on_begun(void *data)
{
    (void)data;
}

static void on_ended(void *data, const struct fetch_result *result)
{
    struct docker_log *log = data;

    log->call = NULL;
    if (result->error == 0 && result->status > 299)
        log_warn("Docker: the log of a container cannot be followed, login codes will not be "
                 "seen: status %d id=%.12s",
                 result->status, log->id);
    end(log);
}

static void on_detail(void *data, const struct fetch_result *result)
{
    struct docker_log *log = data;
    struct docker_detail detail;
    char path[DOCKER_ID_LEN + 160];

    log->call = NULL;
    if (result->error < 0 || result->status != 200 ||
        docker_list_detail(result->body, &detail) < 0) {
        end(log);
        return;
    }
    docker_frame_init(&log->frame, detail.has_terminal);
    (void)snprintf(path, sizeof path,
                   "/containers/%s/logs?follow=1&stdout=1&stderr=1&timestamps=1&tail=%d"
                   "&since=%" PRId64,
                   log->id, TAIL_LINES, detail.started_ms / 1000);
    const struct docker_call call = {
        .path = path,
        .is_stream = true,
        .on_head = on_begun,
        .on_piece = on_piece,
        .done = on_ended,
        .data = log,
    };
    log->begun_ms = wall_ms();
    if (docker_start(log->docker, &call, &log->call) < 0)
        end(log);
}

int docker_log_open(struct docker *d, const char *id, const struct docker_log_host *host,
                    struct docker_log **ret_log)
{
    struct docker_log *log = mem_alloc(1, sizeof *log);
    char path[DOCKER_ID_LEN + 32];

    if (log == NULL)
        return -ENOMEM;
    log->docker = d;
    log->host = *host;
    (void)snprintf(log->id, sizeof log->id, "%s", id);
    for (int i = 0; i < 2; i++)
        lines_init(&log->lines[i], i + 1, on_line, log);
    (void)snprintf(path, sizeof path, "/containers/%s/json", log->id);
    const struct docker_call call = {.path = path, .done = on_detail, .data = log};
    int r = docker_start(d, &call, &log->call);
    if (r < 0) {
        mem_free(log);
        return r;
    }
    *ret_log = log;
    return 0;
}

void docker_log_close(struct docker_log *log)
{
    if (log == NULL)
        return;
    if (log->call != NULL)
        fetch_cancel(log->call);
    mem_free(log);
}
