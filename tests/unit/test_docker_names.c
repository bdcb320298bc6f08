/* test_docker_names - the order of containers, who we are, when a line was written.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "supervisor/core/docker_names.h"

static void names_stand_as_people_count(void **state)
{
    static const char *const order[] = {
        "",
        "a",
        "a1",
        "a2",
        "node-1",
        "node-2",
        "node-02x",
        "node-10",
        "node-10a",
        "node-99999999999999999999998",
        "node-99999999999999999999999",
        "node-a",
        "x",
    };
    size_t count = sizeof order / sizeof order[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int order_of = docker_names_compare(order[i], order[j]);
            if (i == j)
                assert_int_equal(order_of, 0);
            else
                assert_true((order_of < 0) == (i < j));
        }
    }
    assert_true(docker_names_compare("node-02", "node-2") != 0);
    assert_true((docker_names_compare("node-02", "node-2") < 0) !=
                (docker_names_compare("node-2", "node-02") < 0));
}

static void our_own_id_is_in_the_mounts_of_docker_and_podman(void **state)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    char id[DOCKER_ID_LEN + 1] = "untouched";

    (void)state;
    assert_false(docker_names_own_id(SLICE(""), id));
    assert_false(docker_names_own_id(SLICE("22 1 0:20 / /proc rw - proc proc rw"), id));
    assert_false(docker_names_own_id(SLICE("/var/lib/containers/storage /x"), id));
    assert_false(docker_names_own_id(SLICE("/var/lib/docker/containers/" ID), id));
    assert_string_equal(id, "untouched");
    assert_true(docker_names_own_id(
        SLICE("1 2 8:1 /var/lib/docker/containers/" ID "/hostname /etc/hostname rw - ext4 x"),
        id));
    assert_string_equal(id, ID);
    assert_true(docker_names_own_id(
        SLICE("/run/containers/storage/overlay-containers/" ID "/userdata/hostname /etc/h"),
        id));
    assert_string_equal(id, ID);
}

static void is_at(const char *text, int64_t expected_ms, const char *expected_rest)
{
    struct slice line = slice_of(text);
    int64_t ms = 0;

    assert_true(docker_names_take_time(&line, &ms));
    assert_int_equal(ms, expected_ms);
    assert_int_equal(line.len, strlen(expected_rest));
    assert_memory_equal(line.at, expected_rest, line.len);
}

static void times_are_taken_off_a_line(void **state)
{
    (void)state;
    is_at("1970-01-01T00:00:00Z", 0, "");
    is_at("2025-11-24T10:11:12.123456789Z hello", 1763979072123, "hello");
    is_at("2024-02-29T23:59:59.5Z  two", 1709251199500, " two");
    is_at("2000-03-01T00:00:00.0001Z x", 951868800000, "x");
}

static void what_is_no_time_stays(void **state)
{
    static const char *const bad[] = {
        "",
        "hello",
        "2025-11-24",
        "2025-11-24T10:11:12",
        "2025-11-24T10:11:12.1",
        "2025-11-24T10:11:12+01:00 x",
        "2025-13-24T10:11:12Z x",
        "2025-00-24T10:11:12Z x",
        "2O25-11-24T10:11:12Z x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct slice line = slice_of(bad[i]);
        int64_t ms = 7;
        assert_false(docker_names_take_time(&line, &ms));
        assert_int_equal(ms, 7);
        assert_int_equal(line.len, strlen(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_as_people_count),
        cmocka_unit_test(our_own_id_is_in_the_mounts_of_docker_and_podman),
        cmocka_unit_test(times_are_taken_off_a_line),
        cmocka_unit_test(what_is_no_time_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
