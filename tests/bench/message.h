/* message.h - reads HTTP/1.1 messages piece by piece: a head, then its body.
 *
 * Just enough for two peers that we know: the backend reads what proxies send, the load
 * generator what they answer. A body is Content-Length or chunked; an answer without either
 * is refused, because the bench keeps its connections.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

#define MESSAGE_HEAD_MAX 4096 /* ours are 300 bytes; a proxy adds a few fields */

/* Backend and load agree on the size of an event of a stream. */
#define MESSAGE_EVENT_BYTES 200

enum message_step {
    MESSAGE_MORE,    /* the input is used up */
    MESSAGE_HEAD,    /* the head is whole: `head`, `status` */
    MESSAGE_PAYLOAD, /* some bytes of the body, without framing */
    MESSAGE_END,     /* the message is whole; the next one may follow */
    MESSAGE_BAD,     /* not a message that we know */
};

enum message_state {
    MESSAGE_IN_HEAD,
    MESSAGE_IN_LENGTH, /* of a body with Content-Length */
    MESSAGE_IN_SIZE,   /* the line before a chunk */
    MESSAGE_IN_CHUNK,
    MESSAGE_IN_GAP,     /* the line end after a chunk */
    MESSAGE_IN_TRAILER, /* lines after the last chunk */
};

struct message {
    enum message_state state;
    bool is_answer;
    unsigned status; /* of an answer */
    uint64_t left;   /* bytes of the body or chunk */
    size_t line_len; /* of the line that is read now */
    size_t head_len;
    char head[MESSAGE_HEAD_MAX];
};

void message_init(struct message *m, bool is_answer);

/* The next step of the message. Takes what it has read off the front of `input`; a payload is
 * borrowed from there. */
enum message_step message_next(struct message *m, struct slice *input,
                               struct slice *ret_payload);

/* The request target in a head that was read, such as "/v1/models?x=1". */
struct slice message_target(const struct message *m);

/* The number behind `key` ("hz=") in a target, or `fallback`. */
uint64_t message_number(struct slice target, struct slice key, uint64_t fallback);

#endif
