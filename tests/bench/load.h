/* load.h - what the three kinds of load share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "message.h"
#include "slice.h"

#define LOAD_CONNECTIONS_MAX 4096
#define LOAD_EVENTS_MAX      256
/* Connections whose first answer is awaited: far below every listen backlog, for a dropped SYN
 * comes again after a second only. */
#define LOAD_OPENING_MAX 64

struct load_options {
    uint16_t port;
    uint32_t connections; /* or streams */
    uint64_t body_bytes;  /* of a request; at least a small chat */
    uint64_t warm_ms;     /* before anything counts */
    uint64_t run_ms;      /* what counts */
    uint64_t requests;    /* instead of a time, when not 0 */
    uint32_t hz;          /* events a second and stream */
    uint32_t chunks;      /* events a stream; 0 = until the backend is asked to stop */
    pid_t pid;            /* whose CPU time is read; 0 = nobody's */
    bool is_held;         /* streams: stay open until stdin ends */
};

struct load_connection {
    int fd;            /* -1 = not made yet */
    bool is_busy;      /* a request is under way */
    size_t sent;       /* of the request */
    uint64_t begin_ns; /* of the request */
    uint32_t events;   /* of a stream */
    uint64_t bytes;    /* of a stream, without framing */
    char tail[16];     /* the last bytes of a stream */
    size_t tail_len;
    struct message message;
};

/* One run: its connections, its request, the window in which things count. */
struct load {
    const struct load_options *options;
    int epoll;
    struct slice request;
    struct load_connection *connections;
    uint64_t begin_ns; /* of the window; 0 = not yet */
    uint64_t end_ns;   /* when it was closed; 0 = not yet */
    uint64_t begin_cpu_ns;
    uint64_t end_cpu_ns;
};

/* Builds the request. A connection is made with its first request. */
void load_open(struct load *l, const struct load_options *options);

/* Sends what is left of the request on `c`. */
void load_send(struct load *l, struct load_connection *c);

/* Begins a request on a connection that is idle, or not made yet. */
void load_begin(struct load *l, struct load_connection *c);

/* The window in which things count begins or ends now. */
void load_begin_window(struct load *l);
void load_end_window(struct load *l);

/* Waits for events; `max_ms` bounds the wait. Returns how many. */
struct epoll_event;
int load_wait(struct load *l, struct epoll_event *events, uint64_t max_ms);

/* What is known about the window so far, as the beginning of a JSON object. */
void load_print_window(const struct load *l);

/* The kinds: answers one after the other, streams, idle connections. Each prints one line. */
void load_posts(const struct load_options *options);
void load_streams(const struct load_options *options);
void load_idle(const struct load_options *options);

#endif
