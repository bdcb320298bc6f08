/* test_strict - the lines of a head by RFC 9112, cut at every octet.
 *
 * Each head is read whole, and growing by one octet at a time as a client may send it; both
 * must come to the same verdict and the same end.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "proxy/core/strict.h"
#include "slice.h"

#define BYTES_MAX 1024

/* A copy of the head that may be written over, and not a byte more than that, for ASan. */
static char *copy_of(struct slice head)
{
    char *copy = malloc(head.len + 1);

    assert_non_null(copy);
    memcpy(copy, head.at, head.len);
    return copy;
}

static enum strict_verdict read_whole(bool is_answer, struct slice head, size_t *ret_end)
{
    struct strict s;
    char *copy = copy_of(head);

    strict_init(&s, is_answer, BYTES_MAX);
    enum strict_verdict verdict = strict_read(&s, copy, head.len);
    *ret_end = s.end;
    free(copy);
    return verdict;
}

static enum strict_verdict read_growing(bool is_answer, struct slice head, size_t *ret_end)
{
    enum strict_verdict verdict = STRICT_MORE;
    struct strict s;
    char *copy = copy_of(head);

    strict_init(&s, is_answer, BYTES_MAX);
    for (size_t len = 1; len <= head.len && verdict == STRICT_MORE; len++)
        verdict = strict_read(&s, copy, len);
    *ret_end = s.end;
    free(copy);
    return verdict;
}

static enum strict_verdict judge(bool is_answer, const char *head, size_t *ret_end)
{
    struct slice bytes = slice_of(head);
    size_t whole_end;

    enum strict_verdict whole = read_whole(is_answer, bytes, &whole_end);
    enum strict_verdict growing = read_growing(is_answer, bytes, ret_end);
    if (whole != growing || (whole == STRICT_WHOLE && whole_end != *ret_end))
        fail_msg("%s: %d whole, %d in pieces", head, whole, growing);
    return whole;
}

static void check(bool is_answer, const char *head, enum strict_verdict expected)
{
    size_t end;

    enum strict_verdict verdict = judge(is_answer, head, &end);
    if (verdict != expected)
        fail_msg("%s: %d, not %d", head, verdict, expected);
}

static void check_request(const char *head, enum strict_verdict expected)
{
    check(false, head, expected);
}

/* ---------------------------------------------------------------- lines */

static void a_head_ends_with_its_empty_line(void **state)
{
    const char *head = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
    char message[64];
    size_t end;

    (void)state;
    assert_int_equal(judge(false, head, &end), STRICT_WHOLE);
    assert_int_equal(end, strlen(head));
    (void)snprintf(message, sizeof message, "%s body\n\r \n", head);
    assert_int_equal(judge(false, message, &end), STRICT_WHOLE);
    assert_int_equal(end, strlen(head));
    check_request("GET / HTTP/1.1\r\nA: b\r\n\r", STRICT_MORE);
    check_request("GET / HTTP/1.1\r\nA: b\r\n", STRICT_MORE);
    check_request("", STRICT_MORE);
}

static void empty_lines_come_before_requests_only(void **state) /* RFC 9112 section 2.2 */
{
    char lines[] = "\r\n\r\n\r";
    struct strict s;

    (void)state;
    check_request("\r\n\r\nGET / HTTP/1.1\r\n\r\n", STRICT_WHOLE);
    check_request("\r\n\n", STRICT_LINE_END);
    check_request("\r\r\n", STRICT_LINE_END);
    check(true, "\r\nHTTP/1.1 200 OK\r\n\r\n", STRICT_FIRST_LINE);
    strict_init(&s, false, 2); /* they do not count as long as nothing has begun */
    assert_int_equal(strict_read(&s, lines, 5), STRICT_MORE);
    assert_false(s.has_begun);
    assert_int_equal(s.line_at, 4);
}

static void each_line_ends_in_crlf(void **state) /* RFC 9112 section 2.2 */
{
    (void)state;
    check_request("\nGET / HTTP/1.1\r\n\r\n", STRICT_LINE_END);
    check_request("GET / HTTP/1.1\nA: b\r\n\r\n", STRICT_LINE_END);
    check_request("GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", STRICT_LINE_END);
    check_request("GET / HTTP/1.1\r\nA: b\r\n\n", STRICT_LINE_END);
    check_request("GET / HTTP/1.1\r\nA: b\r\n\rGET", STRICT_LINE_END);
    check_request("GET / HTTP/1.1\r\nA: b\r\n\r\r\n", STRICT_LINE_END);
    check(true, "HTTP/1.1 200 OK\nA: b\r\n\r\n", STRICT_LINE_END);
    check(true, "HTTP/1.1 200 OK\r\nA: b\n\r\n", STRICT_LINE_END);
}

