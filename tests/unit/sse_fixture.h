/* sse_fixture.h - for the tests of event streams: what a stream claims, however it is cut.
 *
 * Every stream is read at once, byte by byte, in two parts cut at every byte, and with each of
 * the three line ends; all must say the same.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SSE_FIXTURE_H
#define SSE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "proxy/core/sse.h"

/* What a row claims. */
enum { NOTHING = 0, CONTENT = 1, COMPLETE = 2, ERROR = 4, MIDDLE = 8 };

struct row {
    enum sse_dialect dialect;
    const char *stream; /* lines end with \n */
    unsigned claims;    /* MIDDLE: not between two events */
    const char *code;   /* of the error event; NULL = none */
};

static inline unsigned claims_of(const struct sse *s)
{
    return (s->has_content ? CONTENT : 0u) | (s->is_complete ? COMPLETE : 0u) |
           (s->has_error ? ERROR : 0u) | (s->is_at_boundary ? 0u : MIDDLE);
}

static inline void compare(const struct sse *s, const struct row *row, size_t cut,
                           unsigned ending)
{
    struct slice code = slice_of(row->code == NULL ? "" : row->code);
    struct slice got = sse_error_code(s);

    if (claims_of(s) != row->claims || !slice_equal(code, got))
        fail_msg("%s\ncut at %zu, line end %u: %u, expected %u, code '%.*s'", row->stream, cut,
                 ending, claims_of(s), row->claims, (int)got.len, got.at);
}

static inline struct slice with_line_ends(const char *stream, const char *end)
{
    static char text[16384];
    size_t len = 0;

    for (; *stream != '\0' && len + 2 < sizeof text; stream++) {
        if (*stream == '\n')
            len += (size_t)snprintf(text + len, 3, "%s", end);
        else
            text[len++] = *stream;
    }
    return (struct slice){text, len};
}

static inline void check(const struct row *row, size_t count)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    static struct sse s;

    for (size_t i = 0; i < 3 * count; i++) {
        const struct row *r = &row[i / 3];
        struct slice text = with_line_ends(r->stream, ends[i % 3]);
        for (size_t cut = 0; cut <= text.len; cut++) {
            sse_init(&s, r->dialect);
            sse_feed(&s, (struct slice){text.at, cut});
            sse_feed(&s, slice_skip(text, cut));
            compare(&s, r, cut, (unsigned)(i % 3));
        }
        sse_init(&s, r->dialect);
        for (size_t at = 0; at < text.len; at++)
            sse_feed(&s, (struct slice){text.at + at, 1});
        compare(&s, r, SIZE_MAX, (unsigned)(i % 3));
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

static inline void feed_many(struct sse *s, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        sse_feed(s, slice_of(text));
}

#define DELTA "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
#define PING  "event: ping\ndata: {\"type\":\"ping\"}\n\n"
#define START "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n"
#define BLOCK "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n"

#endif
