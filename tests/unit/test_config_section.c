/* test_config_section - files that are wrong: each kind of error, word for word.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config_fixture.h"

static void an_unknown_key_is_refused_with_a_suggestion(void **state)
{
    (void)state;
    fixture_refuse("[gateway]\nlistn = 127.0.0.1:1\n",
                   "t.ini:2: [gateway] listn is not a setting; did you mean 'listen'?\n");
    fixture_refuse("[gateway]\nRetry_Limit = 1\n",
                   "t.ini:2: [gateway] Retry_Limit is not a setting; did you mean "
                   "'retry_limit'?\n");
    fixture_refuse("[gateway]\nport = 80\n",
                   "t.ini:2: [gateway] port is not a setting; did you mean 'listen'?\n");
    fixture_refuse(
        "[node:a]\nautostarts = no\n",
        "t.ini:2: [node:a] autostarts is not a setting; did you mean 'autostart'?\n");
    fixture_refuse("[log]\ncolour_of_the_sky_above_the_harbour = grey\n",
                   "t.ini:2: [log] colour_of_the_sky_above_the_harbour is not a setting\n");
}

static void a_key_of_another_section_is_sent_there(void **state)
{
    (void)state;
    fixture_refuse("[gateway]\npoll_interval = 1m\n",
                   "t.ini:2: [gateway] poll_interval is not a setting of this section; it "
                   "belongs in [quota]\n");
}

static void an_unknown_section_is_refused_once_with_a_suggestion(void **state)
{
    (void)state;
    fixture_refuse("[gatway]\nwhat = ever\n",
                   "t.ini:1: [gatway] is not a section; did you mean [gateway]?\n");
    fixture_refuse("[nodes:first]\n",
                   "t.ini:1: [nodes:first] is not a section; did you mean [node:first]?\n");
    fixture_refuse("[whatever]\n",
                   "t.ini:1: [whatever] is not a section; there are " ALL_SECTIONS "\n");
    fixture_refuse("[multiplier]\n",
                   "t.ini:1: [multiplier] is not a section; did you mean [multipliers]?\n");
}

static void what_stands_twice_names_the_first_line(void **state)
{
    (void)state;
    fixture_refuse("[gateway]\nretry_limit = 1\n\nretry_limit = 2\n",
                   "t.ini:4: [gateway] retry_limit is given twice; the first is in line 2\n");
    fixture_refuse("[node:a]\nenv.X = 1\nenv.X = 2\n",
                   "t.ini:3: [node:a] env.X is given twice; the first is in line 2\n");
    fixture_refuse("[log]\n[gateway]\n[log]\n",
                   "t.ini:3: [log] stands twice; the first is in line 1\n");
    fixture_refuse("[node:a]\n[node:b]\n[node:a]\n",
                   "t.ini:3: [node:a] stands twice; the first is in line 1\n");
}

static void numbers_have_bounds_and_units(void **state)
{
    (void)state;
    fixture_refuse("[gateway]\nretry_limit = 101\nnode_wait = soon\nconnect_timeout = 5ms\n"
                   "head_timeout = -1\nbody_max = 64MB\nbody_memory_max = 1\n"
                   "queue_max = 99999999999999999999\nconnections_max =\n"
                   "[node]\nrate_limit = 1500ms\n",
                   "t.ini:2: [gateway] retry_limit must be 0..100, got '101'\n"
                   "t.ini:3: [gateway] node_wait must be 0s..10m (ms, s, m, h, d), got 'soon'\n"
                   "t.ini:4: [gateway] connect_timeout must be 10ms..1m (ms, s, m, h, d), got "
                   "'5ms'\n"
                   "t.ini:5: [gateway] head_timeout must be 100ms..5m (ms, s, m, h, d), got "
                   "'-1'\n"
                   "t.ini:6: [gateway] body_max must be 1KiB..4GiB (B, KiB, MiB, GiB), got "
                   "'64MB'\n"
                   "t.ini:7: [gateway] body_memory_max must be 1KiB..1024GiB (B, KiB, MiB, "
                   "GiB), got '1'\n"
                   "t.ini:8: [gateway] queue_max must be 0..4096, got '99999999999999999999'\n"
                   "t.ini:9: [gateway] connections_max must be 1..4096, got ''\n"
                   "t.ini:11: [node] rate_limit must be whole seconds, got '1500ms'\n");
}

static void words_are_listed(void **state)
{
    (void)state;
    fixture_refuse("[gateway]\nhandoff = now\nexhausted_status = 500\n[log]\nlevel = loud\n"
                   "[node:a]\naccount_type = personal\nproxy_env = maybe\nenabled = perhaps\n",
                   "t.ini:2: [gateway] handoff must be drain or overlap, got 'now'\n"
                   "t.ini:3: [gateway] exhausted_status must be 503, 402 or 429, got '500'\n"
                   "t.ini:5: [log] level must be silent, error, warn, info or debug, got "
                   "'loud'\n"
                   "t.ini:7: [node:a] account_type must be individual, business or enterprise, "
                   "got 'personal'\n"
                   "t.ini:8: [node:a] proxy_env must be auto, yes or no, got 'maybe'\n"
                   "t.ini:9: [node:a] enabled must be yes or no, got 'perhaps'\n");
}

static void an_unknown_word_of_a_set_is_named_with_a_suggestion(void **state)
{
    static const struct {
        const char *written;
        const char *told;
    } lines[] = {
        {"connect conect", "'conect'; did you mean 'connect'?"},
        {"401, time-out", "'time-out'; did you mean 'timeout'?"},
        {"reset 503", "'503'; did you mean '5xx'?"},
        {"404", "'404'"}, /* no code is a typing error of another */
        {"none", "'none'"},
        {"401;402", "'401;402'"},
        {"429 # why not", "'429 # why not'; a comment after a value starts with ' ;'"},
    };
    char text[128];
    char expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        (void)snprintf(text, sizeof text, "[gateway]\nretry_on = %s\n", lines[i].written);
        (void)snprintf(expected, sizeof expected,
                       "t.ini:2: [gateway] retry_on must be nothing, or any of connect, reset, "
                       "timeout, 401, 402, 403, 421, 429 or 5xx, got %s\n",
                       lines[i].told);
        fixture_refuse(text, expected);
    }
}

