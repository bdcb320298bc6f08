/* test_clean - what a child prints cannot do anything to a terminal.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/clean.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the four above */
#include <cmocka.h>

static void becomes(const char *in, size_t len, const char *expected)
{
    char out[256];
    size_t n = clean_line(in, len, out, sizeof out);

    assert_int_equal(n, strlen(expected));
    assert_memory_equal(out, expected, n);
}

#define BECOMES(in, expected) becomes(in, sizeof(in) - 1, expected)

static void plain_text_and_utf8_stay(void **state)
{
    (void)state;
    BECOMES("", "");
    BECOMES("plain\ttext", "plain\ttext");
    BECOMES("\xe2\x84\xb9 caf\xc3\xa9 \xf0\x9f\x98\x80",
            "\xe2\x84\xb9 caf\xc3\xa9 \xf0\x9f\x98\x80");
}

static void ansi_sequences_go(void **state)
{
    (void)state;
    BECOMES("\x1b[36mcode\x1b[39m \"AB\x1b[1mCD\"", "code \"ABCD\"");
    BECOMES("a\x1b[38;5;196mb\x1b[0m", "ab");
    BECOMES("a\x1b]0;title\x07z", "az");
    BECOMES("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\z", "alinkz");
    BECOMES("a\x1b(Bb\x1b"
            "7c",
            "abc");
}

static void unfinished_sequences_take_the_rest(void **state)
{
    (void)state;
    BECOMES("a\x1b", "a");
    BECOMES("a\x1b[", "a");
    BECOMES("a\x1b[38;5", "a");
    BECOMES("a\x1b]0;title", "a");
    BECOMES("a\x1b]0;title\x1b", "a");
}

static void control_characters_become_spaces(void **state)
{
    (void)state;
    BECOMES("a\rb\x08"
            "c\x7f"
            "d",
            "a b c d");
    BECOMES("a\0b", "a b");
    BECOMES("a\xc2\x9b"
            "31mb",
            "a 31mb"); /* C1 CSI */
}

static void invalid_utf8_is_replaced_byte_by_byte(void **state)
{
    (void)state;
    BECOMES("a\xff"
            "b",
            "a\xef\xbf\xbd"
            "b");
    BECOMES("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");                 /* overlong */
    BECOMES("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* surrogate */
    BECOMES("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    BECOMES("x\xe2\x84", "x\xef\xbf\xbd\xef\xbf\xbd"); /* cut */
    BECOMES("\xe2\x84z", "\xef\xbf\xbd\xef\xbf\xbdz");
}

static void output_is_cut_between_characters(void **state)
{
    char out[4];

    (void)state;
    assert_int_equal(clean_line("ab\xe2\x84\xb9", 5, out, 4), 2);
    assert_int_equal(clean_line("a\xe2\x84\xb9", 4, out, 4), 4);
    assert_int_equal(clean_line("abcdef", 6, out, 4), 4);
    assert_int_equal(clean_line("abc\xff", 4, out, 4), 3);
    assert_int_equal(clean_line("abc", 3, out, 0), 0);
}

/* No input makes it read or write outside, and what comes out is clean already. */
static void cleaning_twice_changes_nothing(void **state)
{
    static const unsigned char alphabet[] = {0x1b, '[',  ']',  'm',  0x07, 0xc2, 0x9b, 0xe2,
                                             0x84, 0xb9, 0xf0, 0xff, 'a',  0,    '\\', '('};
    uint32_t random = 1;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        char in[12];
        char once[36];
        char twice[36];
        size_t len = (size_t)(i % 12);
        for (size_t k = 0; k < len; k++) {
            random = random * 1664525u + 1013904223u;
            in[k] = (char)alphabet[random >> 28];
        }
        size_t n = clean_line(in, len, once, sizeof once);
        assert_int_equal(clean_line(once, n, twice, sizeof twice), n);
        assert_memory_equal(once, twice, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_and_utf8_stay),
        cmocka_unit_test(ansi_sequences_go),
        cmocka_unit_test(unfinished_sequences_take_the_rest),
        cmocka_unit_test(control_characters_become_spaces),
        cmocka_unit_test(invalid_utf8_is_replaced_byte_by_byte),
        cmocka_unit_test(output_is_cut_between_characters),
        cmocka_unit_test(cleaning_twice_changes_nothing),
    };

    return cmocka_run_group_tests_name("clean", tests, NULL, NULL);
}
