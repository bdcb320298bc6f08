/* client_access - what /metrics and the access log want to know of a request.
 *
 * Figures are kept for every request, in place; texts only when there is an access log, for as
 * long as the request lasts. Times are the loop's, which cost nothing. What a peer sent passes
 * the log's filter here, text by text, so that the filter cannot take a line apart.
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

_Static_assert(ACCESS_NEVER == CLIENT_NEVER && TALLY_NEVER == CLIENT_NEVER, "one never");

struct client_access {
    char method[24]; /* "" = not known */
    bool is_stream;
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
    if (c->figures.is_begun)
        return;
    c->figures = (struct client_figures){
        .is_begun = true, .begun_ms = uv_now(c->proxy->loop), .first_ms = CLIENT_NEVER};
    if (c->proxy->access == NULL)
        return;
    c->access = mem_alloc(1, sizeof *c->access);
    if (c->access == NULL)
        access_lost(c->proxy->access);
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
    c->figures.status = (uint16_t)status;
    c->figures.first_ms = uv_now(c->proxy->loop);
}

void client_access_body(struct client *c, size_t bytes)
{
    c->figures.bytes = bytes;
}

void client_access_exchange(struct client *c)
{
    struct client_access *a = c->access;
    const struct exchange *x = c->exchange;

    if (x == NULL)
        return;
    c->figures.bytes = x->sent_bytes;
    c->figures.attempts = x->attempts;
    c->figures.node = x->node;
    c->figures.is_over = x->phase == EXCHANGE_STARTED && exchange_is_over(x);
    if (a == NULL)
        return;
    a->is_stream = x->scan.is_stream;
    a->model_len = take(slice_of(x->scan.model), a->model, sizeof a->model);
}

static uint64_t since(uint64_t begun_ms, uint64_t ms)
{
    return ms == CLIENT_NEVER ? CLIENT_NEVER : ms - begun_ms;
}

/* What the client would call it: the status of the answer, if there was one for it. */
static unsigned status_of(const struct client *c, enum client_access_end end)
{
    if (end == CLIENT_ACCESS_LEFT)
        return STATUS_LEFT;
    if (c->figures.status != 0)
        return c->figures.status;
    return c->proxy->is_draining ? STATUS_SHUTDOWN : STATUS_LEFT;
}

static void count(struct client *c, enum client_access_end end)
{
    static const enum tally_end ends[] = {
        [CLIENT_ACCESS_WHOLE] = TALLY_END_COMPLETE,
        [CLIENT_ACCESS_CUT] = TALLY_END_CUT,
        [CLIENT_ACCESS_LEFT] = TALLY_END_LEFT,
    };
    const struct client_figures *f = &c->figures;
    const struct tally_request request = {
        .node = f->attempts == 0 ? TALLY_NO_NODE : f->node,
        .endpoint = c->message == NULL ? ROUTE_ENDPOINT_OTHER : c->message->route.endpoint,
        .status = status_of(c, end),
        .end = ends[end],
        .first_ms = since(f->begun_ms, f->first_ms),
        .total_ms = uv_now(c->proxy->loop) - f->begun_ms,
        .bytes = f->bytes,
    };

    tally_request(&c->proxy->tally, &request);
}

static void put_line(struct client *c, enum client_access_end end)
{
    const struct client_figures *f = &c->figures;
    struct client_access *a = c->access;
    struct proxy *p = c->proxy;
    const char *known = c->message == NULL ? "" : c->message->request_id;
    char id[REQUEST_ID_MAX];
    char peer[PEER_TEXT_MAX];

    peer_print(&c->peer, peer);
    struct access_line line = {
        .wall_ms = proxy_wall_ms(),
        .client = slice_of(peer),
        .method = slice_of(a->method),
        .path = {a->path, a->path_len},
        .status = status_of(c, end),
        .bytes = f->bytes,
        .node = f->attempts == 0 ? slice_of(NULL) : slice_of(p->nodes[f->node].name),
        .attempts = f->attempts,
        .first_ms = since(f->begun_ms, f->first_ms),
        .total_ms = since(f->begun_ms, uv_now(p->loop)),
        .model = {a->model, a->model_len},
        .is_stream = a->is_stream,
        .is_complete = end == CLIENT_ACCESS_WHOLE,
        .request_id = {id, take(slice_of(known), id, sizeof id)},
    };
    access_put(p->access, &line);
}

void client_access_end(struct client *c, enum client_access_end end)
{
    if (!c->figures.is_begun)
        return;
    client_access_exchange(c);
    /* Clients hang up when they have seen the end mark: they have got all they wanted. */
    if (c->figures.is_over && end == CLIENT_ACCESS_LEFT)
        end = CLIENT_ACCESS_WHOLE;
    count(c, end);
    if (c->access != NULL)
        put_line(c, end);
    mem_free(c->access);
    c->access = NULL;
    c->figures.is_begun = false;
}
