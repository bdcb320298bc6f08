/* printable - a text of others, made fit for one line of a log and for JSON.
 *
 * Pure. jansson refuses strings that are not UTF-8 (RFC 3629), and a message that was cut to a
 * size in bytes often ends in half a character.
 *
 * SPDX-License-Identifier: MIT
 */
#include "printable.h"

#include <assert.h>
#include <stdbool.h>

size_t printable_utf8_len(const unsigned char *in, size_t len)
{
    static const struct lead {
        unsigned char from, to, second_from, second_to;
        size_t len;
    } leads[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        const struct lead *l = &leads[i];
        if (in[0] < l->from || in[0] > l->to)
            continue;
        if (len < l->len || (l->len > 1 && (in[1] < l->second_from || in[1] > l->second_to)))
            return 0;
        for (size_t k = 2; k < l->len; k++) {
            if (in[k] < 0x80 || in[k] > 0xbf)
                return 0;
        }
        return l->len;
    }
    return 0;
}

/* C0, DEL and C1 (ECMA-48). */
static bool is_control(const unsigned char *in, size_t len)
{
    if (len == 1)
        return in[0] < 0x20 || in[0] == 0x7f;
    return len == 2 && in[0] == 0xc2 && in[1] < 0xa0;
}

/* How much of it is visible ASCII or spaces, as most texts are. */
static size_t plain_len(const unsigned char *in, size_t len)
{
    size_t n = 0;

    while (n < len && in[n] >= 0x20 && in[n] < 0x7f)
        n++;
    return n;
}

size_t printable_copy(struct slice text, char *out, size_t size)
{
    const unsigned char *in = (const unsigned char *)text.at;
    size_t left = text.len;
    size_t used = 0;

    assert(size > 0);
    while (left > 0) {
        size_t plain = plain_len(in, left < size - 1 - used ? left : size - 1 - used);
        memcpy(out + used, in, plain);
        used += plain;
        in += plain;
        left -= plain;
        if (left == 0)
            break;
        size_t n = printable_utf8_len(in, left);
        const void *put = in;
        size_t put_len = n;
        if (n == 0 || is_control(in, n)) {
            put = n == 0 ? "?" : " ";
            put_len = 1;
            n = n == 0 ? 1 : n;
        }
        if (put_len > size - 1 - used)
            break;
        memcpy(out + used, put, put_len);
        used += put_len;
        in += n;
        left -= n;
    }
    out[used] = '\0';
    return used;
}
