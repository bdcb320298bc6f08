/* upstream_internal.h - what the files of an upstream connection share.
 *
 * Arrows: upstream.c has the attempt, its clock and its ends; upstream_connect.c has the
 * connection, from the pool or made anew, and its last close callback; upstream_talk.c has the
 * bytes, request out and answer in. The last two tell the first how it went.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_INTERNAL_H
#define UPSTREAM_INTERNAL_H

#include "core/chunked.h"
#include "core/framing.h"
#include "core/outcome.h"
#include "core/strict.h"
#include "exchange.h"
#include "upstream.h"

#define UPSTREAM_MAGIC 0x7570u

enum upstream_state {
    UPSTREAM_IDLE,       /* in the node's pool */
    UPSTREAM_CONNECTING, /* resolving or connecting */
    UPSTREAM_TALKING,    /* request and answer */
    UPSTREAM_CLOSING,
};

struct upstream {
    unsigned magic;
    enum upstream_state state;
    struct proxy *proxy;
    struct proxy_node *node;
    struct list link;
    struct exchange *exchange; /* NULL = orphan, or idle */
    struct failover_id attempt;
    bool has_attempt;    /* the engine waits for an outcome */
    bool is_bypass_head; /* HEAD: the answer has no body */
    bool is_reused;
    bool has_answer_byte;
    bool is_final_head; /* a head that is not 1xx was read */
    bool is_complete;
    bool is_persistent; /* the node will take another request */
    bool is_sent;
    bool is_reading;
    bool has_timed_out;
    bool has_surplus; /* bytes after the answer: out of step */
    unsigned refs;
    uint64_t active_ms; /* last sign of life */
    uv_tcp_t tcp;
    uv_timer_t timer;
    union { /* one after the other, never two at once; they begin with the same `data` */
        uv_getaddrinfo_t resolve;
        uv_connect_t connect;
        uv_write_t write;
    };
    struct strict strict;
    struct buf head; /* what there is of one that comes in pieces */
    unsigned status; /* of the final answer */
    enum framing_body framing;
    uint64_t body_left; /* of Content-Length */
    struct chunked chunked;
    struct buf request_head; /* until it is written */
    struct body *body;       /* until it is written */
};

/* ---- upstream.c */
void upstream_set_timer(struct upstream *u, uint64_t timeout_ms);

/* How long the node may be silent now. */
uint64_t upstream_patience(const struct upstream *u);

/* The attempt is over and the connection of no more use. */
void upstream_fail(struct upstream *u, enum outcome_end end);

/* The connection broke; a stale one is replaced without anybody noticing. */
void upstream_broken(struct upstream *u);

/* The answer is complete as HTTP goes. */
void upstream_complete(struct upstream *u);

/* ---- upstream_connect.c */
/* One from the pool, on which upstream_talk() may follow (is_reused), or a new one, which wants
 * upstream_connect() first. NULL on -ENOMEM. */
struct upstream *upstream_open(struct proxy_node *n) MUST_CHECK;

/* Ends in upstream_talk() or upstream_fail(). */
void upstream_connect(struct upstream *u);

/* To the pool, or closed when it cannot be used again. */
void upstream_put_away(struct upstream *u);

/* Closes it; it is freed in its last close callback. */
void upstream_close(struct upstream *u);

/* ---- upstream_talk.c */
/* Makes the request's head. -ENOMEM. */
int upstream_prepare(struct upstream *u, const struct exchange *x) MUST_CHECK;

/* Sends the request and reads the answer. */
void upstream_talk(struct upstream *u);

/* Reads what comes, also on an idle connection: that is how its end is seen. */
void upstream_read(struct upstream *u);

#endif
