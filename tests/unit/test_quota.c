/* test_quota - every shape of /usage that is known, and what is not one.
 *
 * The shapes are files: tests/unit/golden/usage/NAME.json is an answer, NAME.expect the one
 * line that describes what is read from it on 2025-12-01, or "error". QUOTA_GOLDEN=write writes
 * the lines anew, for a person to review.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/quota.h"

#define GOLDEN          "tests/unit/golden/usage"
#define GOLDEN_LEAST    60 /* fewer files than that, and the walk has lost its way */
#define BODY_MAX        4096
#define LINE_MAX_BYTES  256

#define NOW_MS          (INT64_C(1764547200000)) /* 2025-12-01T00:00:00Z */
#define PREMIUM(fields) "{\"quota_snapshots\":{\"premium_interactions\":{" fields "}}}"

/* ---------------------------------------------------------------- golden files */

/* What an answer says, for people. */
static void describe(struct slice body, char *line, size_t size)
{
    struct quota q;
    char remaining[32] = "-";
    char percent[32] = "-";

    if (quota_parse(body, NOW_MS, &q) < 0) {
        (void)snprintf(line, size, "error\n");
        return;
    }
    if (q.usage.has_remaining)
        (void)snprintf(remaining, sizeof remaining, "%.3f",
                       (double)q.usage.remaining_milli / 1000);
    if (q.has_percent)
        (void)snprintf(percent, sizeof percent, "%.2f", q.percent_remaining);
    (void)snprintf(
        line, size,
        "%s%s%s: remaining %s of %.3f, percent %s; plan '%s'; reset '%s', in %llu s\n",
        q.usage.is_exhausted   ? "exhausted"
        : q.usage.is_unlimited ? "unlimited"
                               : "good",
        q.usage.is_exhausted && q.usage.is_unlimited ? ", unlimited" : "",
        q.usage.is_overage_permitted ? ", overage permitted" : "", remaining,
        (double)q.usage.entitlement_milli / 1000, percent, q.plan, q.reset_date,
        (unsigned long long)(q.usage.reset_in_ms / 1000));
}

static size_t read_file(const char *name, const char *suffix, char *bytes, size_t size)
{
    char path[512];

    (void)snprintf(path, sizeof path, GOLDEN "/%s%s", name, suffix);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    size_t len = fread(bytes, 1, size, file);
    assert_true(len < size);
    assert_int_equal(fclose(file), 0);
    return len;
}

