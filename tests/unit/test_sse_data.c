/* test_sse_data - what the JSON in one event says: is it content, is it an error, which one?
 *
 * SPDX-License-Identifier: MIT
 */
#include "sse_fixture.h"

#define CHOICE(inside) "data: {\"id\":\"c1\",\"choices\":[{\"index\":0," inside "}]}\n\n"
#define ROLE           CHOICE("\"delta\":{\"role\":\"assistant\",\"content\":\"\"}")

static void a_chunk_that_only_says_whose_turn_it_is_is_no_content(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, ROLE, NOTHING, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"role\":\"assistant\"}"), NOTHING, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{}"), NOTHING, NULL},
        {SSE_CHAT, CHOICE("\"content_filter_results\":{\"text\":\"x\"},\"delta\":{}"), NOTHING,
         NULL},
        {SSE_CHAT, CHOICE("\"delta\":null"), NOTHING, NULL},
        {SSE_CHAT,
         CHOICE("\"delta\":{\"content\":null,\"refusal\":null,\"tool_calls\":[],"
                "\"function_call\":{},\"role\":\"assistant\"},\"finish_reason\":null,"
                "\"logprobs\":null"),
         NOTHING, NULL},
        {SSE_CHAT,
         CHOICE("\"content_filter_results\":{\"hate\":{\"filtered\":false,\"severity\":"
                "\"safe\"}},\"content_filter_offsets\":{\"start\":7},\"delta\":{\"content\":"
                "\"\",\"role\":\"assistant\"}"),
         NOTHING, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void whatever_else_a_choice_has_is_content(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, CHOICE("\"delta\":{\"content\":\" \"}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"content\":\"\\n\"}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"reasoning_text\":\"hm\"}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"reasoning_opaque\":\"AbC\",\"content\":null}"), CONTENT,
         NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"refusal\":\"I cannot\"}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"tool_calls\":[{\"index\":0}]}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"function_call\":{\"name\":\"f\"}}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"tool_calls\":[{}]}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"function_call\":{\"role\":\"x\"}}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"list\":[1]}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{\"number\":0}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"delta\":{},\"finish_reason\":\"stop\""), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"finish_reason\":\"length\",\"delta\":{}"), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"text\":\"old completions\""), CONTENT, NULL},
        {SSE_CHAT, CHOICE("\"message\":{\"role\":\"assistant\",\"content\":\"whole\"}"),
         CONTENT, NULL},
        /* The second choice, the second chunk. */
        {SSE_CHAT, CHOICE("\"delta\":{}},{\"index\":1,\"delta\":{\"content\":\"x\"}"), CONTENT,
         NULL},
        {SSE_CHAT, ROLE DELTA, CONTENT, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void json_that_broke_off_is_no_content(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hel\n\n", NOTHING,
         NULL},
        {SSE_CHAT, "data: {\"id\":\"chatcm\n\n", NOTHING, NULL},
        {SSE_CHAT, "data: {\"id\":\"chatcm\n\n" DELTA, CONTENT, NULL},
        {SSE_CHAT, "data: {\"error\":{\"code\":\"rate_limited\",\n\n", ERROR, "rate_limited"},
    };

    (void)state;
    CHECK(rows);
}