static void urls_are_plain_http_without_path_or_password(void **state)
{
    (void)state;
    fixture_refuse(
        "[node:a]\nurl = https://h:1\n[node:b]\nurl = http://h:1/v1\n[node:c]\nurl = h:1\n"
        "[node:d]\nurl = http://me:secret@h:1\n[node:e]\nurl = http://h:70000\n"
        "[node:f]\nurl = http://\n[node:g]\nurl = http://[::x]:1\n[node:h]\nurl = http://h:0\n"
        "[node:i]\nurl = http://h/x\n",
        "t.ini:2: [node:a] url must be http://HOST:PORT (only http is spoken), got "
        "'https://h:1'\n"
        "t.ini:4: [node:b] url must be http://HOST:PORT without a path (requests bring their "
        "own), got 'http://h:1/v1'\n"
        "t.ini:6: [node:c] url must be http://HOST:PORT (only http is spoken), got 'h:1'\n"
        "t.ini:8: [node:d] url must not have a user or password; use token = ...\n"
        "t.ini:10: [node:e] url must be http://HOST:PORT, got 'http://h:70000'\n"
        "t.ini:12: [node:f] url must be http://HOST:PORT, got 'http://'\n"
        "t.ini:14: [node:g] url must be http://HOST:PORT, got 'http://[::x]:1'\n"
        "t.ini:16: [node:h] url must be http://HOST:PORT, got 'http://h:0'\n"
        "t.ini:18: [node:i] url must be http://HOST:PORT without a path (requests bring their "
        "own), got 'http://h/x'\n");
}

static void settings_that_make_no_sense_together_are_refused(void **state)
{
    (void)state;
    fixture_refuse(
        "[node]\nurl = http://h:1\n"
        "[node:a]\ncommand = x\naccount_type = business\nenv.A = b\nurl = http://h:1\n"
        "[node:b]\ntoken = abc\n",
        "t.ini:2: [node] url belongs in a [node:NAME] section\n"
        "t.ini:4: [node:a] command makes no sense with url: that node is not started from "
        "here\n"
        "t.ini:5: [node:a] account_type makes no sense with url: that node is not started from "
        "here\n"
        "t.ini:6: [node:a] env.A makes no sense with url: that node is not started from here\n"
        "t.ini:9: [node:b] token makes no sense without url: a node that is started from here "
        "logs in by itself\n");
    fixture_refuse("[gateway]\nbody_memory_max = 32MiB\n[node]\nrestart_delay = 2m\n"
                   "[node:a]\nrestart_delay = 5m\n[node:b]\n",
                   "t.ini:2: [gateway] body_max must not exceed body_memory_max (64MiB > "
                   "32MiB)\n"
                   "t.ini:4: [node] restart_delay must not exceed restart_delay_max (2m > 1m)\n"
                   "t.ini:6: [node:a] restart_delay must not exceed restart_delay_max (5m > "
                   "1m)\n");
}

