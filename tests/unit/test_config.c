/* test_config - files that are right: what becomes of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config_fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "failover.h"
#include "log.h"

/* The contract of issue 2, as it stands there. */
static const char issue_example[] =
    "[gateway]\n"
    "listen = 127.0.0.1:8080\n"
    "[supervisor]\n"
    "state_dir = /var/lib/copilot-cluster\n"
    "[node]                                    ; defaults for every node\n"
    "command = copilot-api start --port %(port)s\n"
    "env.HTTPS_PROXY = http://127.0.0.1:3128\n"
    "pass_env = NODE_EXTRA_CA_CERTS\n"
    "[node:first]                              ; index 0\n"
    "[node:second]                             ; index 1: preferred\n"
    "account_type = business\n"
    "[node:office]                             ; index 2\n"
    "url = http://10.0.0.5:4141\n";

static void the_example_of_the_issue_gives_three_nodes(void **state)
{
    struct config *c = fixture_load(issue_example);

    (void)state;
    assert_string_equal(c->gateway.listen.host, "127.0.0.1");
    assert_int_equal(c->gateway.listen.port, 8080);
    assert_string_equal(c->supervisor.state_dir, "/var/lib/copilot-cluster");
    assert_int_equal(c->node_count, 3);

    const struct config_node *second = &c->nodes[1];
    assert_string_equal(c->nodes[0].name, "first");
    assert_null(c->nodes[0].account_type);
    assert_string_equal(second->name, "second");
    assert_int_equal(second->source, NODE_SPAWNED);
    assert_string_equal(second->account_type, "business");
    assert_string_equal(second->command, "copilot-api start --port %(port)s");
    assert_int_equal(second->env_count, 2);
    assert_string_equal(second->env[0].name, "NODE_EXTRA_CA_CERTS");
    assert_null(second->env[0].value);
    assert_string_equal(second->env[1].name, "HTTPS_PROXY");
    assert_string_equal(second->env[1].value, "http://127.0.0.1:3128");

    const struct config_node *office = &c->nodes[2];
    assert_string_equal(office->name, "office");
    assert_int_equal(office->source, NODE_EXTERNAL);
    assert_string_equal(office->url, "http://10.0.0.5:4141");
    assert_string_equal(office->url_host, "10.0.0.5");
    assert_int_equal(office->url_port, 4141);
    assert_null(office->command);
    assert_int_equal(office->env_count, 0);
    assert_false(c->nodes_from_env);
    config_free(c);
}

static void an_empty_file_gives_the_defaults(void **state)
{
    struct config *c = fixture_load("");

    (void)state;
    assert_string_equal(c->gateway.listen.host, "127.0.0.1");
    assert_int_equal(c->gateway.listen.port, 8080);
    assert_int_equal(c->gateway.retry_limit, 3);
    assert_int_equal(c->gateway.retry_mask, FAILOVER_RETRY_DEFAULT);
    assert_int_equal(c->gateway.node_wait_ms, 10000);
    assert_int_equal(c->gateway.handoff, CONFIG_HANDOFF_DRAIN);
    assert_int_equal(c->gateway.handoff_timeout_ms, 60000);
    assert_int_equal(c->gateway.failback, CONFIG_FAILBACK_MANUAL);
    assert_int_equal(c->gateway.failback_after_ms, 300000);
    assert_int_equal(c->gateway.on_client_gone, CONFIG_CLIENT_GONE_READ);
    assert_int_equal(c->gateway.exhausted_status, 503);
    assert_int_equal(c->gateway.connect_timeout_ms, 2000);
    assert_int_equal(c->gateway.first_byte_timeout_ms, 310000);
    assert_int_equal(c->gateway.idle_timeout_ms, 310000);
    assert_int_equal(c->gateway.head_timeout_ms, 10000);
    assert_int_equal(c->gateway.body_timeout_ms, 60000);
    assert_int_equal(c->gateway.keepalive_timeout_ms, 75000);
    assert_int_equal(c->gateway.body_max_bytes, 64 << 20);
    assert_int_equal(c->gateway.body_memory_max_bytes, 256 << 20);
    assert_int_equal(c->gateway.connections_max, 1024);
    assert_int_equal(c->gateway.queue_max, 256);
    assert_int_equal(c->quota.poll_interval_ms, 300000);
    assert_int_equal(c->quota.drained_poll_interval_ms, 3600000);
    assert_int_equal(c->quota.offline_check_interval_ms, 30000);
    assert_int_equal(c->quota.rate_limit_cooldown_ms, 60000);
    assert_int_equal(c->quota.usage_timeout_ms, 10000);
    assert_false(c->quota.allow_overage);
    assert_int_equal(c->quota.reserve, 0);
    assert_int_equal(c->quota.multiplier_count, price_shipped_count);
    assert_memory_equal(c->quota.multipliers, price_shipped,
                        price_shipped_count * sizeof price_shipped[0]);
    assert_int_equal(c->supervisor.shutdown_timeout_ms, 8000);
    assert_int_equal(c->supervisor.start_interval_ms, 0);
    assert_int_equal(c->auth.timeout_ms, 900000);
    assert_int_equal(c->log.level, LOG_LEVEL_INFO);
    assert_int_equal(c->node_count, 0);
    config_free(c);
}

