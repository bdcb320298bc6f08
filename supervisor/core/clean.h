/* clean.h - makes a line of foreign output fit for a log.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLEAN_H
#define CLEAN_H

#include <stddef.h>

/* Copies `in` to `out` without ANSI sequences and control characters (tabs stay) and with
 * U+FFFD for every byte that is not valid UTF-8 (RFC 3629). What does not fit into `size` is
 * left out, never half of a character. No NUL is added. Returns the length. */
size_t clean_line(const char *in, size_t len, char *out, size_t size);

#endif
