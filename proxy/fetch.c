/* fetch - one bounded control-plane HTTP call, then a callback.
 *
 * libcurl's multi interface on libuv: curl asks for sockets to be watched and for one timer;
 * both call curl_multi_socket_action, and afterwards finished transfers are collected and their
 * callbacks made. Curl's own callbacks only copy and flag. What a callback may do: start or
 * cancel other fetches. Answers that are streamed are collected in the same way: their bytes
 * wait in `body` until curl has returned.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fetch.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include <curl/curl.h>

#include "bounds.h"
#include "buf.h"
#include "list.h"
#include "mem.h"

struct fetch_pool {
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    struct list fetches;
    unsigned handles; /* open uv handles; the pool is freed when the last one has closed */
    void (*on_closed)(void *data);
    void *closed_data;
    bool is_closing;
};

/* One socket that curl wants watched. */
struct watch {
    uv_poll_t poll;
    struct fetch_pool *pool;
    curl_socket_t socket;
};

struct fetch {
    struct list link;
    struct fetch_pool *pool;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    fetch_done done;
    void *data;
    bool is_too_long;
    char error_text[CURL_ERROR_SIZE];
    void (*on_head)(void *data);
    void (*on_piece)(void *data, struct slice piece);
    bool has_head; /* a final one with a status that is streamed */
    bool is_head_told;
    const char *wanted; /* a constant of the caller, or NULL */
    char header[FETCH_HEADER_MAX + 1];
};

static void free_fetch(struct fetch *f)
{
    list_remove(&f->link);
    if (f->easy != NULL) {
        (void)curl_multi_remove_handle(f->pool->multi, f->easy);
        curl_easy_cleanup(f->easy);
    }
    curl_slist_free_all(f->headers);
    buf_done(&f->body);
    mem_free(f);
}

static int map_error(const struct fetch *f, CURLcode code)
{
    if (f->is_too_long)
        return -EMSGSIZE;
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return -ECONNREFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    default:
        return -EIO;
    }
}

/* The first streamed fetch that has something to tell. */
static struct fetch *find_news(struct fetch_pool *pool)
{
    LIST_FOREACH (it, &pool->fetches) {
        struct fetch *f = LIST_ENTRY(it, struct fetch, link);
        if (f->has_head && (!f->is_head_told || f->body.len > 0))
            return f;
    }
    return NULL;
}

/* Each callback may change the list, so that the search begins anew after it; what is told is
 * not told again, so that it ends. */
static void deliver(struct fetch_pool *pool)
{
    struct fetch *f;

    while (!pool->is_closing && (f = find_news(pool)) != NULL) {
        if (!f->is_head_told) {
            f->is_head_told = true;
            f->on_head(f->data);
            continue;
        }
        struct buf piece = f->body; /* outlives a cancelled fetch */
        buf_init(&f->body, piece.max);
        f->on_piece(f->data, buf_slice(&piece));
        buf_done(&piece);
    }
}

static void note_header(struct fetch *f)
{
    struct curl_header *header = NULL;

    if (f->wanted != NULL &&
        curl_easy_header(f->easy, f->wanted, 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        (void)snprintf(f->header, sizeof f->header, "%s", header->value);
}

static void collect_finished(struct fetch_pool *pool)
{
    CURLMsg *message;
    int left;

    deliver(pool);
    while (!pool->is_closing && (message = curl_multi_info_read(pool->multi, &left)) != NULL) {
        struct fetch *f = NULL;
        long status = 0;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &f);
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        note_header(f);
        struct fetch_result result = {
            .error = map_error(f, code),
            .status = (int)status,
            .body = buf_slice(&f->body),
            .header = f->header,
            .error_text = f->error_text[0] != '\0' ? f->error_text : curl_easy_strerror(code),
        };
        f->done(f->data, &result);
        free_fetch(f);
    }
}

static void on_timeout(uv_timer_t *timer)
{
    struct fetch_pool *pool = timer->data;
    int running;

    (void)curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect_finished(pool);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *data)
{
    struct fetch_pool *pool = data;

    (void)multi;
    if (pool->is_closing)
        return 0;
    if (timeout_ms < 0)
        (void)uv_timer_stop(&pool->timer);
    else
        (void)uv_timer_start(&pool->timer, on_timeout, (uint64_t)timeout_ms, 0);
    return 0;
}

static void on_socket_event(uv_poll_t *handle, int status, int events)
{
    struct watch *w = handle->data;
    struct fetch_pool *pool = w->pool;
    int action = 0;
    int running;

    if (status < 0 || (events & UV_READABLE) != 0)
        action |= CURL_CSELECT_IN;
    if (status < 0 || (events & UV_WRITABLE) != 0)
        action |= CURL_CSELECT_OUT;
    (void)curl_multi_socket_action(pool->multi, w->socket, action, &running);
    collect_finished(pool);
}

static void handle_closed(struct fetch_pool *pool)
{
    assert(pool->handles > 0);
    if (--pool->handles > 0)
        return;
    if (pool->on_closed != NULL)
        pool->on_closed(pool->closed_data);
    mem_free(pool);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;
    struct fetch_pool *pool = w->pool;

    mem_free(w);
    handle_closed(pool);
}

static struct watch *new_watch(struct fetch_pool *pool, curl_socket_t socket)
{
    struct watch *w = mem_alloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->pool = pool;
    w->socket = socket;
    if (uv_poll_init_socket(pool->loop, &w->poll, socket) < 0) {
        mem_free(w);
        return NULL;
    }
    w->poll.data = w;
    pool->handles++;
    return w;
}

static int on_curl_socket(CURL *easy, curl_socket_t socket, int what, void *data,
                          void *socket_data)
{
    struct fetch_pool *pool = data;
    struct watch *w = socket_data;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            (void)uv_poll_stop(&w->poll);
            uv_close((uv_handle_t *)&w->poll, on_watch_closed);
            (void)curl_multi_assign(pool->multi, socket, NULL);
        }
        return 0;
    }
    if (w == NULL) {
        w = new_watch(pool, socket);
        if (w == NULL)
            return -1; /* curl fails the transfer */
        (void)curl_multi_assign(pool->multi, socket, w);
    }
    if (what != CURL_POLL_OUT)
        events |= UV_READABLE;
    if (what != CURL_POLL_IN)
        events |= UV_WRITABLE;
    return uv_poll_start(&w->poll, events, on_socket_event) < 0 ? -1 : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct fetch *f = data;
    size_t len = size * count;

    if (buf_append(&f->body, bytes, len) < 0) {
        f->is_too_long = true;
        return 0;
    }
    return len;
}

