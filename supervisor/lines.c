/* lines - bytes of a node's output in, clean lines out.
 *
 * Bytes collect in a buffer until a line end comes; what is longer than the buffer is dropped,
 * and the line says how much.
 *
 * A node that prints faster than lines can be kept is still read, but what it says is dropped
 * (core/flood); once a second a line in its place says how much. Dropping begins and ends
 * between two lines.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/core/clean.h"
#include "supervisor/core/redact.h"

#define CUT_NOTE_SIZE 48
#define CLEAN_GROWTH  3 /* U+FFFD in place of one byte */

/* One for all: it is used up before the callback returns (one loop, one thread). */
static char clean_buffer[CLEAN_GROWTH * OUTPUT_LINE_MAX];

void lines_init(struct lines *l, int stream, lines_line on_line, void *data)
{
    l->stream = stream;
    l->on_line = on_line;
    l->data = data;
    l->len = 0;
    l->lost = 0;
    l->told_ms = 0;
    l->is_torn = false;
    flood_init(&l->flood, 0);
}

/* Room for the note is made where there was more, never in the middle of a character. */
static size_t cut(size_t len, size_t lost)
{
    size_t room = OUTPUT_LINE_MAX - (lost > 0 || len > OUTPUT_LINE_MAX ? CUT_NOTE_SIZE : 0);
    size_t kept = len < room ? len : room;

    while (kept < len && kept > 0 && ((unsigned char)clean_buffer[kept] & 0xc0) == 0x80)
        kept--;
    lost += len - kept;
    if (lost > 0)
        kept += (size_t)snprintf(clean_buffer + kept, CUT_NOTE_SIZE, " [%zu bytes cut]", lost);
    return kept;
}

static void emit(struct lines *l)
{
    if (l->len > 0 && l->line[l->len - 1] == '\r')
        l->len--;
    size_t len = clean_line(l->line, l->len, clean_buffer, sizeof clean_buffer);
    len = cut(redact_line(clean_buffer, len), l->lost);
    l->len = 0;
    l->lost = 0;
    flood_charge(&l->flood, len);
    l->on_line(l->data, l->stream, clean_buffer, len);
}

bool lines_owes(const struct lines *l)
{
    return l->flood.bytes > 0;
}

void lines_tell(struct lines *l, uint64_t now_ms)
{
    uint64_t lines, bytes;
    char text[128];

    if (!flood_take(&l->flood, &lines, &bytes))
        return;
    l->told_ms = now_ms;
    int len = snprintf(text, sizeof text,
                       "[it prints faster than that is kept: %" PRIu64
                       " lines dropped, %" PRIu64 " bytes]",
                       lines, bytes);
    l->on_line(l->data, l->stream, text, (size_t)len);
}

static void drop(struct lines *l, const char *bytes, size_t n)
{
    flood_drop(&l->flood, bytes, n);
    l->is_torn = bytes[n - 1] != '\n';
}

/* The first of what is left is the rest of a line that was dropped. */
static size_t skip_torn(struct lines *l, const char *bytes, size_t n)
{
    const char *end = memchr(bytes, '\n', n);
    size_t part = end == NULL ? n : (size_t)(end - bytes) + 1;

    if (!l->is_torn || n == 0)
        return 0;
    drop(l, bytes, part);
    return part;
}

/* Adds to the line, up to its end; returns how much that took. */
static size_t collect(struct lines *l, const char *bytes, size_t n)
{
    const char *end = memchr(bytes, '\n', n);
    size_t part = end == NULL ? n : (size_t)(end - bytes);
    size_t fits = sizeof l->line - l->len;

    if (fits > part)
        fits = part;
    memcpy(l->line + l->len, bytes, fits);
    l->len += fits;
    l->lost += part - fits;
    if (end == NULL)
        return n;
    emit(l);
    return part + 1;
}

void lines_feed(struct lines *l, uint64_t now_ms, const char *bytes, size_t n)
{
    bool is_in_line = l->len > 0 || l->lost > 0;

    if (!is_in_line && !flood_is_on(&l->flood, now_ms)) {
        if (now_ms - l->told_ms >= LINES_TELL_MS)
            lines_tell(l, now_ms);
        size_t skipped = skip_torn(l, bytes, n);
        bytes += skipped;
        n -= skipped;
    }
    while (n > 0) {
        if (!is_in_line && flood_is_on(&l->flood, now_ms)) {
            drop(l, bytes, n);
            return;
        }
        size_t took = collect(l, bytes, n);
        bytes += took;
        n -= took;
        is_in_line = false;
    }
}

void lines_finish(struct lines *l)
{
    if (l->len > 0 || l->lost > 0)
        emit(l);
    lines_tell(l, l->told_ms);
}
