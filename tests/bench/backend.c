/* backend - a node that costs next to nothing: what all proxies of the bench talk to.
 *
 *   backend PORT
 *
 * One thread, raw epoll, connections that stay open for ever. It answers as copilot-api does,
 * with empty reason phrases and chunked bodies, in one write:
 *
 *   POST anything              reads the body, answers 250 bytes of JSON
 *   POST ...?hz=N&chunks=K     a stream of K events of 200 bytes, N a second, then [DONE];
 *                              without chunks: until /stop
 *   POST /stop                 the same as the first, and ends every stream that flows
 *   GET /                      200, for probes
 *   GET /usage                 200, the quota of an unlimited plan
 *
 * Streams hang on a timing wheel of milliseconds: a tick costs what is due in it, and streams
 * that begin together are spread over their period after their first event. A stream whose peer
 * takes no more misses no event: it goes on when the socket does. When ticks came late, they
 * are made up for.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "list.h"
#include "message.h"
#include "net.h"

#define EVENTS_MAX   256
#define READ_BYTES   (256 * 1024)
#define WHEEL_SLOTS  1024 /* ms; one turn is the longest period */
#define HZ_MAX       1000
#define CHUNKS_MAX   10000000
#define CATCH_UP_MAX 1000 /* ms; a machine that slept longer is not made up for */

#define HEAD(type)                                                                             \
    "HTTP/1.1 200 \r\ncontent-type: " type "\r\ndate: Sat, 01 Jan 2028 00:00:00 GMT\r\n"       \
    "connection: keep-alive\r\nkeep-alive: timeout=5\r\ntransfer-encoding: chunked\r\n\r\n"

/* 250 bytes. */
static const char answer_json[] =
    HEAD("application/json") "fa\r\n"
                             "{\"id\":\"chatcmpl-bench-0000000000000000000000\","
                             "\"object\":\"chat.completion\","
                             "\"created\":1830297600,\"model\":\"gpt-5\",\"choices\":[{"
                             "\"index\":0,\"message\":"
                             "{\"role\":\"assistant\",\"content\":\"It is a bench "
                             "answer.\"},\"finish_reason\":"
                             "\"stop\"}],\"usage\":{\"total_tokens\":15}}\r\n0\r\n\r\n";

static const char answer_root[] = HEAD("text/plain") "e\r\nServer running\r\n0\r\n\r\n";

static const char answer_usage[] =
    HEAD("application/json") "91\r\n"
                             "{\"copilot_plan\":\"individual\",\"quota_snapshots\":{"
                             "\"premium_interactions\":{"
                             "\"entitlement\":0,\"remaining\":0,\"percent_remaining\":"
                             "100,\"unlimited\":true}}}"
                             "\r\n0\r\n\r\n";

static const char stream_head[] = HEAD("text/event-stream");

static const char stream_chunk[] =
    "c8\r\ndata: {\"id\":\"chatcmpl-bench-0000000000000000000000\",\"object\":"
    "\"chat.completion.chunk\",\"created\":1830297600,\"model\":\"gpt-5\",\"choices\":"
    "[{\"index\":0,\"delta\":{\"content\":\" a word.\"},\"finish_reason\":null}]}\n\n\r\n";

static_assert(sizeof stream_chunk == sizeof "c8\r\n\r\n" + MESSAGE_EVENT_BYTES, "200 is c8");

