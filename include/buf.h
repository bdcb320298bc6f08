/* buf.h - a growing byte buffer with a cap.
 *
 * Append at the end, consume from the front. Owned by whoever embeds it; buf_done() frees.
 * After a failed append the buffer is as it was before.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "slice.h"

struct buf {
    char *data;
    size_t len;      /* bytes that are in it */
    size_t capacity; /* bytes allocated */
    size_t max;      /* cap on len; 0 = none */
};

/* An empty buffer, nothing allocated yet. max in bytes, 0 = no cap. */
void buf_init(struct buf *b, size_t max);

/* Frees the bytes; the buffer is empty and usable again afterwards. */
void buf_done(struct buf *b);

/* Room for `more` bytes at the end. -ENOMEM, or -EMSGSIZE beyond the cap. */
int buf_reserve(struct buf *b, size_t more) MUST_CHECK;

/* -ENOMEM, -EMSGSIZE as buf_reserve. */
int buf_append(struct buf *b, const void *bytes, size_t len) MUST_CHECK;
int buf_append_slice(struct buf *b, struct slice text) MUST_CHECK;
int buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* A number in digits of base 10 or 16 (lower case), a tenth of what buf_printf() costs. */
int buf_append_number(struct buf *b, uint64_t value, unsigned base) MUST_CHECK;

/* Drops the first n bytes; n must not exceed len. */
void buf_consume(struct buf *b, size_t n);

/* Empties it and keeps the memory. */
void buf_clear(struct buf *b);

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){.at = b->data, .len = b->len};
}

#endif
