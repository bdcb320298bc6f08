/* file_text.h - a small file as text, whole.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FILE_TEXT_H
#define FILE_TEXT_H

#include <stddef.h>

#include "buf.h"
#include "error.h"

/* Which files are taken. */
enum file_text_kind {
    FILE_TEXT_ANY,   /* also a pipe, such as <(...) of a shell; blocks as long as it takes */
    FILE_TEXT_PLAIN, /* regular files only: never blocks on somebody's pipe or terminal */
};

/* Appends what is in it. Errors: -E2BIG (more than max bytes), -EINVAL (not a plain file),
 * -ENOMEM, those of open(2) and read(2). */
int file_text_read(const char *path, enum file_text_kind kind, size_t max,
                   struct buf *text) MUST_CHECK;

#endif
