/* test_sse - lines, content and completeness of event streams. What their errors say is in
 * test_sse_data.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sse_fixture.h"

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
        /* Some nodes put it behind everything. It is no content, so that a failure before it
         * can still be hidden. */
        {SSE_MESSAGES, "data: [DONE]\n\n", NOTHING, NULL},
        {SSE_RESPONSES, "data: [DONE]\n\n", NOTHING, NULL},
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
        {SSE_CHAT, "data: {\"choices\":[{}]}\n\n", NOTHING, NULL},
        {SSE_CHAT, "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\"}\n\n", CONTENT,
         NULL},
        {SSE_CHAT, "data: something else\n\n", CONTENT, NULL},
    };

    (void)state;
    CHECK(rows);
}

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
        {SSE_MESSAGES, START "data: [DONE]\n\n", NOTHING, NULL},
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
        {SSE_RESPONSES, "event: keepalive\ndata: {\"type\":\"keepalive\"}\n\n", NOTHING, NULL},
        {SSE_RESPONSES, "event: response.failed\ndata: {\"x\":1}\n\n", COMPLETE | ERROR, NULL},
        {SSE_RESPONSES, "event: error\ndata: {\"x\":1}\n\n", ERROR, NULL},
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
        {SSE_MESSAGES, "data: {\"type\":\"error\",\"error\":{}}\n\n", ERROR, NULL},
        {SSE_MESSAGES, "data: {\"error\":{\"type\":\"api_error\"},\"type\":\"error\"}\n\n",
         ERROR, "api_error"},
        {SSE_MESSAGES, "data: {\"error\":{\"code\":\"quota_exceeded\"}}\n\n", ERROR,
         "quota_exceeded"},
        {SSE_RESPONSES, "data: {\"type\":\"response.created\"}\n\n", NOTHING, NULL},
        {SSE_RESPONSES, "data: {\"type\":\"response.completed\"}\n\n", COMPLETE, NULL},
        {SSE_RESPONSES, "data: {\"type\":7}\n\n", CONTENT, NULL},
        {SSE_RESPONSES, "data: {\"typ", MIDDLE, NULL},
        {SSE_RESPONSES, "data: {\"sequence_number\":0,\"type\":\"response.created\"}\n\n",
         NOTHING, NULL},
        {SSE_MESSAGES, "data: {\"text\":\"message_stop\",\"type\":\"ping\"}\n\n", NOTHING,
         NULL},
        {SSE_MESSAGES, "data: {\"delta\":{\"type\":\"ping\"},\"type\":\"content\"}\n\n",
         CONTENT, NULL},
        {SSE_MESSAGES, "data: {\"text\":\"\\\"type\\\":\\\"ping\\\"\"}\n\n", CONTENT, NULL},
        {SSE_MESSAGES, "event:\ndata: {\"type\":\"ping\"}\n\n", NOTHING, NULL},
        /* With a name, the name decides. */
        {SSE_MESSAGES, "event: ping\ndata: {\"type\":\"message_stop\"}\n\n", NOTHING, NULL},
        {SSE_MESSAGES, "event: ping\n\ndata: {\"type\":\"message_stop\"}\n\n", COMPLETE, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void a_byte_order_mark_is_no_part_of_the_first_line(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "\xef\xbb\xbf" DELTA, CONTENT, NULL},
        {SSE_CHAT, "\xef\xbb\xbf", NOTHING, NULL},
        {SSE_CHAT,
         "\xef\xbb\xbf"
         "data: [DONE]\n\n",
         COMPLETE, NULL},
        {SSE_CHAT,
         "\xef\xbb"
         "data: [DONE]\n\n",
         NOTHING, NULL},
        {SSE_CHAT,
         "\xef\xbb\xbf\xef\xbb\xbf"
         "data: [DONE]\n\n",
         NOTHING, NULL},
        {SSE_CHAT,
         "\n\xef\xbb\xbf"
         "data: [DONE]\n\n",
         NOTHING, NULL},
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
        {SSE_CHAT, "data: {\"choices\":[]}\n", MIDDLE, NULL},
        {SSE_CHAT, "data: {\"choices\":[]}\n\n", NOTHING, NULL},
        {SSE_CHAT, "data: {\"choices\":[]}\n\nd", MIDDLE, NULL},
        {SSE_CHAT, "data: {\"choices\":[]}\n\n:", MIDDLE, NULL},
        {SSE_CHAT, "\n", NOTHING, NULL},
        {SSE_MESSAGES, "event: ping\n", MIDDLE, NULL},
    };

    (void)state;
    CHECK(rows);
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

