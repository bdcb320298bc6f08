/* answer - the error bodies that the gateway itself says, in the endpoint's dialect.
 *
 * SPDX-License-Identifier: MIT
 */
#include "answer.h"

#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

struct status_row {
    unsigned status;
    const char *phrase;
    const char *openai;    /* error.type */
    const char *anthropic; /* error.type of its API */
};

static const struct status_row rows[] = {
    {100, "Continue", "", ""},
    {200, "OK", "", ""},
    {204, "No Content", "", ""},
    {304, "Not Modified", "", ""},
    {400, "Bad Request", "invalid_request_error", "invalid_request_error"},
    {401, "Unauthorized", "authentication_error", "authentication_error"},
    {402, "Payment Required", "insufficient_quota", "billing_error"},
    {403, "Forbidden", "permission_error", "permission_error"},
    {404, "Not Found", "invalid_request_error", "not_found_error"},
    {405, "Method Not Allowed", "invalid_request_error", "invalid_request_error"},
    {408, "Request Timeout", "invalid_request_error", "invalid_request_error"},
    {413, "Content Too Large", "invalid_request_error", "request_too_large"},
    {414, "URI Too Long", "invalid_request_error", "invalid_request_error"},
    {417, "Expectation Failed", "invalid_request_error", "invalid_request_error"},
    {421, "Misdirected Request", "invalid_request_error", "invalid_request_error"},
    {422, "Unprocessable Content", "invalid_request_error", "invalid_request_error"},
    {429, "Too Many Requests", "rate_limit_error", "rate_limit_error"},
    {431, "Request Header Fields Too Large", "invalid_request_error", "invalid_request_error"},
    {500, "Internal Server Error", "server_error", "api_error"},
    {501, "Not Implemented", "invalid_request_error", "invalid_request_error"},
    {502, "Bad Gateway", "upstream_error", "api_error"},
    {503, "Service Unavailable", "service_unavailable", "overloaded_error"},
    {504, "Gateway Timeout", "upstream_error", "api_error"},
};
static const struct status_row unknown = {0, "Unknown", "server_error", "api_error"};

static const struct status_row *find(unsigned status)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].status == status)
            return &rows[i];
    }
    return &unknown;
}

const char *answer_phrase(unsigned status)
{
    return find(status)->phrase;
}

/* Takes ownership of `root`, which may be NULL (then packing failed for want of memory). */
static int append_json(struct buf *out, json_t *root)
{
    int r = -ENOMEM;
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);

    if (text != NULL)
        r = buf_append_slice(out, slice_of(text));
    free(text);
    json_decref(root);
    return r;
}

int answer_error(struct buf *out, enum route_dialect dialect, unsigned status,
                 const char *message, const char *details)
{
    const struct status_row *row = find(status);

    if (dialect == ROUTE_ANTHROPIC)
        return append_json(out, json_pack("{s:s, s:{s:s, s:s}}", "type", "error", "error",
                                          "type", row->anthropic, "message", message));
    return append_json(out, json_pack("{s:{s:s, s:s, s:s*, s:n}}", "error", "message", message,
                                      "type", row->openai, "details", details, "code"));
}

int answer_error_event(struct buf *out, enum sse_dialect dialect, const char *message)
{
    static const char *const starts[] = {
        [SSE_CHAT] = "data: ",
        [SSE_MESSAGES] = "event: error\ndata: ",
        [SSE_RESPONSES] = "event: error\ndata: ",
        [SSE_OTHER] = "event: error\ndata: ",
    };
    json_t *root = NULL;

    /* A cut event may hang in the air: an empty line first ends it. */
    int r = buf_append_slice(out, SLICE("\n\n"));
    if (r == 0)
        r = buf_append_slice(out, slice_of(starts[dialect]));
    if (r < 0)
        return r;
    switch (dialect) {
    case SSE_CHAT:
        root = json_pack("{s:{s:s, s:s, s:s}}", "error", "message", message, "type",
                         "upstream_error", "code", "stream_broken");
        break;
    case SSE_MESSAGES:
        root = json_pack("{s:s, s:{s:s, s:s}}", "type", "error", "error", "type", "api_error",
                         "message", message);
        break;
    case SSE_RESPONSES:
    case SSE_OTHER:
        root = json_pack("{s:s, s:s, s:s}", "type", "error", "code", "stream_broken", "message",
                         message);
        break;
    }
    r = append_json(out, root);
    return r == 0 ? buf_append_slice(out, SLICE("\n\n")) : r;
}
