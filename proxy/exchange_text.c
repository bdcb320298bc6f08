/* exchange_text - the texts of an exchange: heads both ways, and the answer when none helps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "exchange_text.h"

#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "client.h"
#include "driver.h"

#define CHAIN_BYTES_MAX                                                                        \
    512 /* of X-Forwarded-For: some ten addresses; longer ones are dropped */

/* Made anew on our side of the connection, or not the node's business. */
static const struct slice dropped_to_node[] = {
    {"host", 4},
    {"content-length", 14},
    {"expect", 6},
    {"accept-encoding", 15},
    {"authorization", 13},
    {"cookie", 6}, /* of other services of this machine: browsers send it to each port */
    {"x-api-key", 9},
    {"api-key", 7},
    {"x-goog-api-key", 14},
    {"x-request-id", 12},
    {"x-forwarded-for", 15},
};
static const struct slice dropped_to_client[] = {{"content-length", 14}, {"x-request-id", 12}};
/* A node's own Access-Control-Allow-Origin: * would open us to every web page. */
static const struct slice dropped_prefix = {"access-control-", 15};

static bool is_listed(struct slice name, const struct slice *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(name, list[i]))
            return true;
    }
    return false;
}

static bool has_dropped_prefix(struct slice name)
{
    if (name.len > dropped_prefix.len)
        name.len = dropped_prefix.len;
    return slice_equal_nocase(name, dropped_prefix);
}

static int append_line(struct buf *out, struct slice name, struct slice value)
{
    int r = buf_reserve(out, name.len + value.len + 4);

    if (r == 0)
        r = buf_append_slice(out, name);
    if (r == 0)
        r = buf_append_slice(out, SLICE(": "));
    if (r == 0)
        r = buf_append_slice(out, value);
    return r == 0 ? buf_append_slice(out, SLICE("\r\n")) : r;
}

static int append_length(struct buf *out, uint64_t length)
{
    int r = buf_append_slice(out, SLICE("Content-Length: "));

    if (r == 0)
        r = buf_append_number(out, length, 10);
    return r == 0 ? buf_append_slice(out, SLICE("\r\n")) : r;
}

static int append_fields(struct buf *out, const struct fields *fields,
                         const struct slice *dropped, size_t dropped_count)
{
    int r = 0;

    for (size_t i = 0; i < fields->count && r == 0; i++) {
        const struct framing_field *field = &fields->at[i];
        if (is_listed(field->name, dropped, dropped_count) || has_dropped_prefix(field->name) ||
            framing_is_hop_by_hop(field->name, fields->at + fields->hop_at, fields->hop_count))
            continue;
        r = append_line(out, field->name, field->value);
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
    struct slice id = {0};
    size_t count = 0;

    for (size_t i = 0; fields != NULL && i < fields->count; i++) {
        if (slice_equal_nocase(fields->at[i].name, SLICE("x-request-id"))) {
            id = fields->at[i].value;
            count++;
        }
    }
    if (count == 1 && is_plain_id(id)) {
        memcpy(ret_id, id.at, id.len);
        ret_id[id.len] = '\0';
    } else {
        (void)snprintf(ret_id, size, "%08x-%llx", (unsigned)p->boot_id,
                       (unsigned long long)++p->request_count);
    }
}

/* Addresses with or without a port, "unknown", names such as _hidden, between commas. */
static bool is_plain_chain(struct slice chain)
{
    for (size_t i = 0; i < chain.len; i++) {
        char c = chain.at[i];
        bool is_alnum =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && (c == '\0' || strchr(".:,[]_- ", c) == NULL))
            return false;
    }
    return chain.len > 0 && chain.len <= CHAIN_BYTES_MAX;
}

/* X-Forwarded-For: what came, as far as it can be one, and the client's own address. A chain
 * is a list and may come in several lines (RFC 9110 section 5.3). */
static int append_forwarded(struct buf *out, const struct fields *fields, const char *address)
{
    const char *before = "X-Forwarded-For: ";
    int r = 0;

    for (size_t i = 0; i < fields->count && r == 0; i++) {
        const struct framing_field *field = &fields->at[i];
        if (!slice_equal_nocase(field->name, SLICE("x-forwarded-for")) ||
            !is_plain_chain(field->value) ||
            framing_is_hop_by_hop(field->name, fields->at, fields->count))
            continue;
        r = buf_append_slice(out, slice_of(before));
        if (r == 0)
            r = buf_append_slice(out, field->value);
        before = ", ";
    }
    if (r == 0 && address[0] != '\0') {
        r = buf_append_slice(out, slice_of(before));
        if (r == 0)
            r = buf_append_slice(out, slice_of(address));
        before = ", ";
    }
    if (r < 0 || before[0] != ',')
        return r; /* no field was begun */
    return buf_append_slice(out, SLICE("\r\n"));
}

int exchange_text_request_fields(struct buf *out, const struct fields *fields,
                                 const char *request_id, const char *address)
{
    int r = append_fields(out, fields, dropped_to_node,
                          sizeof dropped_to_node / sizeof dropped_to_node[0]);

    if (r == 0)
        r = append_forwarded(out, fields, address);
    if (r == 0)
        r = append_line(out, SLICE("X-Request-Id"), slice_of(request_id));
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
    int r = buf_reserve(out, x->answer_fields.len + 256); /* mostly all of it */

    if (r == 0)
        r = buf_append_slice(out, SLICE("HTTP/1.1 "));
    if (r == 0)
        r = buf_append_number(out, x->status, 10);
    if (r == 0)
        r = buf_append_slice(out, SLICE(" "));
    if (r == 0)
        r = buf_append_slice(out, slice_of(answer_phrase(x->status)));
    if (r == 0)
        r = buf_append_slice(out, SLICE("\r\n"));

    if (r == 0)
        r = buf_append_slice(out, buf_slice(&x->answer_fields));
    if (r == 0 && x->client != NULL)
        r = buf_append_slice(out, buf_slice(client_page_lines(x->client)));
    if (r == 0)
        r = append_line(out, SLICE("X-Request-Id"), slice_of(x->request_id));
    if (r == 0 && x->has_length && x->status != 204)
        r = append_length(out, x->content_length);
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
        return p->order_count == 0 ? "No Copilot node is configured."
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

    for (unsigned at = 0; at < p->order_count && r == 0; at++) {
        uint16_t i = p->order[at];
        const struct proxy_node *n = &p->nodes[i];
        if (!proxy_knows_node(p, i))
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