static void retry_on_is_a_set_of_words(void **state)
{
    static const struct {
        const char *written;
        uint32_t set;
    } lines[] = {
        {"", 0},
        {"5xx", FAILOVER_RETRY(SERVER)},
        {"401,402", FAILOVER_RETRY(TOKEN) | FAILOVER_RETRY(QUOTA)},
        {" , Connect ,,\tRESET, ", FAILOVER_RETRY(CONNECT) | FAILOVER_RETRY(RESET)},
        {"\"403 421\"", FAILOVER_RETRY(FORBIDDEN) | FAILOVER_RETRY(ACCOUNT_TYPE)},
        {"timeout 429 timeout ; twice", FAILOVER_RETRY(TIMEOUT) | FAILOVER_RETRY(RATE)},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        (void)snprintf(text, sizeof text, "[gateway]\nretry_on = %s\n", lines[i].written);
        struct config *c = fixture_load(text);
        assert_int_equal(c->gateway.retry_mask, lines[i].set | FAILOVER_RETRY(BROKEN));
        config_free(c);
    }
}

static void how_to_go_on_and_when_to_go_back_are_settings(void **state)
{
    struct config *c = fixture_load("[gateway]\nfailback = auto\nfailback_after = 90s\n"
                                    "[quota]\nallow_overage = yes\nreserve = 25\n");

    (void)state;
    assert_int_equal(c->gateway.failback, CONFIG_FAILBACK_AUTO);
    assert_int_equal(c->gateway.failback_after_ms, 90000);
    assert_true(c->quota.allow_overage);
    assert_int_equal(c->quota.reserve, 25);
    config_free(c);
}

static void an_empty_node_section_gives_a_node_with_defaults(void **state)
{
    struct config *c = fixture_load("[node:a]");
    const struct config_node *n = &c->nodes[0];

    (void)state;
    assert_int_equal(c->node_count, 1);
    assert_true(n->enabled);
    assert_int_equal(n->source, NODE_SPAWNED);
    assert_null(n->url);
    assert_null(n->token);
    assert_null(n->account_type);
    assert_string_equal(n->command, "copilot-api start --port %(port)s");
    assert_string_equal(n->token_file, ".local/share/copilot-api/github_token");
    assert_int_equal(n->rate_limit_s, 0);
    assert_int_equal(n->proxy_env, CONFIG_AUTO);
    assert_int_equal(n->start_timeout_ms, 30000);
    assert_int_equal(n->restart_delay_ms, 1000);
    assert_int_equal(n->restart_delay_max_ms, 60000);
    assert_int_equal(n->restart_reset_ms, 60000);
    assert_int_equal(n->stopwait_ms, 5000);
    assert_int_equal(n->env_count, 0);
    config_free(c);
}

