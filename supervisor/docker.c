/* docker - a Docker Engine that is asked which containers are nodes, and tells when it changes.
 *
 * GET /_ping says which version it speaks; then the events are followed, and once their answer
 * has begun, so that no change falls between the two, the list is read. After that: an event
 * that concerns us, or poll_interval, and the list is read again; events that come together
 * cost one look. Whatever fails (no socket, no permission, garbage, the end of the events when
 * the daemon stops) is told once, in one line, and everything begins anew after a pause that
 * doubles. What was known is kept meanwhile: the containers do not stop with their daemon.
 *
 * Only GET, always (the one restart is in cluster_docker_login.c). No event is trusted for more
 * than a reason to look.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/docker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "log.h"
#include "mem.h"
#include "proxy/core/printable.h"
#include "supervisor/file_text.h"

#define DOCKER_MAGIC    0x444f434bu
#define CALL_TIMEOUT_MS 10000
#define LIST_BYTES_MAX  (4 * 1024 * 1024) /* 2,000 containers; jansson takes 70 ms for it */
#define EVENT_BYTES_MAX (64 * 1024)       /* one line; labels of a container are in it */
#define LOOK_MS         100               /* events that come together */
#define RETRY_MS        500
#define RETRY_MAX_MS    30000
#define VERSION_MIN_MINOR                                                                      \
    24                       /* 1.24, of 2016: what the answers that we read look like since   \
                              */
#define VERSION_MAX_MINOR 47 /* 1.47, of 2024: what was looked at */
#define FILTERS                                                                                \
    "%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D" /* type: container, network */

struct docker {
    uint32_t magic;
    uv_loop_t *loop;
    struct fetch_pool *pool;
    const struct config_docker *config;
    struct docker_host host;
    uv_timer_t timer; /* the next try or the next look */
    bool is_connected;
    bool was_connected; /* ever */
    bool is_look_due;   /* while one is under way */
    uint64_t pause_ms;
    unsigned minor;     /* of the version: 1.minor; 0 = not known */
    struct fetch *call; /* ping, our own container, list: one after the other */
    struct fetch *events;
    struct buf line; /* of the events */
    bool is_line_too_long;
    char own_id[DOCKER_ID_LEN + 1]; /* "" = we run in no container */
    bool has_own;
    struct docker_detail own;
    char problem[ERROR_TEXT_MAX]; /* as told last; "" = none */
    struct docker_list list;      /* as read last; large, hence here */
    void (*on_closed)(void *data);
    void *closed_data;
};

static void fail(struct docker *d, const char *format, ...) PRINTF_LIKE(2, 3);
static void on_timer(uv_timer_t *timer);
static void look(struct docker *d);

static void cancel(struct fetch **f)
{
    if (*f != NULL)
        fetch_cancel(*f);
    *f = NULL;
}

static void arm(struct docker *d, uint64_t pause_ms)
{
    (void)uv_timer_start(&d->timer, on_timer, pause_ms, 0);
}

/* Says it unless it was the last thing said. */
static void tell(struct docker *d, const char *problem, uint64_t pause_ms)
{
    if (strcmp(d->problem, problem) == 0)
        return;
    (void)snprintf(d->problem, sizeof d->problem, "%s", problem);
    log_warn("Docker: %s; trying again from %.1f s on, nodes known so far stay socket=%s",
             problem, (double)pause_ms / 1000, d->config->socket);
}

static void fail(struct docker *d, const char *format, ...)
{
    char problem[ERROR_TEXT_MAX];
    bool was_connected = d->is_connected;
    va_list args;

    va_start(args, format);
    (void)vsnprintf(problem, sizeof problem, format, args);
    va_end(args);
    cancel(&d->call);
    cancel(&d->events);
    d->is_connected = false;
    tell(d, problem, d->pause_ms);
    arm(d, d->pause_ms);
    d->pause_ms = d->pause_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : d->pause_ms * 2;
    if (was_connected)
        d->host.on_lost(d->host.data);
}

