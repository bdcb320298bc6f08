/* load_streams - readers of event streams: each reads one to its end and checks it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net.h"

#define READ_BYTES (64 * 1024)

#define END_MARK   SLICE("data: [DONE]\n\n")

struct streams {
    struct load load;
    uint32_t begun;
    uint64_t ready_ns; /* when every stream had its first event */
    uint32_t flowing;  /* streams that had one */
    uint32_t ended;
    uint64_t events;
    uint64_t reads;         /* that brought something */
    uint64_t events_before; /* the window */
    uint64_t reads_before;
};

/* Keeps the last bytes of the stream. */
static void note_tail(struct load_connection *c, struct slice payload)
{
    size_t size = sizeof c->tail;

    if (payload.len >= size) {
        memcpy(c->tail, payload.at + payload.len - size, size);
        c->tail_len = size;
        return;
    }
    size_t keep = c->tail_len < size - payload.len ? c->tail_len : size - payload.len;
    memmove(c->tail, c->tail + c->tail_len - keep, keep);
    memcpy(c->tail + keep, payload.at, payload.len);
    c->tail_len = keep + payload.len;
}

/* An event ends with an empty line. */
static uint32_t count_events(const struct load_connection *c, struct slice payload)
{
    char last = c->tail_len > 0 ? c->tail[c->tail_len - 1] : '\0';
    const char *end = payload.at + payload.len;
    uint32_t count = 0;

    for (const char *at = payload.at; at < end; at++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at == NULL)
            break;
        count += (at == payload.at ? last : at[-1]) == '\n';
    }
    return count;
}

static void on_payload(struct streams *s, struct load_connection *c, struct slice payload)
{
    uint32_t events = count_events(c, payload);

    s->flowing += c->events == 0 && events > 0;
    c->events += events;
    c->bytes += payload.len;
    s->events += events;
    note_tail(c, payload);
}

static void on_end(struct streams *s, struct load_connection *c)
{
    const struct load_options *o = s->load.options;
    struct slice tail = {c->tail, c->tail_len};

    if (tail.len < END_MARK.len ||
        !slice_equal(slice_skip(tail, tail.len - END_MARK.len), END_MARK))
        net_die("load: a stream ended without its end mark");
    if (c->bytes != (c->events - UINT64_C(1)) * MESSAGE_EVENT_BYTES + END_MARK.len)
        net_die("load: a stream of %u events had %llu bytes", c->events,
                (unsigned long long)c->bytes);
    if (o->chunks > 0 && c->events != o->chunks + 1)
        net_die("load: a stream had %u events instead of %u", c->events, o->chunks + 1);
    if (o->run_ms > 0 && s->load.end_ns == 0)
        net_die("load: a stream ended before the window did: give it more chunks");
    c->is_busy = false;
    s->ended++;
}

static void on_readable(struct streams *s, struct load_connection *c)
{
    static char bytes[READ_BYTES];
    struct slice payload;
    enum message_step step;

    ssize_t n = net_read(c->fd, bytes, sizeof bytes);
    if (n == 0)
        net_die("load: the proxy closed a stream");
    s->reads += n > 0;
    struct slice input = {bytes, n > 0 ? (size_t)n : 0};
    while ((step = message_next(&c->message, &input, &payload)) != MESSAGE_MORE) {
        if (step == MESSAGE_BAD || (step == MESSAGE_HEAD && c->message.status != 200))
            net_die("load: the answer is not a stream");
        if (step == MESSAGE_PAYLOAD)
            on_payload(s, c, payload);
        if (step == MESSAGE_END)
            on_end(s, c);
    }
}

/* Opens and closes the window; milliseconds until there is something to do again. */
static uint64_t look_at_clock(struct streams *s)
{
    const struct load_options *o = s->load.options;
    uint64_t now = net_now_ns();

    if (s->flowing < o->connections || s->load.end_ns != 0 || o->run_ms == 0)
        return UINT64_MAX;
    if (s->ready_ns == 0)
        s->ready_ns = now;
    uint64_t begin_at = s->ready_ns + o->warm_ms * NET_NS_PER_MS;
    if (s->load.begin_ns == 0) {
        if (now < begin_at)
            return (begin_at - now) / NET_NS_PER_MS + 1;
        load_begin_window(&s->load);
        s->events_before = s->events;
        s->reads_before = s->reads;
    }
    uint64_t end_at = s->load.begin_ns + o->run_ms * NET_NS_PER_MS;
    if (now < end_at)
        return (end_at - now) / NET_NS_PER_MS + 1;
    load_end_window(&s->load);
    load_print_window(&s->load);
    (void)printf(",\"events\":%" PRIu64 ",\"reads\":%" PRIu64 "}\n",
                 s->events - s->events_before, s->reads - s->reads_before);
    (void)fflush(stdout);
    return UINT64_MAX;
}

static void begin_some(struct streams *s)
{
    while (s->begun < s->load.options->connections && s->begun < s->flowing + LOAD_OPENING_MAX)
        load_begin(&s->load, &s->load.connections[s->begun++]);
}

/* One turn. False: stdin has ended. */
static bool turn(struct streams *s, uint64_t max_ms)
{
    struct epoll_event events[LOAD_EVENTS_MAX];

    begin_some(s);
    int count = load_wait(&s->load, events, max_ms);
    for (int i = 0; i < count; i++) {
        struct load_connection *c = events[i].data.ptr;
        if (c == NULL)
            return false;
        load_send(&s->load, c);
        on_readable(s, c);
    }
    return true;
}

/* Streams that only have to be there, for as long as stdin is. */
static void hold(struct streams *s)
{
    while (s->flowing < s->load.options->connections)
        (void)turn(s, UINT64_MAX);
    (void)printf("ready\n");
    (void)fflush(stdout);
    net_watch(s->load.epoll, STDIN_FILENO, EPOLLIN | EPOLLHUP, NULL, true);
    while (turn(s, UINT64_MAX))
        continue;
}

void load_streams(const struct load_options *options)
{
    static struct streams s;

    load_open(&s.load, options);
    if (options->is_held) {
        hold(&s);
        return;
    }
    while (s.ended < options->connections)
        (void)turn(&s, look_at_clock(&s));
    if (options->run_ms == 0)
        (void)printf("{\"events\":%" PRIu64 "}\n", s.events);
}
