/* upstream_talk - the bytes between us and a node: request out, answer in.
 *
 * The request is written as far as the socket takes it, the rest through the loop. The answer
 * is read as a request is (core/strict.c, head.c, core/framing.c, core/chunked.c) and handed to
 * the exchange run by run; of an orphan it is read and dropped. Whatever cannot be the answer
 * to our request (bytes on an idle connection, bytes after its end) makes the connection
 * useless.
 *
 * SPDX-License-Identifier: MIT
 */
#include "upstream_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "evidence.h"
#include "head.h"
#include "log.h"

/* ---------------------------------------------------------------- answer */

static void fail_as_garbage(struct upstream *u, const char *why)
{
    log_warn("node %s: its answer is not HTTP: %s node=%s", u->node->name, why, u->node->name);
    evidence_note(u->node, "its answer is not HTTP (%s)", why);
    upstream_fail(u, OUTCOME_GARBAGE);
}

static void expect_head(struct upstream *u)
{
    strict_init(&u->strict, true, UPSTREAM_HEAD_BYTES_MAX);
}

/* NULL, or what is wrong with the final head. */
static const char *take_final_head(struct upstream *u, const struct head *h)
{
    struct framing framing = framing_of_answer(h->fields.at, h->fields.count, h->minor,
                                               h->status, u->is_bypass_head);

    if (framing.refusal_status != 0)
        return framing.refusal;
    u->is_final_head = true;
    u->is_persistent = framing.is_persistent;
    u->framing = framing.body;
    u->body_left = framing.content_length;
    u->status = h->status;
    if (u->framing == FRAMING_CHUNKED)
        chunked_init(&u->chunked, UPSTREAM_HEAD_BYTES_MAX, UPSTREAM_HEAD_FIELDS_MAX);
    if (u->exchange != NULL)
        exchange_on_head(u->exchange, h->status, &h->fields);
    return NULL;
}

/* NULL, or what is wrong with the head. */
static const char *take_head(struct upstream *u, struct slice bytes)
{
    const char *wrong = NULL;
    struct head h;

    int r = head_answer(&h, bytes);
    if (r < 0)
        wrong = r == -EBADMSG ? h.reason : r == -E2BIG ? "too many fields" : "no memory for it";
    else if (h.status == 101)
        wrong = "it changes to another protocol";
    else if (h.status >= 200) /* else an interim answer (RFC 9110 section 15.2) */
        wrong = take_final_head(u, &h);
    head_done(&h);
    return wrong;
}

/* Heads until the final one. False when the answer ends here, or goes on in the next turn. */
static bool read_heads(struct upstream *u, char *bytes, size_t len, struct slice *ret_body)
{
    while (!u->is_final_head) {
        enum strict_verdict verdict = strict_read(&u->strict, bytes, len);
        if (verdict == STRICT_MORE) {
            if (buf_append(&u->head, bytes, len) < 0)
                fail_as_garbage(u, "no memory for it");
            return false;
        }
        const char *wrong = verdict == STRICT_WHOLE
                                ? take_head(u, (struct slice){bytes, u->strict.end})
                                : strict_reason(verdict);
        if (wrong != NULL) {
            fail_as_garbage(u, wrong);
            return false;
        }
        bytes += u->strict.end;
        len -= u->strict.end;
        expect_head(u);
    }
    *ret_body = (struct slice){bytes, len};
    return true;
}

static void pass_body(struct upstream *u, struct slice data)
{
    if (u->exchange != NULL && data.len > 0)
        exchange_on_body(u->exchange, data);
}

/* NULL, or what is wrong with the chunks. */
static const char *read_chunks(struct upstream *u, struct slice *bytes)
{
    enum chunked_verdict verdict;
    struct slice data;

    while ((verdict = chunked_next(&u->chunked, bytes, &data)) == CHUNKED_DATA)
        pass_body(u, data);
    u->is_complete = verdict == CHUNKED_WHOLE;
    if (verdict == CHUNKED_BAD)
        return "its chunks are broken";
    return verdict == CHUNKED_TOO_MUCH ? "too much besides its chunks" : NULL;
}

/* NULL, or what is wrong with the body; `bytes` keeps what is behind it. */
static const char *read_body(struct upstream *u, struct slice *bytes)
{
    struct slice data = *bytes;

    switch (u->framing) {
    case FRAMING_CHUNKED:
        return read_chunks(u, bytes);
    case FRAMING_NO_BODY:
        u->is_complete = true;
        break;
    case FRAMING_LENGTH:
        if (data.len > u->body_left)
            data.len = (size_t)u->body_left;
        u->body_left -= data.len;
        u->is_complete = u->body_left == 0;
        pass_body(u, data);
        *bytes = slice_skip(*bytes, data.len);
        break;
    case FRAMING_UNTIL_CLOSE:
        pass_body(u, data);
        *bytes = slice_skip(*bytes, data.len);
        break;
    }
    return NULL;
}

static void read_answer(struct upstream *u, char *bytes, size_t len)
{
    struct slice rest = {bytes, len};

    if (!u->is_final_head && !read_heads(u, bytes, len, &rest))
        return;
    const char *wrong = read_body(u, &rest);
    if (wrong != NULL) {
        fail_as_garbage(u, wrong);
    } else if (u->is_complete) {
        u->has_surplus = rest.len > 0;
        upstream_complete(u);
    } else if (u->exchange != NULL) {
        exchange_on_turn(u->exchange);
    }
}

static void take_bytes(struct upstream *u, char *bytes, size_t len)
{
    u->active_ms = uv_now(u->proxy->loop);
    u->has_answer_byte = true;
    if (u->state != UPSTREAM_TALKING) {
        upstream_broken(u); /* bytes that nobody asked for */
        return;
    }
    if (u->head.len == 0) {
        read_answer(u, bytes, len);
        return;
    }
    struct buf kept = u->head; /* a head in pieces is read as one */
    buf_init(&u->head, 0);
    if (buf_append(&kept, bytes, len) < 0)
        fail_as_garbage(u, "no memory for it");
    else
        read_answer(u, kept.data, kept.len);
    buf_done(&kept);
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
    if (n == UV_EOF && u->is_final_head && u->framing == FRAMING_UNTIL_CLOSE)
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
    body_unref(u->body);
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
                       x->body == NULL ? (size_t)0 : x->body->len);
    if (r == 0)
        r = buf_append_slice(head, SLICE("\r\n"));
    return r;
}

/* Writes what the socket takes now, and the rest through the loop. */
static void write_request(struct upstream *u)
{
    uv_buf_t bufs[2] = {{.base = u->request_head.data, .len = u->request_head.len}};
    unsigned count = 1;

    if (u->body != NULL && u->body->len > 0)
        bufs[count++] = (uv_buf_t){.base = u->body->data, .len = u->body->len};
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
    u->is_persistent = false;
    u->has_surplus = false;
    u->status = 0;
    expect_head(u);
    upstream_set_timer(u, upstream_patience(u));
    upstream_read(u);
    write_request(u);
}