/* ---------------------------------------------------------------- calls */

int docker_start(struct docker *d, const struct docker_call *call, struct fetch **ret_fetch)
{
    bool is_local = d->config->socket[0] == '/';
    struct buf url;

    if (d->minor == 0 && strcmp(call->path, "/_ping") != 0)
        return -ENOTCONN;
    buf_init(&url, 0);
    int r = buf_printf(&url, "%s", is_local ? "http://docker" : d->config->socket);
    if (r == 0 && d->minor != 0)
        r = buf_printf(&url, "/v1.%u", d->minor);
    if (r == 0)
        r = buf_printf(&url, "%s", call->path);
    if (r == 0)
        r = buf_append(&url, "", 1);
    const struct fetch_request request = {
        .url = url.data,
        .unix_path = is_local ? d->config->socket : NULL,
        .timeout_ms = call->is_stream ? 0 : CALL_TIMEOUT_MS,
        .header = "Api-Version",
        .body_bytes_max = call->body_bytes_max,
        .is_post = call->is_post,
        .on_head = call->is_stream ? call->on_head : NULL,
        .on_piece = call->is_stream ? call->on_piece : NULL,
    };
    if (r == 0)
        r = fetch_start(d->pool, &request, call->done, call->data, ret_fetch);
    buf_done(&url);
    return r;
}

static void start(struct docker *d, const struct docker_call *call, struct fetch **ret_fetch)
{
    if (docker_start(d, call, ret_fetch) < 0)
        fail(d, "out of memory");
}

/* Why a socket could not be reached, with advice. */
static void fail_connect(struct docker *d, const char *error_text)
{
    const char *path = d->config->socket;
    struct stat info;

    if (path[0] != '/')
        fail(d, "cannot be reached: %s", error_text);
    else if (stat(path, &info) < 0)
        fail(d, "no socket there (%s): is Docker installed and running, or the socket mounted?",
             strerror(errno));
    else if (access(path, R_OK | W_OK) < 0)
        fail(d,
             "no permission for its socket, which belongs to group %u: add this user to that "
             "group (usermod -aG), or group_add: [\"%u\"] in a compose file",
             (unsigned)info.st_gid, (unsigned)info.st_gid);
    else
        fail(d, "does not answer: %s", error_text);
}

