/* output.h - what a node prints, as clean lines.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stddef.h>

#include <uv.h>

#include "error.h"

struct output;

/* A line without its end, at most OUTPUT_LINE_MAX bytes: no ANSI sequences, valid UTF-8,
 * secrets redacted. `stream` is 1 or 2. The text is borrowed for the call. */
typedef void (*output_line)(void *data, int stream, const char *text, size_t len);

/* Reads one pipe of a node until its end. Takes the descriptor, also on failure.
 * Errors: -ENOMEM, those of uv_pipe_open(). */
int output_open(uv_loop_t *loop, int fd, int stream, output_line on_line, void *data,
                struct output **ret_output) MUST_CHECK;

/* The node is reaped: hands over the lines that are still in the pipe, and frees the object
 * soon. on_line is not called any more after the return. Accepts NULL. */
void output_finish(struct output *output);

#endif