static void errors_are_found_in_every_dialect(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "data: {\"error\":{\"code\":\"q\"}}\n\n", ERROR, "q"},
        {SSE_CHAT, "data: { \"error\" : 1}\n\n", ERROR, NULL},
        {SSE_CHAT, "data: {\"id\":\"c\",\"error\":\"sentence\"}\n\n", ERROR, NULL},
        {SSE_CHAT, "data: {\"error\":null,\"choices\":[]}\n\n", NOTHING, NULL},
        {SSE_CHAT,
         "data: {\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}],"
         "\"error\":{\"code\":\"rate_limited\"}}\n\n",
         ERROR, "rate_limited"},
        /* hono, under copilot-api, tells an exception in mid-stream like this. */
        {SSE_CHAT, "event: error\ndata: fetch failed\n\n", ERROR, NULL},
        {SSE_CHAT, DELTA "event: error\ndata: terminated\n\n", CONTENT | ERROR, NULL},
        {SSE_CHAT, "data: {\"errors\":1}\n\n", CONTENT, NULL},
        {SSE_MESSAGES, START "event: error\ndata: {\"type\":\"error\"}\n\n", ERROR, NULL},
        {SSE_MESSAGES,
         START "event: error\ndata: {\"type\":\"error\",\"error\":{\"details\":null,"
               "\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
         ERROR, "overloaded_error"},
        {SSE_RESPONSES,
         "event: error\ndata: {\"type\":\"error\",\"code\":\"server_is_overloaded\","
         "\"message\":\"m\",\"param\":null}\n\n",
         ERROR, "server_is_overloaded"},
        {SSE_RESPONSES,
         "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":"
         "\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}}}\n\n",
         COMPLETE | ERROR, "rate_limit_exceeded"},
        {SSE_OTHER, "event: error\ndata: {\"error\":{\"code\":\"x\"}}\n\n", ERROR, "x"},
        {SSE_MESSAGES, "event: error\n\n", ERROR, NULL},
        {SSE_MESSAGES, "event: error\ndata: {\"type\":\"err", MIDDLE, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void the_code_of_an_error_goes_before_its_type(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "data: {\"error\":{\"type\":\"t\",\"code\":\"c\"}}\n\n", ERROR, "c"},
        {SSE_CHAT, "data: {\"error\":{\"code\":\"c\",\"type\":\"t\"}}\n\n", ERROR, "c"},
        {SSE_CHAT, "data: {\"error\":{\"code\":null,\"type\":\"t\"}}\n\n", ERROR, "t"},
        {SSE_CHAT, "data: {\"error\":{\"code\":429,\"type\":\"t\"}}\n\n", ERROR, "t"},
        {SSE_CHAT, "data: {\"error\":{\"code\":\"\",\"type\":\"t\"}}\n\n", ERROR, "t"},
        {SSE_CHAT, "data: {\"error\":{\"type\":\"error\",\"message\":\"m\"}}\n\n", ERROR, NULL},
        {SSE_CHAT,
         "data: {\"error\":{\"code\":\"a_code_of_forty_nine_bytes_is_longer_than_can_be_\"}}"
         "\n\n",
         ERROR, NULL},
        {SSE_CHAT,
         "data: "
         "{\"error\":{\"code\":\"a_code_of_forty_eight_bytes_is_as_long_as_may_be\"}}\n\n",
         ERROR, "a_code_of_forty_eight_bytes_is_as_long_as_may_be"},
    };

    (void)state;
    CHECK(rows);
}

static void the_first_error_with_a_code_counts(void **state)
{
    static const struct row rows[] = {
        {SSE_MESSAGES,
         "event: error\ndata: {\"error\":{\"type\":\"one\"}}\n\n"
         "event: error\ndata: {\"error\":{\"type\":\"two\"}}\n\n",
         ERROR, "one"},
        {SSE_RESPONSES,
         "event: error\ndata: {\"type\":\"error\"}\n\n"
         "data: {\"type\":\"response.other\",\"code\":\"of no error\"}\n\n"
         "event: response.failed\ndata: {\"response\":{\"error\":{\"code\":\"two\"}}}\n\n",
         COMPLETE | ERROR, "two"},
        {SSE_RESPONSES,
         "event: error\ndata: {\"type\":\"broken off\n\n"
         "event: response.failed\ndata: {\"response\":{\"error\":{\"code\":\"two\"}}}\n\n",
         COMPLETE | ERROR, "two"},
        /* What is no error has no code, wherever such a key stands. */
        {SSE_RESPONSES, "data: {\"type\":\"response.other\",\"code\":\"x\"}\n\n", CONTENT,
         NULL},
        {SSE_RESPONSES,
         "event: response.completed\ndata: {\"response\":{\"error\":{\"code\":\"x\"}}}\n\n",
         COMPLETE, NULL},
    };

    (void)state;
    CHECK(rows);
}

