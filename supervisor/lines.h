/* lines.h - bytes of a node's output in, clean lines out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LINES_H
#define LINES_H

#include <stddef.h>

#include "bounds.h"

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
    char line[OUTPUT_LINE_MAX];
};

void lines_init(struct lines *l, int stream, lines_line on_line, void *data);

/* on_line is called for each line that ends in these bytes. */
void lines_feed(struct lines *l, const char *bytes, size_t n);

/* Nothing more comes: what is left is a line. */
void lines_finish(struct lines *l);

#endif
