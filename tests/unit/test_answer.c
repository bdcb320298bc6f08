/* test_answer - error bodies in both dialects, and the error code inside a node's answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proxy/answer.h"
#include "proxy/refusal.h"

static void assert_body(enum route_dialect dialect, unsigned status, const char *details,
                        const char *expected)
{
    struct buf out;

    buf_init(&out, 0);
    assert_int_equal(answer_error(&out, dialect, status, "why \"so\"", details), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    assert_string_equal(out.data, expected);
    buf_done(&out);
}

static void openai_error_has_the_ancestors_fields(void **state)
{
    (void)state;
    assert_body(ROUTE_OPENAI, 503, "a: OFFLINE",
                "{\"error\":{\"message\":\"why \\\"so\\\"\",\"type\":\"service_unavailable\","
                "\"details\":\"a: OFFLINE\",\"code\":null}}");
    assert_body(ROUTE_OPENAI, 404, NULL,
                "{\"error\":{\"message\":\"why \\\"so\\\"\",\"type\":\"invalid_request_error\","
                "\"code\":null}}");
}

static void anthropic_error_is_in_its_words(void **state)
{
    (void)state;
    assert_body(ROUTE_ANTHROPIC, 503, "ignored",
                "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                "\"message\":\"why \\\"so\\\"\"}}");
    assert_body(ROUTE_ANTHROPIC, 413, NULL,
                "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\","
                "\"message\":\"why \\\"so\\\"\"}}");
}

static void error_event_never_looks_like_the_end_of_a_stream(void **state)
{
    (void)state;
    for (int dialect = SSE_CHAT; dialect <= SSE_OTHER; dialect++) {
        struct buf out;
        struct sse s;
        buf_init(&out, 0);
        assert_int_equal(answer_error_event(&out, (enum sse_dialect)dialect, "cut"), 0);
        sse_init(&s, (enum sse_dialect)dialect);
        /* It may follow half an event. */
        sse_feed(&s, SLICE("data: {\"choices\":[{\"de"));
        sse_feed(&s, buf_slice(&out));
        assert_true(s.has_error);
        assert_false(s.is_complete);
        assert_true(s.is_at_boundary);
        buf_done(&out);
    }
}

static void unknown_status_has_a_phrase(void **state)
{
    (void)state;
    assert_string_equal(answer_phrase(200), "OK");
    assert_string_equal(answer_phrase(299), "Unknown");
}

static void code_is_found_in_every_wrapping(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *code;
        const char *message;
    } cases[] = {
        {"{\"error\":{\"message\":\"{\\\"error\\\": {\\\"message\\\": \\\"You have no "
         "quota\\\", "
         "\\\"code\\\": \\\"quota_exceeded\\\"}}\",\"type\":\"error\"}}",
         "quota_exceeded", "You have no quota"},
        {"{\"error\":{\"message\":\"{\\\"message\\\":\\\"Rate limit exceeded\\\"}\","
         "\"type\":\"error\"}}",
         "", "Rate limit exceeded"},
        {"{\"error\":{\"message\":\"unauthorized: token expired\\n\",\"type\":\"error\"}}", "",
         "unauthorized: token expired\n"},
        {"{\"error\":{\"code\":\"forbidden\",\"message\":\"no\"}}", "forbidden", "no"},
        {"{\"message\":\"Bad credentials\"}", "", "Bad credentials"},
        {"{\"error\":\"Failed to fetch Copilot usage\"}", "", "Failed to fetch Copilot usage"},
        {"{\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"[1,2]\"}}", "x", "[1,2]"},
        {"plain text", "", "plain text"},
        {"", "", ""},
        {"[]", "", ""},
        {"{\"error\":{\"code\":7,\"message\":{}}}", "", ""},
    };
    struct refusal r;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refusal_read(slice_of(cases[i].body), &r);
        assert_string_equal(r.code, cases[i].code);
        assert_string_equal(r.message, cases[i].message);
    }
}

static void long_words_are_cut_to_fit(void **state)
{
    (void)state;
    static char body[4096];
    struct refusal r;

    memset(body, 'x', sizeof body - 1);
    refusal_read(slice_of(body), &r);
    assert_int_equal(strlen(r.message), REFUSAL_MESSAGE_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_error_has_the_ancestors_fields),
        cmocka_unit_test(anthropic_error_is_in_its_words),
        cmocka_unit_test(error_event_never_looks_like_the_end_of_a_stream),
        cmocka_unit_test(unknown_status_has_a_phrase),
        cmocka_unit_test(code_is_found_in_every_wrapping),
        cmocka_unit_test(long_words_are_cut_to_fit),
    };
    return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