static void no_line_begins_with_white_space_or_a_colon(
    void **state) /* sections 2.2, 5.1, 5.2 */
{
    (void)state;
    check_request("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", STRICT_FOLD);
    check_request("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", STRICT_FOLD);
    check_request("GET / HTTP/1.1\r\n A: b\r\n\r\n", STRICT_FOLD);
    check_request("GET / HTTP/1.1\r\nA: b\r\n \r\n\r\n", STRICT_FOLD);
    check_request("GET / HTTP/1.1\r\n: b\r\n\r\n", STRICT_NO_NAME);
    check(true, "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", STRICT_FOLD);
    check(true, "HTTP/1.1 200 OK\r\n: b\r\n\r\n", STRICT_NO_NAME);
    check_request("GET / HTTP/1.1\r\nA: b\r\n\r\n body", STRICT_WHOLE);
}

static void tabs_behind_a_value_become_spaces(void **state) /* RFC 9112 section 5 */
{
    char head[] = "GET / HTTP/1.1\r\nA:\t3 \t\t\r\nB: \t\r\nC: a\tb\r\n\r\n";
    struct strict s;

    (void)state;
    strict_init(&s, false, BYTES_MAX);
    assert_int_equal(strict_read(&s, head, strlen(head)), STRICT_WHOLE);
    assert_string_equal(head, "GET / HTTP/1.1\r\nA:\t3   \r\nB:  \r\nC: a\tb\r\n\r\n");
}

/* ---------------------------------------------------------------- first lines */

