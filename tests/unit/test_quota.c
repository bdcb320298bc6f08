/* test_quota - every shape of /usage that is known, and what is not one.
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

#include "proxy/quota.h"

#define DAY_MS          (INT64_C(24) * 3600 * 1000)
#define NOW_MS          (INT64_C(1764547200000)) /* 2025-12-01T00:00:00Z */
#define PREMIUM(fields) "{\"quota_snapshots\":{\"premium_interactions\":{" fields "}}}"

static struct quota parse(const char *text)
{
    struct quota q;

    assert_int_equal(quota_parse(slice_of(text), NOW_MS, &q), 0);
    return q;
}

static void paid_plan_is_read(void **state)
{
    (void)state;
    struct quota q =
        parse("{\"copilot_plan\":\"individual\",\"quota_reset_date\":\"2026-01-01\","
              "\"quota_snapshots\":{\"chat\":{\"unlimited\":true},\"premium_interactions\":"
              "{\"entitlement\":300,\"remaining\":120,\"quota_remaining\":120.67,"
              "\"percent_remaining\":40.2,\"unlimited\":false,\"overage_permitted\":true}}}");
    assert_string_equal(q.plan, "individual");
    assert_string_equal(q.reset_date, "2026-01-01");
    assert_true(q.usage.has_remaining);
    assert_int_equal(q.usage.remaining_milli, 120670);
    assert_int_equal(q.usage.entitlement_milli, 300000);
    assert_int_equal(q.usage.reset_in_ms, 31 * DAY_MS);
    assert_false(q.usage.is_exhausted);
    assert_true(q.is_overage_permitted);
}

static void unlimited_plan_with_remaining_0_is_not_exhausted(void **state)
{
    (void)state;
    struct quota q = parse(PREMIUM("\"entitlement\":0,\"remaining\":0,\"percent_remaining\":0,"
                                   "\"unlimited\":true"));
    assert_true(q.usage.is_unlimited);
    assert_false(q.usage.is_exhausted);
    assert_false(q.usage.has_remaining);
}

static void percent_0_or_below_is_exhausted(void **state)
{
    (void)state;
    assert_true(parse(PREMIUM("\"entitlement\":300,\"remaining\":0,\"percent_remaining\":0"))
                    .usage.is_exhausted);
    assert_true(
        parse(PREMIUM("\"entitlement\":300,\"remaining\":-5,\"percent_remaining\":-1.6"))
            .usage.is_exhausted);
    assert_false(parse(PREMIUM("\"entitlement\":300,\"quota_remaining\":0.4,\"remaining\":0,"
                               "\"percent_remaining\":0.13"))
                     .usage.is_exhausted);
}

static void overage_is_not_counted_as_quota(void **state)
{
    (void)state;
    assert_true(parse(PREMIUM("\"entitlement\":300,\"remaining\":0,\"percent_remaining\":0,"
                              "\"overage_permitted\":true"))
                    .usage.is_exhausted);
}

static void missing_percent_is_computed(void **state)
{
    (void)state;
    struct quota q = parse(PREMIUM("\"entitlement\":200,\"remaining\":50"));
    assert_true(q.percent_remaining > 24.9 && q.percent_remaining < 25.1);
    assert_true(parse(PREMIUM("\"entitlement\":200,\"remaining\":0")).usage.is_exhausted);
}

static void missing_remaining_is_computed(void **state)
{
    (void)state;
    struct quota q = parse(PREMIUM("\"entitlement\":200,\"percent_remaining\":25"));
    assert_int_equal(q.usage.remaining_milli, 50000);
}

static void minus_1_means_does_not_apply(void **state)
{
    (void)state;
    struct quota q = parse(PREMIUM("\"entitlement\":-1,\"remaining\":-1"));
    assert_false(q.usage.has_remaining);
    assert_false(q.usage.is_exhausted);
}

static void free_plan_counts_chat_messages(void **state)
{
    (void)state;
    struct quota q = parse("{\"copilot_plan\":\"free\",\"limited_user_quotas\":{\"chat\":40,"
                           "\"completions\":2000},\"limited_user_reset_date\":\"2025-12-11\"}");
    assert_int_equal(q.usage.remaining_milli, 40000);
    assert_int_equal(q.usage.reset_in_ms, 10 * DAY_MS);
    assert_false(q.usage.is_exhausted);
    assert_true(parse("{\"limited_user_quotas\":{\"chat\":0}}").usage.is_exhausted);
}