static void defaults_for_nodes_count_wherever_they_stand(void **state)
{
    struct config *c = fixture_load("[node:a]\nstart_timeout = 7\n"
                                    "[node:b]\n"
                                    "[node]\nstart_timeout = 1m\nrate_limit = 30s\n");
    (void)state;
    assert_int_equal(c->nodes[0].start_timeout_ms, 7000);
    assert_int_equal(c->nodes[1].start_timeout_ms, 60000);
    assert_int_equal(c->nodes[0].rate_limit_s, 30);
    config_free(c);
}

static void a_node_replaces_variables_by_name(void **state)
{
    struct config *c =
        fixture_load("[node]\nenv.A = 1\nenv.B = 2\npass_env = P, Q\tR\n"
                     "[node:x]\nenv.B = two\npass_env = A\nenv.P = own\nenv.E =\n");
    const struct config_node *n = &c->nodes[0];
    static const struct {
        const char *name;
        const char *value;
    } expected[] = {{"P", "own"}, {"Q", NULL},  {"R", NULL},
                    {"A", NULL},  {"B", "two"}, {"E", ""}};

    (void)state;
    assert_int_equal(n->env_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(n->env[i].name, expected[i].name);
        if (expected[i].value == NULL)
            assert_null(n->env[i].value);
        else
            assert_string_equal(n->env[i].value, expected[i].value);
    }
    config_free(c);
}

static void a_variable_beats_pass_env_in_either_order(void **state)
{
    struct config *c = fixture_load("[node:x]\nenv.A = own\npass_env = A\n"
                                    "[node:y]\npass_env = A\nenv.A = own\n");
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(c->nodes[i].env_count, 1);
        assert_string_equal(c->nodes[i].env[0].value, "own");
    }
    config_free(c);
}

static void a_disabled_node_is_not_in_the_list(void **state)
{
    struct config *c = fixture_load("[node:a]\nenabled = no\n[node:b]\n");

    (void)state;
    assert_int_equal(c->node_count, 1);
    assert_string_equal(c->nodes[0].name, "b");
    config_free(c);
}

static void urls_are_brought_to_one_form(void **state)
{
    static const struct {
        const char *text;
        const char *url;
        const char *host;
        int port;
    } cases[] = {
        {"http://10.0.0.5:4141", "http://10.0.0.5:4141", "10.0.0.5", 4141},
        {"HTTP://copilot_node-1/", "http://copilot_node-1:80", "copilot_node-1", 80},
        {"http://[::1]:4141/", "http://[::1]:4141", "::1", 4141},
        {"http://[fd00::7]", "http://[fd00::7]:80", "fd00::7", 80},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "[node:x]\nurl = %s\n", cases[i].text);
        struct config *c = fixture_load(text);
        assert_string_equal(c->nodes[0].url, cases[i].url);
        assert_string_equal(c->nodes[0].url_host, cases[i].host);
        assert_int_equal(c->nodes[0].url_port, cases[i].port);
        config_free(c);
    }
}

static void settings_of_processes_in_node_are_not_meant_for_external_nodes(void **state)
{
    struct config *c = fixture_load("[node]\naccount_type = business\ntoken = t\n"
                                    "[node:out]\nurl = http://h:1\n[node:own]\nurl =\n");
    (void)state;
    assert_null(c->nodes[0].account_type);
    assert_null(c->nodes[0].token_file);
    assert_string_equal(c->nodes[0].token, "t");
    assert_string_equal(c->nodes[1].account_type, "business");
    assert_null(c->nodes[1].token);
    assert_int_equal(c->nodes[1].source, NODE_SPAWNED);
    config_free(c);
}

static void sixty_four_nodes_fit(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 0);
    for (int i = 0; i < NODES_MAX; i++)
        assert_int_equal(buf_printf(&text, "[node:n%d]\n[node:off%d]\nenabled = no\n", i, i),
                         0);
    assert_int_equal(buf_append(&text, "", 1), 0);
    struct config *c = fixture_load(text.data);
    assert_int_equal(c->node_count, NODES_MAX);
    assert_string_equal(c->nodes[NODES_MAX - 1].name, "n63");
    config_free(c);
    buf_done(&text);
}

