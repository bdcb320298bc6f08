/* exchange.h - one request on its way to a node, and the answer on its way back.
 *
 * Made by a client for a request that goes to a node; freed by its terminal action, or by its
 * client when the engine does not know it yet. Its functions are called from three sides, and
 * the comments say which.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "body.h"
#include "buf.h"
#include "core/outcome.h"
#include "core/route.h"
#include "core/scan.h"
#include "core/sse.h"
#include "fields.h"
#include "shell.h"

struct client;

enum exchange_phase {
    EXCHANGE_READING, /* the body is still coming in */
    EXCHANGE_WAITING, /* the engine has it, no attempt runs */
    EXCHANGE_SENT,    /* an attempt runs, nothing of the answer was decided */
    EXCHANGE_STARTED, /* the answer goes to the client */
};

struct exchange {
    struct proxy *proxy;
    struct client *client; /* NULL = gone */
    enum exchange_phase phase;
    bool is_registered; /* the engine knows it */
    struct failover_id id;
    struct failover_id attempt;
    uint16_t node;     /* of the attempt */
    uint16_t attempts; /* so far */

    /* The request. */
    struct route route;
    char method[24];
    char request_id[REQUEST_ID_MAX + 1]; /* as it is known to the client, see there */
    struct buf target;                   /* as the node gets it */
    struct buf fields;                   /* "Name: value\r\n"... that travel on */
    struct body *body;                   /* NULL = none */
    struct scan scan;
    unsigned minor; /* HTTP/1.x of the client */

    /* The answer. */
    struct upstream *upstream;
    unsigned status;
    struct buf answer_fields; /* "Name: value\r\n"... that travel on */
    uint64_t content_length;
    bool has_length;
    bool is_event_stream;
    bool is_coded;        /* Content-Encoding: its bytes are not to be touched */
    bool is_bodiless;     /* HEAD, 204, 304 */
    bool is_ended;        /* the node ended it as HTTP goes */
    bool is_spoilt;       /* memory ran out in the middle of it */
    bool is_paused;       /* the node is not read because the client does not keep up */
    enum outcome_end end; /* what was seen at the end of the attempt */
    uint64_t heard_ms;    /* when the last bytes of a stream that STARTED went to the client */
    uint64_t retry_after_ms;
    uint64_t sent_bytes; /* of the body, to the client */
    struct buf held;     /* a refusal, or a stream before its first content */
    struct sse sse;
};

/* ---- from the client */

/* NULL on -ENOMEM. The fields of the head are copied as far as they travel on. */
struct exchange *exchange_new(struct client *client, struct slice method,
                              const struct route *route, const struct fields *fields,
                              unsigned minor, const char *request_id) MUST_CHECK;

/* More of the body. -EMSGSIZE beyond body_max, -ENOBUFS beyond the budget of all bodies,
 * -ENOMEM. */
int exchange_add_body(struct exchange *x, struct slice bytes) MUST_CHECK;

/* The request is complete: it is the engine's from now on. */
void exchange_submit(struct exchange *x);

/* The client is closing. The exchange is freed, now or by its terminal action. */
void exchange_client_gone(struct exchange *x);

/* The client sent FIN. */
void exchange_client_fin(struct exchange *x);

/* The client's buffer is low again. */
void exchange_writable(struct exchange *x);

/* The time of client_wake_after() is over. */
void exchange_on_wake(struct exchange *x);

/* ---- from the upstream */

void exchange_on_head(struct exchange *x, unsigned status, const struct fields *fields);
void exchange_on_body(struct exchange *x, struct slice bytes);

/* What was received in this turn has been handed over: send it. */
void exchange_on_turn(struct exchange *x);

/* The answer is complete as HTTP goes. The upstream has let go of the exchange. */
void exchange_on_end(struct exchange *x);

/* The attempt ended without a complete answer. The upstream has let go of the exchange. */
void exchange_on_failed(struct exchange *x, enum outcome_phase phase, enum outcome_end end);

/* Has a stream said its last word, an end mark or an error? What the node does then, or its
 * silence, changes nothing. */
bool exchange_is_over(const struct exchange *x);

/* ---- from the driver */

void exchange_dispatch(struct exchange *x, uint16_t node, struct failover_id attempt);
void exchange_pass(struct exchange *x);
void exchange_reply(struct exchange *x, const struct failover_action *action);
void exchange_truncate(struct exchange *x);
void exchange_complete(struct exchange *x);

#endif
