/* sse.h - follows an event stream: is there content yet, is it whole, did it fail?
 *
 * Pure. A node ends a stream that was cut upstream with a clean last chunk (FACTS 2), so only
 * the content tells whether an answer is complete (DESIGN D8). The scanner changes nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SSE_H
#define SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"
#include "sse_data.h"

/* Whose events these are. */
enum sse_dialect {
    SSE_CHAT,      /* OpenAI chat completions: ends with data: [DONE] */
    SSE_MESSAGES,  /* Anthropic messages: ends with message_stop */
    SSE_RESPONSES, /* OpenAI responses: ends with response.completed, .incomplete, .failed */
    SSE_OTHER,     /* unknown: whatever comes is content, and the last chunk ends it */
};

/* Of names of fields and events so much is kept: the longest that matters has 20 bytes, so that
 * one that was cut equals none. */
#define SSE_WORD_MAX 24

struct sse {
    enum sse_dialect dialect;

    /* Results, valid at any time. */
    bool has_content;    /* more than lifecycle events arrived, before any error */
    bool is_complete;    /* the end mark of the dialect arrived */
    bool has_error;      /* an error event arrived; response.failed is an end mark as well */
    bool is_at_boundary; /* between two events: a comment may be put in here */

    /* The line. */
    uint8_t bom; /* bytes of a byte order mark that were read at the very beginning */
    uint8_t part;
    bool is_cr;          /* the last byte was CR: an LF now is the same line end */
    bool is_after_colon; /* one space here is not part of the value */
    uint8_t word_len;
    char word[SSE_WORD_MAX];

    /* The event. */
    bool is_named;   /* it has an `event:` line, and this is what it means */
    uint8_t meaning; /* enum meaning, see sse.c */
    bool has_data;
    bool is_judged;
    bool is_code_kept; /* `data` is that of an error event, and stays */
    struct sse_data data;
};

void sse_init(struct sse *s, enum sse_dialect dialect);

/* More bytes of the stream. */
void sse_feed(struct sse *s, struct slice bytes);

/* The code of the error event, empty when it had none. */
struct slice sse_error_code(const struct sse *s);

/* How long the error event asks to wait; 0 = not told. */
uint64_t sse_retry_after_ms(const struct sse *s);

/* For people: "chat", "messages", "responses", "other". */
const char *sse_dialect_name(enum sse_dialect dialect);

#endif
