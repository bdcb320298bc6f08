/* client_internal.h - what client*.c share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include <stdio.h>

#include "buf.h"
#include "client.h"
#include "core/chunked.h"
#include "core/framing.h"
#include "core/strict.h"
#include "exchange.h"

#define CLIENT_MAGIC     0x636cu
#define FIRST_REQUEST_MS 1000 /* drain: who has just connected has so long to ask */

enum client_phase {
    CLIENT_IDLE,
    CLIENT_HEAD,
    CLIENT_BODY,
    CLIENT_BUSY,
    CLIENT_LINGER,
    CLIENT_CLOSING,
};

/* What is counted of the request under way, for /metrics and the access log. */
struct client_figures {
    uint64_t begun_ms; /* its first octet; on the loop's clock */
    uint64_t first_ms; /* the answer began; CLIENT_NEVER */
    uint64_t bytes;    /* of the answer's body */
    uint16_t status;   /* 0 = no answer yet */
    uint16_t attempts;
    uint16_t node; /* of the last attempt */
    bool is_begun;
    bool is_over; /* a stream has said its last word */
};
#define CLIENT_NEVER UINT64_MAX

struct client {
    unsigned magic;
    enum client_phase phase;
    struct proxy *proxy;
    struct list link;
    struct peer peer;
    struct list turn; /* in proxy.turns while a request that was sent ahead waits */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe; /* a unix socket */
    } socket;
    uv_timer_t timer;
    struct client_request *request; /* to the loop: a write or shutdown under way, or NULL */
    unsigned handles;

    struct client_message *message; /* NULL while nothing is asked */
    struct exchange *exchange;      /* the request that is being answered by a node */
    struct watch *watch;            /* its answer goes on; NULL = no */
    struct client_figures figures;
    struct client_access *access; /* texts of the request; NULL = none, or no access log */

    bool is_persistent; /* as the request has it */
    bool is_new;        /* nothing was asked yet */
    bool is_control;    /* came in by the control socket; counted in proxy.control_count */
    bool is_leaving;    /* counted in proxy.leaving_count */
    bool has_promised;  /* drain: the answer under way said that the connection stays */
    bool is_reading;
    bool has_fin;
    bool is_cutting;  /* close when everything is out */
    bool is_writing;  /* request->write is under way */
    uint64_t wake_ms; /* the exchange wants to be called after so long; 0 = not */
    struct buf out;   /* to be sent */
    struct buf ahead; /* sent ahead by a pipelining peer */
};

/* A request, from its first octet to the end of its answer: a connection that waits for one
 * costs little. */
struct client_message {
    /* How it is read. */
    struct strict strict;
    struct buf head; /* what there is of one that comes in pieces */
    enum framing_body framing;
    uint64_t body_left; /* of Content-Length */
    struct chunked chunked;

    /* What it is. */
    struct buf target;
    struct route route;
    unsigned minor;
    unsigned refusal_status; /* of the head; answered when the message is complete */
    const char *refusal;
    struct buf body;                     /* of a request for ourselves */
    char request_id[REQUEST_ID_MAX + 1]; /* "" until the head is read */
    bool is_head_request;
    char last_event_id[32]; /* of /admin/events; "" = none */

    /* Who asks. */
    bool is_owner;         /* may see and do what is the owner's */
    uint8_t caller[16];    /* the peer's address, or what a trusted proxy says in its place */
    struct buf page_lines; /* whole fields for a web page that may read the answer */
};

/* What the loop needs while it writes or shuts down; most answers are written without it. */
struct client_request {
    union {
        uv_write_t write;
        uv_shutdown_t shutdown;
    };
    struct buf bytes; /* is being sent */
};

/* ---- client.c */
/* The message of the connection, a new one if there was none. NULL on -ENOMEM. */
struct client_message *client_message(struct client *c);

/* Accepts that there is none. */
void client_drop_message(struct client *c);

void client_read(struct client *c);
void client_set_timer(struct client *c, uint64_t timeout_ms);
void client_rest_timer(struct client *c);

/* Nothing more will be asked: there is room for another one. */
void client_leave(struct client *c);

/* Queues it for its next turn, if there is something to do in it. */
void client_wait_for_turn(struct client *c);

/* ---- client_drain.c */
/* A drain and no request under way: closes it, unless one has arrived or must come now. */
void client_drain_idle(struct client *c);

/* ---- client_write.c */
/* A whole answer of ours; `extra_fields` is "" or whole lines. */
void client_answer(struct client *c, unsigned status, const char *content_type,
                   const char *extra_fields, struct slice body);

/* ---- client_access.c: what is counted and noted of a request */
/* How a request ended. */
enum client_access_end {
    CLIENT_ACCESS_WHOLE, /* it was answered */
    CLIENT_ACCESS_CUT,   /* we broke its answer off */
    CLIENT_ACCESS_LEFT,  /* the client went away */
};

/* The first byte of a request is there; harmless when that was said. */
void client_access_begin(struct client *c);

/* The request line was read: the target is in c->target. */
void client_access_target(struct client *c, struct slice method);

/* The head of an answer goes out. */
void client_access_head(struct client *c, unsigned status);

/* So long is an answer of our own. */
void client_access_body(struct client *c, size_t bytes);

/* The exchange is about to be let go. */
void client_access_exchange(struct client *c);

/* The request has ended: its line is written. Harmless when there is none. */
void client_access_end(struct client *c, enum client_access_end end);

/* ---- client_admit.c */
struct head;

/* Judges who asks, when the route is known: sets refusal and refusal_status if it may not. */
void client_admit(struct client *c, const struct head *h, const struct framing *framing);

/* ---- client_parse.c */
/* More bytes, in phase IDLE, HEAD or BODY. White space in them may be written over. */
void client_parse(struct client *c, char *bytes, size_t len);

#endif
