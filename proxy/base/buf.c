/* buf - a growing byte buffer with a cap.
 *
 * Capacity doubles from 256 bytes, never beyond the cap. buf_consume() moves the rest to the
 * front: callers consume rarely and in large pieces.
 *
 * SPDX-License-Identifier: MIT
 */
#include "buf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    mem_free(b->data);
    buf_init(b, b->max);
}

int buf_reserve(struct buf *b, size_t more)
{
    if (more > SIZE_MAX - b->len)
        return -EMSGSIZE;
    size_t need = b->len + more;
    if (b->max != 0 && need > b->max)
        return -EMSGSIZE;
    if (need <= b->capacity)
        return 0;
    size_t capacity = b->capacity == 0 ? 256 : b->capacity;
    while (capacity < need)
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    if (b->max != 0 && capacity > b->max)
        capacity = b->max;
    char *data = mem_resize(b->data, capacity, 1);
    if (data == NULL)
        return -ENOMEM;
    b->data = data;
    b->capacity = capacity;
    return 0;
}

int buf_append(struct buf *b, const void *bytes, size_t len)
{
    int r = buf_reserve(b, len);
    if (r < 0)
        return r;
    if (len > 0)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    return 0;
}

int buf_append_slice(struct buf *b, struct slice text)
{
    return buf_append(b, text.at, text.len);
}

int buf_printf(struct buf *b, const char *format, ...)
{
    char small[256]; /* most are short: formatted once */
    va_list args;

    va_start(args, format);
    int len = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (len < 0)
        return -EINVAL;
    /* vsnprintf wants a place for its NUL; it is not part of len. */
    if ((size_t)len < sizeof small)
        return buf_append(b, small, (size_t)len);
    char *text = mem_alloc((size_t)len + 1, 1);
    if (text == NULL)
        return -ENOMEM;
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    int r = buf_append(b, text, (size_t)len);
    mem_free(text);
    return r;
}

int buf_append_number(struct buf *b, uint64_t value, unsigned base)
{
    char text[20]; /* digits of UINT64_MAX */
    char *at = text + sizeof text;

    assert(base == 10 || base == 16);
    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    return buf_append(b, at, (size_t)(text + sizeof text - at));
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (n < b->len)
        memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
}