static void the_default_file_may_be_missing_but_a_named_one_may_not(void **state)
{
    struct config *c = NULL;
    struct buf messages;

    (void)state;
    buf_init(&messages, 0);
    assert_int_equal(config_load("none.ini", fixture_getenv, &c, &messages), -ENOENT);
    assert_null(c);
    assert_int_equal(buf_append(&messages, "", 1), 0);
    assert_string_equal(messages.data, "none.ini: cannot be read: No such file or directory\n");
    buf_clear(&messages);
    if (access(CONFIG_PATH_DEFAULT, F_OK) != 0) {
        assert_int_equal(config_load(NULL, fixture_getenv, &c, &messages), 0);
        assert_int_equal(c->node_count, 0);
        assert_int_equal(messages.len, 0);
        config_free(c);
    }
    buf_done(&messages);
}

static void a_directory_is_not_a_file_of_settings(void **state)
{
    struct config *c = NULL;
    struct buf messages;

    (void)state;
    buf_init(&messages, 0);
    assert_int_equal(config_load(".", fixture_getenv, &c, &messages), -EISDIR);
    assert_int_equal(buf_append(&messages, "", 1), 0);
    assert_string_equal(messages.data, ".: cannot be read: Is a directory\n");
    buf_done(&messages);
}

/* Loads with the n-th allocation failing, for every n that is reached. Returns how many. */
static uint64_t fail_each_allocation(const char *text, int otherwise)
{
    struct config *c = NULL;
    struct buf messages;

    fixture_write(text, strlen(text));
    for (uint64_t n = 1;; n++) {
        buf_init(&messages, 0);
        mem_fail_after(n);
        int r = config_load("t.ini", fixture_getenv, &c, &messages);
        mem_fail_after(0);
        buf_done(&messages);
        if (r == -ENOMEM) {
            assert_null(c);
            continue;
        }
        assert_int_equal(r, otherwise);
        config_free(c);
        return n;
    }
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    fixture_setenv("COPILOT_NODES_URLS", "a, b");
    assert_true(fail_each_allocation(issue_example, 0) > 50);
    assert_true(fail_each_allocation(
                    "[gateway]\nlisten = :\nretry_limit = x\nhandoff = y\n"
                    "body_max = 2MiB\nbody_memory_max = 1MiB\nretry_on = conect\n[huh]\n"
                    "[multipliers]\nm = x\n"
                    "[node:a]\ncommand = -g\nurl = http://h\n",
                    -EINVAL) > 30);
    fixture_setenv("COPILOT_NODES", "[{\"url\":\"http://a\",\"token\":\"t\"}]");
    assert_true(fail_each_allocation("", 0) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_example_of_the_issue_gives_three_nodes),
        FIXTURE_TEST(an_empty_file_gives_the_defaults),
        FIXTURE_TEST(retry_on_is_a_set_of_words),
        FIXTURE_TEST(how_to_go_on_and_when_to_go_back_are_settings),
        FIXTURE_TEST(an_empty_node_section_gives_a_node_with_defaults),
        FIXTURE_TEST(defaults_for_nodes_count_wherever_they_stand),
        FIXTURE_TEST(a_node_replaces_variables_by_name),
        FIXTURE_TEST(a_variable_beats_pass_env_in_either_order),
        FIXTURE_TEST(a_disabled_node_is_not_in_the_list),
        FIXTURE_TEST(urls_are_brought_to_one_form),
        FIXTURE_TEST(settings_of_processes_in_node_are_not_meant_for_external_nodes),
        FIXTURE_TEST(sixty_four_nodes_fit),
        FIXTURE_TEST(the_default_file_may_be_missing_but_a_named_one_may_not),
        FIXTURE_TEST(a_directory_is_not_a_file_of_settings),
        FIXTURE_TEST(any_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("config", tests, fixture_enter, fixture_leave);
}
