/* log.h - one line a fact: a sentence, then key=value.
 *
 * error = a human must act; warn = degraded, and what happens next; info = state changes;
 * debug = traces. Core and codecs never log. Writes to stderr; never blocks for long and never
 * fails the caller: what cannot be written is dropped and counted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

enum log_level {
    LOG_LEVEL_SILENT,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_COUNT
};

/* Lines above this level are not written. Default: info. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* Lines are JSON objects instead of text. Default: text. */
void log_set_json(bool wanted);

/* Every line passes through `filter` before it is written (the redactor, DESIGN D11). It edits
 * the text in place, may make it shorter, and returns the new length. NULL = none. */
void log_set_filter(size_t (*filter)(char *text, size_t len));

/* The filter for texts that go elsewhere than to the log; returns the new length. */
size_t log_filter(char *text, size_t len);

void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* A block for human eyes (login banner): every line of `text` is written, without a level. */
void log_banner(const char *text);

/* One line of a node's own output, already cleaned; `stream` is 1 (stdout) or 2 (stderr). */
void log_node_line(const char *node, int stream, const char *line, size_t len);

/* Lines that could not be written since the start. */
uint64_t log_dropped(void);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                         \
    do {                                                                                       \
        if (log_level() >= LOG_LEVEL_DEBUG)                                                    \
            log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);                                           \
    } while (0)

#endif
