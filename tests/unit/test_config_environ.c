/* test_config_environ - the ancestor's variables, with its meaning (FACTS 6).
 *
 * SPDX-License-Identifier: MIT
 */
#include "config_fixture.h"

#include "log.h"

static void variables_beat_the_file(void **state)
{
    (void)state;
    fixture_setenv("PORT", "9000");
    fixture_setenv("POLL_INTERVAL", "60000");
    fixture_setenv("DRAINED_POLL_INTERVAL", "2h");
    fixture_setenv("RETRY_LIMIT", "0");
    fixture_setenv("LOG_LEVEL", "trace");
    struct config *c = fixture_load("[gateway]\nlisten = 0.0.0.0:80\nretry_limit = 9\n"
                                    "[quota]\npoll_interval = 9\n[log]\nlevel = error\n");
    assert_string_equal(c->gateway.listen.at[0].host, "0.0.0.0");
    assert_int_equal(c->gateway.listen.at[0].port, 9000);
    assert_int_equal(c->gateway.retry_limit, 0);
    assert_int_equal(c->quota.poll_interval_ms, 60000);
    assert_int_equal(c->quota.drained_poll_interval_ms, 7200000);
    assert_int_equal(c->log.level, LOG_LEVEL_DEBUG);
    config_free(c);
}

static void port_beats_gateway_port(void **state)
{
    (void)state;
    fixture_setenv("GATEWAY_PORT", "1001");
    struct config *c = fixture_load("");
    assert_int_equal(c->gateway.listen.at[0].port, 1001);
    config_free(c);
    fixture_setenv("PORT", "1002");
    c = fixture_load("");
    assert_int_equal(c->gateway.listen.at[0].port, 1002);
    config_free(c);
}

static void an_empty_variable_counts_as_unset(void **state)
{
    (void)state;
    fixture_setenv("PORT", "");
    fixture_setenv("GATEWAY_PORT", "1001");
    fixture_setenv("RETRY_LIMIT", "");
    fixture_setenv("COPILOT_NODES", "");
    fixture_setenv("COPILOT_NODES_URLS", "");
    struct config *c = fixture_load("[node:a]\n");
    assert_int_equal(c->gateway.listen.at[0].port, 1001);
    assert_int_equal(c->gateway.retry_limit, 3);
    assert_int_equal(c->node_count, 1);
    assert_false(c->nodes_from_env);
    config_free(c);
}

static void words_of_fastify_are_levels(void **state)
{
    static const struct {
        const char *word;
        int64_t level;
    } cases[] = {
        {"silent", LOG_LEVEL_SILENT}, {"fatal", LOG_LEVEL_ERROR}, {"error", LOG_LEVEL_ERROR},
        {"WARN", LOG_LEVEL_WARN},     {"info", LOG_LEVEL_INFO},   {"debug", LOG_LEVEL_DEBUG},
        {"trace", LOG_LEVEL_DEBUG},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_setenv("LOG_LEVEL", cases[i].word);
        struct config *c = fixture_load("");
        assert_int_equal(c->log.level, cases[i].level);
        config_free(c);
    }
}

static void wrong_variables_are_named(void **state)
{
    (void)state;
    fixture_setenv("GATEWAY_PORT", "65536");
    fixture_setenv("POLL_INTERVAL", "5");
    fixture_setenv("RETRY_LIMIT", "three\x1b[31m");
    fixture_setenv("LOG_LEVEL", "loud");
    fixture_setenv("STATE_DIRECTORY", "relative");
    fixture_refuse("",
                   "environment: GATEWAY_PORT must be 0..65535, got '65536'\n"
                   "environment: RETRY_LIMIT must be 0..100, got 'three?[31m'\n"
                   "environment: POLL_INTERVAL must be 100ms..7d (ms, s, m, h, d), got '5'\n"
                   "environment: LOG_LEVEL must be silent, error, warn, info or debug, got "
                   "'loud'\n"
                   "environment: STATE_DIRECTORY must be an absolute path, got 'relative'; or "
                   "set [supervisor] state_dir\n");
}

static void copilot_nodes_is_the_list_whatever_the_file_says(void **state)
{
    (void)state;
    fixture_setenv("COPILOT_NODES_URLS", "http://z:1");
    fixture_setenv("COPILOT_NODES", "[{\"url\":\"http://copilot-1:4141/\",\"token\":\"\"},"
                                    " {\"url\":\"http://h2\",\"token\":\"t2\",\"id\":\"bob\"},"
                                    " {\"url\":\"http://h3\",\"name\":\"not a name\",\"x\":1},"
                                    " {\"url\":\"http://h4\",\"token\":null}]");
    struct config *c = fixture_load("[node]\naccount_type = business\n"
                                    "[node:a]\n[node:b]\n[node:c]\nenabled = no\n");
    assert_true(c->nodes_from_env);
    assert_int_equal(c->nodes_ignored, 2);
    assert_int_equal(c->node_count, 4);
    assert_string_equal(c->nodes[0].name, "node-1");
    assert_string_equal(c->nodes[0].url, "http://copilot-1:4141");
    assert_null(c->nodes[0].token);
    assert_null(c->nodes[0].account_type);
    assert_null(c->nodes[0].command);
    assert_int_equal(c->nodes[0].source, NODE_EXTERNAL);
    assert_string_equal(c->nodes[1].name, "bob");
    assert_string_equal(c->nodes[1].token, "t2");
    assert_string_equal(c->nodes[2].name, "node-3");
    assert_string_equal(c->nodes[3].name, "node-4");
    assert_null(c->nodes[3].token);
    config_free(c);
}

