/* test_framing - where a body ends, and which fields travel on, by RFC 9110 and 9112.
 *
 * Syntax is the part of core/strict.c and llhttp, which run before. Here heads are given as
 * text, one field a line, as fields.c delivers them (trimmed).
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

#include "proxy/core/framing.h"

#define HOST       "Host: a\n"
#define FIELDS_MAX 16

static struct framing_field fields[FIELDS_MAX];

/* "Name: value\n..." -> fields; returns the count. */
static size_t read_fields(const char *head)
{
    size_t count = 0;

    while (*head != '\0') {
        size_t len = strcspn(head, "\n");
        size_t colon = strcspn(head, ":");
        assert_true(colon < len && count < FIELDS_MAX);
        fields[count].name = (struct slice){head, colon};
        fields[count++].value = slice_trim((struct slice){head + colon + 1, len - colon - 1});
        head += len + 1;
    }
    return count;
}

static struct framing read_head(const char *head, unsigned minor)
{
    size_t count = read_fields(head);

    return framing_of_request(fields, count, minor);
}

struct row {
    const char *head;
    unsigned minor;
    unsigned status; /* 0 = fine, then: */
    enum framing_body body;
    uint64_t length;
};

static void check(const struct row *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct framing f = read_head(row[i].head, row[i].minor);
        if (f.refusal_status != row[i].status)
            fail_msg("%s(HTTP/1.%u): %u, expected %u", row[i].head, row[i].minor,
                     f.refusal_status, row[i].status);
        if (row[i].status != 0) {
            if (f.refusal == NULL || f.is_persistent)
                fail_msg("%s: a refusal has a sentence and ends the connection", row[i].head);
        } else if (f.body != row[i].body || f.content_length != row[i].length) {
            fail_msg("%s: body %d of %llu", row[i].head, f.body,
                     (unsigned long long)f.content_length);
        }
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

static void a_length_is_digits_and_stands_once(void **state) /* RFC 9112 section 6.3 */
{
    static const struct row rows[] = {
        {HOST, 1, 0, FRAMING_NO_BODY, 0},
        {HOST "Content-Length: 0\n", 1, 0, FRAMING_NO_BODY, 0},
        {HOST "Content-Length: 5\n", 1, 0, FRAMING_LENGTH, 5},
        {HOST "cOnTeNt-LeNgTh:5\n", 1, 0, FRAMING_LENGTH, 5},
        {HOST "Content-Length: 007\n", 1, 0, FRAMING_LENGTH, 7},
        {HOST "Content-Length: 9223372036854775807\n", 1, 0, FRAMING_LENGTH, INT64_MAX},
        {HOST "Content-Length: 5\n", 0, 0, FRAMING_LENGTH, 5},
        {HOST "Content-Length: 9223372036854775808\n", 1, 400, 0, 0},
        {HOST "Content-Length: 18446744073709551616\n", 1, 400, 0, 0},
        {HOST "Content-Length: 99999999999999999999999999\n", 1, 400, 0, 0},
        {HOST "Content-Length:\n", 1, 400, 0, 0},
        {HOST "Content-Length: +5\n", 1, 400, 0, 0},
        {HOST "Content-Length: -5\n", 1, 400, 0, 0},
        {HOST "Content-Length: 5 5\n", 1, 400, 0, 0},
        {HOST "Content-Length: 5, 5\n", 1, 400, 0, 0},
        {HOST "Content-Length: 5,6\n", 1, 400, 0, 0},
        {HOST "Content-Length: 0x5\n", 1, 400, 0, 0},
        {HOST "Content-Length: 5e1\n", 1, 400, 0, 0},
        {HOST "Content-Length: 5.0\n", 1, 400, 0, 0},
        {HOST "Content-Length: five\n", 1, 400, 0, 0},
        {HOST "Content-Length: 5\nContent-Length: 5\n", 1, 400, 0, 0},
        {HOST "Content-Length: 5\nContent-Length: 6\n", 1, 400, 0, 0},
        {HOST "Content-Length: 0\nContent-Length: 5\n", 1, 400, 0, 0},
    };

    (void)state;
    CHECK(rows);
}

static void chunked_stands_once_alone_and_in_http_1_1(void **state) /* RFC 9112 section 6.1 */
{
    static const struct row rows[] = {
        {HOST "Transfer-Encoding: chunked\n", 1, 0, FRAMING_CHUNKED, 0},
        {HOST "transfer-encoding: CHUNKED\n", 1, 0, FRAMING_CHUNKED, 0},
        {HOST "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: chunked\n", 0, 400, 0, 0},
        {HOST "Transfer-Encoding: chunked\nContent-Length: 5\n", 1, 400, 0, 0},
        {HOST "Content-Length: 5\nTransfer-Encoding: chunked\n", 1, 400, 0, 0},
        {HOST "Content-Length: 0\nTransfer-Encoding: chunked\n", 1, 400, 0, 0},
        /* The length would be clear, the coding is not known. */
        {HOST "Transfer-Encoding: gzip, chunked\n", 1, 501, 0, 0},
        {HOST "Transfer-Encoding: gzip,\tchunked\n", 1, 501, 0, 0},
        /* Chunked is not the last: no length at all (section 6.3, item 4). */
        {HOST "Transfer-Encoding: gzip\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: identity\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: chunked, gzip\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: chunked, identity\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: xchunked\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: chunkedx\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: \x0b"
              "chunked\n",
         1, 400, 0, 0},
        {HOST "Transfer-Encoding: \"chunked\"\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: chunked;q=1\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding:\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: chunked,\n", 1, 400, 0, 0},
        /* Twice chunked is forbidden (section 7.1). */
        {HOST "Transfer-Encoding: chunked, chunked\n", 1, 400, 0, 0},
        {HOST "Transfer-Encoding: chunked, gzip, chunked\n", 1, 400, 0, 0},
    };

    (void)state;
    CHECK(rows);
}

static void there_is_one_host_and_it_is_one(void **state) /* RFC 9112 section 3.2 */
{
    static const struct row rows[] = {
        {"Host: a\n", 1, 0, FRAMING_NO_BODY, 0},
        {"host: [::1]:8080\n", 1, 0, FRAMING_NO_BODY, 0},
        {"Host: a.example:80\n", 1, 0, FRAMING_NO_BODY, 0},
        {"Host:\n", 1, 0, FRAMING_NO_BODY, 0},
        {"", 0, 0, FRAMING_NO_BODY, 0},
        {"", 1, 400, 0, 0},
        {"X-Host: a\n", 1, 400, 0, 0},
        {"Host: a\nHost: a\n", 1, 400, 0, 0},
        {"Host: a\nhost: b\n", 1, 400, 0, 0},
        {"Host: a\nHost: b\n", 0, 400, 0, 0},
        {"Host: a, b\n", 1, 400, 0, 0},
        {"Host: a b\n", 1, 400, 0, 0},
        {"Host: a/b\n", 1, 400, 0, 0},
        {"Host: u@a\n", 1, 400, 0, 0},
        {"Host: a#b\n", 1, 400, 0, 0},
        {"Host: a\\b\n", 1, 400, 0, 0},
        {"Host: a\xff\n", 1, 400, 0, 0},
    };

    (void)state;
    CHECK(rows);
}

static void close_outweighs_keep_alive(void **state) /* RFC 9112 section 9.3 */
{
    static const struct {
        const char *head;
        bool in_1_0;
        bool in_1_1;
    } rows[] = {
        {HOST, false, true},
        {HOST "Connection: close\n", false, false},
        {HOST "connection: CLOSE\n", false, false},
        {HOST "Connection: keep-alive\n", true, true},
        {HOST "Connection: x, keep-alive ,y\n", true, true},
        {HOST "Connection: keep-alive, close\n", false, false},
        {HOST "Connection: close\nConnection: keep-alive\n", false, false},
        {HOST "Connection: keep-alive\nConnection: x, close\n", false, false},
        {HOST "Connection: closed, not-close\n", false, true},
        {HOST "Connection:\n", false, true},
        {HOST "Connection: , ,\n", false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (read_head(rows[i].head, 0).is_persistent != rows[i].in_1_0 ||
            read_head(rows[i].head, 1).is_persistent != rows[i].in_1_1)
            fail_msg("%s", rows[i].head);
    }
}

static void the_only_expectation_is_100_continue(void **state) /* RFC 9110 section 10.1.1 */
{
    (void)state;
    assert_true(read_head(HOST "Expect: 100-continue\n", 1).expects_continue);
    assert_true(read_head(HOST "Expect: 100-Continue\n", 1).expects_continue);
    assert_false(read_head(HOST, 1).expects_continue);
    assert_false(read_head(HOST "Expect: 100-continue\n", 0).expects_continue);
    assert_int_equal(read_head(HOST "Expect: 200-ok\n", 1).refusal_status, 417);
    assert_int_equal(read_head(HOST "Expect: 100-continue, x\n", 1).refusal_status, 417);
}

static void an_upgrade_to_websocket_is_seen(void **state) /* FACTS 8: Codex tries it */
{
    (void)state;
    assert_true(read_head(HOST "Upgrade: websocket\n", 1).wants_websocket);
    assert_true(read_head(HOST "Upgrade: h2c, WebSocket\n", 1).wants_websocket);
    assert_true(read_head(HOST "Upgrade: websocket\nUpgrade: h2c\n", 1).wants_websocket);
    assert_false(read_head(HOST "Upgrade: h2c\n", 1).wants_websocket);
    assert_false(read_head(HOST, 1).wants_websocket);
}

static void hop_by_hop_fields_stay(void **state) /* RFC 9110 section 7.6.1 */
{
    static const char *const stay[] = {
        "Connection",          "keep-alive", "Proxy-Connection", "TE",      "Trailer",
        "Transfer-Encoding",   "UPGRADE",    "x-secret",         "X-Other", "foo",
        "Proxy-Authorization",
    };
    static const char *const travel[] = {"Authorization", "Content-Type", "Accept", "X-Secret2",
                                         "secret",        "Cookie",       "Host",   "close2"};
    size_t count = read_fields(HOST "Connection: close, X-Secret ,x-other\n"
                                    "X-Secret: 1\nConnection: foo\nAuthorization: b\n");

    (void)state;
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++) {
        if (!framing_is_hop_by_hop(slice_of(stay[i]), fields, count))
            fail_msg("%s travels on", stay[i]);
    }
    for (size_t i = 0; i < sizeof travel / sizeof travel[0]; i++) {
        if (framing_is_hop_by_hop(slice_of(travel[i]), fields, count))
            fail_msg("%s stays", travel[i]);
    }
}

/* ---------------------------------------------------------------- answers */

struct answer_row {
    const char *head;
    unsigned minor;
    unsigned status;
    bool is_to_head;
    int body; /* -1 = refused, else enum framing_body */
    uint64_t length;
    bool is_persistent;
};

static void check_answers(const struct answer_row *row, size_t count)
{
    for (size_t i = 0; i < count; i++, row++) {
        size_t n = read_fields(row->head);
        struct framing f =
            framing_of_answer(fields, n, row->minor, row->status, row->is_to_head);
        if ((f.refusal_status == 502) != (row->body < 0) ||
            (f.refusal_status != 0 && f.refusal == NULL))
            fail_msg("%s(%u): refused with %u", row->head, row->status, f.refusal_status);
        if (row->body < 0)
            continue;
        if (f.body != (enum framing_body)row->body || f.is_persistent != row->is_persistent)
            fail_msg("%s(%u): body %d, persistent %d", row->head, row->status, f.body,
                     f.is_persistent);
        if (f.body == FRAMING_LENGTH && f.content_length != row->length)
            fail_msg("%s(%u): %llu bytes", row->head, row->status,
                     (unsigned long long)f.content_length);
    }
}

#define CHECK_ANSWERS(rows) check_answers(rows, sizeof(rows) / sizeof(rows)[0])

static void some_answers_have_no_body_whatever_they_say(void **state) /* section 6.3, item 1 */
{
    static const struct answer_row rows[] = {
        {"Content-Length: 5\n", 1, 200, true, FRAMING_NO_BODY, 0, true},
        {"Transfer-Encoding: chunked\n", 1, 200, true, FRAMING_NO_BODY, 0, true},
        {"", 1, 200, true, FRAMING_NO_BODY, 0, true},
        {"", 1, 204, false, FRAMING_NO_BODY, 0, true},
        {"Content-Length: 0\n", 1, 204, false, FRAMING_NO_BODY, 0, true},
        {"Content-Length: 1000\n", 1, 304, false, FRAMING_NO_BODY, 0, true},
        {"Transfer-Encoding: chunked\n", 1, 304, false, FRAMING_NO_BODY, 0, true},
        /* Here a body may follow all the same: the connection is of no more use. */
        {"Content-Length: 5\n", 1, 204, false, FRAMING_NO_BODY, 0, false},
        {"Transfer-Encoding: chunked\n", 1, 204, false, FRAMING_NO_BODY, 0, false},
        {"Content-Length: 5\n", 1, 103, false, FRAMING_NO_BODY, 0, false},
        {"", 1, 100, false, FRAMING_NO_BODY, 0, true},
    };

    (void)state;
    CHECK_ANSWERS(rows);
}

static void an_answer_ends_in_one_way(void **state) /* section 6.3, items 3 to 8 */
{
    static const struct answer_row rows[] = {
        {"Content-Length: 5\n", 1, 200, false, FRAMING_LENGTH, 5, true},
        {"Content-Length: 5\n", 0, 200, false, FRAMING_LENGTH, 5, false},
        {"Content-Length: 5\nConnection: keep-alive\n", 0, 200, false, FRAMING_LENGTH, 5, true},
        {"Content-Length: 5\nConnection: Close\n", 1, 200, false, FRAMING_LENGTH, 5, false},
        {"Content-Length: 0\n", 1, 200, false, FRAMING_NO_BODY, 0, true},
        {"Transfer-Encoding: CHUNKED\n", 1, 200, false, FRAMING_CHUNKED, 0, true},
        {"", 1, 200, false, FRAMING_UNTIL_CLOSE, 0, false},
        {"Connection: keep-alive\n", 1, 200, false, FRAMING_UNTIL_CLOSE, 0, false},
        {"", 0, 500, false, FRAMING_UNTIL_CLOSE, 0, false},
    };

    (void)state;
    CHECK_ANSWERS(rows);
}

static void an_answer_that_says_two_things_is_refused(void **state) /* section 6.3 */
{
    static const struct answer_row rows[] = {
        {"Content-Length: 5\nContent-Length: 5\n", 1, 200, false, -1, 0, false},
        {"Content-Length: 5, 5\n", 1, 200, false, -1, 0, false},
        {"Content-Length:\n", 1, 200, false, -1, 0, false},
        {"Content-Length: 9223372036854775808\n", 1, 200, false, -1, 0, false},
        {"Content-Length: five\n", 1, 204, false, -1, 0, false},
        {"Content-Length: 5\nTransfer-Encoding: chunked\n", 1, 200, false, -1, 0, false},
        {"Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", 1, 200, false, -1, 0,
         false},
        {"Transfer-Encoding: gzip, chunked\n", 1, 200, false, -1, 0, false},
        {"Transfer-Encoding: chunked, gzip\n", 1, 200, false, -1, 0, false},
        {"Transfer-Encoding: gzip\n", 1, 200, true, -1, 0, false},
        {"Transfer-Encoding: identity\n", 1, 200, false, -1, 0, false},
        {"Transfer-Encoding:\n", 1, 200, false, -1, 0, false},
        {"Transfer-Encoding: chunked\n", 0, 200, false, -1, 0, false},
    };

    (void)state;
    CHECK_ANSWERS(rows);
}

/* ---------------------------------------------------------------- hosts */

static void a_host_is_a_name_or_a_literal_and_a_port(void **state) /* RFC 3986 section 3.2 */
{
    static const char *const good[] = {
        "",       "a",       "a.example",        "a:80",  "a:",     "127.0.0.1:8080",
        "[::1]",  "[::1]:1", "my_service.local", "a%20b", "A-1~.x", "[::ffff:1.2.3.4]:80",
        "a:0080", "a:65535", "!$&'()*+;=",
    };
    static const char *const bad[] = {
        "a:80x", "a:80:81", "[::1",  "[::1]x", "[]",  "[:]",    "[::1]:x", "[a.example]",
        "a:-1",  "a:65536", "a]",    "a[b]",   "u@a", "a,b",    "a b",     "a/b",
        "a?b",   "a#b",     "a\\b",  "\"a\"",  "<a>", "a|b",    "a^b",     "a`b",
        "{a}",   "a\x7f",   "a\xe9", "a\tb",   "::1", "[::1]]", "[[::1]]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!framing_is_host(slice_of(good[i])))
            fail_msg("%s is a host", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (framing_is_host(slice_of(bad[i])))
            fail_msg("%s is no host", bad[i]);
    }
    assert_false(framing_is_host((struct slice){"a\0b", 3}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_is_digits_and_stands_once),
        cmocka_unit_test(chunked_stands_once_alone_and_in_http_1_1),
        cmocka_unit_test(there_is_one_host_and_it_is_one),
        cmocka_unit_test(close_outweighs_keep_alive),
        cmocka_unit_test(the_only_expectation_is_100_continue),
        cmocka_unit_test(an_upgrade_to_websocket_is_seen),
        cmocka_unit_test(hop_by_hop_fields_stay),
        cmocka_unit_test(some_answers_have_no_body_whatever_they_say),
        cmocka_unit_test(an_answer_ends_in_one_way),
        cmocka_unit_test(an_answer_that_says_two_things_is_refused),
        cmocka_unit_test(a_host_is_a_name_or_a_literal_and_a_port),
    };
    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
