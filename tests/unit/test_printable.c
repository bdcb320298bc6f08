/* test_printable - texts of others become valid UTF-8 without control characters.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <jansson.h>

#include "proxy/core/printable.h"

static void becomes(const char *text, const char *expected)
{
    char out[64];

    size_t len = printable_copy(slice_of(text), out, sizeof out);
    assert_string_equal(out, expected);
    assert_int_equal(len, strlen(expected));
}

static void plain_text_and_utf8_pass_unchanged(void **state)
{
    (void)state;
    becomes("", "");
    becomes("status 402, code quota_exceeded", "status 402, code quota_exceeded");
    becomes("主备 é \xf0\x9f\x98\x80", "主备 é \xf0\x9f\x98\x80");
}

static void control_characters_become_spaces(void **state)
{
    (void)state;
    becomes("a\r\nb\tc\x1b[1m\x7f", "a  b c [1m ");
    becomes("a\xc2\x9b"
            "b\xc2\xa0"
            "c",
            "a b\xc2\xa0"
            "c");
}

static void bytes_that_are_no_utf8_become_question_marks(void **state)
{
    (void)state;
    becomes("a\xff\x80z", "a??z");
    becomes("\xc0\xaf", "??");           /* overlong */
    becomes("\xed\xa0\x80", "???");      /* a surrogate */
    becomes("\xf4\x90\x80\x80", "????"); /* beyond U+10FFFF */
    becomes("\xe4\xb8", "??");           /* cut in two */
    becomes("\xe4\xb8x", "??x");
}

static void what_does_not_fit_is_cut_between_characters(void **state)
{
    char out[5];

    (void)state;
    assert_int_equal(printable_copy(SLICE("abcdef"), out, sizeof out), 4);
    assert_string_equal(out, "abcd");
    assert_int_equal(printable_copy(SLICE("abc主"), out, sizeof out), 3);
    assert_string_equal(out, "abc");
    assert_int_equal(printable_copy(SLICE("abc"), out, 1), 0);
    assert_string_equal(out, "");
}

/* Any three bytes between two letters: jansson, which is strict, takes what comes out. */
static void no_bytes_can_make_it_unfit_for_json(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 1u << 24; n += 251) {
        char in[5] = {'a', (char)(n >> 16), (char)(n >> 8), (char)n, 'z'};
        char out[8];
        (void)printable_copy((struct slice){in, sizeof in}, out, sizeof out);
        json_t *string = json_string(out);
        if (string == NULL)
            fail_msg("%06x becomes something else than UTF-8", n);
        json_decref(string);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_and_utf8_pass_unchanged),
        cmocka_unit_test(control_characters_become_spaces),
        cmocka_unit_test(bytes_that_are_no_utf8_become_question_marks),
        cmocka_unit_test(what_does_not_fit_is_cut_between_characters),
        cmocka_unit_test(no_bytes_can_make_it_unfit_for_json),
    };

    return cmocka_run_group_tests_name("printable", tests, NULL, NULL);
}