/* It is part of every exchange that runs. */
static void the_scanner_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct sse) <= 512);
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

/* Events behind the first content are looked through, not read, when they come in one piece. */
static void what_follows_the_first_content_is_judged_as_well(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, DELTA DELTA DELTA, CONTENT, NULL},
        {SSE_CHAT, DELTA DELTA "data: {\"error\":{\"code\":\"x\"}}\n\n", CONTENT | ERROR, "x"},
        {SSE_CHAT, DELTA "data: {\"id\":1,\"error\" : \"y\"}\n\n" DELTA, CONTENT | ERROR, NULL},
        {SSE_CHAT, DELTA "data: {\"response\":{\"error\":{\"type\":\"z\"}}}\n\n",
         CONTENT | ERROR, "z"},
        {SSE_CHAT, DELTA "data: {\"error\":null,\"choices\":[]}\n\n", CONTENT, NULL},
        {SSE_CHAT, DELTA "data: {\"x\":\"\\\"error\\\":{}\"}\n\n", CONTENT, NULL},
        {SSE_CHAT, DELTA "data: {\"a\":1,\ndata: \"error\":{}}\n\n", CONTENT | ERROR, NULL},
        {SSE_CHAT, DELTA "data: {\"a\":1}\nevent: error\n\n", CONTENT, NULL},
        {SSE_CHAT, DELTA "event: error\ndata: {\"a\":1}\n\n", CONTENT | ERROR, NULL},
        {SSE_CHAT, DELTA "data: {\"a\":1}\n\ndata: [DONE]\n\n", CONTENT | COMPLETE, NULL},
        {SSE_CHAT, DELTA "data: {\"a\":1}\n", CONTENT | MIDDLE, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void a_stream_says_the_same_however_it_is_cut(void **state)
{
    static const char *const pieces[] = {
        DELTA, "data: {", "data: ", "\"error\"",    ":",       "{",
        "}",   "\"",      "}\n\n",  "\n\n",         "\r",      "\n",
        "\\",  "event",   "er",     "data: {}\n\n", "[DONE]\n"};
    static char text[1024];
    static struct sse whole;
    static struct sse single;
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 5000; round++) {
        size_t len = 0;
        sse_init(&whole, (enum sse_dialect)(round % 4));
        sse_init(&single, (enum sse_dialect)(round % 4));
        for (int i = 0; i < 12; i++) {
            random = random * 1664525 + 1013904223;
            struct slice piece = slice_of(pieces[(random >> 16) % 17]);
            memcpy(text + len, piece.at, piece.len);
            len += piece.len;
        }
        sse_feed(&whole, (struct slice){text, len});
        for (size_t i = 0; i < len; i++)
            sse_feed(&single, (struct slice){text + i, 1});
        if (claims_of(&whole) != claims_of(&single))
            fail_msg("%u at once, %u byte by byte: %.*s", claims_of(&whole), claims_of(&single),
                     (int)len, text);
    }
}

static void any_bytes_do_no_harm(void **state)
{
    static struct sse s;
    uint32_t random = 1;

    (void)state;
    for (int dialect = SSE_CHAT; dialect <= SSE_OTHER; dialect++) {
        sse_init(&s, (enum sse_dialect)dialect);
        for (int i = 0; i < 200000; i++) {
            static const char *const pieces[] = {
                "data", ":",  "event", " ",    "\r", "\n", "error",       "[DONE",    "]",
                "{",    "\"", "x",     "\xff", "}",  "\\", "\"error\":{", "\"code\":"};
            random = random * 1664525 + 1013904223;
            sse_feed(&s, slice_of(pieces[(random >> 16) % 17]));
            assert_true(s.word_len <= SSE_WORD_MAX && s.data.code_len <= SSE_CODE_MAX);
            assert_true(s.data.walk.word_len <= WALK_WORD_MAX);
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
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_first_line),
        cmocka_unit_test(unknown_streams_are_content_from_the_first_data_on),
        cmocka_unit_test(comments_and_other_fields_mean_nothing),
        cmocka_unit_test(a_comment_fits_only_between_two_events),
        cmocka_unit_test(a_long_line_is_content_and_ends_where_it_ends),
        cmocka_unit_test(the_scanner_is_small),
        cmocka_unit_test(a_name_longer_than_any_is_no_name_of_ours),
        cmocka_unit_test(what_follows_the_first_content_is_judged_as_well),
        cmocka_unit_test(a_stream_says_the_same_however_it_is_cut),
        cmocka_unit_test(any_bytes_do_no_harm),
    };
    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
