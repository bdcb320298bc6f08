/* test_sse - content, completeness and errors of event streams.
 *
 * Every stream is read at once, byte by byte, in two parts cut at every byte, and with each of
 * the three line ends; all must say the same.
 *
 * SPDX-License-Identifier: MIT
 */
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
    const char *error;  /* data of the error event */
};

static unsigned claims_of(const struct sse *s)
{
    return (s->has_content ? CONTENT : 0u) | (s->is_complete ? COMPLETE : 0u) |
           (s->has_error ? ERROR : 0u) | (s->is_at_boundary ? 0u : MIDDLE);
}

static void compare(const struct sse *s, const struct row *row, size_t cut, unsigned ending)
{
    struct slice error = slice_of(row->error == NULL ? "" : row->error);
    struct slice got = {s->error, s->error_len};

    if (claims_of(s) != row->claims || !slice_equal(error, got))
        fail_msg("%s\ncut at %zu, line end %u: %u, expected %u, error '%.*s'", row->stream, cut,
                 ending, claims_of(s), row->claims, (int)got.len, got.at);
}

static struct slice with_line_ends(const char *stream, const char *end)
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

static void check(const struct row *row, size_t count)
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

#define DELTA       "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"

static void a_chat_is_whole_with_its_done(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "", NOTHING, NULL},
        {SSE_CHAT, DELTA, CONTENT, NULL},
        {SSE_CHAT, DELTA DELTA "data: [DONE]\n\n", CONTENT | COMPLETE, NULL},
        {SSE_CHAT, "data:[DONE]\n\n", COMPLETE, NULL},
        {SSE_CHAT, "data: [DONE]\n", COMPLETE | MIDDLE, NULL},
        {SSE_CHAT, "data: [DONE]", MIDDLE, NULL},
        {SSE_CHAT, "data: [DON", MIDDLE, NULL},
        {SSE_CHAT, DELTA "\n\n\n", CONTENT, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void the_word_done_elsewhere_is_not_the_end(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "data: {\"choices\":[{\"delta\":{\"content\":\"[DONE]\"}}]}\n\n", CONTENT,
         0},
        {SSE_CHAT, "data: {\"choices\":[{\"delta\":{\"content\":\"data: [DONE]\\n\\n\"}}]}\n\n",
         CONTENT, NULL},
        {SSE_CHAT, ": [DONE]\n\n", NOTHING, NULL},
        {SSE_CHAT, "id: [DONE]\n\n", NOTHING, NULL},
        {SSE_CHAT, "[DONE]\n\n", NOTHING, NULL},
        {SSE_CHAT, "data:  [DONE]\n\n", CONTENT,
         NULL}, /* only one space belongs to the field */
        {SSE_CHAT, "xdata: [DONE]\n\n", NOTHING, NULL},
        {SSE_MESSAGES, "event: content_block_delta\ndata: [DONE]\n\n", CONTENT, NULL},
        {SSE_CHAT, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", CONTENT, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void a_chunk_without_choices_is_no_content(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n", NOTHING, NULL},
        {SSE_CHAT, "data: {\"choices\": [], \"usage\":{}}\n\n", NOTHING, NULL},
        {SSE_CHAT, "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"choices\\\":[]\"}}]}\n\n",
         CONTENT, NULL},
        {SSE_CHAT, "data:\n\n", NOTHING, NULL},
        {SSE_CHAT, "data\n\n", NOTHING, NULL},
    };

    (void)state;
    CHECK(rows);
}

#define START "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n"
#define PING  "event: ping\ndata: {\"type\":\"ping\"}\n\n"
#define BLOCK "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n"

