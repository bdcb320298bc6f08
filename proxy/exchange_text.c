/* exchange_text - the texts of an exchange: heads both ways, and the answer when none helps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "exchange_text.h"

#include <stdio.h>

#include "answer.h"
#include "driver.h"

/* Made anew on our side of the connection, or not the node's business. */
static const struct slice dropped_to_node[] = {
    {"host", 4},           {"content-length", 14}, {"expect", 6},  {"accept-encoding", 15},
    {"authorization", 13}, {"x-api-key", 9},       {"api-key", 7}, {"x-request-id", 12},
};
static const struct slice dropped_to_client[] = {{"content-length", 14}, {"x-request-id", 12}};

static bool is_listed(struct slice name, const struct slice *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(name, list[i]))
            return true;
    }
    return false;
}

static int append_fields(struct buf *out, const struct fields *fields,
                         const struct slice *dropped, size_t dropped_count)
{
    int r = 0;

    for (size_t i = 0; i < fields->count && r == 0; i++) {
        const struct framing_field *field = &fields->at[i];
        if (is_listed(field->name, dropped, dropped_count) ||
            framing_is_hop_by_hop(field->name, fields->at + fields->hop_at, fields->hop_count))
            continue;
        r = buf_append_slice(out, field->name);
        if (r == 0)
            r = buf_append_slice(out, SLICE(": "));
        if (r == 0)
            r = buf_append_slice(out, field->value);
        if (r == 0)
            r = buf_append_slice(out, SLICE("\r\n"));
    }
    return r;
}

/* Fit for a header field, a log line and a file name. */
static bool is_plain_id(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.at[i];
        bool is_alnum =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && c != '.' && c != '_' && c != ':' && c != '-')
            return false;
    }
    return id.len > 0 && id.len <= REQUEST_ID_MAX;
}

void exchange_text_request_id(struct proxy *p, const struct fields *fields, char *ret_id,
                              size_t size)
{
    struct slice id = fields_find(fields, SLICE("x-request-id"));

    if (is_plain_id(id))
        (void)snprintf(ret_id, size, "%.*s", (int)id.len, id.at);
    else
        (void)snprintf(ret_id, size, "%08x-%llx", (unsigned)p->boot_id,
                       (unsigned long long)++p->request_count);
}

int exchange_text_request_fields(struct buf *out, const struct fields *fields,
                                 const char *request_id)
{
    int r = append_fields(out, fields, dropped_to_node,
                          sizeof dropped_to_node / sizeof dropped_to_node[0]);

    if (r == 0)
        r = buf_printf(out, "X-Request-Id: %s\r\n", request_id);
    /* Streams must be readable to be judged (DESIGN D8). */
    return r < 0 ? r : buf_append_slice(out, SLICE("Accept-Encoding: identity\r\n"));
}

int exchange_text_answer_fields(struct buf *out, const struct fields *fields)
{
    return append_fields(out, fields, dropped_to_client,
                         sizeof dropped_to_client / sizeof dropped_to_client[0]);
}

int exchange_text_answer_head(struct buf *out, const struct exchange *x, bool is_chunked,
                              bool is_persistent)
{
    int r = buf_printf(out, "HTTP/1.1 %u %s\r\n", x->status, answer_phrase(x->status));

    if (r == 0)
        r = buf_append_slice(out, buf_slice(&x->answer_fields));
    if (r == 0)
        r = buf_printf(out, "X-Request-Id: %s\r\n", x->request_id);
    if (r == 0 && x->has_length && x->status != 204)
        r = buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)x->content_length);
    if (r == 0 && is_chunked)
        r = buf_append_slice(out, SLICE("Transfer-Encoding: chunked\r\n"));
    if (r == 0 && !is_persistent)
        r = buf_append_slice(out, SLICE("Connection: close\r\n"));
    else if (r == 0 && x->minor == 0)
        r = buf_append_slice(out, SLICE("Connection: keep-alive\r\n"));
    return r == 0 ? buf_append_slice(out, SLICE("\r\n")) : r;
}

static const char *sentence(const struct proxy *p, const struct failover_action *action)
{
    switch (action->reply) {
    case FAILOVER_REPLY_NO_NODE:
        return p->node_count == 0 ? "No Copilot node is configured."
                                  : "No Copilot node can serve this request now.";
    case FAILOVER_REPLY_EXHAUSTED:
        return "Every Copilot account refused: quota, rate limit or login.";
    case FAILOVER_REPLY_HANDOFF:
        return "The former Copilot account is still busy; the next one may not start yet.";
    case FAILOVER_REPLY_QUEUE_FULL:
        return "Too many requests wait already.";
    case FAILOVER_REPLY_UPSTREAM:
        return action->status == 504 ? "The Copilot node did not answer in time."
                                     : "The Copilot node broke the connection.";
    case FAILOVER_REPLY_COUNT:
        break;
    }
    return "";
}

void exchange_text_no_node(const struct proxy *p, const struct failover_action *action,
                           char *message, size_t message_size, struct buf *details)
{
    const struct failover *f = driver_engine(p->driver);
    int r = 0;

    for (uint16_t i = 0; i < p->node_count && r == 0; i++) {
        const struct proxy_node *n = &p->nodes[i];
        if (!n->is_used)
            continue;
        const char *why = failover_cause_sentence(f->nodes[i].cause);
        if (f->nodes[i].cause == FAILOVER_CAUSE_PROCESS && n->reason[0] != '\0')
            why = n->reason;
        r = buf_printf(details, "%s%s: %s (%s)", details->len > 0 ? "; " : "", n->name,
                       node_state_name(failover_node_state(f, i)), why);
    }
    /* Anthropic's error object has no place for details: they go into the message there. */
    (void)snprintf(message, message_size, "%s%s%.*s", sentence(p, action),
                   details->len > 0 ? " " : "", details->len > 700 ? 700 : (int)details->len,
                   details->len > 0 ? details->data : "");
    if (r < 0 || buf_append(details, "", 1) < 0)
        buf_clear(details);
}
