/* client_parse - reads requests with llhttp and decides who answers them.
 *
 * llhttp (strict) checks the syntax, core/framing where the body ends, core/route what is asked
 * for. A head or body that must not be read further is answered at once and the connection
 * closed; any other refusal waits for the end of the message, so that the connection stays
 * usable. The callbacks only collect and mark; what follows is done after llhttp has returned.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>

#include "admin.h"
#include "client_internal.h"
#include "exchange_text.h"
#include "log.h"
#include "proxy.h"

static const char own_body_too_long[] = "The request body is longer than 4096 bytes.";

/* Stops llhttp; the answer is given in client_parse(). */
static int refuse_now(struct client *c, unsigned status, const char *sentence)
{
    c->refusal_status = status;
    c->refusal = sentence;
    return -1;
}

static int on_begin(llhttp_t *parser)
{
    struct client *c = parser->data;

    c->phase = CLIENT_HEAD;
    c->refusal_status = 0;
    c->is_message_complete = false;
    c->is_head_request = false;
    c->route = (struct route){.kind = ROUTE_BAD_TARGET};
    c->minor = 1;
    buf_clear(&c->target);
    c->fields = fields_new(HEAD_BYTES_MAX);
    if (c->fields == NULL)
        return refuse_now(c, 503, "The gateway is out of memory.");
    client_set_timer(c, c->proxy->config->gateway.head_timeout_ms);
    return 0;
}

static int on_target(llhttp_t *parser, const char *at, size_t len)
{
    struct client *c = parser->data;

    int r = buf_append(&c->target, at, len);
    if (r == -EMSGSIZE)
        return refuse_now(c, 414, "The request target is longer than 8192 bytes.");
    return r < 0 ? refuse_now(c, 503, "The gateway is out of memory.") : 0;
}

static int after_field(struct client *c, int r)
{
    if (r == -EMSGSIZE)
        return refuse_now(c, 431, "The request's head is longer than 16 KiB.");
    if (r == -E2BIG)
        return refuse_now(c, 431, "The request has more than 100 header fields.");
    return r < 0 ? refuse_now(c, 503, "The gateway is out of memory.") : 0;
}

static int on_field_name(llhttp_t *parser, const char *at, size_t len)
{
    struct client *c = parser->data;

    return after_field(c, fields_name(c->fields, (struct slice){at, len}));
}

static int on_field_value(llhttp_t *parser, const char *at, size_t len)
{
    struct client *c = parser->data;

    return after_field(c, fields_value(c->fields, (struct slice){at, len}));
}

/* A request for a node: its exchange collects the body. */
static int begin_exchange(struct client *c, struct slice method)
{
    c->exchange = exchange_new(c, method, &c->route, c->fields, c->minor, c->request_id);
    if (c->exchange == NULL)
        return refuse_now(c, 503, "The gateway is out of memory.");
    return 0;
}

