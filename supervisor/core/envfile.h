/* envfile.h - the text of an environment file, one NAME=VALUE after the other.
 *
 * Pure. The format is that of EnvironmentFile= in systemd.exec(5).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ENVFILE_H
#define ENVFILE_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

struct envfile {
    struct slice rest; /* not read yet; borrowed */
    uint64_t line;     /* where the last result begins, from 1 */
    uint64_t next_line;
};

enum envfile_result {
    ENVFILE_VARIABLE, /* name and value are there */
    ENVFILE_END,
    ENVFILE_NO_ASSIGNMENT, /* neither NAME=VALUE nor a comment */
    ENVFILE_BAD_NAME,      /* what stands before = is no name of a variable */
    ENVFILE_OPEN_QUOTE,    /* a quote is not closed up to the end of the file */
    ENVFILE_AFTER_QUOTE,   /* something follows the closing quote */
    ENVFILE_NUL,           /* this is not a text file */
    ENVFILE_TOO_LONG,      /* the value does not fit */
};

void envfile_init(struct envfile *file, struct slice text);

/* The next assignment. The value is written to `value` with a NUL, `size` bytes at the most;
 * the name borrows the text. After an error `line` says where it is; reading ends there. */
enum envfile_result envfile_next(struct envfile *file, char *value, size_t size,
                                 struct slice *ret_name, size_t *ret_value_len);

/* A name that may be set: letters, digits and _, no digit first (POSIX.1-2017 XBD 8.1). */
_Bool envfile_is_name(struct slice name);

#endif
