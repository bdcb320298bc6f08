/* lines.h - bytes of a node's output in, clean lines out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "supervisor/core/flood.h"

#define LINES_TELL_MS 1000 /* between two lines about what was dropped */

/* A line without its end, at most OUTPUT_LINE_MAX bytes: no ANSI sequences, valid UTF-8,
 * secrets redacted. `stream` is 1 or 2. The text is borrowed for the call. */
typedef void (*lines_line)(void *data, int stream, const char *text, size_t len);

/* One stream of output. Large; zero is empty. */
struct lines {
    int stream;
    lines_line on_line;
    void *data;
    size_t len;  /* bytes in `line` */
    size_t lost; /* bytes of the same line that did not fit */
    struct flood flood;
    bool is_torn;     /* what was dropped ended in the middle of a line */
    uint64_t told_ms; /* when it was told how much; 0 = never */
    char line[OUTPUT_LINE_MAX];
};

void lines_init(struct lines *l, int stream, lines_line on_line, void *data);

/* on_line is called for each line that ends in these bytes, unless they are too many. `now_ms`
 * is of any clock that only goes on. */
void lines_feed(struct lines *l, uint64_t now_ms, const char *bytes, size_t n);

/* Lines were dropped and not told yet. They are told with later lines; whoever cannot wait for
 * such calls lines_tell() LINES_TELL_MS later. */
bool lines_owes(const struct lines *l);
void lines_tell(struct lines *l, uint64_t now_ms);

/* Nothing more comes: what is left is a line. */
void lines_finish(struct lines *l);

#endif
