/* test_plan - words and environment of a node are exactly what was asked for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the four above */
#include <cmocka.h>

static const char *const our_env[] = {
    "PATH=/opt/bin:/usr/bin",
    "LANG=C.UTF-8",
    "NODE_ENV=test",
    "CI=1",
    "DEBUG=*",
    "HTTPS_PROXY=http://ours:1",
    "SECRET=x",
    NULL,
};

static struct plan plan;
static struct error error;
static struct plan_request request;
static struct plan_env env[8];

static bool build(const char *command)
{
    request.command = command;
    return plan_build(&request, &plan, &error);
}

static int setup(void **state)
{
    (void)state;
    memset(&plan, 0xa5, sizeof plan);
    memset(&error, 0, sizeof error);
    request = (struct plan_request){
        .node = "first",
        .env = env,
        .address = "127.83.12.5",
        .port = 40123,
        .home = "/var/lib/cc/nodes/first",
        .state_dir = "/var/lib/cc",
        .inherit = our_env,
    };
    return 0;
}

static void add_env(const char *name, const char *value)
{
    env[request.env_count++] = (struct plan_env){.name = name, .value = value};
}

/* Words joined by |, as in a|b c|d */
static void words_are(const char *command, const char *expected)
{
    char joined[1024] = "";
    size_t used = 0;

    assert_true(build(command));
    for (size_t i = 0; i < plan.argc; i++)
        used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%s", i == 0 ? "" : "|",
                                 plan.argv[i]);
    assert_string_equal(joined, expected);
    assert_null(plan.argv[plan.argc]);
}

static void is_refused(const char *command, const char *because)
{
    assert_false(build(command));
    if (strstr(error.text, because) == NULL)
        fail_msg("'%s' does not say '%s'", error.text, because);
    assert_memory_equal(error.text, "node first: ", 12);
}

static void command_is_split_into_words(void **state)
{
    (void)state;
    words_are("copilot-api start --port %(port)s", "copilot-api|start|--port|40123");
    words_are("  a\t b  ", "a|b");
    words_are("a 'b c' \"d e\" f\\ g", "a|b c|d e|f g");
    words_are("a '' \"\"", "a||");
    words_are("a 'b'\"c\"d\\e", "a|bcde");
}

static void quotes_follow_posix(void **state)
{
    (void)state;
    words_are("a 'b\\c \"'", "a|b\\c \"");
    words_are("a \"b\\\"c\\\\d\\$e\\`f\\g'\"", "a|b\"c\\d$e`f\\g'");
    words_are("a \\'b\\\"", "a|'b\"");
    words_are("sh -c 'exec \"$0\" | cat'", "sh|-c|exec \"$0\" | cat");
}

static void placeholders_are_expanded_inside_their_word(void **state)
{
    (void)state;
    words_are("x %(host)s:%(port)s %(node_name)s '%(state_dir)s/y'",
              "x|127.83.12.5:40123|first|/var/lib/cc/y");
    words_are("x 100%% 5% %p", "x|100%|5%|%p");
    words_are("x %%(port)s", "x|%(port)s");
}

static void unknown_placeholder_is_refused(void **state)
{
    (void)state;
    is_refused("x %(prot)s", "unknown %(prot)");
    is_refused("x %(port)d", "%(port)s, %(host)s");
    is_refused("x %(", "unknown %(");
    is_refused("x %(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)s",
               "unknown %(aaaa");
}

static void open_quotes_and_backslashes_are_refused(void **state)
{
    (void)state;
    is_refused("a 'b", "single quote is not closed");
    is_refused("a \"b\\\"", "double quote is not closed");
    is_refused("a b\\", "ends in a backslash");
    is_refused("", "command is empty");
    is_refused("  ", "command is empty");
    is_refused("'' a", "command is empty");
}

static void shell_habits_are_refused_with_advice(void **state)
{
    (void)state;
    is_refused("a | b", "there is no shell, so | does not work");
    is_refused("cd /x && a", "&&");
    is_refused("a 2>&1", "2>&1");
    is_refused("FOO=bar a", "FOO=bar; write it as env.NAME");
    words_are("a '|' --x=y", "a|||--x=y");
    words_are("/opt/a=b/c d", "/opt/a=b/c|d");
}

static void terminal_options_are_refused(void **state)
{
    (void)state;
    is_refused("copilot-api start --manual", "--manual needs a terminal");
    is_refused("copilot-api start --claude-code", "--claude-code needs a terminal");
}

static void too_much_is_refused(void **state)
{
    char words[512] = "a";
    static char huge[PLAN_BYTES_MAX + 16];

    (void)state;
    for (size_t i = 1; i < 2 * COMMAND_WORDS_MAX - 1; i++)
        words[i] = i % 2 == 1 ? ' ' : 'b';
    assert_true(build(words));
    assert_int_equal(plan.argc, COMMAND_WORDS_MAX);
    words[2 * COMMAND_WORDS_MAX - 1] = ' ';
    words[2 * COMMAND_WORDS_MAX] = 'b';
    is_refused(words, "more than 64 words");
    memset(huge, 'x', sizeof huge - 1);
    assert_false(build(huge));
    assert_non_null(strstr(error.text, "longer than 64 KiB"));
}

