/* test_chunked - the chunked coding by RFC 9112 section 7.1, cut at every octet.
 *
 * Each body is decoded whole, cut in two at each place, and one octet at a time; all must agree
 * on data, verdict and what is left over.
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

#include "bounds.h"
#include "proxy/core/chunked.h"

#define TRAILER_BYTES  64
#define TRAILER_FIELDS 3

struct result {
    enum chunked_verdict verdict;
    size_t left; /* bytes behind the body */
    size_t len;
    char data[256];
};

static void begin(struct chunked *c, struct result *r)
{
    chunked_init(c, TRAILER_BYTES, TRAILER_FIELDS);
    *r = (struct result){.verdict = CHUNKED_MORE};
}

/* One piece; what is behind the end of the body is counted. */
static void feed(struct chunked *c, struct result *r, struct slice bytes)
{
    struct slice data;

    while (r->verdict == CHUNKED_MORE && bytes.len > 0) {
        while ((r->verdict = chunked_next(c, &bytes, &data)) == CHUNKED_DATA) {
            assert_true(data.len > 0 && r->len + data.len <= sizeof r->data);
            memcpy(r->data + r->len, data.at, data.len);
            r->len += data.len;
        }
    }
    r->left += bytes.len;
}

static void must_agree(struct slice body, const struct result *a, const struct result *b)
{
    bool is_refused = a->verdict == CHUNKED_BAD || a->verdict == CHUNKED_TOO_MUCH;

    if (a->verdict != b->verdict || a->len != b->len || memcmp(a->data, b->data, a->len) != 0 ||
        (!is_refused && a->left != b->left))
        fail_msg("%.*s: cut differently it reads differently", (int)body.len, body.at);
}

static struct result decode(struct slice body)
{
    struct chunked c;
    struct result whole;
    struct result pieces;

    begin(&c, &whole);
    feed(&c, &whole, body);
    for (size_t cut = 0; cut <= body.len; cut++) {
        begin(&c, &pieces);
        feed(&c, &pieces, (struct slice){body.at, cut});
        feed(&c, &pieces, slice_skip(body, cut));
        must_agree(body, &whole, &pieces);
    }
    begin(&c, &pieces);
    for (size_t i = 0; i < body.len; i++)
        feed(&c, &pieces, (struct slice){body.at + i, 1});
    must_agree(body, &whole, &pieces);
    return whole;
}

static void check_data(const char *body, const char *data)
{
    struct result r = decode(slice_of(body));

    if (r.verdict != CHUNKED_WHOLE || r.left != 0 || r.len != strlen(data) ||
        memcmp(r.data, data, r.len) != 0)
        fail_msg("%s: verdict %d, %zu left, data %.*s", body, r.verdict, r.left, (int)r.len,
                 r.data);
}

static void check_verdict(const char *body, enum chunked_verdict verdict)
{
    struct result r = decode(slice_of(body));

    if (r.verdict != verdict)
        fail_msg("%s: verdict %d, not %d", body, r.verdict, verdict);
}

/* ---------------------------------------------------------------- what passes */

