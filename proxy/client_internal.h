/* client_internal.h - what client.c and client_parse.c share.
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
    uv_write_t write;
    uv_shutdown_t shutdown;
    unsigned handles;

    /* The request that is being read. */
    struct strict strict;
    struct buf head; /* what there is of one that comes in pieces */
    enum framing_body framing;
    uint64_t body_left; /* of Content-Length */
    struct chunked chunked;
    struct buf target;
    struct route route;
    unsigned minor;
    unsigned refusal_status; /* of the head; answered when the message is complete */
    const char *refusal;
    struct buf body;                     /* of a request for ourselves */
    char request_id[REQUEST_ID_MAX + 1]; /* of a request for a node; "" */
    bool is_head_request;
    bool is_persistent;

    struct exchange *exchange; /* the request that is being answered by a node */

    bool is_reading;
    bool has_fin;
    bool is_holding; /* the timer is the exchange's */
    bool is_cutting; /* close when everything is out */
    bool is_writing;
    struct buf out;     /* to be sent */
    struct buf writing; /* is being sent through the loop */
    struct buf ahead;   /* sent ahead by a pipelining peer */
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

/* More bytes, in phase IDLE, HEAD or BODY. White space in them may be written over. */
void client_parse(struct client *c, char *bytes, size_t len);

#endif
