/* test_tally - counts for /metrics.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy/core/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct tally tally;

static int begin(void **state)
{
    (void)state;
    memset(&tally, 0, sizeof tally);
    return 0;
}

static void count(unsigned status, enum tally_end end, unsigned node)
{
    const struct tally_request request = {.node = node,
                                          .endpoint = ROUTE_ENDPOINT_CHAT,
                                          .status = status,
                                          .end = end,
                                          .first_ms = 100,
                                          .total_ms = 2500,
                                          .bytes = 7};

    tally_request(&tally, &request);
}

/* How often requests of this status name were counted for node 1. */
static uint64_t found(const char *status)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < TALLY_STATUS_COUNT; i++) {
        if (strcmp(tally_status_name(i), status) == 0)
            sum += tally.nodes[1].requests[ROUTE_ENDPOINT_CHAT][i][TALLY_END_COMPLETE];
    }
    return sum;
}

static uint64_t samples(const struct histogram *h)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i <= HISTOGRAM_BORDERS; i++)
        sum += h->counts[i];
    return sum;
}

static void a_status_counts_as_itself_or_as_its_class(void **state)
{
    static const struct {
        unsigned status;
        const char *name;
    } rows[] = {
        {200, "200"}, {204, "204"}, {402, "402"}, {429, "429"}, {499, "499"},
        {503, "503"}, {504, "504"}, {101, "1xx"}, {299, "2xx"}, {308, "3xx"},
        {418, "4xx"}, {599, "5xx"}, {600, "5xx"}, {999, "5xx"}, {0, "1xx"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t before = found(rows[i].name);
        count(rows[i].status, TALLY_END_COMPLETE, 1);
        assert_int_equal(found(rows[i].name), before + 1);
    }
}

static void each_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TALLY_STATUS_COUNT; i++) {
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(tally_status_name(i), tally_status_name(j));
    }
}

static void only_complete_answers_of_nodes_have_a_duration(void **state)
{
    (void)state;
    count(200, TALLY_END_LEFT, 1);
    count(200, TALLY_END_CUT, 1);
    count(503, TALLY_END_COMPLETE, TALLY_NO_NODE);
    assert_int_equal(samples(&tally.nodes[1].duration[ROUTE_ENDPOINT_CHAT]), 0);
    assert_int_equal(samples(&tally.nodes[TALLY_NO_NODE].duration[ROUTE_ENDPOINT_CHAT]), 0);
    count(200, TALLY_END_COMPLETE, 1);
    assert_int_equal(samples(&tally.nodes[1].duration[ROUTE_ENDPOINT_CHAT]), 1);
    assert_int_equal(tally.nodes[1].duration[ROUTE_ENDPOINT_CHAT].sum_ms, 2500);
    assert_int_equal(tally.nodes[1].first_byte[ROUTE_ENDPOINT_CHAT].sum_ms, 100);
    assert_int_equal(tally.nodes[1].response_bytes[ROUTE_ENDPOINT_CHAT], 21);
}

static void an_answer_that_never_began_has_no_first_byte(void **state)
{
    const struct tally_request request = {.node = 1, .status = 499, .first_ms = TALLY_NEVER};

    (void)state;
    tally_request(&tally, &request);
    assert_int_equal(samples(&tally.nodes[1].first_byte[ROUTE_ENDPOINT_OTHER]), 0);
    assert_int_equal(samples(&tally.nodes[1].duration[ROUTE_ENDPOINT_OTHER]), 1);
}

static void a_border_belongs_to_the_bucket_below_it(void **state)
{
    struct histogram h = {0};

    (void)state;
    histogram_add(&h, 0);
    histogram_add(&h, 50);
    histogram_add(&h, 51);
    histogram_add(&h, 600000);
    histogram_add(&h, 600001);
    histogram_add(&h, UINT32_MAX);
    assert_int_equal(h.counts[0], 2);
    assert_int_equal(h.counts[1], 1);
    assert_int_equal(h.counts[HISTOGRAM_BORDERS - 1], 1);
    assert_int_equal(h.counts[HISTOGRAM_BORDERS], 2);
    assert_int_equal(h.sum_ms, 50 + 51 + 600000 + 600001 + (uint64_t)UINT32_MAX);
}

static void borders_ascend(void **state)
{
    (void)state;
    for (unsigned i = 1; i < HISTOGRAM_BORDERS; i++)
        assert_true(histogram_borders_ms[i - 1] < histogram_borders_ms[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_status_counts_as_itself_or_as_its_class, begin),
        cmocka_unit_test(each_status_has_a_name_of_its_own),
        cmocka_unit_test_setup(only_complete_answers_of_nodes_have_a_duration, begin),
        cmocka_unit_test_setup(an_answer_that_never_began_has_no_first_byte, begin),
        cmocka_unit_test(a_border_belongs_to_the_bucket_below_it),
        cmocka_unit_test(borders_ascend),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
