/* watch - answers that go on: a node's lines as they come, events as they happen.
 *
 * Nobody pushes: a watch has a number, that of the next line or event, and ten times a second
 * its client's timer asks for what is there from that number on. So a reader that is slow keeps
 * nothing but its number; what it has missed for good it sees by a gap.
 *
 * Events have ids RUN-NUMBER. Who comes back with the last one that he has seen (Last-Event-ID)
 * gets everything after it, as far as it is kept; after a restart of the program, everything
 * that is kept. A comment every 15 s shows proxies that the stream lives.
 *
 * SPDX-License-Identifier: MIT
 */
#include "watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "admin_json.h"
#include "client_internal.h"
#include "mem.h"

#define LOOK_MS       100
#define QUIET_MS      15000
#define PENDING_BYTES (64 * 1024) /* more is not given to a reader that is behind */

struct watch {
    bool is_events;
    unsigned slot;
    char node[NODE_NAME_MAX + 1]; /* the slot may get another one */
    uint64_t next;
    uint64_t spoke_ms;
};

int watch_print_line(const struct proxy_line_view *line, struct buf *out)
{
    json_t *root = json_pack("{s:I, s:o, s:i, s:o}", "number", (json_int_t)line->number, "at",
                             admin_json_time(line->at_ms), "stream", line->stream, "text",
                             json_stringn(line->text, line->len));
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    int r = text == NULL ? -ENOMEM : buf_printf(out, "%s\n", text);

    free(text);
    json_decref(root);
    return r;
}

static int feed_line(const struct proxy *p, struct watch *w, struct buf *out)
{
    struct proxy_line_view line;

    if (!p->host.node_line(p->host.host, w->slot, w->next, &line))
        return -EAGAIN;
    w->next = line.number + 1;
    return watch_print_line(&line, out);
}

static int feed_event(const struct proxy *p, struct watch *w, struct buf *out)
{
    const char *text = history_at(&p->history, w->next);

    if (w->next > p->history.count)
        return -EAGAIN;
    if (text == NULL) { /* gone, or there was no memory for it */
        uint64_t oldest =
            p->history.count < EVENTS_KEPT_MAX ? 1 : p->history.count - EVENTS_KEPT_MAX + 1;
        w->next = w->next < oldest ? oldest : w->next + 1;
        return buf_printf(out, "event: gap\ndata: {}\n\n");
    }
    return buf_printf(out, "id: %08" PRIx32 "-%" PRIu64 "\n%s\n", p->boot_id, w->next++, text);
}

static bool is_over(const struct proxy *p, const struct watch *w)
{
    const struct proxy_node *n = &p->nodes[w->slot];

    return p->is_draining || (!w->is_events && (!n->is_used || strcmp(n->name, w->node) != 0));
}

void watch_feed(struct client *c)
{
    struct watch *w = c->watch;
    struct proxy *p = client_proxy(c);
    size_t before = client_out(c)->len;
    int r = 0;

    if (w->is_events)
        p->watched_ms = uv_now(p->loop);
    if (is_over(p, w)) {
        watch_free(w);
        c->watch = NULL;
        client_cut(c);
        return;
    }
    while (r == 0 && client_pending(c) < PENDING_BYTES)
        r = (w->is_events ? feed_event : feed_line)(p, w, client_out(c));
    if (client_out(c)->len > before) {
        client_access_body(c, c->figures.bytes + client_out(c)->len - before);
        w->spoke_ms = uv_now(p->loop);
    } else if (w->is_events && uv_now(p->loop) - w->spoke_ms >= QUIET_MS) {
        w->spoke_ms = uv_now(p->loop);
        r = buf_append_slice(client_out(c), SLICE(": still here\n\n"));
    }
    if (r == -ENOMEM)
        client_close(c);
    else if (client_flush(c))
        client_wake_after(c, LOOK_MS);
}

/* The head is out with the first feed. */
static void begin(struct client *c, const struct watch *like, const char *content_type)
{
    struct watch *w = mem_alloc(1, sizeof *w);

    if (w == NULL) {
        client_answer_error(c, ROUTE_OPENAI, 503, "The gateway is out of memory.", NULL, 1);
        return;
    }
    client_end_after(c);
    if (c->message->is_head_request) {
        mem_free(w);
        client_answer(c, 200, content_type, "", (struct slice){0});
        return;
    }
    *w = *like;
    w->spoke_ms = uv_now(client_proxy(c)->loop);
    c->watch = w;
    if (buf_printf(client_out(c),
                   "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nCache-Control: no-store\r\n"
                   "X-Request-Id: %s\r\nConnection: close\r\n\r\n",
                   content_type, c->message->request_id) < 0) {
        client_close(c);
        return;
    }
    client_note_head(c, 200);
    c->figures.is_over = true; /* it has no last word: who leaves has seen all he wanted */
    watch_feed(c);
}

void watch_logs(struct client *c, unsigned slot, uint64_t first)
{
    struct watch w = {.slot = slot, .next = first};

    (void)snprintf(w.node, sizeof w.node, "%s", client_proxy(c)->nodes[slot].name);
    begin(c, &w, "application/x-ndjson");
}

/* The number after the last one that was seen; of another run, the oldest there is. */
static uint64_t number_after(const struct proxy *p, const char *id)
{
    char *end;

    if (id[0] == '\0')
        return p->history.count + 1;
    uint32_t run = (uint32_t)strtoul(id, &end, 16);
    uint64_t number = *end == '-' ? strtoull(end + 1, NULL, 10) : 0;
    if (run != p->boot_id || number > p->history.count)
        return 1;
    return number + 1;
}

void watch_events(struct client *c)
{
    struct watch w = {.is_events = true};

    w.next = number_after(client_proxy(c), c->message->last_event_id);
    begin(c, &w, "text/event-stream");
}

void watch_free(struct watch *watch)
{
    mem_free(watch);
}
