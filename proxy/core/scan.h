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
#include "walk.h"

#define SCAN_MODEL_MAX WALK_WORD_MAX

struct scan {
    /* Results, valid at any time. */
    char model[SCAN_MODEL_MAX + 1]; /* "" = not seen */
    bool is_stream;                 /* "stream": true */
    bool is_agent; /* a message of role assistant or tool, or a tool_result: not billed */

    /* Progress. */
    uint32_t messages_depth; /* depth inside "messages" or "input"; 0 = not in it */
    uint8_t key;             /* which interesting key the present value belongs to */
    struct walk walk;
};

void scan_init(struct scan *s);

/* More bytes of the body. */
void scan_feed(struct scan *s, struct slice bytes);

#endif
