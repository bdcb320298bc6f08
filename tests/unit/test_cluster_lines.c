/* test_cluster_lines - what nodes have printed is there for whoever asks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cluster_stage.h"

static char talk[] = "sh -c 'echo one; echo ghu_abcdefghijklmnop >&2; echo; exec sleep 600'";
static char brief[] = "sh -c 'echo start; exit 3'";

static void is_line(uint64_t number, int stream, const char *text)
{
    struct proxy_line_view line;

    assert_true(proxy.host.node_line(proxy.host.host, 0, number, &line));
    assert_int_equal(line.number, number);
    assert_int_equal(line.stream, stream);
    assert_int_equal(line.len, strlen(text));
    assert_memory_equal(line.text, text, line.len);
    assert_true(line.at_ms > INT64_C(1700000000000));
}

static bool has_lines(const void *count)
{
    return proxy.host.node_tail(proxy.host.host, 0, 0) > *(const uint64_t *)count;
}

static void lines_are_numbered_and_hold_no_secret(void **state)
{
    static const uint64_t two = 2;
    struct proxy_line_view line;

    (void)state;
    add_node("a", talk, true);
    open_cluster();
    assert_int_equal(proxy.host.node_tail(proxy.host.host, 0, 10), 1);
    assert_false(proxy.host.node_line(proxy.host.host, 0, 1, &line));
    run_while_not(has_lines, &two);
    assert_int_equal(proxy.host.node_tail(proxy.host.host, 0, 10), 1);
    /* Two pipes: which is read first is chance. */
    assert_true(proxy.host.node_line(proxy.host.host, 0, 1, &line));
    uint64_t first = line.stream == 1 ? 1 : 2;
    is_line(first, 1, "one");
    is_line(3 - first, 2, "ghu_***");
    assert_false(proxy.host.node_line(proxy.host.host, 0, 3, &line));
    stop(SIGTERM);
}

static void lines_outlive_the_process_that_printed_them(void **state)
{
    static const uint64_t two = 2;

    (void)state;
    add_node("a", brief, true);
    do_nodes_answer = false;
    open_cluster();
    run_while_not(has_lines, &two);
    is_line(1, 1, "start");
    is_line(2, 1, "start");
    assert_true(proxy.host.node_tail(proxy.host.host, 0, 1) >= 2);
    stop(SIGTERM);
}

static void external_node_has_no_lines(void **state)
{
    static char host[] = "10.0.0.5";
    struct proxy_line_view line;

    (void)state;
    config.nodes[0] = (struct config_node){.name = "office",
                                           .enabled = true,
                                           .source = NODE_EXTERNAL,
                                           .url_host = host,
                                           .url_port = 4141};
    config.node_count = 1;
    open_cluster();
    assert_int_equal(proxy.host.node_tail(proxy.host.host, 0, 10), 1);
    assert_false(proxy.host.node_line(proxy.host.host, 0, 1, &line));
    stop(SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(lines_are_numbered_and_hold_no_secret),
        STORY(lines_outlive_the_process_that_printed_them),
        STORY(external_node_has_no_lines),
    };

    return cmocka_run_group_tests_name("cluster_lines", tests, NULL, NULL);
}
