/* test_exposition - Prometheus' text format 0.0.4.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy/exposition.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"

static struct buf out;
static struct exposition e;

static int begin(void **state)
{
    (void)state;
    buf_init(&out, 0);
    e = (struct exposition){.out = &out};
    exposition_family(&e, "x", "gauge", "What it is.");
    buf_clear(&out);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_done(&out);
    return 0;
}

static void assert_text(const char *text)
{
    assert_int_equal(e.error, 0);
    assert_int_equal(out.len, strlen(text));
    assert_memory_equal(out.data, text, out.len);
    buf_clear(&out);
}

static void a_family_has_help_and_type(void **state)
{
    (void)state;
    exposition_family(&e, "x_total", "counter", "How many.");
    assert_text("# HELP copilot_cluster_x_total How many.\n"
                "# TYPE copilot_cluster_x_total counter\n");
}

static void a_sample_has_its_labels_in_order(void **state)
{
    const struct exposition_labels one = {{{"node", "a"}}};
    const struct exposition_labels four = {{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", ""}}};

    (void)state;
    exposition_whole(&e, NULL, 18446744073709551615u);
    assert_text("copilot_cluster_x 18446744073709551615\n");
    exposition_whole(&e, &one, 0);
    assert_text("copilot_cluster_x{node=\"a\"} 0\n");
    exposition_whole(&e, &four, 1);
    assert_text("copilot_cluster_x{a=\"1\",b=\"2\",c=\"3\",d=\"\"} 1\n");
}

static void what_a_label_holds_cannot_end_it(void **state)
{
    const struct exposition_labels labels = {{{"node", "a\"} 9\nb\\\t\xc3\xa4"}}};

    (void)state;
    exposition_whole(&e, &labels, 1);
    assert_text("copilot_cluster_x{node=\"a\\\"} 9\\nb\\\\\t\xc3\xa4\"} 1\n");
}

static void thousandths_are_written_as_short_as_they_can(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {
        {0, "copilot_cluster_x 0\n"},
        {1, "copilot_cluster_x 0.001\n"},
        {1500, "copilot_cluster_x 1.5\n"},
        {100000, "copilot_cluster_x 100\n"},
        {-330, "copilot_cluster_x -0.33\n"},
        {-7000, "copilot_cluster_x -7\n"},
        {INT64_MIN, "copilot_cluster_x -9223372036854775.808\n"},
        {INT64_MAX, "copilot_cluster_x 9223372036854775.807\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        exposition_milli(&e, NULL, rows[i].value);
        assert_text(rows[i].text);
    }
}

static void buckets_add_up_and_the_last_is_the_count(void **state)
{
    const struct exposition_labels labels = {{{"node", "a"}}};
    struct histogram h = {0};
    const char *const wanted[] = {
        "copilot_cluster_x_bucket{node=\"a\",le=\"0.05\"} 1\n",
        "copilot_cluster_x_bucket{node=\"a\",le=\"0.1\"} 1\n",
        "copilot_cluster_x_bucket{node=\"a\",le=\"2.5\"} 2\n",
        "copilot_cluster_x_bucket{node=\"a\",le=\"600\"} 2\n",
        "copilot_cluster_x_bucket{node=\"a\",le=\"+Inf\"} 3\n"
        "copilot_cluster_x_sum{node=\"a\"} 702.01\n"
        "copilot_cluster_x_count{node=\"a\"} 3\n",
    };

    (void)state;
    histogram_add(&h, 10);
    histogram_add(&h, 2000);
    histogram_add(&h, 700000);
    exposition_histogram(&e, &labels, &h);
    assert_int_equal(e.error, 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_non_null(strstr(out.data, wanted[i]));
}

static void want_of_memory_is_remembered(void **state)
{
    (void)state;
    buf_done(&out);
    mem_fail_after(1);
    exposition_whole(&e, NULL, 1);
    mem_fail_after(0);
    assert_int_equal(e.error, -ENOMEM);
    exposition_whole(&e, NULL, 2); /* half a text would look whole */
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_family_has_help_and_type, begin, end),
        cmocka_unit_test_setup_teardown(a_sample_has_its_labels_in_order, begin, end),
        cmocka_unit_test_setup_teardown(what_a_label_holds_cannot_end_it, begin, end),
        cmocka_unit_test_setup_teardown(thousandths_are_written_as_short_as_they_can, begin,
                                        end),
        cmocka_unit_test_setup_teardown(buckets_add_up_and_the_last_is_the_count, begin, end),
        cmocka_unit_test_setup_teardown(want_of_memory_is_remembered, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
