/* scan.h - reads model, stream and initiator from a request body while it arrives.
 *
 * Pure. A scanner, not a parser: it follows strings and nesting, and looks at a few keys. A
 * body that is not JSON yields nothing and is passed on all the same; the node judges it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

#define SCAN_MODEL_MAX 96
#define SCAN_WORD_MAX  24

struct scan {
    /* Results, valid at any time. */
    char model[SCAN_MODEL_MAX + 1]; /* "" = not seen */
    bool is_stream;                 /* "stream": true */
    bool is_agent; /* a message of role assistant or tool, or a tool_result: not billed */

    /* Progress. */
    uint32_t depth;
    uint32_t messages_depth; /* depth inside "messages" or "input"; 0 = not in it */
    bool is_in_string;
    bool is_escaped;
    bool is_key;        /* the string being read is a key */
    bool expects_key;   /* next string in this object is a key */
    uint64_t is_object; /* bit per depth below 64: that level is an object */
    uint8_t key;        /* which interesting key the present value belongs to */
    bool is_value_kept; /* the string being read is copied to word */
    uint16_t word_len;
    char word[SCAN_MODEL_MAX + 1];
};

void scan_init(struct scan *s);

/* More bytes of the body. */
void scan_feed(struct scan *s, struct slice bytes);

#endif
