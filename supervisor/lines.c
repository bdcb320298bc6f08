/* lines - bytes of a node's output in, clean lines out.
 *
 * Bytes collect in a buffer until a line end comes; what is longer than the buffer is dropped,
 * and the line says how much.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/lines.h"

#include <stdio.h>
#include <string.h>

#include "supervisor/core/clean.h"
#include "supervisor/core/redact.h"

#define CUT_NOTE_SIZE 48

/* One for all: it is used up before the callback returns (one loop, one thread). */
static char clean_buffer[OUTPUT_LINE_MAX];

void lines_init(struct lines *l, int stream, lines_line on_line, void *data)
{
    l->stream = stream;
    l->on_line = on_line;
    l->data = data;
    l->len = 0;
    l->lost = 0;
}

static void emit(struct lines *l)
{
    size_t size = sizeof clean_buffer;

    if (l->len > 0 && l->line[l->len - 1] == '\r')
        l->len--;
    if (l->lost > 0)
        size -= CUT_NOTE_SIZE;
    size_t len = clean_line(l->line, l->len, clean_buffer, size);
    len = redact_line(clean_buffer, len);
    if (l->lost > 0)
        len += (size_t)snprintf(clean_buffer + len, CUT_NOTE_SIZE, " [%zu bytes cut]", l->lost);
    l->len = 0;
    l->lost = 0;
    l->on_line(l->data, l->stream, clean_buffer, len);
}

void lines_feed(struct lines *l, const char *bytes, size_t n)
{
    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end == NULL ? n : (size_t)(end - bytes);
        size_t fits = sizeof l->line - l->len;
        if (fits > part)
            fits = part;
        memcpy(l->line + l->len, bytes, fits);
        l->len += fits;
        l->lost += part - fits;
        if (end == NULL)
            return;
        emit(l);
        bytes += part + 1;
        n -= part + 1;
    }
}

void lines_finish(struct lines *l)
{
    if (l->len > 0 || l->lost > 0)
        emit(l);
}
