/* test_docker_list - what engines say about containers, as rows.
 *
 * The answer in golden/docker/engine-1.41.json was recorded from a real engine; that of Docker
 * 29 and of Podman follow their documentation and were not run.
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
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "supervisor/docker_list.h"

#define LABEL "copilot.node=true"
#define ID    "\"Id\":\"0123456789ab\""

static struct docker_list list;

static void reads(const char *json)
{
    assert_int_equal(docker_list_parse(slice_of(json), LABEL, &list), 0);
}

static char *load(const char *name)
{
    static char text[65536];
    char path[256];

    (void)snprintf(path, sizeof path, "tests/unit/golden/docker/%s", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    return text;
}

static void the_recorded_answer_of_a_real_engine_gives_its_nodes(void **state)
{
    (void)state;
    reads(load("engine-1.41.json"));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.rows[0].name, "node-1");
    assert_string_equal(list.rows[1].name, "node-2");
    assert_string_equal(list.rows[2].name, "node-10");
    assert_int_equal(list.rows[0].state, DOCKER_STATE_RUNNING);
    assert_int_equal(list.rows[1].state, DOCKER_STATE_PAUSED);
    assert_int_equal(list.rows[0].network_count, 1);
    assert_string_equal(list.rows[0].networks[0].name, "bridge");
    assert_non_null(strstr(list.rows[0].networks[0].address, "172.31."));
    assert_int_equal(strlen(list.rows[0].id), DOCKER_ID_LEN);
}

static void newer_engines_and_podman_give_theirs(void **state)
{
    (void)state;
    reads(load("documented-docker29.json"));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.rows[0].service, "node-2");
    assert_string_equal(list.rows[0].networks[0].address, "fd00:1::2");
    reads(load("documented-podman.json"));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.rows[0].name, "node-2");
    assert_string_equal(list.rows[0].networks[0].address, "10.88.0.4");
}

static void every_prefix_is_refused_and_leaves_the_result_alone(void **state)
{
    const char *text = load("engine-1.41.json");
    size_t len = strlen(text);

    (void)state;
    while (len > 0 && text[len - 1] == '\n')
        len--;
    list.count = 77;
    for (size_t at = 0; at < len; at++) {
        struct slice part = {.at = text, .len = at};
        assert_int_equal(docker_list_parse(part, LABEL, &list), -EINVAL);
        assert_int_equal(list.count, 77);
    }
}

static void rows_that_are_none_of_ours_do_not_count(void **state)
{
    (void)state;
    reads("[1, null, {}, [], {" ID "}, {" ID ",\"Labels\":{\"copilot.node\":\"false\"}},"
          "{\"Id\":\"XYZ\",\"Labels\":{\"copilot.node\":\"true\"}},"
          "{" ID ",\"State\":\"removing\",\"Labels\":{\"copilot.node\":\"true\"}}]");
    assert_int_equal(list.count, 0);
    reads("[{" ID ",\"Labels\":{\"copilot.node\":\"true\"},\"Names\":7,\"State\":8,"
          "\"NetworkSettings\":{\"Networks\":{\"x\":9}}}]");
    assert_int_equal(list.count, 1);
    assert_string_equal(list.rows[0].name, "0123456789ab");
    assert_int_equal(list.rows[0].state, DOCKER_STATE_STOPPED);
    assert_string_equal(list.rows[0].networks[0].address, "");
}

static void labels_with_odd_bytes_cannot_break_a_line(void **state)
{
    (void)state;
    reads("[{" ID ",\"Names\":[\"/a\\n\\u001b[31mb\"],\"Labels\":{\"copilot.node\":\"true\","
          "\"com.docker.compose.service\":\"s\\r\\nx\",\"copilot.index\":\"-1\","
          "\"copilot.port\":\"123456789012\"}}]");
    assert_string_equal(list.rows[0].name, "a  [31mb");
    assert_string_equal(list.rows[0].service, "s  x");
    assert_false(list.rows[0].has_index);
    assert_true(list.rows[0].is_label_too_long);
    assert_string_equal(list.rows[0].port, "");
}

static void scaled_services_are_numbered_from_two_on(void **state)
{
    (void)state;
    reads("[{" ID ",\"Labels\":{\"copilot.node\":\"true\",\"com.docker.compose.service\":\"n\","
          "\"com.docker.compose.container-number\":\"10\"}},"
          "{" ID ",\"Labels\":{\"copilot.node\":\"true\",\"com.docker.compose.service\":\"n\","
          "\"com.docker.compose.container-number\":\"1\"}},"
          "{" ID ",\"Labels\":{\"copilot.node\":\"true\",\"com.docker.compose.service\":\"n\","
          "\"com.docker.compose.container-number\":\"2\"}}]");
    assert_string_equal(list.rows[0].service, "n");
    assert_string_equal(list.rows[1].service, "n-2");
    assert_string_equal(list.rows[2].service, "n-10");
}

static void of_ten_thousand_the_first_in_order_are_kept(void **state)
{
    size_t size = 10000 * 100;
    char *text = malloc(size);
    size_t len = 0;

    (void)state;
    assert_non_null(text);
    text[len++] = '[';
    for (unsigned i = 10000; i > 0; i--)
        len += (size_t)snprintf(text + len, size - len,
                                "%s{\"Id\":\"%012x\",\"Names\":[\"/n%u\"],"
                                "\"Labels\":{\"copilot.node\":\"true\"}}",
                                i == 10000 ? "" : ",", i, i);
    text[len++] = ']';
    text[len] = '\0';
    reads(text);
    free(text);
    assert_int_equal(list.count, NODES_MAX);
    assert_int_equal(list.left_out, 10000 - NODES_MAX);
    for (unsigned i = 0; i < NODES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", i + 1);
        assert_string_equal(list.rows[i].name, name);
    }
}

static void a_detail_tells_terminal_start_and_networks(void **state)
{
    struct docker_detail detail;

    (void)state;
    assert_int_equal(
        docker_list_detail(SLICE("{\"Config\":{\"Tty\":true},\"State\":{\"StartedAt\":"
                                 "\"2025-11-24T10:11:12.1Z\"},\"NetworkSettings\":"
                                 "{\"Networks\":{\"a\":{},\"b\":{}}}}"),
                           &detail),
        0);
    assert_true(detail.has_terminal);
    assert_int_equal(detail.started_ms, 1763979072100);
    assert_int_equal(detail.network_count, 2);
    assert_int_equal(docker_list_detail(SLICE("{}"), &detail), 0);
    assert_false(detail.has_terminal);
    assert_int_equal(detail.started_ms, 0);
    assert_int_equal(docker_list_detail(SLICE("{\"State\":{\"StartedAt\":"
                                              "\"0001-01-01T00:00:00Z\"}}"),
                                        &detail),
                     0);
    assert_int_equal(detail.started_ms, 0);
    assert_int_equal(docker_list_detail(SLICE("[]"), &detail), -EINVAL);
}

static void events_of_others_do_not_concern_us(void **state)
{
    (void)state;
    assert_true(docker_list_concerns(
        SLICE("{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"Attributes\":"
              "{\"copilot.node\":\"true\"}}}"),
        LABEL));
    assert_false(docker_list_concerns(
        SLICE("{\"Type\":\"container\",\"Action\":\"exec_start: x\",\"Actor\":{\"Attributes\":"
              "{\"copilot.node\":\"true\"}}}"),
        LABEL));
    assert_false(docker_list_concerns(
        SLICE("{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"Attributes\":{}}}"),
        LABEL));
    assert_true(
        docker_list_concerns(SLICE("{\"Type\":\"network\",\"Action\":\"connect\"}"), LABEL));
    assert_true(docker_list_concerns(SLICE("{garbage"), LABEL));
}

static void a_refusal_is_told_in_its_own_words(void **state)
{
    (void)state;
    char message[8];
    assert_true(docker_list_message(SLICE("{\"message\":\"no such thing\"}"), message, 8));
    assert_string_equal(message, "no such");
    assert_false(docker_list_message(SLICE("no"), message, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recorded_answer_of_a_real_engine_gives_its_nodes),
        cmocka_unit_test(newer_engines_and_podman_give_theirs),
        cmocka_unit_test(every_prefix_is_refused_and_leaves_the_result_alone),
        cmocka_unit_test(rows_that_are_none_of_ours_do_not_count),
        cmocka_unit_test(labels_with_odd_bytes_cannot_break_a_line),
        cmocka_unit_test(scaled_services_are_numbered_from_two_on),
        cmocka_unit_test(of_ten_thousand_the_first_in_order_are_kept),
        cmocka_unit_test(a_detail_tells_terminal_start_and_networks),
        cmocka_unit_test(events_of_others_do_not_concern_us),
        cmocka_unit_test(a_refusal_is_told_in_its_own_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