static void empty_and_odd_fields_do_not_exhaust(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"copilot_plan\":\"business\"}",
        "{\"quota_snapshots\":{}}",
        "{\"quota_snapshots\":{\"premium_interactions\":{}}}",
        "{\"quota_snapshots\":{\"premium_interactions\":[]}}",
        PREMIUM("\"percent_remaining\":\"0\",\"remaining\":null,\"entitlement\":true"),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct quota q = parse(bodies[i]);
        assert_false(q.usage.is_exhausted);
        assert_false(q.usage.has_remaining);
    }
}

static void huge_numbers_stay_in_range(void **state)
{
    (void)state;
    struct quota q = parse(PREMIUM("\"entitlement\":1e300,\"remaining\":9223372036854775807,"
                                   "\"percent_remaining\":100"));
    assert_true(q.usage.entitlement_milli > 0 && q.usage.remaining_milli > 0);
    q = parse(PREMIUM("\"entitlement\":1,\"remaining\":-1e300,\"percent_remaining\":-1e300"));
    assert_true(q.usage.remaining_milli < 0 && q.usage.is_exhausted);
}

static void what_is_no_quota_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "null",
        "{}",
        "{\"error\":\"Failed to fetch Copilot usage\"}",
        "{\"",
        "\xff",
        "<html>",
        "{\"copilot_plan\":1}",
    };
    struct quota q;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_int_equal(quota_parse(slice_of(bodies[i]), NOW_MS, &q), -EINVAL);
}

static void every_prefix_of_an_answer_is_refused(void **state)
{
    (void)state;
    static const char body[] = PREMIUM("\"entitlement\":300,\"remaining\":1.5");
    struct quota q;
    for (size_t len = 0; len < sizeof body - 1; len++)
        assert_int_equal(quota_parse((struct slice){body, len}, NOW_MS, &q), -EINVAL);
}

static void dates_are_read_strictly(void **state)
{
    (void)state;
    int64_t ms = 0;
    assert_int_equal(quota_parse_date(SLICE("2025-12-01"), &ms), 0);
    assert_int_equal(ms, NOW_MS);
    assert_int_equal(quota_parse_date(SLICE("2025-12-01T01:00:00Z"), &ms), 0);
    assert_int_equal(ms, NOW_MS + 3600 * 1000);
    assert_int_equal(quota_parse_date(SLICE("2025-12-01T01:00:00.123Z"), &ms), 0);
    static const char *const wrong[] = {"",
                                        "2025",
                                        "2025-13-01",
                                        "2025-00-10",
                                        "2025-01-32",
                                        "2025/01/01",
                                        "25-01-01",
                                        "2025-1-01",
                                        "2025-01-01T",
                                        "2025-01-01 10:00:00",
                                        "2025-01-01T25:00:00"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(quota_parse_date(slice_of(wrong[i]), &ms), -EINVAL);
}

static void a_reset_in_the_past_is_unknown(void **state)
{
    (void)state;
    struct quota q = parse("{\"copilot_plan\":\"x\",\"quota_reset_date\":\"2020-01-01\"}");
    assert_int_equal(q.usage.reset_in_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paid_plan_is_read),
        cmocka_unit_test(unlimited_plan_with_remaining_0_is_not_exhausted),
        cmocka_unit_test(percent_0_or_below_is_exhausted),
        cmocka_unit_test(overage_is_not_counted_as_quota),
        cmocka_unit_test(missing_percent_is_computed),
        cmocka_unit_test(missing_remaining_is_computed),
        cmocka_unit_test(minus_1_means_does_not_apply),
        cmocka_unit_test(free_plan_counts_chat_messages),
        cmocka_unit_test(empty_and_odd_fields_do_not_exhaust),
        cmocka_unit_test(huge_numbers_stay_in_range),
        cmocka_unit_test(what_is_no_quota_is_refused),
        cmocka_unit_test(every_prefix_of_an_answer_is_refused),
        cmocka_unit_test(dates_are_read_strictly),
        cmocka_unit_test(a_reset_in_the_past_is_unknown),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
