/* test_refusal - the code, the sentence and the wait in what a node answered.
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

#include "proxy/refusal.h"

struct row {
    const char *body;
    const char *code;
    const char *message;
    uint64_t retry_after_ms;
};

static void check(const struct row *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct refusal r;
        refusal_read(slice_of(row[i].body), &r);
        if (strcmp(r.code, row[i].code) != 0 || strcmp(r.message, row[i].message) != 0 ||
            r.retry_after_ms != row[i].retry_after_ms)
            fail_msg("%s: code '%s', message '%s', wait %llu", row[i].body, r.code, r.message,
                     (unsigned long long)r.retry_after_ms);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

static void what_is_not_json_is_the_message(void **state)
{
    static const struct row rows[] = {
        {"", "", "", 0},
        {"unauthorized: token expired\n", "", "unauthorized: token expired\n", 0},
        {"Misdirected Request\n", "", "Misdirected Request\n", 0},
        {"{\"error\":{\"code\":\"x\"}", "", "{\"error\":{\"code\":\"x\"}", 0},
    };

    (void)state;
    CHECK(rows);
}

static void the_plain_shapes_are_read(void **state)
{
    static const struct row rows[] = {
        {"{\"error\":{\"message\":\"m\",\"code\":\"c\"}}", "c", "m", 0},
        {"{\"message\":\"m\",\"code\":\"c\"}", "c", "m", 0},
        {"{\"error\":\"sentence\"}", "", "sentence", 0},
        {"{\"error\":{}}", "", "", 0},
        {"{\"error\":null,\"message\":\"m\"}", "", "m", 0},
        {"{\"error\":{\"message\":[],\"code\":7}}", "", "", 0},
        {"[1,2]", "", "", 0},
        {"{}", "", "", 0},
    };

    (void)state;
    CHECK(rows);
}

/* FACTS 2, as measured. */
static void the_wrapping_of_copilot_api_is_opened(void **state)
{
    static const struct row rows[] = {
        {"{\"error\":{\"message\":\"{\\\"error\\\": {\\\"message\\\": \\\"You have no "
         "quota\\\", "
         "\\\"code\\\": \\\"quota_exceeded\\\"}}\",\"type\":\"error\"}}",
         "quota_exceeded", "You have no quota", 0},
        {"{\"error\":{\"message\":\"{\\\"message\\\":\\\"Rate limit exceeded\\\"}\",\"type\":"
         "\"error\"}}",
         "", "Rate limit exceeded", 0},
        {"{\"error\":{\"message\":\"unauthorized: token expired\\n\",\"type\":\"error\"}}", "",
         "unauthorized: token expired\n", 0},
        {"{\"error\":{\"message\":\"{\\\"error\\\":{\\\"code\\\":\\\"in\\\"}}\",\"code\":"
         "\"out\"}}",
         "in", "{\"error\":{\"code\":\"in\"}}", 0},
        {"{\"error\":{\"message\":\"{}\",\"code\":\"out\"}}", "out", "{}", 0},
        /* Two layers, not three. */
        {"{\"error\":{\"message\":\"{\\\"error\\\":{\\\"message\\\":\\\"{\\\\\\\"code\\\\\\\":"
         "\\\\\\\"deep\\\\\\\"}\\\"}}\"}}",
         "", "{\"code\":\"deep\"}", 0},
    };

    (void)state;
    CHECK(rows);
}

static void a_type_stands_in_for_a_missing_code(void **state)
{
    static const struct row rows[] = {
        {"{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}",
         "rate_limit_error", "m", 0},
        {"{\"error\":{\"type\":\"insufficient_quota\",\"code\":null}}", "insufficient_quota",
         "", 0},
        {"{\"error\":{\"type\":\"t\",\"code\":\"c\"}}", "c", "", 0},
        {"{\"error\":{\"type\":\"error\",\"message\":\"m\"}}", "", "m", 0},
        {"{\"error\":{\"type\":\"out\",\"message\":\"{\\\"code\\\":\\\"in\\\"}\"}}", "in",
         "{\"code\":\"in\"}", 0},
        {"{\"type\":\"error\",\"error\":\"sentence\"}", "", "sentence", 0},
    };

    (void)state;
    CHECK(rows);
}

static void a_wait_beside_the_code_is_read(void **state)
{
    static const struct row rows[] = {
        {"{\"error\":{\"code\":\"c\",\"retry_after\":30}}", "c", "", 30000},
        {"{\"error\":{\"code\":\"c\",\"retry_after\":1.5}}", "c", "", 1500},
        {"{\"error\":{\"code\":\"c\",\"retry_after_ms\":1500}}", "c", "", 1500},
        {"{\"error\":{\"code\":\"c\",\"retry_after_ms\":5,\"retry_after\":9}}", "c", "", 5},
        {"{\"error\":{\"message\":\"{\\\"retry_after\\\":2}\",\"retry_after\":9}}", "",
         "{\"retry_after\":2}", 2000},
        {"{\"error\":{\"retry_after\":-1}}", "", "", 0},
        {"{\"error\":{\"retry_after\":0}}", "", "", 0},
        {"{\"error\":{\"retry_after\":1e300}}", "", "", 0},
        {"{\"error\":{\"retry_after\":1e13}}", "", "", 0},
        {"{\"error\":{\"retry_after\":\"30\"}}", "", "", 0},
        {"{\"retry_after\":4}", "", "", 4000},
    };

    (void)state;
    CHECK(rows);
}

static void what_is_too_long_is_cut(void **state)
{
    char body[2048];
    struct refusal r;

    (void)state;
    (void)snprintf(body, sizeof body,
                   "{\"error\":{\"code\":\"%0500d\",\"message\":\"%0900d\"}}", 1, 2);
    refusal_read(slice_of(body), &r);
    assert_int_equal(strlen(r.code), REFUSAL_CODE_MAX - 1);
    assert_int_equal(strlen(r.message), REFUSAL_MESSAGE_MAX - 1);
    refusal_read((struct slice){body + 1, 2000}, &r);
    assert_int_equal(strlen(r.message), REFUSAL_MESSAGE_MAX - 1);
}

/* A body ends early when its connection does. */
static void a_body_cut_at_any_byte_does_no_harm(void **state)
{
    const struct slice body =
        SLICE("{\"error\":{\"message\":\"{\\\"error\\\":{\\\"code\\\":\\\"quota_exceeded\\\",\\"
              "\"retry_after\\\":1}}\",\"type\":\"error\"}}");

    (void)state;
    for (size_t len = 0; len <= body.len; len++) {
        struct refusal r;
        refusal_read((struct slice){body.at, len}, &r);
        assert_string_equal(r.code, len == body.len ? "quota_exceeded" : "");
        assert_int_equal(r.retry_after_ms, len == body.len ? 1000 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_json_is_the_message),
        cmocka_unit_test(the_plain_shapes_are_read),
        cmocka_unit_test(the_wrapping_of_copilot_api_is_opened),
        cmocka_unit_test(a_type_stands_in_for_a_missing_code),
        cmocka_unit_test(a_wait_beside_the_code_is_read),
        cmocka_unit_test(what_is_too_long_is_cut),
        cmocka_unit_test(a_body_cut_at_any_byte_does_no_harm),
    };
    return cmocka_run_group_tests_name("refusal", tests, NULL, NULL);
}
