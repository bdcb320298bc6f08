/* test_head - a whole head, taken apart by llhttp.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "proxy/head.h"

static struct head head;

static int read_request(const char *text)
{
    return head_request(&head, slice_of(text));
}

static int read_answer(const char *text)
{
    return head_answer(&head, slice_of(text));
}

static void check_field(size_t i, const char *name, const char *value)
{
    assert_true(i < head.fields.count);
    if (!slice_equal(head.fields.at[i].name, slice_of(name)) ||
        !slice_equal(head.fields.at[i].value, slice_of(value)))
        fail_msg("field %zu is %.*s: %.*s", i, (int)head.fields.at[i].name.len,
                 head.fields.at[i].name.at, (int)head.fields.at[i].value.len,
                 head.fields.at[i].value.at);
}

static void a_request_has_method_target_and_fields(void **state)
{
    (void)state;
    assert_int_equal(read_request("POST /v1/x?y=1 HTTP/1.1\r\nHost: a.test\r\nX-A:\t 1 2\t \r\n"
                                  "Empty:\r\nBlank:   \r\nConnection: x, close \r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n"),
                     0);
    assert_true(slice_equal(head.method, SLICE("POST")));
    assert_true(slice_equal(head.target, SLICE("/v1/x?y=1")));
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.fields.count, 6);
    check_field(0, "Host", "a.test");
    check_field(1, "X-A", "1 2");
    check_field(2, "Empty", "");
    check_field(3, "Blank", "");
    check_field(4, "Connection", "x, close");
    check_field(5, "Transfer-Encoding", "chunked");
    assert_true(slice_equal(fields_find(&head.fields, SLICE("x-a")), SLICE("1 2")));
    assert_null(fields_find(&head.fields, SLICE("x-b")).at);
    head_done(&head);
}

static void an_answer_has_a_status(void **state)
{
    (void)state;
    assert_int_equal(read_answer("HTTP/1.1 204 \r\nContent-Length: 5 \r\n\r\n"), 0);
    assert_int_equal(head.status, 204);
    check_field(0, "Content-Length", "5");
    head_done(&head);
    assert_int_equal(read_answer("HTTP/1.0 503\r\n\r\n"), 0);
    assert_int_equal(head.status, 503);
    assert_int_equal(head.minor, 0);
    head_done(&head);
}

static void minor_versions_beyond_1_are_1(void **state) /* RFC 9110 section 2.5 */
{
    (void)state;
    assert_int_equal(read_request("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 0);
    assert_int_equal(head.minor, 1);
    head_done(&head);
    assert_int_equal(read_request("GET / HTTP/1.0\r\n\r\n"), 0);
    assert_int_equal(head.minor, 0);
    head_done(&head);
}

static void framing_is_not_judged_here(void **state)
{
    static const char *const texts[] = {
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (read_request(texts[i]) != 0)
            fail_msg("%s: %s", texts[i], head.reason);
        head_done(&head);
    }
}

static void octets_that_have_no_place_are_refused(void **state) /* RFC 9110 sections 5.1, 5.5 */
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nX-A : 1\r\n\r\n",
        "GET / HTTP/1.1\r\nX A: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nX-A\r\n\r\n",
        "GET / HTTP/1.1\r\nX(: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nX-A: 1\r2\r\n\r\n",
        "GET / HTTP/1.1\r\nX-A: 1\x01\r\n\r\n",
        "GET / HTTP/1.1\r\nX-A: 1\x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nX\xc3: 1\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\n\r\n",
        "GET /\x7f HTTP/1.1\r\n\r\n",
        "GET HTTP/1.1\r\n\r\n",
        "GET / / HTTP/1.1\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (read_request(texts[i]) != -EBADMSG)
            fail_msg("%s passed", texts[i]);
        assert_true(strlen(head.reason) > 0);
        head_done(&head);
    }
    static const char nul[] = "GET / HTTP/1.1\r\nX-A: 1\0\r\n\r\n";
    assert_int_equal(head_request(&head, (struct slice){nul, sizeof nul - 1}), -EBADMSG);
    head_done(&head);
}

/* "GET / HTTP/1.1" or a status line, and so many fields. */
static struct slice many(const char *first, unsigned count)
{
    static char text[64 * 1024];
    int len = snprintf(text, sizeof text, "%s\r\n", first);

    for (unsigned i = 0; i < count; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, "X-%u: %u\r\n", i, i);
    len += snprintf(text + len, sizeof text - (size_t)len, "\r\n");
    return (struct slice){text, (size_t)len};
}

static void requests_have_100_fields_and_answers_more(void **state)
{
    (void)state;
    assert_int_equal(head_request(&head, many("GET / HTTP/1.1", HEAD_FIELDS_MAX)), 0);
    head_done(&head);
    assert_int_equal(head_request(&head, many("GET / HTTP/1.1", HEAD_FIELDS_MAX + 1)), -E2BIG);
    head_done(&head);
    assert_int_equal(head_answer(&head, many("HTTP/1.1 200 OK", UPSTREAM_HEAD_FIELDS_MAX)), 0);
    assert_int_equal(head.fields.count, UPSTREAM_HEAD_FIELDS_MAX);
    check_field(0, "X-0", "0");
    check_field(99, "X-99", "99");
    check_field(100, "X-100", "100");
    check_field(2047, "X-2047", "2047");
    head_done(&head);
    assert_int_equal(head_answer(&head, many("HTTP/1.1 200 OK", UPSTREAM_HEAD_FIELDS_MAX + 1)),
                     -E2BIG);
    head_done(&head);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 3; n++) {
        mem_fail_after(n);
        assert_int_equal(head_answer(&head, many("HTTP/1.1 200 OK", 500)), -ENOMEM);
        mem_fail_after(0);
        head_done(&head);
    }
}

static void the_connection_fields_are_within_their_range(void **state)
{
    (void)state;
    assert_int_equal(read_request("GET / HTTP/1.1\r\nHost: a\r\nconnection: x-a\r\nX-A: 1\r\n"
                                  "CONNECTION: x-b\r\nX-B: 1\r\nX-C: 1\r\n\r\n"),
                     0);
    assert_int_equal(head.fields.hop_at, 1);
    assert_int_equal(head.fields.hop_count, 3);
    head_done(&head);
    assert_int_equal(read_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    assert_int_equal(head.fields.hop_count, 0);
    head_done(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_method_target_and_fields),
        cmocka_unit_test(an_answer_has_a_status),
        cmocka_unit_test(minor_versions_beyond_1_are_1),
        cmocka_unit_test(framing_is_not_judged_here),
        cmocka_unit_test(octets_that_have_no_place_are_refused),
        cmocka_unit_test(requests_have_100_fields_and_answers_more),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(the_connection_fields_are_within_their_range),
    };
    return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
