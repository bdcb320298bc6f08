/* test_admin_path - targets below /admin/, one by one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy/core/admin_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void means(const char *target, bool is_post, enum admin_endpoint endpoint)
{
    struct admin_path path = admin_path_read(slice_of(target), is_post);

    if (path.endpoint != endpoint)
        fail_msg("%s %s is %d, not %d", is_post ? "POST" : "GET", target, (int)path.endpoint,
                 (int)endpoint);
}

static void whole_paths_are_found_with_and_without_a_query(void **state)
{
    (void)state;
    means("/livez", false, ADMIN_LIVEZ);
    means("/readyz?verbose", false, ADMIN_READYZ);
    means("/admin/nodes", false, ADMIN_NODES);
    means("/admin/logins", false, ADMIN_LOGINS);
    means("/admin/events?x=1&y", false, ADMIN_EVENTS);
    means("/admin/config", false, ADMIN_CONFIG);
    means("/admin/reload", true, ADMIN_RELOAD);
}

static void what_is_not_there_is_unknown(void **state)
{
    (void)state;
    means("/admin/", false, ADMIN_UNKNOWN);
    means("/admin/nodes/", false, ADMIN_UNKNOWN);
    means("/admin/nodesx", false, ADMIN_UNKNOWN);
    means("/admin/nodes/a/logs/x", false, ADMIN_UNKNOWN);
    means("/admin/nodes//stop", true, ADMIN_UNKNOWN);
    means("/livez/x", false, ADMIN_UNKNOWN);
}

static void the_wrong_method_names_the_right_one(void **state)
{
    (void)state;
    means("/admin/reload", false, ADMIN_BAD_METHOD);
    means("/admin/nodes", true, ADMIN_BAD_METHOD);
    means("/admin/nodes/a", true, ADMIN_BAD_METHOD);
    means("/admin/nodes/a/logs", true, ADMIN_BAD_METHOD);
    means("/admin/nodes/a/stop", false, ADMIN_BAD_METHOD);
    assert_string_equal(admin_path_read(SLICE("/admin/nodes/a/stop"), false).allow, "POST");
    assert_string_equal(admin_path_read(SLICE("/admin/nodes/a"), true).allow, "GET, HEAD");
}

static void a_node_and_an_order_are_cut_out(void **state)
{
    struct admin_path path = admin_path_read(SLICE("/admin/nodes/node-1.x/restart?now"), true);

    (void)state;
    assert_int_equal(path.endpoint, ADMIN_ORDER);
    assert_true(slice_equal(path.node, SLICE("node-1.x")));
    assert_true(slice_equal(path.word, SLICE("restart")));
    path = admin_path_read(SLICE("/admin/nodes/b"), false);
    assert_int_equal(path.endpoint, ADMIN_NODE);
    assert_true(slice_equal(path.node, SLICE("b")));
}

static void lines_and_follow_are_read_within_bounds(void **state)
{
    static const struct {
        const char *query;
        uint32_t lines;
        bool is_follow;
    } table[] = {
        {"", ADMIN_LINES_DEFAULT, false},
        {"?lines=7", 7, false},
        {"?lines=0&follow=1", 0, true},
        {"?follow=1&lines=20", 20, true},
        {"?follow=0", ADMIN_LINES_DEFAULT, false},
        {"?lines=", ADMIN_LINES_DEFAULT, false},
        {"?lines=1x", ADMIN_LINES_DEFAULT, false},
        {"?lines=99999999999999999999", ADMIN_LINES_MAX, false},
        {"?lines", ADMIN_LINES_DEFAULT, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char target[128] = "/admin/nodes/a/logs";
        memcpy(target + strlen(target), table[i].query, strlen(table[i].query) + 1);
        struct admin_path path = admin_path_read(slice_of(target), false);
        assert_int_equal(path.endpoint, ADMIN_LOGS);
        assert_int_equal(path.lines, table[i].lines);
        assert_int_equal(path.is_follow, table[i].is_follow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_paths_are_found_with_and_without_a_query),
        cmocka_unit_test(what_is_not_there_is_unknown),
        cmocka_unit_test(the_wrong_method_names_the_right_one),
        cmocka_unit_test(a_node_and_an_order_are_cut_out),
        cmocka_unit_test(lines_and_follow_are_read_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