static void what_follows_an_error_is_no_content(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "event: error\ndata: a\n\n" DELTA, ERROR, NULL},
        {SSE_CHAT, "data: {\"error\":{\"code\":\"c\"}}\n\n" DELTA "data: [DONE]\n\n",
         ERROR | COMPLETE, "c"},
        {SSE_CHAT, DELTA "data: {\"error\":{\"code\":\"c\"}}\n\n", CONTENT | ERROR, "c"},
        {SSE_MESSAGES, "event: error\ndata: {}\n\n" BLOCK, ERROR, NULL},
        {SSE_RESPONSES, "event: response.failed\ndata: {}\n\ndata: [DONE]\n\n",
         ERROR | COMPLETE, NULL},
    };

    (void)state;
    CHECK(rows);
}

/* Models write about errors, in JSON, all day long. */
static void a_code_in_the_text_of_a_model_is_no_code(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "data: {\"choices\":[{\"delta\":{\"content\":\"{\\\"error\\\":1}\"}}]}\n\n",
         CONTENT, NULL},
        {SSE_CHAT,
         "data: "
         "{\"choices\":[{\"delta\":{\"content\":\"\\\\\\\",\\\"error\\\":{\\\"code\\\":\\\"q"
         "\\\"}\"}}]}\n\n",
         CONTENT, NULL},
        {SSE_CHAT, "data: {\"choices\":[{\"delta\":{\"error\":{\"code\":\"q\"}}}]}\n\n",
         CONTENT, NULL},
        {SSE_CHAT,
         "data: "
         "{\"error\":{\"message\":\"\\\"code\\\":\\\"quota_exceeded\\\"\",\"type\":\"t\"}}"
         "\n\n",
         ERROR, "t"},
        {SSE_RESPONSES,
         "event: response.failed\ndata: "
         "{\"response\":{\"instructions\":\"\\\"error\\\":{\\\"code"
         "\\\":\\\"quota_exceeded\\\"}\",\"tools\":[{\"code\":\"a\",\"error\":{\"code\":\"b\"}}"
         "],"
         "\"metadata\":{\"error\":{\"code\":\"c\"},\"code\":\"d\"},\"error\":{\"param\":{"
         "\"code\":"
         "\"e\"},\"code\":\"server_error\"},\"code\":\"f\"}}\n\n",
         COMPLETE | ERROR, "server_error"},
        /* A key with an escape in it is none of ours. */
        {SSE_CHAT, "data: {\"error\":{\"c\\u006fde\":\"q\",\"type\":\"t\"}}\n\n", ERROR, "t"},
    };

    (void)state;
    CHECK(rows);
}

static void data_in_several_lines_is_one_text(void **state)
{
    static const struct row rows[] = {
        {SSE_CHAT, "data: {\"error\":\ndata: {\"code\":\"q\"}\ndata: }\n\n", ERROR, "q"},
        {SSE_CHAT, "data: {\"choices\":[{\"delta\":\ndata:{\"content\":\"x\"}}]}\n\n", CONTENT,
         NULL},
        {SSE_CHAT, "data: {\"choices\":[{\"delta\":\ndata:{\"content\":\"x\"}}\n", MIDDLE,
         NULL},
        {SSE_MESSAGES, "data: {\ndata: \"type\": \"message_stop\"\ndata: }\n\n", COMPLETE,
         NULL},
        {SSE_CHAT, "data: {\"error\":{\"retry_after\":7\ndata:}}\n\n", ERROR, NULL},
    };

    (void)state;
    CHECK(rows);
}

/* The response object that a response.failed carries is as big as its request: the instructions
 * of a coding agent are 40 to 120 KB. */
