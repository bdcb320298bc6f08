/* access_line.h - one line of the access log, as text or as JSON.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ACCESS_LINE_H
#define ACCESS_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

#define ACCESS_WORD_MAX 96   /* bytes of a name; longer ones are cut */
#define ACCESS_PATH_MAX 256  /* bytes of a path; longer ones are cut */
#define ACCESS_LINE_MAX 2560 /* all texts at their longest, each byte escaped */
#define ACCESS_NEVER    UINT64_MAX

enum access_format { ACCESS_TEXT, ACCESS_JSON };

/* What is known of a request when it ends. An empty slice is `-` in text and null in JSON. */
struct access_line {
    int64_t wall_ms; /* since 1970 */
    struct slice client;
    struct slice method;
    struct slice path;
    uint64_t status;
    uint64_t bytes; /* of the answer's body */
    struct slice node;
    uint64_t attempts;
    uint64_t first_ms; /* until the answer began, ACCESS_NEVER = it did not */
    uint64_t total_ms;
    struct slice model;
    bool is_stream;   /* as the request asked */
    bool is_complete; /* the answer was told to its end */
    struct slice request_id;
    struct slice key; /* the name of the key that the client showed */
};

/* Writes the line with its '\n' into `out`, ACCESS_LINE_MAX bytes, and returns its length.
 * Texts may be any bytes: they come out as printable UTF-8, and cannot begin a second line or
 * a field of their own. */
size_t access_line_write(const struct access_line *line, enum access_format format, char *out);

/* What may be shown of a request target: its path. No query, which may carry keys, and no
 * scheme, authority or user of an absolute form. */
struct slice access_line_path(struct slice target);

#endif
