/* client_access - what the access log wants to know of a request, from its first byte on.
 *
 * The notes exist only while a request does, and only when there is an access log. Times are
 * the loop's, which cost nothing. What a peer sent passes the log's filter here, text by text,
 * so that the filter cannot take a line apart.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include "access.h"
#include "client_internal.h"
#include "log.h"
#include "mem.h"

#define STATUS_LEFT     499 /* nginx's number for a client that did not wait */
#define STATUS_SHUTDOWN 503

struct client_access {
    uint64_t begun_ms;
    uint64_t first_ms; /* of the answer; ACCESS_NEVER */
    uint64_t bytes;
    char method[24]; /* "" = not known */
    unsigned status; /* 0 = no answer yet */
    unsigned attempts;
    uint16_t node; /* of the last attempt */
    bool is_stream;
    bool is_over; /* a stream has said its last word */
    size_t path_len;
    size_t model_len;
    char path[ACCESS_PATH_MAX];
    char model[SCAN_MODEL_MAX];
};

static size_t take(struct slice text, char *out, size_t size)
{
    size_t len = text.len < size ? text.len : size;

    if (len > 0)
        memcpy(out, text.at, len);
    return log_filter(out, len);
}

void client_access_begin(struct client *c)
{
    if (c->proxy->access == NULL || c->access != NULL)
        return;
    c->access = mem_alloc(1, sizeof *c->access);
    if (c->access == NULL) {
        access_lost(c->proxy->access);
        return;
    }
    c->access->begun_ms = uv_now(c->proxy->loop);
    c->access->first_ms = ACCESS_NEVER;
}

void client_access_target(struct client *c, struct slice method)
{
    struct client_access *a = c->access;

    if (a == NULL)
        return;
    (void)snprintf(a->method, sizeof a->method, "%.*s", (int)method.len, method.at);
    a->path_len =
        take(access_line_path(buf_slice(&c->message->target)), a->path, sizeof a->path);
}

void client_access_head(struct client *c, unsigned status)
{
    struct client_access *a = c->access;

    if (a == NULL)
        return;
    a->status = status;
    a->first_ms = uv_now(c->proxy->loop);
}

void client_access_body(struct client *c, size_t bytes)
{
    if (c->access != NULL)
        c->access->bytes = bytes;
}

void client_access_exchange(struct client *c)
{
    struct client_access *a = c->access;
    const struct exchange *x = c->exchange;

    if (a == NULL || x == NULL)
        return;
    a->bytes = x->sent_bytes;
    a->attempts = x->attempts;
    a->node = x->node;
    a->is_stream = x->scan.is_stream;
    a->is_over = x->phase == EXCHANGE_STARTED && exchange_is_over(x);
    a->model_len = take(slice_of(x->scan.model), a->model, sizeof a->model);
}

static uint64_t since(uint64_t begun_ms, uint64_t ms)
{
    return ms == ACCESS_NEVER ? ACCESS_NEVER : ms - begun_ms;
}

/* What the client would call it: the status of the answer, if there was one for it. */
static unsigned status_of(const struct client *c, enum client_access_end end)
{
    const struct client_access *a = c->access;

    if (end == CLIENT_ACCESS_LEFT)
        return STATUS_LEFT;
    if (a->status != 0)
        return a->status;
    return c->proxy->is_draining ? STATUS_SHUTDOWN : STATUS_LEFT;
}

void client_access_end(struct client *c, enum client_access_end end)
{
    struct client_access *a = c->access;
    struct proxy *p = c->proxy;
    const char *known = c->message == NULL ? "" : c->message->request_id;
    char id[REQUEST_ID_MAX];
    char peer[PEER_TEXT_MAX];

    if (a == NULL)
        return;
    peer_print(&c->peer, peer);
    client_access_exchange(c);
    /* Clients hang up when they have seen the end mark: they have got all they wanted. */
    if (a->is_over && end == CLIENT_ACCESS_LEFT)
        end = CLIENT_ACCESS_WHOLE;
    struct access_line line = {
        .wall_ms = proxy_wall_ms(),
        .client = slice_of(peer),
        .method = slice_of(a->method),
        .path = {a->path, a->path_len},
        .status = status_of(c, end),
        .bytes = a->bytes,
        .node = a->attempts == 0 ? slice_of(NULL) : slice_of(p->nodes[a->node].name),
        .attempts = a->attempts,
        .first_ms = since(a->begun_ms, a->first_ms),
        .total_ms = since(a->begun_ms, uv_now(p->loop)),
        .model = {a->model, a->model_len},
        .is_stream = a->is_stream,
        .is_complete = end == CLIENT_ACCESS_WHOLE,
        .request_id = {id, take(slice_of(known), id, sizeof id)},
    };
    access_put(p->access, &line);
    mem_free(a);
    c->access = NULL;
}
