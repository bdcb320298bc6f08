/* test_backoff - pauses grow, stay under the cap and differ between nodes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

static const struct backoff_policy policy = {
    .delay_ms = 1000, .delay_max_ms = 60000, .factor = 2, .jitter = 25};

static void pause_doubles_and_loses_at_most_a_quarter(void **state)
{
    struct backoff b = {0};
    uint64_t full_ms = 1000;

    (void)state;
    for (int i = 0; i < 6; i++, full_ms *= 2) {
        uint64_t pause_ms = backoff_next(&b, &policy, 42);
        assert_in_range(pause_ms, full_ms - full_ms / 4, full_ms);
    }
}

static void pause_never_exceeds_the_cap(void **state)
{
    struct backoff b = {0};

    (void)state;
    for (uint64_t i = 0; i < 10000; i++) {
        uint64_t pause_ms = backoff_next(&b, &policy, i);
        assert_true(pause_ms <= 60000);
        assert_true(i < 10 || pause_ms >= 45000);
    }
    assert_int_equal(b.failures, 10000);
}

static void reset_starts_over(void **state)
{
    struct backoff b = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        (void)backoff_next(&b, &policy, 1);
    backoff_reset(&b);
    assert_in_range(backoff_next(&b, &policy, 1), 750, 1000);
}

static void same_seed_gives_the_same_pause_and_others_differ(void **state)
{
    unsigned distinct = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct backoff a = {0};
        struct backoff b = {0};
        struct backoff c = {0};
        uint64_t pause_ms = backoff_next(&a, &policy, seed);
        assert_int_equal(pause_ms, backoff_next(&b, &policy, seed));
        distinct += pause_ms != backoff_next(&c, &policy, seed + 1);
    }
    assert_true(distinct > 90);
}

static void extreme_settings_do_not_overflow(void **state)
{
    static const struct backoff_policy wide = {.delay_ms = UINT64_MAX / 3,
                                               .delay_max_ms = UINT64_MAX};
    static const struct backoff_policy none = {.delay_ms = 0, .delay_max_ms = 0};
    static const struct backoff_policy crossed = {.delay_ms = 5000, .delay_max_ms = 10};
    struct backoff b = {0};
    struct backoff c = {.failures = UINT32_MAX};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(backoff_next(&b, &wide, 1) >= UINT64_MAX / 4);
    assert_int_equal(backoff_next(&b, &none, 1), 0);
    assert_true(backoff_next(&b, &crossed, 1) <= 10);
    assert_true(backoff_next(&c, &policy, 1) <= 60000);
    assert_int_equal(c.failures, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pause_doubles_and_loses_at_most_a_quarter),
        cmocka_unit_test(pause_never_exceeds_the_cap),
        cmocka_unit_test(reset_starts_over),
        cmocka_unit_test(same_seed_gives_the_same_pause_and_others_differ),
        cmocka_unit_test(extreme_settings_do_not_overflow),
    };

    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