static void an_empty_list_is_a_list(void **state)
{
    (void)state;
    fixture_setenv("COPILOT_NODES", "[]");
    struct config *c = fixture_load("[node:a]\n");
    assert_int_equal(c->node_count, 0);
    assert_int_equal(c->nodes_ignored, 1);
    config_free(c);
}

static void wrong_nodes_are_refused_without_showing_tokens(void **state)
{
    (void)state;
    fixture_setenv("COPILOT_NODES", "[{\"token\":\"secret\" \"url\"");
    fixture_refuse("",
                   "environment: COPILOT_NODES must be a JSON array such as "
                   "[{\"url\":\"http://HOST:PORT\",\"token\":\"\"}]; it is wrong at byte 24\n");
    fixture_setenv("COPILOT_NODES", "{}");
    fixture_refuse("",
                   "environment: COPILOT_NODES must be a JSON array such as "
                   "[{\"url\":\"http://HOST:PORT\",\"token\":\"\"}]; it is wrong at byte 0\n");
    fixture_setenv(
        "COPILOT_NODES",
        "[\"http://h\", {\"url\":\"https://h\"}, {\"url\":\"http://h\",\"token\":7}, "
        "{\"url\":\"http://h\",\"token\":\"two words\"}, "
        "{\"url\":\"http://h\",\"name\":\"node-4\"}]");
    fixture_refuse(
        "", "environment: COPILOT_NODES node 1: must be an object with \"url\": "
            "\"http://HOST:PORT\"\n"
            "environment: COPILOT_NODES node 2: url must be http://HOST:PORT (only http "
            "is spoken), got 'https://h'\n"
            "environment: COPILOT_NODES node 3: token must be a string\n"
            "environment: COPILOT_NODES node 4: token must be visible ASCII without "
            "spaces, 4096 bytes at most\n"
            "environment: COPILOT_NODES node 5: name is already taken by another node\n");
}

static void urls_are_the_list_when_the_file_has_none(void **state)
{
    (void)state;
    fixture_setenv("COPILOT_NODES_URLS", " http://a:1 ,b:4141,, c/ ");
    struct config *c = fixture_load("");
    assert_true(c->nodes_from_env);
    assert_int_equal(c->nodes_ignored, 0);
    assert_int_equal(c->node_count, 3);
    assert_string_equal(c->nodes[0].url, "http://a:1");
    assert_string_equal(c->nodes[1].url, "http://b:4141");
    assert_string_equal(c->nodes[2].url, "http://c:80");
    assert_string_equal(c->nodes[2].name, "node-3");
    config_free(c);

    c = fixture_load("[node:mine]\n");
    assert_false(c->nodes_from_env);
    assert_int_equal(c->node_count, 1);
    assert_string_equal(c->nodes[0].name, "mine");
    config_free(c);

    fixture_setenv("COPILOT_NODES_URLS", "a,ftp://b");
    fixture_refuse("", "environment: COPILOT_NODES_URLS node 2: url must be http://HOST:PORT "
                       "(only http is spoken), got 'ftp://b'\n");
}

static void more_than_sixty_four_nodes_are_refused(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 0);
    for (int i = 0; i < NODES_MAX + 1; i++)
        assert_int_equal(buf_printf(&text, "h%d,", i), 0);
    assert_int_equal(buf_append(&text, "", 1), 0);
    fixture_setenv("COPILOT_NODES_URLS", text.data);
    fixture_refuse("",
                   "environment: COPILOT_NODES_URLS node 65: is one too many: there is room "
                   "for 64 nodes\n");
    buf_done(&text);
}

static void check_state_dir(const char *text, const char *expected)
{
    struct config *c = fixture_load(text);

    assert_string_equal(c->supervisor.state_dir, expected);
    config_free(c);
}

static void the_state_directory_has_a_place_for_everybody(void **state)
{
    bool is_root = geteuid() == 0;

    (void)state;
    check_state_dir("", is_root ? "/var/lib/copilot-cluster"
                                : "/home/tester/.local/state/copilot-cluster");
    fixture_setenv("XDG_STATE_HOME", "/x");
    check_state_dir("", is_root ? "/var/lib/copilot-cluster" : "/x/copilot-cluster");
    fixture_setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two");
    check_state_dir("", "/var/lib/one");
    check_state_dir("[supervisor]\nstate_dir = /srv/mine//\n", "/srv/mine");
    check_state_dir("[supervisor]\nstate_dir = /\n", "/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(variables_beat_the_file),
        FIXTURE_TEST(port_beats_gateway_port),
        FIXTURE_TEST(an_empty_variable_counts_as_unset),
        FIXTURE_TEST(words_of_fastify_are_levels),
        FIXTURE_TEST(wrong_variables_are_named),
        FIXTURE_TEST(copilot_nodes_is_the_list_whatever_the_file_says),
        FIXTURE_TEST(an_empty_list_is_a_list),
        FIXTURE_TEST(wrong_nodes_are_refused_without_showing_tokens),
        FIXTURE_TEST(urls_are_the_list_when_the_file_has_none),
        FIXTURE_TEST(more_than_sixty_four_nodes_are_refused),
        FIXTURE_TEST(the_state_directory_has_a_place_for_everybody),
    };
    return cmocka_run_group_tests_name("config_environ", tests, fixture_enter, fixture_leave);
}