/* True when the answer is a good one; else all has begun anew. */
static bool check(struct docker *d, const struct fetch_result *result, const char *what)
{
    char text[REASON_MAX];

    if (result->error == -ECONNREFUSED) {
        fail_connect(d, result->error_text);
    } else if (result->error == -EMSGSIZE) {
        fail(d, "%s is longer than %u MiB: are there so many containers with label %s?", what,
             LIST_BYTES_MAX >> 20, d->config->label);
    } else if (result->error < 0) {
        fail(d, "%s failed: %s", what, result->error_text);
    } else if (result->status < 200 || result->status > 299) {
        if (!docker_list_message(result->body, text, sizeof text))
            (void)printable_copy(result->body, text, sizeof text);
        fail(d, "%s was refused with status %d: %s%s", what, result->status, text,
             result->status == 403 ? " (does the socket proxy allow it?)" : "");
    } else {
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- the list */

static void on_list(void *data, const struct fetch_result *result)
{
    struct docker *d = data;

    d->call = NULL;
    if (!check(d, result, "the list of containers"))
        return;
    int r = docker_list_parse(result->body, d->config->label, &d->list);
    if (r < 0) {
        fail(d, "the list of containers is not what an engine answers%s",
             r == -ENOMEM ? " (out of memory)" : "");
        return;
    }
    if (!d->is_connected)
        log_info("Docker: %s api=1.%u label=%s containers=%u socket=%s",
                 d->was_connected ? "answers again" : "answers", d->minor, d->config->label,
                 d->list.count, d->config->socket);
    d->is_connected = true;
    d->was_connected = true;
    d->pause_ms = RETRY_MS;
    d->problem[0] = '\0';
    arm(d, d->is_look_due ? LOOK_MS : d->config->poll_interval_ms);
    d->is_look_due = false;
    d->host.on_list(d->host.data, &d->list);
}

/* Characters that a query may not have are written as %XX (RFC 3986 section 2.1). */
static int append_escaped(struct buf *out, const char *text)
{
    int r = 0;

    for (const unsigned char *at = (const unsigned char *)text; *at != '\0' && r == 0; at++) {
        bool is_plain = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
                        (*at >= 'A' && *at <= 'Z') || strchr("-._~", *at) != NULL;
        r = buf_printf(out, is_plain ? "%c" : "%%%02X", *at);
    }
    return r;
}

static void look(struct docker *d)
{
    struct buf path;

    d->is_look_due = d->call != NULL;
    if (d->call != NULL || d->events == NULL)
        return;
    buf_init(&path, 0);
    /* {"label":["..."]}; a quote or backslash in a label is nothing that JSON could keep. */
    int r = buf_printf(&path, "/containers/json?all=1&filters=%%7B%%22label%%22%%3A%%5B%%22");
    if (r == 0)
        r = append_escaped(&path, d->config->label);
    if (r == 0)
        r = buf_printf(&path, "%%22%%5D%%7D");
    if (r == 0)
        r = buf_append(&path, "", 1);
    const struct docker_call call = {
        .path = path.data, .body_bytes_max = LIST_BYTES_MAX, .done = on_list, .data = d};
    if (r < 0)
        fail(d, "out of memory");
    else
        start(d, &call, &d->call);
    buf_done(&path);
}

void docker_look(struct docker *d)
{
    if (d->call != NULL)
        d->is_look_due = true;
    else if (d->events != NULL)
        arm(d, LOOK_MS);
}

/* ---------------------------------------------------------------- the events */

static void end_line(struct docker *d)
{
    struct slice line = slice_trim(buf_slice(&d->line));

    if (d->is_line_too_long || (line.len > 0 && docker_list_concerns(line, d->config->label)))
        docker_look(d);
    d->is_line_too_long = false;
    buf_clear(&d->line);
}

static void on_event_bytes(void *data, struct slice piece)
{
    struct docker *d = data;

    while (piece.len > 0) {
        size_t len = slice_find_byte(piece, '\n');
        bool is_end = len != SIZE_MAX;
        len = is_end ? len : piece.len;
        if (buf_append(&d->line, piece.at, len) < 0)
            d->is_line_too_long = true;
        if (is_end)
            end_line(d);
        piece = slice_skip(piece, is_end ? len + 1 : len);
    }
}

static void on_events_begun(void *data)
{
    look(data);
}

static void on_events_ended(void *data, const struct fetch_result *result)
{
    struct docker *d = data;

    d->events = NULL;
    buf_clear(&d->line);
    d->is_line_too_long = false;
    /* A daemon that stops leaves out the last chunk. */
    bool has_begun = result->status >= 200 && result->status < 300;
    if (has_begun && (result->error == 0 || result->error == -EIO))
        fail(d, "its events have ended: the daemon stops, or a proxy cut them off");
    else if (check(d, result, "following its events"))
        fail(d, "its events have ended before they began");
}

static void follow_events(struct docker *d)
{
    const struct docker_call call = {
        .path = "/events?filters=" FILTERS,
        .is_stream = true,
        .body_bytes_max = EVENT_BYTES_MAX * 16,
        .on_head = on_events_begun,
        .on_piece = on_event_bytes,
        .done = on_events_ended,
        .data = d,
    };
    start(d, &call, &d->events);
}

/* ---------------------------------------------------------------- the beginning */

/* Our own networks help to choose an address; without them there is less to go by. */
static void on_own(void *data, const struct fetch_result *result)
{
    struct docker *d = data;

    d->call = NULL;
    if (result->error == 0 && result->status == 200)
        d->has_own = docker_list_detail(result->body, &d->own) == 0;
    follow_events(d);
}

static void ask_own(struct docker *d)
{
    char path[sizeof "/containers//json" + DOCKER_ID_LEN];
    const struct docker_call call = {.path = path, .done = on_own, .data = d};

    if (d->own_id[0] == '\0') {
        follow_events(d);
        return;
    }
    (void)snprintf(path, sizeof path, "/containers/%s/json", d->own_id);
    start(d, &call, &d->call);
}

/* "1.41" and what else has a major of 1; 0 when it is none. */
static unsigned read_version(const char *text)
{
    uint64_t minor;

    if (strncmp(text, "1.", 2) != 0 || !slice_to_u64(slice_of(text + 2), 9999, &minor))
        return 0;
    return (unsigned)minor;
}

static void on_ping(void *data, const struct fetch_result *result)
{
    struct docker *d = data;
    char version[FETCH_HEADER_MAX + 1];

    d->call = NULL;
    if (!check(d, result, "/_ping"))
        return;
    unsigned minor = read_version(result->header);
    (void)printable_copy(slice_of(result->header), version, sizeof version);
    if (minor < VERSION_MIN_MINOR) {
        fail(d,
             minor == 0 ? "says API version '%s': this is no Docker Engine that we know"
                        : "speaks API version %s, which is too old: 1.24 is needed "
                          "(Docker 1.12 of 2016)",
             version);
        return;
    }
    d->minor = minor > VERSION_MAX_MINOR ? VERSION_MAX_MINOR : minor;
    ask_own(d);
}

static void on_timer(uv_timer_t *timer)
{
    struct docker *d = timer->data;
    const struct docker_call call = {.path = "/_ping", .done = on_ping, .data = d};

    assert(d->magic == DOCKER_MAGIC);
    if (d->events != NULL) {
        look(d);
        return;
    }
    cancel(&d->call);
    d->minor = 0;
    start(d, &call, &d->call);
}

/* A file of the kernel's, read at once; in no container without it. */
static void find_own_id(struct docker *d)
{
    struct buf text;

    buf_init(&text, 0);
    if (file_text_read("/proc/self/mountinfo", FILE_TEXT_ANY, 1024 * 1024, &text) < 0 ||
        !docker_names_own_id(buf_slice(&text), d->own_id))
        d->own_id[0] = '\0';
    buf_done(&text);
}

int docker_open(uv_loop_t *loop, struct fetch_pool *pool, const struct config_docker *config,
                const struct docker_host *host, struct docker **ret_docker)
{
    struct docker *d = mem_alloc(1, sizeof *d);

    if (d == NULL)
        return -ENOMEM;
    d->magic = DOCKER_MAGIC;
    d->loop = loop;
    d->pool = pool;
    d->config = config;
    d->host = *host;
    d->pause_ms = RETRY_MS;
    buf_init(&d->line, EVENT_BYTES_MAX);
    find_own_id(d);
    (void)uv_timer_init(loop, &d->timer);
    d->timer.data = d;
    arm(d, 0);
    *ret_docker = d;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct docker *d = handle->data;

    d->on_closed(d->closed_data);
    buf_done(&d->line);
    d->magic = 0;
    mem_free(d);
}

void docker_close(struct docker *d, void (*on_closed)(void *data), void *data)
{
    assert(d->magic == DOCKER_MAGIC);
    d->on_closed = on_closed;
    d->closed_data = data;
    cancel(&d->call);
    cancel(&d->events);
    uv_close((uv_handle_t *)&d->timer, on_handle_closed);
}

void docker_reconfigure(struct docker *d, const struct config_docker *config)
{
    d->config = config;
}

const struct docker_detail *docker_ourselves(const struct docker *d)
{
    return d->has_own ? &d->own : NULL;
}
