/* load_posts - closed loop: a request, its answer, the next request, on every connection.
 *
 * Time goes into a histogram whose buckets are 1/128 of their value wide, so that no sample is
 * lost and none needs memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "net.h"

#define READ_BYTES (256 * 1024)

/* ---------------------------------------------------------------- histogram */

#define FINE      128 /* buckets in each power of two */
#define FINE_BITS 7
#define BUCKETS   ((64 - FINE_BITS + 1) * FINE)

struct histogram {
    uint64_t count;
    uint64_t bucket[BUCKETS];
};

static void add(struct histogram *h, uint64_t ns)
{
    unsigned shift = ns < FINE ? 0 : 63 - (unsigned)__builtin_clzll(ns) - FINE_BITS;

    h->bucket[shift * FINE + (ns >> shift)]++;
    h->count++;
}

/* The value that `share` of a thousand do not exceed: the middle of its bucket. */
static uint64_t quantile_ns(const struct histogram *h, uint64_t share)
{
    uint64_t rank = (h->count * share + 999) / 1000, seen = 0;
    size_t i = 0;

    while (i < BUCKETS - 1 && (seen += h->bucket[i]) < rank)
        i++;
    if (i < 2 * FINE)
        return i;
    unsigned shift = (unsigned)(i / FINE) - 1;
    return ((i % FINE + FINE) << shift) + (UINT64_C(1) << shift) / 2;
}

/* ---------------------------------------------------------------- a run */

struct posts {
    struct load load;
    uint64_t open_ns; /* when the first request was sent */
    uint64_t begun;   /* requests */
    uint64_t under_way;
    uint64_t counted; /* answers inside the window */
    bool is_over;
    struct histogram latency;
};

static bool may_begin(const struct posts *p)
{
    uint64_t requests = p->load.options->requests;

    return !p->is_over && (requests == 0 || p->begun < requests);
}

static void begin(struct posts *p, struct load_connection *c)
{
    if (!may_begin(p))
        return;
    p->begun++;
    p->under_way++;
    load_begin(&p->load, c);
}

static void on_answer(struct posts *p, struct load_connection *c)
{
    uint64_t now = net_now_ns();

    c->is_busy = false;
    p->under_way--;
    if (p->load.begin_ns != 0 && p->load.end_ns == 0) {
        p->counted++;
        add(&p->latency, now - c->begin_ns);
    }
    begin(p, c);
}

static void on_readable(struct posts *p, struct load_connection *c)
{
    static char bytes[READ_BYTES];
    struct slice payload;
    enum message_step step;

    ssize_t n = net_read(c->fd, bytes, sizeof bytes);
    if (n == 0)
        net_die("load: the proxy closed a connection");
    struct slice input = {bytes, n > 0 ? (size_t)n : 0};
    while ((step = message_next(&c->message, &input, &payload)) != MESSAGE_MORE) {
        if (step == MESSAGE_BAD || !c->is_busy)
            net_die("load: the proxy sent what is not an answer");
        if (step == MESSAGE_HEAD && c->message.status != 200)
            net_die("load: the proxy answered %u", c->message.status);
        if (step == MESSAGE_END)
            on_answer(p, c);
    }
}

/* Opens and closes the window; milliseconds until there is something to do again. */
static uint64_t look_at_clock(struct posts *p)
{
    const struct load_options *o = p->load.options;
    uint64_t now = net_now_ns();
    uint64_t begin_at = p->open_ns + o->warm_ms * NET_NS_PER_MS;

    if (p->load.begin_ns == 0) {
        if (now < begin_at)
            return (begin_at - now) / NET_NS_PER_MS + 1;
        load_begin_window(&p->load);
    }
    if (o->requests > 0 || p->is_over)
        return UINT64_MAX;
    uint64_t end_at = p->load.begin_ns + o->run_ms * NET_NS_PER_MS;
    /* A large body may take longer than the window: it waits for one answer. */
    if (now < end_at || p->counted == 0)
        return now < end_at ? (end_at - now) / NET_NS_PER_MS + 1 : UINT64_MAX;
    load_end_window(&p->load);
    p->is_over = true;
    return UINT64_MAX;
}

void load_posts(const struct load_options *options)
{
    static struct posts p;
    struct epoll_event events[LOAD_EVENTS_MAX];

    load_open(&p.load, options);
    p.open_ns = net_now_ns();
    for (uint32_t i = 0; i < options->connections; i++)
        begin(&p, &p.load.connections[i]);
    while (p.under_way > 0) {
        int count = load_wait(&p.load, events, look_at_clock(&p));
        for (int i = 0; i < count; i++) {
            struct load_connection *c = events[i].data.ptr;
            load_send(&p.load, c);
            on_readable(&p, c);
        }
    }
    if (p.load.end_ns == 0)
        load_end_window(&p.load);
    load_print_window(&p.load);
    (void)printf(",\"requests\":%" PRIu64 ",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 "}\n",
                 p.counted, quantile_ns(&p.latency, 500), quantile_ns(&p.latency, 990));
}
