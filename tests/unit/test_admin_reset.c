/* test_admin_reset - which node a body of POST /admin/reset-active-node asks for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy/admin_reset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "mem.h"

static struct proxy proxy = {
    .nodes = {{.is_used = true, .name = "first"}, {0}, {.is_used = true, .name = "third"}},
    .node_count = 3,
    .order = {0, 2},
    .order_count = 2,
};

static void means(struct slice body, uint16_t expected)
{
    uint16_t node = 77;
    struct buf message;

    buf_init(&message, 0);
    if (admin_reset_read(&proxy, body, &node, &message) != 200)
        fail_msg("'%.*s' is refused: %s", (int)body.len, body.at, message.data);
    assert_int_equal(node, expected);
    assert_int_equal(message.len, 0);
    buf_done(&message);
}

static void is_refused(struct slice body, unsigned status, const char *word)
{
    uint16_t node;
    struct buf message;

    buf_init(&message, 0);
    unsigned got = admin_reset_read(&proxy, body, &node, &message);
    if (got != status)
        fail_msg("'%.*s' is %u", (int)body.len, body.at, got);
    if (strstr(message.data, word) == NULL)
        fail_msg("'%.*s' says: %s", (int)body.len, body.at, message.data);
    buf_done(&message);
}

static void without_a_name_the_highest_is_meant(void **state)
{
    (void)state;
    means((struct slice){0}, FAILOVER_NONE);
    means(SLICE(" \r\n\t"), FAILOVER_NONE);
    means(SLICE("{}"), FAILOVER_NONE);
    means(SLICE("{\"node\":null}"), FAILOVER_NONE);
    means(SLICE("{\"why\":\"because\",\"n\":[1]}"), FAILOVER_NONE);
}

static void a_name_finds_its_slot(void **state)
{
    (void)state;
    means(SLICE("{\"node\":\"first\"}"), 0);
    means(SLICE(" {\"other\": 1, \"node\" : \"third\"}\n"), 2);
}

static void an_unknown_name_is_told_the_known_ones(void **state)
{
    (void)state;
    is_refused(SLICE("{\"node\":\"second\"}"), 404, "\"second\". The nodes are: first, third");
    is_refused(SLICE("{\"node\":\"\"}"), 404, "first, third");
    is_refused(SLICE("{\"node\":\"First\"}"), 404, "first, third");
    is_refused(SLICE("{\"node\":\"a\\nb\"}"), 404, "\"a b\"");
}

static void a_cluster_without_nodes_says_so(void **state)
{
    (void)state;
    proxy.node_count = 0;
    proxy.order_count = 0;
    is_refused(SLICE("{\"node\":\"first\"}"), 404, "none at all");
    proxy.node_count = 3;
    proxy.order_count = 2;
}

static void other_types_are_refused_with_an_example(void **state)
{
    (void)state;
    is_refused(SLICE("{\"node\":2}"), 400, "{\"node\": \"NAME\"}");
    is_refused(SLICE("{\"node\":[\"first\"]}"), 400, "{\"node\": \"NAME\"}");
    is_refused(SLICE("{\"node\":false}"), 400, "{\"node\": \"NAME\"}");
    is_refused(SLICE("[\"first\"]"), 400, "object");
}

static void what_is_not_json_is_refused_with_an_example(void **state)
{
    static const char *const bodies[] = {"node=first", "{",    "{\"node\":\"first\"", "\"x\"",
                                         "{} x",       "\xff", "{\"node\":\"\xff\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        is_refused(slice_of(bodies[i]), 400, "{\"node\": \"NAME\"}");
    is_refused((struct slice){"{}\0", 3}, 400, "not JSON");
    is_refused((struct slice){"\0", 1}, 400, "not JSON");
    is_refused(SLICE("{\"node\":\"first\",\"node\":\"third\"}"), 400, "not JSON");
}

static void without_memory_it_is_503(void **state)
{
    uint16_t node;
    struct buf message;

    (void)state;
    buf_init(&message, 0);
    mem_fail_after(1);
    assert_int_equal(admin_reset_read(&proxy, SLICE("{"), &node, &message), 503);
    assert_int_equal(message.len, 0);
    mem_fail_after(0);
    buf_done(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_name_the_highest_is_meant),
        cmocka_unit_test(a_name_finds_its_slot),
        cmocka_unit_test(an_unknown_name_is_told_the_known_ones),
        cmocka_unit_test(a_cluster_without_nodes_says_so),
        cmocka_unit_test(other_types_are_refused_with_an_example),
        cmocka_unit_test(what_is_not_json_is_refused_with_an_example),
        cmocka_unit_test(without_memory_it_is_503),
    };

    return cmocka_run_group_tests_name("admin_reset", tests, NULL, NULL);
}