static void the_code_is_found_behind_a_mebibyte(void **state)
{
    static struct sse s;

    (void)state;
    sse_init(&s, SSE_RESPONSES);
    sse_feed(&s,
             SLICE("event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":"
                   "{\"instructions\":\""));
    feed_many(&s, "say \\\"error\\\":{\\\"code\\\":\\\"no\\\"} \\\\ \\n", 32768);
    sse_feed(&s, SLICE("\",\"tools\":["));
    feed_many(&s, "{\"error\":{\"code\":\"no\"},\"code\":[[\"no\"]]},", 4096);
    sse_feed(&s, SLICE("null],\"error\":{\"message\":\"gone\",\"code\":\"quota_exceeded\"}"));
    assert_false(s.has_error || s.is_complete);
    sse_feed(&s, SLICE(",\"output\":[]}}\n\n"));
    assert_true(s.has_error && s.is_complete && !s.has_content && s.is_at_boundary);
    assert_true(slice_equal(sse_error_code(&s), SLICE("quota_exceeded")));
}

static void an_error_may_tell_how_long_to_wait(void **state)
{
    static const struct {
        const char *value;
        uint64_t ms;
    } rows[] = {
        {"\"retry_after\":30", 30000},     {"\"retry_after\":1.5", 1500},
        {"\"retry_after\":0", 0},          {"\"retry_after\":-1", 0},
        {"\"retry_after\":null", 0},       {"\"retry_after\":\"30\"", 30000},
        {"\"retry_after\":1e99", 0},       {"\"retry_after\":99999999999999999999", 0},
        {"\"retry_after_ms\":1500", 1500}, {"\"retry_after_ms\":1500.7", 1500},
        {"\"retry_after\":1.", 1000},      {"\"x\":{\"retry_after\":30}", 0},
    };
    static struct sse s;
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sse_init(&s, SSE_CHAT);
        (void)snprintf(text, sizeof text, "data: {\"error\":{%s}}\n\n", rows[i].value);
        sse_feed(&s, slice_of(text));
        assert_true(s.has_error);
        assert_int_equal(sse_retry_after_ms(&s), rows[i].ms);
    }
    sse_init(&s, SSE_RESPONSES);
    sse_feed(&s, SLICE("data: {\"type\":\"x\",\"error\":{\"retry_after\":30}}\n\n"));
    assert_int_equal(sse_retry_after_ms(&s), 0);
}

static void deep_nesting_is_followed_to_its_end(void **state)
{
    static struct sse s;

    (void)state;
    sse_init(&s, SSE_CHAT);
    sse_feed(&s, SLICE("data: {\"x\":"));
    feed_many(&s, "[{\"error\":", 100000);
    feed_many(&s, "1}]", 100000);
    sse_feed(&s, SLICE(",\"error\":{\"code\":\"q\"}}\n\n"));
    assert_true(s.has_error && !s.has_content);
    assert_true(slice_equal(sse_error_code(&s), SLICE("q")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_that_only_says_whose_turn_it_is_is_no_content),
        cmocka_unit_test(whatever_else_a_choice_has_is_content),
        cmocka_unit_test(json_that_broke_off_is_no_content),
        cmocka_unit_test(errors_are_found_in_every_dialect),
        cmocka_unit_test(the_code_of_an_error_goes_before_its_type),
        cmocka_unit_test(the_first_error_with_a_code_counts),
        cmocka_unit_test(what_follows_an_error_is_no_content),
        cmocka_unit_test(a_code_in_the_text_of_a_model_is_no_code),
        cmocka_unit_test(data_in_several_lines_is_one_text),
        cmocka_unit_test(the_code_is_found_behind_a_mebibyte),
        cmocka_unit_test(an_error_may_tell_how_long_to_wait),
        cmocka_unit_test(deep_nesting_is_followed_to_its_end),
    };
    return cmocka_run_group_tests_name("sse_data", tests, NULL, NULL);
}