static const char stream_end[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

struct connection {
    struct list tick; /* its place on the wheel, while it streams */
    int fd;
    bool is_get;
    bool is_usage;
    bool is_stop;
    uint32_t period_ms; /* of its stream; 0 = a plain answer */
    uint32_t phase_ms;  /* from its first event to its second, then 0 */
    uint32_t chunks;    /* events still to send */
    struct slice out;   /* what the socket has not taken yet */
    struct message message;
};

static struct list wheel[WHEEL_SLOTS];
static uint64_t ticks; /* ms since the start that were carried out */
static uint64_t streams;
static uint32_t spread;
static int epoll;

/* ---------------------------------------------------------------- output */

static void close_connection(struct connection *c)
{
    if (c->chunks > 0)
        streams--;
    list_remove(&c->tick);
    (void)close(c->fd);
    free(c);
}

/* False: the peer is gone, and so is the connection. */
static bool flush(struct connection *c)
{
    ssize_t n = net_write(c->fd, c->out.at, c->out.len);
    if (n < 0) {
        close_connection(c);
        return false;
    }
    c->out = slice_skip(c->out, (size_t)n);
    return true;
}

static bool send_slice(struct connection *c, struct slice bytes)
{
    c->out = bytes;
    return flush(c);
}

/* ---------------------------------------------------------------- streams */

static void put_on_wheel(struct connection *c, uint64_t in_ms)
{
    list_push_back(&wheel[(ticks + in_ms) % WHEEL_SLOTS], &c->tick);
}

static void begin_stream(struct connection *c)
{
    streams++;
    c->phase_ms = 1 + spread++ % c->period_ms;
    if (send_slice(c, SLICE(stream_head)))
        put_on_wheel(c, 1);
}

static void next_event(struct connection *c)
{
    if (c->out.len == 0) {
        bool is_last = --c->chunks == 0;
        streams -= is_last;
        if (!send_slice(c, is_last ? SLICE(stream_end) : SLICE(stream_chunk)) || is_last)
            return;
    }
    put_on_wheel(c, c->phase_ms > 0 ? c->phase_ms : c->period_ms);
    c->phase_ms = 0;
}

/* Each sends its end mark when its next event would be due. */
static void end_streams(void)
{
    for (size_t i = 0; i < WHEEL_SLOTS; i++) {
        LIST_FOREACH (it, &wheel[i])
            LIST_ENTRY(it, struct connection, tick)->chunks = 1;
    }
}

static void turn_wheel(uint64_t now_ms)
{
    struct list due;

    if (now_ms > ticks + CATCH_UP_MAX)
        ticks = now_ms - CATCH_UP_MAX;
    while (ticks < now_ms) {
        ticks++;
        struct list *slot = &wheel[ticks % WHEEL_SLOTS];
        list_init(&due);
        while (!list_empty(slot)) { /* a period of a whole turn lands in this slot again */
            struct list *link = slot->next;
            list_remove(link);
            list_push_back(&due, link);
        }
        while (!list_empty(&due)) {
            struct list *link = due.next;
            list_remove(link);
            next_event(LIST_ENTRY(link, struct connection, tick));
        }
    }
}

/* ---------------------------------------------------------------- input */

static void note_head(struct connection *c)
{
    struct slice target = message_target(&c->message);
    uint64_t hz = message_number(target, SLICE("hz="), 0);
    uint64_t chunks = message_number(target, SLICE("chunks="), CHUNKS_MAX);

    c->is_get = c->message.head[0] == 'G';
    c->is_usage = slice_equal(target, SLICE("/usage"));
    c->is_stop = slice_equal(target, SLICE("/stop"));
    c->period_ms = hz == 0 ? 0 : 1000 / (uint32_t)(hz > HZ_MAX ? HZ_MAX : hz);
    c->chunks = (uint32_t)(hz == 0 ? 0 : (chunks > CHUNKS_MAX ? CHUNKS_MAX : chunks) + 1);
}

static bool answer(struct connection *c)
{
    if (c->is_get)
        return send_slice(c, c->is_usage ? SLICE(answer_usage) : SLICE(answer_root));
    if (c->is_stop)
        end_streams();
    if (c->period_ms == 0)
        return send_slice(c, SLICE(answer_json));
    begin_stream(c);
    return false; /* nothing more is read from it until the next wake-up */
}

static void on_bytes(struct connection *c, struct slice input)
{
    struct slice payload;

    for (;;) {
        switch (message_next(&c->message, &input, &payload)) {
        case MESSAGE_MORE:
            return;
        case MESSAGE_HEAD:
            note_head(c);
            break;
        case MESSAGE_PAYLOAD:
            break;
        case MESSAGE_END:
            if (!answer(c))
                return;
            break;
        case MESSAGE_BAD:
            net_die("backend: a proxy sent what is not a request that we know");
        }
    }
}

/* Edge-triggered: a read that fills less than the buffer has taken all there was, but for the
 * end of the stream. Where more may be there, the edge is asked for again. */
static void on_readable(struct connection *c, bool is_hung_up)
{
    static char bytes[READ_BYTES];

    ssize_t n = net_read(c->fd, bytes, sizeof bytes);
    if (n == 0) {
        close_connection(c);
        return;
    }
    if (n < 0)
        return;
    if ((size_t)n == sizeof bytes || is_hung_up)
        net_watch(epoll, c->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c, false);
    on_bytes(c, (struct slice){bytes, (size_t)n});
}

static void on_event(struct connection *c, uint32_t events)
{
    if (c->out.len > 0 && (events & EPOLLOUT) != 0 && !flush(c))
        return;
    bool is_hung_up = (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
    if (is_hung_up || (events & EPOLLIN) != 0)
        on_readable(c, is_hung_up);
}

static void accept_all(int listening)
{
    int fd;

    while ((fd = net_accept(listening)) >= 0) {
        struct connection *c = net_alloc(1, sizeof *c);
        c->fd = fd;
        list_init(&c->tick);
        message_init(&c->message, false);
        net_watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c, true);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];

    if (argc != 2)
        net_die("usage: backend PORT");
    for (size_t i = 0; i < WHEEL_SLOTS; i++)
        list_init(&wheel[i]);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listening = net_listen((uint16_t)net_number("PORT", argv[1], UINT16_MAX));
    net_watch(epoll, listening, EPOLLIN, NULL, true);
    uint64_t begin_ns = net_now_ns();
    for (;;) {
        /* While anything streams, a turn takes 1 ms at most. */
        int count = epoll_wait(epoll, events, EVENTS_MAX, streams > 0 ? 1 : -1);
        uint64_t now_ms = (net_now_ns() - begin_ns) / NET_NS_PER_MS;
        if (streams == 0)
            ticks = now_ms;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listening);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        turn_wheel(now_ms); /* last: it may free what `events` names */
    }
}