static void a_message_is_whole_with_its_message_stop(void **state)
{
    static const struct row rows[] = {
        {SSE_MESSAGES, START, NOTHING, NULL},
        {SSE_MESSAGES, START PING, NOTHING, NULL},
        {SSE_MESSAGES, START BLOCK, CONTENT, NULL},
        {SSE_MESSAGES, START "event: message_delta\ndata: {}\n\n", CONTENT, NULL},
        {SSE_MESSAGES, START BLOCK "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
         CONTENT | COMPLETE, NULL},
        {SSE_MESSAGES, "event:message_stop\ndata:{}\n\n", COMPLETE, NULL},
        {SSE_MESSAGES, "event: message_stop\n\n", COMPLETE, NULL},
        {SSE_MESSAGES, "event: message_stopped\ndata: {}\n\n", CONTENT, NULL},
        {SSE_MESSAGES, START "data: [DONE]\n\n", CONTENT, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void a_stream_cut_inside_its_last_event_is_not_whole(void **state)
{
    static const struct row rows[] = {
        {SSE_MESSAGES, BLOCK "event: message_stop\n", CONTENT | MIDDLE, NULL},
        {SSE_MESSAGES, BLOCK "event: message_stop\ndata: {\"ty", CONTENT | MIDDLE, NULL},
        {SSE_RESPONSES, "event: response.completed\n", MIDDLE, NULL},
        {SSE_RESPONSES, "event: response.completed\ndata: {\"a\":1", MIDDLE, NULL},
        {SSE_MESSAGES, BLOCK "event: message_st", CONTENT | MIDDLE, NULL},
        {SSE_MESSAGES, BLOCK "event: message_stop\ndata: {}\n", CONTENT | COMPLETE | MIDDLE, 0},
    };

    (void)state;
    CHECK(rows);
}

static void a_response_is_whole_with_its_completed(void **state)
{
    static const struct row rows[] = {
        {SSE_RESPONSES, "event: response.created\ndata: {\"type\":\"response.created\"}\n\n",
         NOTHING, NULL},
        {SSE_RESPONSES, "event: response.in_progress\ndata: {}\n\n", NOTHING, NULL},
        {SSE_RESPONSES, "event: response.queued\ndata: {}\n\n", NOTHING, NULL},
        {SSE_RESPONSES, "event: response.output_text.delta\ndata: {}\n\n", CONTENT, NULL},
        {SSE_RESPONSES, "event: response.completed\ndata: {}\n\n", COMPLETE, NULL},
        {SSE_RESPONSES, "event: response.incomplete\ndata: {}\n\n", COMPLETE, NULL},
        {SSE_RESPONSES, "event: response.failed\ndata: {\"x\":1}\n\n", ERROR, "{\"x\":1}"},
        {SSE_RESPONSES, "event: error\ndata: {\"x\":1}\n\n", ERROR, "{\"x\":1}"},
    };

    (void)state;
    CHECK(rows);
}

/* Some forks leave the `event:` lines out; clients read the type in the data. */
static void without_a_name_the_type_in_the_data_decides(void **state)
{
    static const struct row rows[] = {
        {SSE_MESSAGES, "data: {\"type\":\"message_start\"}\n\n", NOTHING, NULL},
        {SSE_MESSAGES, "data: {\"type\": \"content_block_delta\"}\n\n", CONTENT, NULL},
        {SSE_MESSAGES, "data: { \"type\" : \"message_stop\" }\n\n", COMPLETE, NULL},
        {SSE_MESSAGES, "data: {\"type\":\"error\",\"error\":{}}\n\n", ERROR,
         "{\"type\":\"error\",\"error\":{}}"},
        {SSE_RESPONSES, "data: {\"type\":\"response.created\"}\n\n", NOTHING, NULL},
        {SSE_RESPONSES, "data: {\"type\":\"response.completed\"}\n\n", COMPLETE, NULL},
        {SSE_RESPONSES, "data: {\"type\":7}\n\n", CONTENT, NULL},
        {SSE_RESPONSES, "data: {\"typ", MIDDLE, NULL},
        {SSE_MESSAGES, "data: {\"text\":\"message_stop\",\"type\":\"message_stop\"}\n\n",
         CONTENT, NULL},
        /* With a name, the name decides. */
        {SSE_MESSAGES, "event: ping\ndata: {\"type\":\"message_stop\"}\n\n", NOTHING, NULL},
        {SSE_MESSAGES, "event: ping\n\ndata: {\"type\":\"message_stop\"}\n\n", COMPLETE, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void errors_are_found_and_kept(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "data: {\"error\":{\"code\":\"q\"}}\n\n", ERROR,
         "{\"error\":{\"code\":\"q\"}}"},
        {SSE_CHAT, "data: { \"error\" : 1}\n\n", ERROR, "{ \"error\" : 1}"},
        /* hono, under copilot-api, tells an exception in mid-stream like this. */
        {SSE_CHAT, "event: error\ndata: fetch failed\n\n", ERROR, "fetch failed"},
        {SSE_CHAT, DELTA "event: error\ndata: terminated\n\n", CONTENT | ERROR, "terminated"},
        {SSE_CHAT, "event: error\ndata: a\n\n" DELTA, CONTENT | ERROR, "a"},
        {SSE_CHAT, "data: {\"errors\":1}\n\n", CONTENT, NULL},
        {SSE_CHAT, "data: {\"choices\":[{\"delta\":{\"content\":\"{\\\"error\\\":1}\"}}]}\n\n",
         CONTENT, NULL},
        {SSE_MESSAGES, START "event: error\ndata: {\"type\":\"error\"}\n\n", ERROR,
         "{\"type\":\"error\"}"},
        {SSE_MESSAGES, "event: error\ndata: one\n\nevent: error\ndata: two\n\n", ERROR, "one"},
        {SSE_OTHER, "event: error\ndata: x\n\n", ERROR, "x"},
        {SSE_MESSAGES, "event: error\n\n", ERROR, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void unknown_streams_are_content_from_the_first_data_on(void **state)
{
    static const struct row rows[] = {
        {SSE_OTHER, ": hello\n\n", NOTHING, NULL},
        {SSE_OTHER, "data: x\n\n", CONTENT, NULL},
        {SSE_OTHER, "data: [DONE]\n\n", CONTENT, NULL},
        {SSE_OTHER, "event: message_stop\ndata: x\n\n", CONTENT, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void comments_and_other_fields_mean_nothing(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, ": keep-alive\n\n", NOTHING, NULL},
        {SSE_CHAT, ":data: [DONE]\n\n", NOTHING, NULL},
        {SSE_CHAT, "id: 1\nretry: 10\n\n", NOTHING, NULL},
        {SSE_MESSAGES, ": event: message_stop\n\n", NOTHING, NULL},
        {SSE_MESSAGES, "event\n\n", NOTHING, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void a_comment_fits_only_between_two_events(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "d", MIDDLE, NULL},
        {SSE_CHAT, "data: {\"choices\":[{}]}\n", CONTENT | MIDDLE, NULL},
        {SSE_CHAT, "data: {\"choices\":[{}]}\n\n", CONTENT, NULL},
        {SSE_CHAT, "data: {\"choices\":[{}]}\n\nd", CONTENT | MIDDLE, NULL},
        {SSE_CHAT, "data: {\"choices\":[{}]}\n\n:", CONTENT | MIDDLE, NULL},
        {SSE_CHAT, "\n", NOTHING, NULL},
        {SSE_MESSAGES, "event: ping\n", MIDDLE, NULL},
    };

    (void)state;
    CHECK(rows);
}

/* ---------------------------------------------------------------- long lines */

static void feed_many(struct sse *s, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        sse_feed(s, slice_of(text));
}

static void a_long_line_is_content_and_ends_where_it_ends(void **state)
{
    static struct sse s;

    (void)state;
    sse_init(&s, SSE_CHAT);
    sse_feed(&s, SLICE("data: {\"choices\":[{\"delta\":{\"content\":\""));
    feed_many(&s, "data: [DONE] \\n\\n ", 100000);
    assert_false(s.is_at_boundary);
    sse_feed(&s, SLICE("\"}}]}\n\n"));
    assert_true(s.has_content && !s.is_complete && s.is_at_boundary);
    sse_feed(&s, SLICE("data: [DONE]\n\n"));
    assert_true(s.is_complete);
}

static void what_fills_the_line_exactly_is_read_whole(void **state)
{
    static struct sse s;

    (void)state;
    for (size_t fill = SSE_LINE_MAX - 20; fill < SSE_LINE_MAX + 20; fill++) {
        sse_init(&s, SSE_MESSAGES);
        sse_feed(&s, SLICE("event: error\ndata: "));
        feed_many(&s, "x", fill);
        sse_feed(&s, SLICE("\n\nevent: message_stop\ndata: {}\n\n"));
        size_t kept = fill < SSE_LINE_MAX - 6 ? fill : SSE_LINE_MAX - 6; /* without "data: " */
        assert_int_equal(s.error_len, kept);
        assert_true(s.has_error && s.is_complete && s.is_at_boundary);
    }
}

static void a_name_longer_than_any_is_no_name_of_ours(void **state)
{
    static struct sse s;

    (void)state;
    sse_init(&s, SSE_MESSAGES);
    sse_feed(&s, SLICE("event: message_stop"));
    feed_many(&s, "p", 100000);
    sse_feed(&s, SLICE("\ndata: {}\n\n"));
    assert_false(s.is_complete);
}

static void any_bytes_do_no_harm(void **state)
{
    static struct sse s;
    uint32_t random = 1;

    (void)state;
    for (int dialect = SSE_CHAT; dialect <= SSE_OTHER; dialect++) {
        sse_init(&s, (enum sse_dialect)dialect);
        for (int i = 0; i < 200000; i++) {
            static const char *const pieces[] = {"data", ":",     "event", " ", "\r",
                                                 "\n",   "error", "[DONE", "]", "{",
                                                 "\"",   "x",     "\xff"};
            random = random * 1664525 + 1013904223;
            sse_feed(&s, slice_of(pieces[(random >> 16) % 13]));
            assert_true(s.line_len <= SSE_LINE_MAX && s.error_len <= SSE_ERROR_MAX);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_is_whole_with_its_done),
        cmocka_unit_test(the_word_done_elsewhere_is_not_the_end),
        cmocka_unit_test(a_chunk_without_choices_is_no_content),
        cmocka_unit_test(a_message_is_whole_with_its_message_stop),
        cmocka_unit_test(a_stream_cut_inside_its_last_event_is_not_whole),
        cmocka_unit_test(a_response_is_whole_with_its_completed),
        cmocka_unit_test(without_a_name_the_type_in_the_data_decides),
        cmocka_unit_test(errors_are_found_and_kept),
        cmocka_unit_test(unknown_streams_are_content_from_the_first_data_on),
        cmocka_unit_test(comments_and_other_fields_mean_nothing),
        cmocka_unit_test(a_comment_fits_only_between_two_events),
        cmocka_unit_test(a_long_line_is_content_and_ends_where_it_ends),
        cmocka_unit_test(what_fills_the_line_exactly_is_read_whole),
        cmocka_unit_test(a_name_longer_than_any_is_no_name_of_ours),
        cmocka_unit_test(any_bytes_do_no_harm),
    };
    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