static void names_of_nodes_are_checked(void **state)
{
    static const char rule[] = "must be named with 1 to 63 letters, digits, '.', '_' or '-', a "
                               "letter or digit first\n";
    static const char *const wrong[] = {"node:", "node:.x", "node:a/b", "node: a", "node:-a"};
    char text[128];
    char expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(text, sizeof text, "[%s]\n", wrong[i]);
        (void)snprintf(expected, sizeof expected, "t.ini:1: [%s] %s", wrong[i], rule);
        fixture_refuse(text, expected);
    }
    char name[NODE_NAME_MAX + 2];
    memset(name, 'n', sizeof name - 1);
    name[NODE_NAME_MAX + 1] = '\0';
    (void)snprintf(text, sizeof text, "[node:%s]\n", name);
    (void)snprintf(expected, sizeof expected, "t.ini:1: [node:%s] %s", name, rule);
    fixture_refuse(text, expected);
    name[NODE_NAME_MAX] = '\0';
    (void)snprintf(text, sizeof text, "[node:%s]\n", name);
    struct config *c = fixture_load(text);
    assert_string_equal(c->nodes[0].name, name);
    config_free(c);
}

static void commands_that_cannot_work_are_refused_with_the_reason(void **state)
{
    (void)state;
    fixture_refuse(
        "[node:a]\ncommand = copilot-api start --manual\n"
        "[node:b]\ncommand = copilot-api start \"--claude-code\"\n"
        "[node:c]\ncommand = copilot-api start --github-token=ghu_1 --port 1\n"
        "[node:d]\ncommand = copilot-api start -g ghu_1\n"
        "[node:e]\ncommand =\n",
        "t.ini:2: [node:a] command must not have --manual: it asks a terminal about every "
        "request, and a node has none\n"
        "t.ini:4: [node:b] command must not have --claude-code: it asks a terminal for models, "
        "and a node has none\n"
        "t.ini:6: [node:c] command must not have --github-token: everybody can read it in ps; "
        "log in, or put the token into token_file\n"
        "t.ini:8: [node:d] command must not have -g: everybody can read it in ps; log in, or "
        "put the token into token_file\n"
        "t.ini:10: [node:e] command must be a program and its options, got ''\n");
    config_free(
        fixture_load("[node:a]\ncommand = my-manual -port %(port)s -group --manually\n"));
}

static void variables_that_would_break_a_node_are_refused(void **state)
{
    (void)state;
    fixture_refuse(
        "[node:a]\nenv.HOME = /root\nenv.1A = x\nenv. = x\npass_env = A,HOST B\n"
        "env.CONSOLA_LEVEL = 0\n",
        "t.ini:2: [node:a] env.HOME cannot set HOME: each node has a private one in "
        "state_dir\n"
        "t.ini:3: [node:a] env.1A cannot set '1A': a variable's name has letters, "
        "digits and '_'\n"
        "t.ini:4: [node:a] env. cannot set '': a variable's name has letters, digits "
        "and '_'\n"
        "t.ini:5: [node:a] pass_env cannot set HOST: each node listens on a loopback "
        "address of its own\n"
        "t.ini:6: [node:a] env.CONSOLA_LEVEL cannot set CONSOLA_LEVEL: copilot-api "
        "would not show its login code\n");
}

static void paths_and_tokens_are_checked(void **state)
{
    (void)state;
    fixture_refuse(
        "[supervisor]\nstate_dir = var/lib\n"
        "[node:a]\ntoken_file = ../../etc/passwd\n[node:b]\ntoken_file = /etc/x\n"
        "[node:c]\nurl = http://h\ntoken = two words\n",
        "t.ini:2: [supervisor] state_dir must be an absolute path, got 'var/lib'\n"
        "t.ini:4: [node:a] token_file must be a path inside the node's home "
        "directory, got '../../etc/passwd'\n"
        "t.ini:6: [node:b] token_file must be a path inside the node's home "
        "directory, got '/etc/x'\n"
        "t.ini:9: [node:c] token must be visible ASCII without spaces, 4096 bytes at "
        "most\n");
}

