/* client_internal.h - what client.c and client_parse.c share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include <stdio.h>

#include <llhttp.h>

#include "buf.h"
#include "client.h"
#include "exchange.h"
#include "fields.h"

#define CLIENT_MAGIC 0x636cu

enum client_phase {
    CLIENT_IDLE,
    CLIENT_HEAD,
    CLIENT_BODY,
    CLIENT_BUSY,
    CLIENT_LINGER,
    CLIENT_CLOSING,
};

struct client {
    unsigned magic;
    enum client_phase phase;
    struct proxy *proxy;
    struct list link;
    struct list turn; /* in proxy.turns while a request that was sent ahead waits */
    uv_tcp_t tcp;
    uv_timer_t timer;
    struct client_request *request; /* to the loop: a write or shutdown under way, or NULL */
    unsigned handles;
    struct in6_addr address; /* of the peer; IPv4 as ::ffff:a.b.c.d; all zero: not known */

    /* The request that is being read. */
    llhttp_t parser;
    struct buf target;
    struct fields *fields; /* while a head is read */
    struct route route;
    struct framing_fold fold;
    unsigned minor;
    unsigned refusal_status; /* of the head; answered when the message is complete */
    const char *refusal;
    struct buf body;                     /* of a request for ourselves */
    char request_id[REQUEST_ID_MAX + 1]; /* "" until the head is read */
    bool is_head_request;
    bool is_persistent;
    bool is_message_complete;

    struct exchange *exchange; /* the request that is being answered by a node */

    bool is_reading;
    bool has_fin;
    bool is_cutting;  /* close when everything is out */
    bool is_writing;  /* request->write is under way */
    uint64_t wake_ms; /* the exchange wants to be called after so long; 0 = not */
    struct buf out;   /* to be sent */
    struct buf ahead; /* sent ahead by a pipelining peer */
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
void client_read(struct client *c);
void client_set_timer(struct client *c, uint64_t timeout_ms);
void client_rest_timer(struct client *c);

/* Queues it for its next turn, if there is something to do in it. */
void client_wait_for_turn(struct client *c);

/* ---- client_write.c */
/* A whole answer of ours; `extra_fields` is "" or whole lines. */
void client_answer(struct client *c, unsigned status, const char *content_type,
                   const char *extra_fields, struct slice body);

/* ---- client_parse.c */
void client_parse_init(struct client *c);

/* More bytes, in phase IDLE, HEAD or BODY. */
void client_parse(struct client *c, struct slice bytes);

#endif