static void chunks_are_one_body(void **state)
{
    (void)state;
    check_data("0\r\n\r\n", "");
    check_data("3\r\nabc\r\n0\r\n\r\n", "abc");
    check_data("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde");
    check_data("a\r\n0123456789\r\n000\r\n\r\n", "0123456789");
    check_data("00000A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
    check_data("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n");
}

static void what_is_behind_the_body_is_left(void **state)
{
    (void)state;
    struct result r = decode(slice_of("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n"));
    assert_int_equal(r.verdict, CHUNKED_WHOLE);
    assert_int_equal(r.left, strlen("GET / HTTP/1.1\r\n"));
}

static void extensions_are_ignored(void **state) /* section 7.1.1 */
{
    static const char *const lines[] = {
        "3;a",
        "3;a=b",
        "3;a=b;c=d;e",
        "3 ; a = b",
        "3\t;\ta\t=\tb",
        "3;a=\"\"",
        "3;a=\"b;c=d\"",
        "3;a=\"\\\"\\\\\"",
        "3;a=\"\xc3\xa9\"",
        "3;a=\"b\";c",
        "3;a=\"b\" ;c",
        "3;a ;b",
        "3;0=0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "%s\r\nabc\r\n0%s\r\n\r\n", lines[i], lines[i] + 1);
        check_data(body, "abc");
    }
}

static void trailers_are_dropped(void **state) /* section 7.1.2 */
{
    (void)state;
    check_data("0\r\nX-A: 1\r\nX-B:\r\n\r\n", "");
    check_data("1\r\na\r\n0\r\nHost: b\r\nConnection: close\r\nContent-Length: 7\r\n\r\n", "a");
    check_data("0\r\nX: \t\xff \r\n\r\n", "");
    check_data("0\r\nTransfer-Encodin: x\r\nTransfer-Encoding2: x\r\n\r\n", "");
    check_data("0\r\nX-Transfer-Encoding: x\r\n\r\n", "");
}

/* ---------------------------------------------------------------- what does not */

static void a_size_is_hex_digits_and_nothing_else(void **state)
{
    static const char *const sizes[] = {
        "",
        "+3",
        "-3",
        "0x3",
        "3g",
        "three",
        "3.0",
        "0_3",
        " 3",
        "\t3",
        "3 ",
        "3\t",
        "3 3",
        "3,",
        ";a",
        "\xef",
        "3\x7f",
        "g",
        "3=a",
        "10000000000000003",
        "FFFFFFFFFFFFFFFFF",
        "8000000000000000000",
        "000000000000000000000000000000003",
    };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "%s\r\nabc\r\n0\r\n\r\n", sizes[i]);
        check_verdict(body, CHUNKED_BAD);
    }
    check_verdict("7FFFFFFFFFFFFFFF\r\nabc", CHUNKED_MORE); /* so long it may be */
    check_verdict("8000000000000000\r\nabc", CHUNKED_BAD);
    struct result r = decode((struct slice){"3\0\r\nabc\r\n", 9});
    assert_int_equal(r.verdict, CHUNKED_BAD);
}

static void a_line_ends_in_crlf(void **state) /* section 2.2 */
{
    static const char *const bodies[] = {
        "3\nabc\r\n0\r\n\r\n",       "3\rabc\r\n0\r\n\r\n",    "3\r\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",       "3\r\nabc0\r\n\r\n",      "3\r\nabcd\r\n0\r\n\r\n",
        "4\r\nabc\r\n0\r\n\r\n",     "3\r\nabc \r\n0\r\n\r\n", "3\r\nabc\r0\r\n\r\n",
        "3\r\nabc\r\n0\n\r\n",       "3\r\nabc\r\n0\r\n\n",    "3\r\nabc\r\n0\r\n\rGET",
        "3;a\nabc\r\n0\r\n\r\n",     "3;a\rb\r\nabc\r\n",      "3;a=\"\r\nabc\r\n0\r\n\r\n",
        "3;a=\"b\nabc\r\n0\r\n\r\n", "0\r\nX: 1\n\r\n",        "0\r\nX: 1\r2\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        check_verdict(bodies[i], CHUNKED_BAD);
}

static void an_extension_is_well_formed(void **state) /* section 7.1.1 */
{
    static const char *const lines[] = {
        "3;",           "3;;a",           "3;=b",    "3;a=",       "3;a=;b",
        "3;a=b=c",      "3;a b",          "3;a=b c", "3;a=\"b\"c", "3;a=\"b",
        "3;a=\"\\",     "3;a \r",         "3;a=b ",  "3;a@b",      "3;a=\"\x01\"",
        "3;a=\"\x7f\"", "3;a=\"\\\x01\"", "3 ;",     "3 a",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "%s\r\nabc\r\n0\r\n\r\n", lines[i]);
        check_verdict(body, CHUNKED_BAD);
    }
}

