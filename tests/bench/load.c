/* load - asks a proxy on this machine for answers, counts them, and reads its CPU time.
 *
 *   load posts   port=N [connections=N] [body=BYTES] [warm=MS] [run=MS | requests=N] [pid=N]
 *   load streams port=N [connections=N] [hz=N] [chunks=N] [warm=MS] [run=MS] [pid=N] [hold=1]
 *   load idle    port=N [connections=N]
 *   load cpu     pid=N
 *
 * posts    closed loop: each connection sends a chat, reads the answer, sends the next one.
 *          Every answer must be a 200. `requests` instead of a time is for callgrind.
 * streams  each connection reads one stream to its end, which must be [DONE], with whole events
 *          only, and as many as were asked for. The window begins when all have had their first
 *          event. Without `chunks` they go on until the backend is asked to stop them, which is
 *          for whoever reads our line. run=0: no window, for callgrind.
 * idle     connections that had one answer each and now wait.
 * cpu      no load: only the clock that the others read, to hold it against /proc.
 *
 * The CPU time of process `pid` is read at both ends of the window, so that its start, the
 * warm-up and the end cost nothing. posts and streams print one line of JSON when the window is
 * over; idle, and streams with hold=1, print "ready" and wait until stdin ends. No run lasts
 * longer than 15 minutes. One thread, raw epoll, edge-triggered.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net.h"

#define BODY_BYTES_MAX (64 * 1024 * 1024)
#define RUN_MS_MAX     (10 * 60 * 1000)
#define LIFE_S         (15 * 60)
#define PATIENCE_MS    60000 /* without any event: the proxy is stuck */

#define BODY_BEGIN                                                                             \
    "{\"model\":\"gpt-5\",\"stream\":%s,\"messages\":[{\"role\":\"system\",\"content\":\"You " \
    "are a careful engineer. Answer with the change and the reason for it, nothing "           \
    "else.\"},{\"role\":\"user\",\"content\":\""
#define BODY_END "\"}]}"

/* ---------------------------------------------------------------- request */

/* A chat of exactly `body_bytes`, with the head that SDKs send. */
static struct slice make_request(const struct load_options *o)
{
    bool is_stream = o->hz > 0;
    char begin[512], target[64] = "", head[1024];

    int begin_len = snprintf(begin, sizeof begin, BODY_BEGIN, is_stream ? "true" : "false");
    size_t frame = (size_t)begin_len + sizeof BODY_END - 1;
    size_t body_len = o->body_bytes < frame ? frame : (size_t)o->body_bytes;
    if (is_stream && o->chunks > 0)
        (void)snprintf(target, sizeof target, "?hz=%u&chunks=%u", o->hz, o->chunks);
    else if (is_stream)
        (void)snprintf(target, sizeof target, "?hz=%u", o->hz);
    int head_len = snprintf(head, sizeof head,
                            "POST /v1/chat/completions%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                            "Accept: application/json\r\nContent-Type: application/json\r\n"
                            "User-Agent: OpenAI/JS 6.49.0\r\nX-Stainless-Lang: js\r\n"
                            "X-Stainless-Retry-Count: 0\r\nAuthorization: Bearer dummy\r\n"
                            "Content-Length: %zu\r\n\r\n",
                            target, o->port, body_len);
    char *text = net_alloc((size_t)head_len + body_len, 1);
    char *at = text;
    memcpy(at, head, (size_t)head_len);
    at += head_len;
    memcpy(at, begin, (size_t)begin_len);
    at += begin_len;
    for (size_t i = 0; i < body_len - frame; i++)
        *at++ = "of all the words in here "[i % 25];
    memcpy(at, BODY_END, sizeof BODY_END - 1);
    return (struct slice){text, (size_t)head_len + body_len};
}

/* ---------------------------------------------------------------- a run */

void load_open(struct load *l, const struct load_options *options)
{
    *l = (struct load){.options = options,
                       .epoll = epoll_create1(EPOLL_CLOEXEC),
                       .request = make_request(options)};
    l->connections = net_alloc(options->connections, sizeof *l->connections);
    for (uint32_t i = 0; i < options->connections; i++) {
        message_init(&l->connections[i].message, true);
        l->connections[i].fd = -1;
    }
}

void load_send(struct load *l, struct load_connection *c)
{
    while (c->is_busy && c->sent < l->request.len) {
        ssize_t n = net_write(c->fd, l->request.at + c->sent, l->request.len - c->sent);
        if (n < 0)
            net_die("load: the proxy closed a connection while it was sent a request");
        if (n == 0)
            return;
        c->sent += (size_t)n;
    }
}

void load_begin(struct load *l, struct load_connection *c)
{
    if (c->fd < 0) {
        c->fd = net_connect(l->options->port);
        net_watch(l->epoll, c->fd, EPOLLIN | EPOLLOUT | EPOLLET, c, true);
    }
    c->is_busy = true;
    c->sent = 0;
    c->begin_ns = net_now_ns();
    load_send(l, c);
}

static uint64_t cpu_ns(const struct load *l)
{
    return l->options->pid == 0 ? 0 : net_cpu_ns(l->options->pid);
}

