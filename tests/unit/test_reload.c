/* test_reload - the lists of a reload's result, and its one sentence.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "mem.h"

static void says(const struct reload *r, const char *expected)
{
    struct buf out;

    buf_init(&out, 0);
    assert_int_equal(reload_summary(r, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    assert_string_equal(out.data, expected);
    buf_done(&out);
}

static void texts_are_kept_in_order(void **state)
{
    struct reload r;

    (void)state;
    reload_init(&r);
    assert_null(reload_next(&r, RELOAD_ADDED, NULL));
    reload_add(&r, RELOAD_ADDED, "%s-%d", "node", 1);
    reload_add(&r, RELOAD_ADDED, "two");
    reload_add(&r, RELOAD_REMOVED, "three");
    const char *text = reload_next(&r, RELOAD_ADDED, NULL);
    assert_string_equal(text, "node-1");
    text = reload_next(&r, RELOAD_ADDED, text);
    assert_string_equal(text, "two");
    assert_null(reload_next(&r, RELOAD_ADDED, text));
    reload_done(&r);
}

static void it_is_told_in_one_sentence(void **state)
{
    struct reload r;

    (void)state;
    reload_init(&r);
    reload_add(&r, RELOAD_NOTES, "by the way");
    says(&r, "nothing has changed");
    assert_true(reload_is_empty(&r));
    reload_add(&r, RELOAD_APPLIED, "[gateway] a");
    reload_add(&r, RELOAD_APPLIED, "[gateway] b");
    reload_add(&r, RELOAD_RESTARTED, "one");
    says(&r, "in force: [gateway] a, [gateway] b; to be restarted, one at a time: one");
    assert_false(reload_is_refused(&r));
    reload_add(&r, RELOAD_ERRORS, "x.ini:1: wrong");
    assert_true(reload_is_refused(&r));
    says(&r, "the settings have errors, the former ones stay in force");
    reload_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_kept_in_order),
        cmocka_unit_test(it_is_told_in_one_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