static void a_request_line_is_one_of_http_1(void **state) /* RFC 9112 sections 2.3 and 3 */
{
    static const struct {
        const char *line;
        enum strict_verdict verdict;
    } rows[] = {
        {"GET / HTTP/1.0", STRICT_WHOLE},
        {"GET / HTTP/1.2", STRICT_WHOLE}, /* RFC 9110 section 2.5 */
        {"GET  /  HTTP/1.1", STRICT_WHOLE},
        {"OPTIONS * HTTP/1.1", STRICT_WHOLE},
        {"GET / HTTP/2.0", STRICT_VERSION},
        {"GET / HTTP/0.9", STRICT_VERSION},
        {"PRI * HTTP/2.0", STRICT_VERSION},
        {"GET / HTTP/1.10", STRICT_FIRST_LINE},
        {"GET / HTTP/01.1", STRICT_FIRST_LINE},
        {"GET / HTTP/11", STRICT_FIRST_LINE},
        {"GET / HTTP/1", STRICT_FIRST_LINE},
        {"GET / HTTP/1.1x", STRICT_FIRST_LINE},
        {"GET / HTTP/1.1 ", STRICT_FIRST_LINE},
        {"GET / HTTP/1.-", STRICT_FIRST_LINE},
        {"GET / http/1.1", STRICT_FIRST_LINE},
        {"GET / RTSP/1.0", STRICT_FIRST_LINE},
        {"GET / ICE/1.0", STRICT_FIRST_LINE},
        {"GET /\tHTTP/1.1", STRICT_FIRST_LINE},
        {"GET\t/ HTTP/1.1", STRICT_FIRST_LINE},
        {"GET /", STRICT_FIRST_LINE},
        {"GET", STRICT_FIRST_LINE},
        {"GET HTTP/1.1", STRICT_FIRST_LINE},
        {"CONNECT HTTP/1.1", STRICT_FIRST_LINE}, /* llhttp takes this one */
        {"CONNECT   HTTP/1.1", STRICT_FIRST_LINE},
        {"HTTP/1.1", STRICT_FIRST_LINE},
        {" GET / HTTP/1.1", STRICT_FIRST_LINE},
        {": / HTTP/1.1", STRICT_FIRST_LINE},
        {"G@T / HTTP/1.1", STRICT_FIRST_LINE},
        {"GET: / HTTP/1.1", STRICT_FIRST_LINE},
        {"\xef\xbb\xbfGET / HTTP/1.1", STRICT_FIRST_LINE},
        {"\x16\x03\x01", STRICT_FIRST_LINE},
        {"get / HTTP/1.1", STRICT_METHOD},
        {"FLY / HTTP/1.1", STRICT_METHOD},
        {"GETT / HTTP/1.1", STRICT_METHOD},
        {"MKCOL / HTTP/1.1", STRICT_METHOD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char head[64];
        (void)snprintf(head, sizeof head, "%s\r\n\r\n", rows[i].line);
        check_request(head, rows[i].verdict);
    }
}

static void a_status_line_is_one_of_http_1(void **state) /* RFC 9112 section 4 */
{
    static const struct {
        const char *line;
        enum strict_verdict verdict;
    } rows[] = {
        {"HTTP/1.1 200 OK", STRICT_WHOLE},       {"HTTP/1.1 200 ", STRICT_WHOLE},
        {"HTTP/1.1 200", STRICT_WHOLE},          {"HTTP/1.0 100 x", STRICT_WHOLE},
        {"HTTP/1.9 599 x y", STRICT_WHOLE},      {"HTTP/2.0 200 OK", STRICT_VERSION},
        {"HTTP/1.1 099 Low", STRICT_FIRST_LINE}, {"HTTP/1.1 600 High", STRICT_FIRST_LINE},
        {"HTTP/1.1 20 OK", STRICT_FIRST_LINE},   {"HTTP/1.1 20", STRICT_FIRST_LINE},
        {"HTTP/1.1 2000 OK", STRICT_FIRST_LINE}, {"HTTP/1.1 200OK", STRICT_FIRST_LINE},
        {"HTTP/1.1  200 OK", STRICT_FIRST_LINE}, {"HTTP/1.1 +20 OK", STRICT_FIRST_LINE},
        {"HTTP/1.1 OK", STRICT_FIRST_LINE},      {"HTTP/1.1", STRICT_FIRST_LINE},
        {"HTTP/1.x 200 OK", STRICT_FIRST_LINE},  {"http/1.1 200 OK", STRICT_FIRST_LINE},
        {"ICY 200 OK", STRICT_FIRST_LINE},       {"SSH-2.0-x", STRICT_FIRST_LINE},
        {" HTTP/1.1 200 OK", STRICT_FIRST_LINE}, {"GET / HTTP/1.1", STRICT_FIRST_LINE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char head[64];
        (void)snprintf(head, sizeof head, "%s\r\n\r\n", rows[i].line);
        check(true, head, rows[i].verdict);
    }
}

static void what_cannot_become_right_is_refused_at_once(void **state)
{
    (void)state;
    check_request("\x16", STRICT_FIRST_LINE);
    check_request("GET / HTTP/1.1\r\n ", STRICT_FOLD);
    check_request("GET / HTTP/1.1\r\n:", STRICT_NO_NAME);
    check_request("GET / HTTP/1.1\r\n\rx", STRICT_LINE_END);
    check(true, "S", STRICT_FIRST_LINE);
    check(true, "HTTQ", STRICT_FIRST_LINE);
    check(true, "HTTP", STRICT_MORE);
}

/* ---------------------------------------------------------------- bounds */

/* `before`, so many letters `fill`, `after`. */
static enum strict_verdict read_long(const char *before, char fill, size_t count,
                                     const char *after)
{
    static char head[32 * 1024];
    size_t len = strlen(before);
    struct strict s;

    assert_true(len + count + strlen(after) < sizeof head);
    memcpy(head, before, len);
    memset(head + len, fill, count);
    memcpy(head + len + count, after, strlen(after));
    strict_init(&s, false, HEAD_BYTES_MAX);
    return strict_read(&s, head, len + count + strlen(after));
}

static void a_target_without_an_end_is_too_long_at_once(void **state)
{
    (void)state;
    assert_int_equal(read_long("GET /", 'x', 8000, ""), STRICT_MORE);
    assert_int_equal(read_long("GET /", 'x', 8300, ""), STRICT_TARGET);
    assert_int_equal(read_long("GET /", 'x', 8300, " HTTP/1.1\r\n\r\n"), STRICT_TARGET);
    assert_int_equal(read_long("GET /", 'x', 8000, " HTTP/1.1\r\n\r\n"), STRICT_WHOLE);
}

static void white_space_counts_in_the_length_of_a_head(void **state)
{
    const char *before = "POST / HTTP/1.1\r\nA:";
    size_t others = strlen(before) + strlen("1\r\n\r\n");

    (void)state;
    assert_int_equal(read_long(before, ' ', HEAD_BYTES_MAX - others, "1\r\n\r\n"),
                     STRICT_WHOLE);
    assert_int_equal(read_long(before, ' ', HEAD_BYTES_MAX - others + 1, "1\r\n\r\n"),
                     STRICT_BYTES);
    assert_int_equal(read_long(before, ' ', HEAD_BYTES_MAX + 1, ""), STRICT_BYTES);
    assert_int_equal(read_long(before, ' ', 100, ""), STRICT_MORE);
}

static void each_refusal_has_a_status_and_words(void **state)
{
    (void)state;
    for (unsigned v = STRICT_LINE_END; v < STRICT_VERDICT_COUNT; v++) {
        unsigned status = strict_status((enum strict_verdict)v);
        assert_true(status >= 400 && status <= 505);
        assert_true(strlen(strict_sentence((enum strict_verdict)v)) > 10);
        assert_true(strlen(strict_reason((enum strict_verdict)v)) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_ends_with_its_empty_line),
        cmocka_unit_test(empty_lines_come_before_requests_only),
        cmocka_unit_test(each_line_ends_in_crlf),
        cmocka_unit_test(no_line_begins_with_white_space_or_a_colon),
        cmocka_unit_test(tabs_behind_a_value_become_spaces),
        cmocka_unit_test(a_request_line_is_one_of_http_1),
        cmocka_unit_test(a_status_line_is_one_of_http_1),
        cmocka_unit_test(what_cannot_become_right_is_refused_at_once),
        cmocka_unit_test(a_target_without_an_end_is_too_long_at_once),
        cmocka_unit_test(white_space_counts_in_the_length_of_a_head),
        cmocka_unit_test(each_refusal_has_a_status_and_words),
    };
    return cmocka_run_group_tests_name("strict", tests, NULL, NULL);
}
