/* clean - makes a line of foreign output fit for a log.
 *
 * Pure. Colours and cursor movements go: CSI (ESC [ ... letter), OSC (ESC ] ... BEL or ESC \)
 * and the two-byte escapes of ECMA-48. Other control characters become spaces, so that nothing
 * a child prints can move the cursor of whoever reads our log.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proxy/core/printable.h"

#define ESC 0x1b
#define BEL 0x07

/* Length of the escape sequence at in[0], which is ESC; an unfinished one takes all there is.
 */
static size_t escape_len(const unsigned char *in, size_t len)
{
    size_t n = 2;

    if (len < 2)
        return len;
    if (in[1] == '[') {
        while (n < len && (in[n] < 0x40 || in[n] > 0x7e))
            n++;
        return n < len ? n + 1 : len;
    }
    if (in[1] == ']') {
        while (n < len && in[n] != BEL && in[n] != ESC)
            n++;
        if (n < len && in[n] == ESC && n + 1 < len)
            n++; /* ESC \ */
        return n < len ? n + 1 : len;
    }
    while (n < len && in[n - 1] >= 0x20 && in[n - 1] <= 0x2f)
        n++; /* intermediate bytes, as in ESC ( B */
    return n;
}

static bool is_control(const unsigned char *in, size_t len)
{
    if (len == 1)
        return (in[0] < 0x20 && in[0] != '\t') || in[0] == 0x7f;
    return len == 2 && in[0] == 0xc2 && in[1] < 0xa0; /* C1 */
}

size_t clean_line(const char *text, size_t len, char *out, size_t size)
{
    const unsigned char *in = (const unsigned char *)text;
    size_t used = 0;

    while (len > 0) {
        size_t n = in[0] == ESC ? escape_len(in, len) : printable_utf8_len(in, len);
        const void *put = in;
        size_t put_len = n;
        if (in[0] == ESC) {
            put_len = 0;
        } else if (n == 0) {
            n = 1;
            put = "\xef\xbf\xbd";
            put_len = 3;
        } else if (is_control(in, n)) {
            put = " ";
            put_len = 1;
        }
        if (put_len > size - used)
            break;
        memcpy(out + used, put, put_len);
        used += put_len;
        in += n;
        len -= n;
    }
    return used;
}