/* The body is wanted (RFC 9110 section 10.1.1). */
static int ask_for_body(struct client *c, const struct framing *framing)
{
    if (!framing->expects_continue || framing->body == FRAMING_NO_BODY)
        return 0;
    int r = buf_append_slice(client_out(c), SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    return r < 0 || !client_flush(c) ? refuse_now(c, 503, "The connection is gone.") : 0;
}

static void note_refusal(struct client *c, const struct framing *framing)
{
    switch (c->route.kind) {
    case ROUTE_BAD_TARGET:
        c->refusal_status = 400;
        c->refusal = "The path must be written plainly: no dot segments, double slashes, "
                     "backslashes or encoded ones.";
        break;
    case ROUTE_NOT_FOUND:
        c->refusal_status = 404;
        c->refusal = "There is nothing here. The API is under /v1/, the state under /health.";
        break;
    case ROUTE_BAD_METHOD:
        c->refusal_status = 405;
        c->refusal = "This method is not allowed here.";
        break;
    default:
        if (framing->wants_websocket) {
            c->refusal_status = 404;
            c->refusal = "This gateway does not speak WebSocket; use plain HTTP.";
        }
        break;
    }
}

static int on_headers_complete(llhttp_t *parser)
{
    struct client *c = parser->data;
    struct slice method = slice_of(llhttp_method_name((llhttp_method_t)parser->method));

    parser->upgrade = parser->method == HTTP_CONNECT; /* an offer that we do not take */
    c->minor = parser->http_minor;
    c->is_head_request = parser->method == HTTP_HEAD;
    if (parser->http_major != 1)
        return refuse_now(c, 400, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    fields_finish(c->fields);
    exchange_text_request_id(c->proxy, c->fields, c->request_id, sizeof c->request_id);
    struct framing framing = framing_of_request(c->fields->at, c->fields->count, c->minor);
    if (framing.refusal_status != 0)
        return refuse_now(c, framing.refusal_status, framing.refusal);
    c->is_persistent = framing.is_persistent && parser->method != HTTP_CONNECT;
    c->route = route_find(method, buf_slice(&c->target));
    if (framing.content_length > c->proxy->config->gateway.body_max_bytes)
        return refuse_now(c, 413, "The request body is longer than [gateway] body_max.");
    if (c->route.kind == ROUTE_RESET_ACTIVE && framing.content_length > ADMIN_BODY_BYTES_MAX)
        return refuse_now(c, 413, own_body_too_long);
    note_refusal(c, &framing);
    if (c->refusal_status != 0 && framing.expects_continue)
        return -1; /* answered before the body is sent (RFC 9110 section 10.1.1) */
    c->phase = CLIENT_BODY;
    client_set_timer(c, c->proxy->config->gateway.body_timeout_ms);
    if (c->refusal_status != 0)
        return 0;
    int r = c->route.kind == ROUTE_NODE ? begin_exchange(c, method) : 0;
    return r == 0 ? ask_for_body(c, &framing) : r;
}

/* Only one of our own endpoints has something to read; what others are sent is dropped. */
static int add_own_body(struct client *c, struct slice bytes)
{
    if (c->phase == CLIENT_CLOSING)
        return -1;
    if (c->route.kind != ROUTE_RESET_ACTIVE || c->refusal_status != 0)
        return 0;
    switch (buf_append_slice(&c->body, bytes)) {
    case 0:
        return 0;
    case -EMSGSIZE:
        return refuse_now(c, 413, own_body_too_long);
    default:
        return refuse_now(c, 503, "The gateway is out of memory.");
    }
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct client *c = parser->data;

    if (c->exchange == NULL)
        return add_own_body(c, (struct slice){at, len});
    switch (exchange_add_body(c->exchange, (struct slice){at, len})) {
    case 0:
        return 0;
    case -EMSGSIZE:
        return refuse_now(c, 413, "The request body is longer than [gateway] body_max.");
    case -ENOBUFS:
        return refuse_now(c, 503,
                          "Too many request bodies are held in memory already "
                          "([gateway] body_memory_max).");
    default:
        return refuse_now(c, 503, "The gateway is out of memory.");
    }
}

static int on_complete(llhttp_t *parser)
{
    struct client *c = parser->data;

    c->is_message_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_begin,
    .on_url = on_target,
    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

void client_parse_init(struct client *c)
{
    llhttp_init(&c->parser, HTTP_REQUEST, &settings);
    c->parser.data = c;
    buf_init(&c->target, TARGET_BYTES_MAX);
    buf_init(&c->body, ADMIN_BODY_BYTES_MAX);
}

/* The whole message is here: answer it, or hand it to the engine. */
static void answer(struct client *c)
{
    struct route route = c->route;

    c->phase = CLIENT_BUSY;
    client_rest_timer(c);
    fields_free(c->fields);
    c->fields = NULL;
    buf_done(&c->target);
    if (c->refusal_status == 405) {
        char allow[64];
        (void)snprintf(allow, sizeof allow, "Allow: %s\r\n", route.allow);
        client_answer(c, 405, "text/plain", allow, SLICE("This method is not allowed here.\n"));
    } else if (c->refusal_status != 0) {
        client_answer_error(c, route.dialect, c->refusal_status, c->refusal, NULL, 0);
    } else if (route.kind == ROUTE_NODE) {
        exchange_submit(c->exchange);
    } else {
        admin_answer(c, &route);
    }
    buf_done(&c->body);
}

/* The message must not be read further. */
static void answer_now(struct client *c)
{
    uint64_t retry_after_s = c->refusal_status == 503;

    fields_free(c->fields);
    c->fields = NULL;
    buf_done(&c->body);
    c->is_persistent = false;
    if (c->refusal_status == 0) {
        c->refusal_status = 400;
        c->refusal = "The request is not well-formed HTTP/1.1.";
        log_debug("a request is malformed: %s",
                  llhttp_errno_name(llhttp_get_errno(&c->parser)));
    }
    client_answer_error(c, c->route.dialect, c->refusal_status, c->refusal, NULL,
                        retry_after_s);
}

void client_parse(struct client *c, struct slice bytes)
{
    if (c->phase == CLIENT_IDLE) { /* what comes is the beginning of a message */
        c->fold = (struct framing_fold){0};
        c->request_id[0] = '\0';
    }
    if (c->phase != CLIENT_BODY && framing_finds_fold(&c->fold, bytes)) {
        c->refusal_status = 400;
        c->refusal = "A header field is folded over two lines (RFC 9112 section 5.2).";
        answer_now(c);
        return;
    }
    llhttp_errno_t error = llhttp_execute(&c->parser, bytes.at, bytes.len);

    if (c->phase == CLIENT_CLOSING)
        return;
    if (c->is_message_complete && (error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE)) {
        c->is_message_complete = false;
        size_t used = (size_t)(llhttp_get_error_pos(&c->parser) - bytes.at);
        if (error == HPE_PAUSED)
            llhttp_resume(&c->parser);
        else
            llhttp_resume_after_upgrade(&c->parser);
        if (used < bytes.len && buf_append_slice(&c->ahead, slice_skip(bytes, used)) < 0) {
            client_close(c);
            return;
        }
        answer(c);
        return;
    }
    if (error != HPE_OK) {
        answer_now(c);
        return;
    }
    if (c->phase == CLIENT_BODY)
        client_set_timer(c, c->proxy->config->gateway.body_timeout_ms);
}