static void a_comment_with_a_hash_is_explained(void **state)
{
    (void)state;
    fixture_refuse("[gateway]\nretry_limit = 3 # three\n",
                   "t.ini:2: [gateway] retry_limit must be 0..100, got '3 # three'; a comment "
                   "after a value starts with ' ;'\n");
}

static void the_sixty_fifth_node_is_refused(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 0);
    for (int i = 0; i < NODES_MAX + 1; i++)
        assert_int_equal(buf_printf(&text, "[node:n%d]\n", i), 0);
    fixture_refuse_bytes(text.data, text.len,
                         "t.ini:65: [node:n64] is one too many: there is room for 64 nodes\n");
    buf_clear(&text);
    assert_int_equal(buf_printf(&text, "[node:a]\n"), 0);
    for (int i = 0; i < NODE_ENV_MAX + 1; i++)
        assert_int_equal(buf_printf(&text, "env.E%d = 1\n", i), 0);
    fixture_refuse_bytes(text.data, text.len,
                         "t.ini:66: [node:a] env.E64 is one too many: a node takes 64 "
                         "variables\n");
    buf_done(&text);
}

static void all_errors_come_at_once_in_the_order_of_the_file(void **state)
{
    (void)state;
    fixture_setenv("PORT", "http");
    fixture_refuse("[node:a]\nenabled = what\n[gateway]\nretry_limit = x\nno value\n[huh]\n",
                   "t.ini:2: [node:a] enabled must be yes or no, got 'what'\n"
                   "t.ini:4: [gateway] retry_limit must be 0..100, got 'x'\n"
                   "t.ini:5: expected 'key = value', '[section]' or '; comment'; a value must "
                   "be on one line\n"
                   "t.ini:6: [huh] is not a section; there are " ALL_SECTIONS "\n"
                   "environment: PORT must be 0..65535, got 'http'\n");
}

static void errors_beyond_a_hundred_are_counted(void **state)
{
    struct buf text;
    struct buf expected;

    (void)state;
    buf_init(&text, 0);
    buf_init(&expected, 0);
    assert_int_equal(buf_printf(&text, "[log]\n"), 0);
    for (int i = 2; i < 110; i++) {
        assert_int_equal(buf_printf(&text, "zzzzzzzz%d = 1\n", i), 0);
        if (i < 102)
            assert_int_equal(
                buf_printf(&expected, "t.ini:%d: [log] zzzzzzzz%d is not a setting\n", i, i),
                0);
    }
    assert_int_equal(buf_printf(&expected, "and 8 more errors\n"), 0);
    assert_int_equal(buf_append(&expected, "", 1), 0);
    fixture_refuse_bytes(text.data, text.len, expected.data);
    buf_done(&text);
    buf_done(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(an_unknown_key_is_refused_with_a_suggestion),
        FIXTURE_TEST(a_key_of_another_section_is_sent_there),
        FIXTURE_TEST(an_unknown_section_is_refused_once_with_a_suggestion),
        FIXTURE_TEST(what_stands_twice_names_the_first_line),
        FIXTURE_TEST(numbers_have_bounds_and_units),
        FIXTURE_TEST(words_are_listed),
        FIXTURE_TEST(an_unknown_word_of_a_set_is_named_with_a_suggestion),
        FIXTURE_TEST(urls_are_plain_http_without_path_or_password),
        FIXTURE_TEST(settings_that_make_no_sense_together_are_refused),
        FIXTURE_TEST(names_of_nodes_are_checked),
        FIXTURE_TEST(commands_that_cannot_work_are_refused_with_the_reason),
        FIXTURE_TEST(variables_that_would_break_a_node_are_refused),
        FIXTURE_TEST(paths_and_tokens_are_checked),
        FIXTURE_TEST(a_comment_with_a_hash_is_explained),
        FIXTURE_TEST(the_sixty_fifth_node_is_refused),
        FIXTURE_TEST(all_errors_come_at_once_in_the_order_of_the_file),
        FIXTURE_TEST(errors_beyond_a_hundred_are_counted),
    };
    return cmocka_run_group_tests_name("config_section", tests, fixture_enter, fixture_leave);
}
