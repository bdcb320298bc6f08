/* upstream_talk - the bytes between us and a node: request out, answer in.
 *
 * The request is written as far as the socket takes it, the rest through the loop. The answer
 * is parsed with llhttp and handed to the exchange piece by piece; of an orphan it is parsed
 * and dropped. Whatever cannot be the answer to our request (bytes on an idle connection, bytes
 * after its end) makes the connection useless.
 *
 * SPDX-License-Identifier: MIT
 */
#include "upstream_internal.h"

#include <assert.h>
#include <string.h>

#include "evidence.h"
#include "log.h"

/* ---------------------------------------------------------------- answer */

static int on_field_name(llhttp_t *parser, const char *at, size_t len)
{
    struct upstream *u = parser->data;

    return fields_name(u->fields, (struct slice){at, len}) < 0 ? -1 : 0;
}

static int on_field_value(llhttp_t *parser, const char *at, size_t len)
{
    struct upstream *u = parser->data;

    return fields_value(u->fields, (struct slice){at, len}) < 0 ? -1 : 0;
}

static int on_head(llhttp_t *parser)
{
    struct upstream *u = parser->data;

    if (parser->status_code < 200) {
        fields_clear(u->fields); /* an interim answer (RFC 9110 section 15.2) */
        return parser->status_code == 101 ? -1 : 0;
    }
    fields_finish(u->fields);
    u->is_final_head = true;
    if (u->exchange != NULL)
        exchange_on_head(u->exchange, parser->status_code, u->fields);
    return u->is_bypass_head ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct upstream *u = parser->data;

    if (u->exchange != NULL)
        exchange_on_body(u->exchange, (struct slice){at, len});
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct upstream *u = parser->data;

    if (parser->status_code < 200)
        return 0;
    u->is_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

static void take_bytes(struct upstream *u, const char *bytes, size_t len)
{
    u->active_ms = uv_now(u->proxy->loop);
    u->has_answer_byte = true;
    if (u->state != UPSTREAM_TALKING) {
        upstream_broken(u); /* bytes that nobody asked for */
        return;
    }
    llhttp_errno_t error = llhttp_execute(&u->parser, bytes, len);
    if (u->is_complete) {
        u->has_surplus = llhttp_get_error_pos(&u->parser) != bytes + len;
        upstream_complete(u);
    } else if (error != HPE_OK) {
        log_warn("node %s: its answer is not HTTP: %s node=%s", u->node->name,
                 llhttp_errno_name(error), u->node->name);
        evidence_note(u->node, "its answer is not HTTP (%s)", llhttp_errno_name(error));
        upstream_fail(u, OUTCOME_GARBAGE);
    } else if (u->exchange != NULL) {
        exchange_on_turn(u->exchange);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct upstream *u = handle->data;

    (void)suggested;
    *ret_buf = uv_buf_init(u->proxy->read_buffer, READ_BUFFER_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct upstream *u = stream->data;

    assert(u->magic == UPSTREAM_MAGIC);
    if (u->state == UPSTREAM_CLOSING || n == 0)
        return;
    if (n > 0) {
        take_bytes(u, b->base, (size_t)n);
        return;
    }
    if (u->state == UPSTREAM_IDLE) {
        upstream_close(u);
        return;
    }
    /* An answer without a length ends with the connection (RFC 9112 section 6.3 rule 8). */
    if (n == UV_EOF && u->is_final_head)
        (void)llhttp_finish(&u->parser); /* tells on_complete() */
    if (u->is_complete)
        upstream_complete(u);
    else
        upstream_broken(u);
}

void upstream_read(struct upstream *u)
{
    if (!u->is_reading && uv_read_start((uv_stream_t *)&u->tcp, on_alloc, on_read) == 0)
        u->is_reading = true;
}

void upstream_pause(struct upstream *u)
{
    if (u->is_reading && u->state == UPSTREAM_TALKING) {
        (void)uv_read_stop((uv_stream_t *)&u->tcp);
        u->is_reading = false;
    }
}

void upstream_resume(struct upstream *u)
{
    u->active_ms = uv_now(u->proxy->loop);
    if (u->state == UPSTREAM_TALKING)
        upstream_read(u);
}

/* ---------------------------------------------------------------- request */

static void sent(struct upstream *u)
{
    u->is_sent = true;
    buf_done(&u->request_head);
    exchange_unref_body(u->body);
    u->body = NULL;
}

static void on_written(uv_write_t *request, int status)
{
    struct upstream *u = request->data;

    /* A node that answers early and hangs up: what it said is still to be read, and the read
     * side hears of the end. */
    if (status == 0 && u->state != UPSTREAM_CLOSING)
        sent(u);
}

int upstream_prepare(struct upstream *u, const struct exchange *x)
{
    struct buf *head = &u->request_head;

    buf_clear(head);
    int r = buf_printf(head, "%s ", x->method);
    if (r == 0)
        r = buf_append_slice(head, buf_slice(&x->target));
    if (r == 0)
        r = buf_printf(head, " HTTP/1.1\r\nHost: %s\r\n", u->node->authority);
    if (r == 0)
        r = buf_append_slice(head, buf_slice(&x->fields));
    if (r == 0 && u->node->token != NULL)
        r = buf_printf(head, "Authorization: Bearer %s\r\n", u->node->token);
    if (r == 0 && (x->body != NULL || strcmp(x->method, "POST") == 0))
        r = buf_printf(head, "Content-Length: %zu\r\n",
                       x->body == NULL ? (size_t)0 : x->body->bytes.len);
    if (r == 0)
        r = buf_append_slice(head, SLICE("\r\n"));
    return r;
}

/* Writes what the socket takes now, and the rest through the loop. */
static void write_request(struct upstream *u)
{
    uv_buf_t bufs[2] = {{.base = u->request_head.data, .len = u->request_head.len}};
    unsigned count = 1;

    if (u->body != NULL && u->body->bytes.len > 0)
        bufs[count++] = (uv_buf_t){.base = u->body->bytes.data, .len = u->body->bytes.len};
    int n = uv_try_write((uv_stream_t *)&u->tcp, bufs, count);
    size_t done = n > 0 ? (size_t)n : 0;
    while (count > 0 && done >= bufs[0].len) {
        done -= bufs[0].len;
        bufs[0] = bufs[1];
        count--;
    }
    if (count == 0) {
        sent(u);
        return;
    }
    bufs[0].base += done;
    bufs[0].len -= done;
    /* On failure the read side hears of it. */
    (void)uv_write(&u->write, (uv_stream_t *)&u->tcp, bufs, count, on_written);
}

void upstream_talk(struct upstream *u)
{
    u->state = UPSTREAM_TALKING;
    u->active_ms = uv_now(u->proxy->loop);
    u->has_answer_byte = false;
    u->is_final_head = false;
    u->is_complete = false;
    u->is_sent = false;
    llhttp_init(&u->parser, HTTP_RESPONSE, &settings);
    u->parser.data = u;
    upstream_set_timer(u, upstream_patience(u));
    upstream_read(u);
    write_request(u);
}