static void a_trailer_is_a_strict_field(void **state) /* section 7.1.2 */
{
    static const char *const trailers[] = {
        " X: 1",
        "\tX: 1",
        "X: 1\r\n 2",
        "X : 1",
        "X",
        ": 1",
        "X\x01: 1",
        "X: \x01",
        "X: \x7f",
        "X\xc3: 1",
        "Transfer-Encoding: gzip",
        "tRANSFER-eNCODING: chunked",
    };

    (void)state;
    for (size_t i = 0; i < sizeof trailers / sizeof trailers[0]; i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "0\r\n%s\r\n\r\n", trailers[i]);
        check_verdict(body, CHUNKED_BAD);
    }
    assert_int_equal(decode((struct slice){"0\r\nX: \0\r\n\r\n", 12}).verdict, CHUNKED_BAD);
}

static void what_ends_early_wants_more(void **state)
{
    struct slice body = SLICE("3;a=\"b\"\r\nabc\r\n0\r\nX: 1\r\n\r\n");

    (void)state;
    for (size_t len = 0; len < body.len; len++)
        assert_int_equal(decode((struct slice){body.at, len}).verdict, CHUNKED_MORE);
}

/* ---------------------------------------------------------------- bounds */

static void trailers_are_bounded_in_bytes_and_fields(void **state)
{
    char body[128];

    (void)state;
    check_data("0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", "");
    check_verdict("0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", CHUNKED_TOO_MUCH);
    for (int len = 50; len < 70; len++) { /* "X:", CRLF, CRLF beside it */
        (void)snprintf(body, sizeof body, "0\r\nX:%*s\r\n\r\n", len, "");
        check_verdict(body, len + 6 <= TRAILER_BYTES ? CHUNKED_WHOLE : CHUNKED_TOO_MUCH);
    }
}

static enum chunked_verdict feed_often(struct chunked *c, struct slice piece, size_t times)
{
    enum chunked_verdict verdict = CHUNKED_MORE;
    struct slice data;

    for (size_t i = 0; i < times && verdict == CHUNKED_MORE; i++) {
        struct slice bytes = piece;
        do
            verdict = chunked_next(c, &bytes, &data);
        while (verdict == CHUNKED_DATA);
    }
    return verdict;
}

static void extensions_are_paid_for_with_data(void **state)
{
    struct slice meagre = SLICE("1;aaaa\r\nx\r\n"); /* 5 bytes of extension, 1 of data */
    struct slice fair = SLICE("5;aaaa\r\nxxxxx\r\n");
    const size_t bound = CHUNK_EXTENSION_MAX;
    struct chunked c;

    (void)state;
    chunked_init(&c, 0, 0);
    assert_int_equal(feed_often(&c, SLICE("1;"), 1), CHUNKED_MORE);
    assert_int_equal(feed_often(&c, SLICE("a"), bound), CHUNKED_MORE);
    assert_int_equal(feed_often(&c, SLICE("a"), 1), CHUNKED_TOO_MUCH);
    chunked_init(&c, 0, 0);
    assert_int_equal(feed_often(&c, meagre, bound / 4 - 10), CHUNKED_MORE);
    assert_int_equal(feed_often(&c, meagre, 20), CHUNKED_TOO_MUCH);
    chunked_init(&c, 0, 0);
    assert_int_equal(feed_often(&c, fair, bound), CHUNKED_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_one_body),
        cmocka_unit_test(what_is_behind_the_body_is_left),
        cmocka_unit_test(extensions_are_ignored),
        cmocka_unit_test(trailers_are_dropped),
        cmocka_unit_test(a_size_is_hex_digits_and_nothing_else),
        cmocka_unit_test(a_line_ends_in_crlf),
        cmocka_unit_test(an_extension_is_well_formed),
        cmocka_unit_test(a_trailer_is_a_strict_field),
        cmocka_unit_test(what_ends_early_wants_more),
        cmocka_unit_test(trailers_are_bounded_in_bytes_and_fields),
        cmocka_unit_test(extensions_are_paid_for_with_data),
    };
    return cmocka_run_group_tests_name("chunked", tests, NULL, NULL);
}