static void write_expectation(const char *name, const char *line)
{
    char path[512];

    (void)snprintf(path, sizeof path, GOLDEN "/%s.expect", name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(line, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int is_answer(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

/* Calls back with each file's name without its suffix, and its bytes in a heap copy of exactly
 * their size, so that ASan sees who reads past the end. */
static void walk(void (*visit)(const char *name, struct slice body))
{
    struct dirent **entries = NULL;
    char bytes[BODY_MAX];

    int count = scandir(GOLDEN, &entries, is_answer, alphasort);
    assert_true(count >= GOLDEN_LEAST);
    for (int i = 0; i < count; i++) {
        char *name = entries[i]->d_name;
        name[strlen(name) - 5] = '\0';
        size_t len = read_file(name, ".json", bytes, sizeof bytes);
        char *copy = malloc(len);
        assert_true(copy != NULL || len == 0);
        if (len > 0)
            memcpy(copy, bytes, len);
        visit(name, (struct slice){.at = copy, .len = len});
        free(copy);
        free(entries[i]);
    }
    free(entries);
}

static void compare_with_expectation(const char *name, struct slice body)
{
    char line[LINE_MAX_BYTES];
    char expected[LINE_MAX_BYTES] = "";
    const char *mode = getenv("QUOTA_GOLDEN");

    describe(body, line, sizeof line);
    if (mode != NULL && strcmp(mode, "write") == 0)
        write_expectation(name, line);
    (void)read_file(name, ".expect", expected, sizeof expected);
    if (strcmp(line, expected) != 0)
        fail_msg("%s: read as\n%sexpected\n%s", name, line, expected);
}

static void each_known_shape_is_read_as_its_file_says(void **state)
{
    (void)state;
    walk(compare_with_expectation);
}

/* A part of an answer is no answer, except when only blanks are missing. */
static void cut_at_each_byte(const char *name, struct slice body)
{
    char whole[LINE_MAX_BYTES];
    char part[LINE_MAX_BYTES];
    size_t end = body.len;

    while (end > 0 && strchr(" \n", body.at[end - 1]) != NULL)
        end--;
    describe(body, whole, sizeof whole);
    for (size_t len = 0; len < body.len; len++) {
        char *copy = malloc(len);
        assert_true(copy != NULL || len == 0);
        if (len > 0)
            memcpy(copy, body.at, len);
        describe((struct slice){.at = copy, .len = len}, part, sizeof part);
        free(copy);
        bool is_whole = len >= end && strcmp(whole, part) == 0;
        /* Two answers in one body are wrong as a whole only. */
        bool is_first_of_two = strcmp(name, "two-answers") == 0 && len == end / 2;
        if (strcmp(part, "error\n") != 0 && !is_whole && !is_first_of_two)
            fail_msg("%s cut at byte %zu is read as %s", name, len, part);
    }
}

static void an_answer_cut_at_any_byte_is_an_error(void **state)
{
    (void)state;
    walk(cut_at_each_byte);
}

/* ---------------------------------------------------------------- single rules */

static struct quota parse(const char *text)
{
    struct quota q;

    assert_int_equal(quota_parse(slice_of(text), NOW_MS, &q), 0);
    return q;
}

static bool is_exhausted(const char *text)
{
    return parse(text).usage.is_exhausted;
}

static void an_account_is_exhausted_at_0_percent_unless_it_is_unlimited(void **state)
{
    (void)state;
    assert_true(is_exhausted(PREMIUM("\"entitlement\":300,\"percent_remaining\":0")));
    assert_true(is_exhausted(PREMIUM("\"entitlement\":300,\"percent_remaining\":-1.6")));
    assert_false(is_exhausted(PREMIUM("\"entitlement\":300,\"percent_remaining\":0.001")));
    assert_false(is_exhausted(PREMIUM("\"percent_remaining\":0,\"unlimited\":true")));
    assert_true(is_exhausted(PREMIUM("\"percent_remaining\":0,\"unlimited\":false")));
}

static void overage_is_a_fact_of_its_own(void **state)
{
    (void)state;
    struct quota q = parse(PREMIUM("\"percent_remaining\":0,\"overage_permitted\":true"));
    assert_true(q.usage.is_exhausted);
    assert_true(q.usage.is_overage_permitted);
    q = parse(PREMIUM("\"percent_remaining\":0,\"overage_permitted\":false"));
    assert_true(q.usage.is_exhausted);
    assert_false(q.usage.is_overage_permitted);
}

static void minus_1_is_no_figure_but_one_too_many_of_an_entitlement(void **state)
{
    (void)state;
    struct quota q = parse(PREMIUM("\"remaining\":-1,\"percent_remaining\":-1"));
    assert_false(q.usage.is_exhausted);
    assert_false(q.usage.has_remaining);
    q = parse(PREMIUM("\"entitlement\":100,\"remaining\":-1"));
    assert_true(q.usage.is_exhausted);
    assert_int_equal(q.usage.remaining_milli, -1000);
    assert_true(parse(PREMIUM("\"entitlement\":-1,\"remaining\":-1")).usage.is_unlimited);
}

static void figures_are_brought_into_range(void **state)
{
    static const char *const figures[] = {
        "1e308", "-1e308", "1e-308", "9223372036854775808", "-9223372036854775809",
        "0",     "-0.0",   "-1",     "\"1e308\"",           "\"99999999999999999999\""};
    const int64_t most = INT64_C(1000000000000000);
    char text[256];

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof text,
                       PREMIUM("\"entitlement\":%s,\"quota_remaining\":%s,"
                               "\"percent_remaining\":%s"),
                       figures[i % 10], figures[i / 10 % 10], figures[i / 100]);
        struct quota q = parse(text);
        assert_in_range(q.usage.remaining_milli + most, 0, 2 * most);
        assert_in_range(q.usage.entitlement_milli, 0, most);
        assert_true(q.percent_remaining >= -1e12 && q.percent_remaining <= 1e12);
    }
}

static void thousandths_are_rounded(void **state)
{
    (void)state;
    assert_int_equal(parse(PREMIUM("\"remaining\":120.67")).usage.remaining_milli, 120670);
    assert_int_equal(parse(PREMIUM("\"remaining\":0.0006")).usage.remaining_milli, 1);
    assert_int_equal(parse(PREMIUM("\"remaining\":-0.33")).usage.remaining_milli, -330);
}

static void a_word_is_never_cut_inside_a_letter(void **state)
{
    (void)state;
    char text[200];
    for (int before = 30; before < 44; before++) {
        (void)snprintf(text, sizeof text, "{\"copilot_plan\":\"%.*s\xe4\xb8\xbb\xe5\xa4\x87\"}",
                       before, "01234567890123456789012345678901234567890123456789");
        struct quota q = parse(text);
        size_t len = strlen(q.plan);
        size_t fits = before + 6 < QUOTA_WORD_MAX   ? (size_t)before + 6
                      : before + 3 < QUOTA_WORD_MAX ? (size_t)before + 3
                      : before < QUOTA_WORD_MAX     ? (size_t)before
                                                    : QUOTA_WORD_MAX - 1;
        assert_int_equal(len, fits);
    }
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
    struct quota q = {.plan = "as before"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(quota_parse(slice_of(bodies[i]), NOW_MS, &q), -EINVAL);
        assert_string_equal(q.plan, "as before");
    }
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
    assert_int_equal(quota_parse_date(SLICE("2025-12-01T01:00:00+02:30"), &ms), 0);
    assert_int_equal(ms, NOW_MS - 90 * 60 * 1000);
    assert_int_equal(quota_parse_date(SLICE("2025-11-30T19:00:00.5-05:00"), &ms), 0);
    assert_int_equal(ms, NOW_MS);
    assert_int_equal(quota_parse_date(SLICE("2028-02-29"), &ms), 0);
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
                                        "2025-01-01T25:00:00",
                                        "2025-01-01T10:00:60",
                                        "2025-02-29",
                                        "2025-04-31",
                                        "2025-01-01x",
                                        "2025-01-01T10:00:00z",
                                        "2025-01-01T10:00:00+0200",
                                        "2025-01-01T10:00:00+24:00",
                                        "2025-01-01T10:00:00.5x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(quota_parse_date(slice_of(wrong[i]), &ms), -EINVAL);
}

static void a_date_is_not_read_beyond_its_end(void **state)
{
    (void)state;
    static const char whole[] = "2025-12-01T01:00:00.25+01:00";
    int64_t ms;
    for (size_t len = 0; len < sizeof whole; len++) {
        char *copy = malloc(len + (len == 0));
        assert_non_null(copy);
        memcpy(copy, whole, len);
        int r = quota_parse_date((struct slice){.at = copy, .len = len}, &ms);
        assert_true(r == 0 || r == -EINVAL);
        free(copy);
    }
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
        cmocka_unit_test(each_known_shape_is_read_as_its_file_says),
        cmocka_unit_test(an_answer_cut_at_any_byte_is_an_error),
        cmocka_unit_test(an_account_is_exhausted_at_0_percent_unless_it_is_unlimited),
        cmocka_unit_test(overage_is_a_fact_of_its_own),
        cmocka_unit_test(minus_1_is_no_figure_but_one_too_many_of_an_entitlement),
        cmocka_unit_test(figures_are_brought_into_range),
        cmocka_unit_test(thousandths_are_rounded),
        cmocka_unit_test(a_word_is_never_cut_inside_a_letter),
        cmocka_unit_test(what_is_no_quota_is_refused),
        cmocka_unit_test(dates_are_read_strictly),
        cmocka_unit_test(a_date_is_not_read_beyond_its_end),
        cmocka_unit_test(a_reset_in_the_past_is_unknown),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
