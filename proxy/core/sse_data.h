/* sse_data.h - what the JSON in one event of a stream says.
 *
 * Pure. Read while it arrives, whatever its size: a response.failed carries the whole request
 * with it, and its code stands far inside. Of the text that a model wrote nothing is looked at:
 * it is in strings, and only keys at known places count.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SSE_DATA_H
#define SSE_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"
#include "walk.h"

#define SSE_TYPE_MAX 24 /* response.in_progress has 20 */
#define SSE_CODE_MAX 48 /* user_global_rate_limited:pro_plus has 33 */

struct sse_data {
    /* Results, valid at any time. */
    bool has_error;   /* an "error" with a value, at the top or in "response" */
    bool has_choices; /* chat: a list of choices, which may be empty */
    bool is_telling;  /* chat: some choice says more than whose turn it is */
    bool has_code;    /* `code` comes from a "code"; else from the error's "type" */
    uint8_t type_len;
    uint8_t code_len;        /* 0 = none */
    char type[SSE_TYPE_MAX]; /* of the event, "" = none; cut */
    char code[SSE_CODE_MAX];
    uint64_t retry_after_ms; /* 0 = not told */

    /* Progress. */
    uint8_t scope;
    uint8_t key;
    uint8_t scope_depth;
    struct walk walk;
};

/* A new event. */
void sse_data_init(struct sse_data *d);

/* More bytes of its data; what stood between two lines of it means nothing to JSON. */
void sse_data_feed(struct sse_data *d, struct slice bytes);

/* Between two values: what was opened is closed. */
static inline bool sse_data_is_whole(const struct sse_data *d)
{
    return d->walk.depth == 0 && !d->walk.is_in_string;
}

#endif