static void settings_become_options_once(void **state)
{
    (void)state;
    request.account_type = "business";
    request.rate_limit_s = 86400;
    words_are("x start", "x|start|--account-type|business|--rate-limit|86400");
    words_are("x start --account-type individual -r 5",
              "x|start|--account-type|individual|-r|5");
    words_are("x start --account-type=y --rate-limit=5",
              "x|start|--account-type=y|--rate-limit=5");
    words_are("x start --account-typeface",
              "x|start|--account-typeface|--account-type|business|"
              "--rate-limit|86400");
}

static void proxy_variable_brings_the_proxy_option(void **state)
{
    static const char *const names[] = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
                                        "http_proxy",  "ALL_PROXY",   "all_proxy"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)setup(state);
        add_env(names[i], "http://127.0.0.1:3128");
        words_are("x start", "x|start|--proxy-env");
        words_are("x start --proxy-env", "x|start|--proxy-env");
        words_are("x serve", "x|serve");
        request.proxy_env = PLAN_PROXY_ENV_NO;
        words_are("x start", "x|start");
    }
    (void)setup(state);
    words_are("x start", "x|start"); /* ours is not the node's */
    add_env("HTTPS_PROXY", NULL);
    words_are("x start", "x|start|--proxy-env");
    (void)setup(state);
    add_env("HTTPS_PROXY", "");
    words_are("x start", "x|start");
    request.proxy_env = PLAN_PROXY_ENV_YES;
    words_are("x serve", "x|serve|--proxy-env");
}

static void environment_is_clean(void **state)
{
    static const char *const expected[] = {
        "PATH=/opt/bin:/usr/bin",     "HOME=/var/lib/cc/nodes/first",
        "HOST=127.83.12.5",           "NO_COLOR=1",
        "COPILOT_CLUSTER_NODE=first", "LANG=C.UTF-8",
    };
    (void)state;
    assert_true(build("x"));
    assert_int_equal(plan.env_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(plan.envp[i], expected[i]);
    assert_null(plan.envp[6]);
}

static void passed_and_given_variables_are_added(void **state)
{
    (void)state;
    add_env("SECRET", "mine");
    add_env("SECRET", NULL);
    add_env("NOT_SET", NULL);
    add_env("DEBUG", NULL);
    add_env("PATH", "/only");
    add_env("EMPTY", "");
    assert_true(build("x"));
    assert_string_equal(plan_getenv(&plan, "SECRET"), "mine"); /* env.* beats pass_env */
    assert_string_equal(plan_getenv(&plan, "DEBUG"), "*");
    assert_string_equal(plan_getenv(&plan, "PATH"), "/only");
    assert_string_equal(plan_getenv(&plan, "EMPTY"), "");
    assert_null(plan_getenv(&plan, "NOT_SET"));
    assert_null(plan_getenv(&plan, "CI"));
    assert_null(plan_getenv(&plan, "SECRE"));
    assert_int_equal(plan.env_count, 9);
}

static void a_path_is_there_without_ours(void **state)
{
    static const char *const nothing[] = {NULL};

    (void)state;
    request.inherit = nothing;
    assert_true(build("x"));
    assert_string_equal(plan_getenv(&plan, "PATH"), "/usr/local/bin:/usr/bin:/bin");
    assert_null(plan_getenv(&plan, "LANG"));
}

static void reserved_variables_are_refused(void **state)
{
    add_env("HOME", "/root");
    is_refused("x", "env.HOME is the node's own directory");
    (void)setup(state);
    add_env("HOST", NULL);
    is_refused("x", "env.HOST");
    (void)setup(state);
    add_env("COPILOT_CLUSTER_NODE", "y");
    is_refused("x", "env.COPILOT_CLUSTER_NODE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(command_is_split_into_words, setup),
        cmocka_unit_test_setup(quotes_follow_posix, setup),
        cmocka_unit_test_setup(placeholders_are_expanded_inside_their_word, setup),
        cmocka_unit_test_setup(unknown_placeholder_is_refused, setup),
        cmocka_unit_test_setup(open_quotes_and_backslashes_are_refused, setup),
        cmocka_unit_test_setup(shell_habits_are_refused_with_advice, setup),
        cmocka_unit_test_setup(terminal_options_are_refused, setup),
        cmocka_unit_test_setup(too_much_is_refused, setup),
        cmocka_unit_test_setup(settings_become_options_once, setup),
        cmocka_unit_test_setup(proxy_variable_brings_the_proxy_option, setup),
        cmocka_unit_test_setup(environment_is_clean, setup),
        cmocka_unit_test_setup(passed_and_given_variables_are_added, setup),
        cmocka_unit_test_setup(a_path_is_there_without_ours, setup),
        cmocka_unit_test_setup(reserved_variables_are_refused, setup),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
