/* printable.h - a text of others, made fit for one line of a log and for JSON.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PRINTABLE_H
#define PRINTABLE_H

#include <stddef.h>

#include "slice.h"

/* Copies `text` into `out`, `size` bytes with the NUL at the end; what does not fit is cut off
 * between two characters. The result is valid UTF-8 without control characters: those become
 * spaces, and every byte that is no UTF-8 a question mark. Returns its length. */
size_t printable_copy(struct slice text, char *out, size_t size);

/* Length of the UTF-8 character at in[0], or 0 when it is not valid (RFC 3629 section 4). */
size_t printable_utf8_len(const unsigned char *in, size_t len);

#endif