void load_begin_window(struct load *l)
{
    l->begin_cpu_ns = cpu_ns(l);
    l->begin_ns = net_now_ns();
}

void load_end_window(struct load *l)
{
    l->end_ns = net_now_ns();
    l->end_cpu_ns = cpu_ns(l);
}

int load_wait(struct load *l, struct epoll_event *events, uint64_t max_ms)
{
    int count = epoll_wait(l->epoll, events, LOAD_EVENTS_MAX,
                           max_ms < PATIENCE_MS ? (int)max_ms : PATIENCE_MS);
    if (count == 0 && max_ms >= PATIENCE_MS)
        net_die("load: the proxy has said nothing for %d s", PATIENCE_MS / 1000);
    return count < 0 ? 0 : count;
}

void load_print_window(const struct load *l)
{
    (void)printf("{\"wall_ns\":%" PRIu64 ",\"cpu_ns\":%" PRIu64, l->end_ns - l->begin_ns,
                 l->end_cpu_ns - l->begin_cpu_ns);
}

/* ---------------------------------------------------------------- idle connections */

static void read_one_answer(struct load_connection *c)
{
    static char bytes[64 * 1024];
    struct slice payload;
    enum message_step step;

    ssize_t n = net_read(c->fd, bytes, sizeof bytes);
    if (n == 0)
        net_die("load: the proxy closed a connection");
    struct slice input = {bytes, n > 0 ? (size_t)n : 0};
    while ((step = message_next(&c->message, &input, &payload)) != MESSAGE_MORE) {
        if (step == MESSAGE_BAD || (step == MESSAGE_HEAD && c->message.status != 200))
            net_die("load: the answer is not a 200");
        if (step == MESSAGE_END)
            c->is_busy = false;
    }
}

void load_idle(const struct load_options *options)
{
    struct epoll_event events[LOAD_EVENTS_MAX];
    uint32_t begun = 0, done = 0;
    struct load load;
    char byte;

    load_open(&load, options);
    while (done < options->connections) {
        while (begun < options->connections && begun < done + LOAD_OPENING_MAX)
            load_begin(&load, &load.connections[begun++]);
        int count = load_wait(&load, events, PATIENCE_MS);
        for (int i = 0; i < count; i++) {
            struct load_connection *c = events[i].data.ptr;
            if (!c->is_busy)
                continue;
            load_send(&load, c);
            read_one_answer(c);
            done += !c->is_busy;
        }
    }
    (void)printf("ready\n");
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

static void load_cpu(const struct load_options *options)
{
    (void)printf("{\"cpu_ns\":%" PRIu64 "}\n", net_cpu_ns(options->pid));
}

/* ---------------------------------------------------------------- options */

static uint64_t *place_of(const char *name, uint64_t *values, const char *const *names,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0)
            return &values[i];
    }
    net_die("load: there is no option '%s'", name);
}

static struct load_options read_options(int argc, char **argv)
{
    enum { PORT, CONNECTIONS, BODY, WARM, RUN, REQUESTS, HZ, CHUNKS, PID, HOLD, COUNT };
    static const char *const names[COUNT] = {"port", "connections", "body", "warm",
                                             "run",  "requests",    "hz",   "chunks",
                                             "pid",  "hold"};
    static const uint64_t max[COUNT] = {
        UINT16_MAX, LOAD_CONNECTIONS_MAX, BODY_BYTES_MAX, RUN_MS_MAX, RUN_MS_MAX, UINT32_MAX,
        1000,       UINT32_MAX,           INT32_MAX,      1};
    uint64_t v[COUNT] = {[CONNECTIONS] = 1, [BODY] = 600, [RUN] = 1000};

    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals == NULL)
            net_die("load: an option is NAME=NUMBER, not '%s'", argv[i]);
        *equals = '\0';
        uint64_t *place = place_of(argv[i], v, names, COUNT);
        *place = net_number(argv[i], equals + 1, max[place - v]);
    }
    return (struct load_options){.port = (uint16_t)v[PORT],
                                 .connections = (uint32_t)v[CONNECTIONS],
                                 .body_bytes = v[BODY],
                                 .warm_ms = v[WARM],
                                 .run_ms = v[RUN],
                                 .requests = v[REQUESTS],
                                 .hz = (uint32_t)v[HZ],
                                 .chunks = (uint32_t)v[CHUNKS],
                                 .pid = (pid_t)v[PID],
                                 .is_held = v[HOLD] != 0};
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const struct load_options *options);
    } kinds[] = {{"posts", load_posts},
                 {"streams", load_streams},
                 {"idle", load_idle},
                 {"cpu", load_cpu}};

    for (size_t i = 0; argc > 1 && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(argv[1], kinds[i].name) != 0)
            continue;
        struct load_options options = read_options(argc, argv);
        (void)alarm(LIFE_S); /* whatever happens, it ends */
        kinds[i].run(&options);
        return 0;
    }
    net_die("usage: load {posts|streams|idle|cpu} NAME=NUMBER...");
}