/* Called for each line of a head. The empty one ends it; 1xx heads come before the real one. */
static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct fetch *f = data;
    size_t len = size * count;
    long status = 0;

    if (len > 2 || f->on_head == NULL)
        return len;
    (void)bytes;
    (void)curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    f->has_head = status >= 200 && status < 300;
    return len;
}

int fetch_pool_new(uv_loop_t *loop, struct fetch_pool **ret_pool)
{
    static bool is_curl_ready;

    if (!is_curl_ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;
    is_curl_ready = true;
    struct fetch_pool *pool = mem_alloc(1, sizeof *pool);
    if (pool == NULL)
        return -ENOMEM;
    pool->loop = loop;
    list_init(&pool->fetches);
    pool->multi = curl_multi_init();
    if (pool->multi == NULL) {
        mem_free(pool);
        return -ENOMEM;
    }
    (void)uv_timer_init(loop, &pool->timer);
    pool->timer.data = pool;
    pool->handles = 1;
    (void)curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
    *ret_pool = pool;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

void fetch_pool_close(struct fetch_pool *pool, void (*on_closed)(void *data), void *data)
{
    pool->is_closing = true;
    pool->on_closed = on_closed;
    pool->closed_data = data;
    LIST_FOREACH_SAFE (it, &pool->fetches)
        free_fetch(LIST_ENTRY(it, struct fetch, link));
    (void)curl_multi_cleanup(pool->multi); /* closes cached connections: on_curl_socket */
    pool->multi = NULL;
    uv_close((uv_handle_t *)&pool->timer, on_timer_closed);
}

static int set_bearer(struct fetch *f, const char *bearer)
{
    struct buf line;

    buf_init(&line, 0);
    int r = buf_printf(&line, "Authorization: Bearer %s", bearer);
    if (r == 0)
        r = buf_append(&line, "", 1);
    if (r == 0) {
        f->headers = curl_slist_append(NULL, line.data);
        r = f->headers == NULL ? -ENOMEM : 0;
    }
    buf_done(&line);
    return r;
}

static bool set_options(struct fetch *f, const struct fetch_request *request)
{
    CURL *e = f->easy;
    long timeout = (long)request->timeout_ms;
    long connect_timeout = timeout == 0 ? FETCH_CONNECT_MS : timeout;

    if (request->is_post && (curl_easy_setopt(e, CURLOPT_POST, 1L) != CURLE_OK ||
                             curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, 0L) != CURLE_OK ||
                             curl_easy_setopt(e, CURLOPT_POSTFIELDS, "") != CURLE_OK))
        return false;
    if (request->unix_path != NULL &&
        curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, request->unix_path) != CURLE_OK)
        return false;
    return curl_easy_setopt(e, CURLOPT_URL, request->url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, timeout) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, "copilot-cluster") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERDATA, f) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, f) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->error_text) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PRIVATE, f) == CURLE_OK;
}

int fetch_start(struct fetch_pool *pool, const struct fetch_request *request, fetch_done done,
                void *data, struct fetch **ret_fetch)
{
    struct fetch *f = mem_alloc(1, sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    f->pool = pool;
    f->done = done;
    f->data = data;
    list_init(&f->link);
    f->on_head = request->on_head;
    f->on_piece = request->on_piece;
    f->wanted = request->header;
    buf_init(&f->body,
             request->body_bytes_max == 0 ? FETCH_BODY_BYTES_MAX : request->body_bytes_max);
    f->easy = curl_easy_init();
    if (f->easy == NULL || (request->bearer != NULL && set_bearer(f, request->bearer) < 0))
        goto fail;
    if (!set_options(f, request) || curl_multi_add_handle(pool->multi, f->easy) != CURLM_OK)
        goto fail;
    list_push_back(&pool->fetches, &f->link);
    if (ret_fetch != NULL)
        *ret_fetch = f;
    return 0;
fail:
    if (f->easy != NULL)
        curl_easy_cleanup(f->easy);
    f->easy = NULL;
    free_fetch(f);
    return -ENOMEM;
}

void fetch_cancel(struct fetch *f)
{
    free_fetch(f);
}
