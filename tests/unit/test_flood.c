/* test_flood - a node that prints without end costs a bounded amount of work.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/flood.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "bounds.h"

static struct flood flood;

/* Lines of `len` bytes that are kept at this moment. */
static uint64_t kept_at(uint64_t now_ms, size_t len)
{
    uint64_t lines = 0;

    while (!flood_is_on(&flood, now_ms)) {
        flood_charge(&flood, len);
        lines++;
    }
    return lines;
}

static void burst_is_kept_then_all_is_dropped(void **state)
{
    (void)state;
    flood_init(&flood, 1000);
    assert_in_range(kept_at(1000, 100), 2000, FLOOD_BURST_BYTES / 100);
    assert_int_equal(kept_at(1001, 100), 0);
    assert_int_equal(kept_at(1200, 100), 0);
}

static void half_a_bucket_ends_it(void **state)
{
    uint64_t half_ms = FLOOD_BURST_BYTES / 2 * 1000 / FLOOD_BYTES_A_SECOND;

    (void)state;
    flood_init(&flood, 0);
    uint64_t all = kept_at(0, 1000);
    assert_int_equal(kept_at(half_ms - 1, 1000), 0);
    uint64_t half = kept_at(half_ms + 1, 1000);
    assert_in_range(half, all * 45 / 100, all * 55 / 100);
}

static void work_of_an_hour_is_bounded_whatever_the_lines_are(void **state)
{
    static const size_t lens[] = {0, 1, 80, 4000, OUTPUT_LINE_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        uint64_t lines = 0;
        flood_init(&flood, 0);
        for (uint64_t now_ms = 0; now_ms < 3600000; now_ms += 7)
            lines += kept_at(now_ms, lens[i]);
        assert_true(lines * lens[i] <= UINT64_C(3700) * FLOOD_BYTES_A_SECOND);
        assert_true(lines <= UINT64_C(3700) * 5000);
        assert_true(lines * (lens[i] + 256) >= UINT64_C(3500) * FLOOD_BYTES_A_SECOND);
    }
}

static void clock_that_stands_still_or_leaps_does_no_harm(void **state)
{
    (void)state;
    flood_init(&flood, 5000);
    (void)kept_at(5000, 10);
    assert_true(flood_is_on(&flood, 4000));
    assert_int_equal(kept_at(4000, 10), 0);
    uint64_t lines = kept_at(UINT64_MAX, 10);
    assert_in_range(lines, 3000, 5000); /* a full bucket, no more */
}

static void what_is_dropped_is_counted_once(void **state)
{
    uint64_t lines, bytes;

    (void)state;
    flood_init(&flood, 0);
    assert_false(flood_take(&flood, &lines, &bytes));
    flood_drop(&flood, "a\nb\nc", 5);
    flood_drop(&flood, "d\n", 2);
    assert_true(flood_take(&flood, &lines, &bytes));
    assert_int_equal(lines, 3);
    assert_int_equal(bytes, 7);
    assert_false(flood_take(&flood, &lines, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_is_kept_then_all_is_dropped),
        cmocka_unit_test(half_a_bucket_ends_it),
        cmocka_unit_test(work_of_an_hour_is_bounded_whatever_the_lines_are),
        cmocka_unit_test(clock_that_stands_still_or_leaps_does_no_harm),
        cmocka_unit_test(what_is_dropped_is_counted_once),
    };

    return cmocka_run_group_tests_name("flood", tests, NULL, NULL);
}
