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

/* Whose events these are. */
enum sse_dialect {
    SSE_CHAT,      /* OpenAI chat completions: ends with data: [DONE] */
    SSE_MESSAGES,  /* Anthropic messages: ends with message_stop */
    SSE_RESPONSES, /* OpenAI responses: ends with response.completed, .incomplete, .failed */
    SSE_OTHER,     /* unknown: whatever comes is content, and the last chunk ends it */
};

#define SSE_LINE_MAX  1024 /* of a data line only the beginning is looked at */
#define SSE_ERROR_MAX 1024

struct sse {
    enum sse_dialect dialect;
    bool has_content;    /* more than lifecycle events arrived */
    bool is_complete;    /* the end marker of the dialect arrived */
    bool has_error;      /* an error event arrived */
    bool is_at_boundary; /* between two events: a comment may be put in here */
    bool is_cr;          /* the last byte was CR: an LF now is the same line end */
    bool is_named;       /* the present event has an `event:` line */
    bool is_end_event;   /* that line names the end marker; its data comes next */
    bool is_error_event; /* that line, or a type, says error */
    uint16_t line_len;
    uint16_t error_len;
    char line[SSE_LINE_MAX];
    char error[SSE_ERROR_MAX]; /* beginning of the data of the error event */
};

void sse_init(struct sse *s, enum sse_dialect dialect);

/* More bytes of the stream. */
void sse_feed(struct sse *s, struct slice bytes);

#endif
