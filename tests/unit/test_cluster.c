/* test_cluster - the composition with real processes: starts, ends, signals.
 *
 * What a node's log proves is in test_cluster_evidence.c; the stage of both in cluster_stage.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/home.h"
#include "tests/unit/cluster_stage.h"

static char quiet[] = "sh -c 'exec sleep 1000'";

/* Shows a code; USR1 makes it log in, as a human would. */
static char login[] = "sh -c 'trap \"echo Logged in as alice; echo ghu_x >token\" USR1; "
                      "[ -s token ] || echo \"Please enter the code \\\"ABCD-1234\\\" in "
                      "https://x.example/login/device\"; "
                      "while :; do sleep 0.02; done'";

static void node_starts_comes_up_and_is_stopped(void **state)
{
    (void)state;
    add_node("a", quiet, true);
    open_cluster();
    run_until("up 0 127.");
    stop(SIGTERM);
    assert_string_equal(told, "added 0 a spawned; starting 0 (); up 0 127.; drain; "
                              "stopped 0 (stopped); close; ");
}

static void add_external_node(void)
{
    static char host[] = "10.0.0.5";

    config.nodes[0] = (struct config_node){.name = "office",
                                           .enabled = true,
                                           .source = NODE_EXTERNAL,
                                           .url_host = host,
                                           .url_port = 4141};
    config.node_count = 1;
}

static const char *path_of(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(path_of(name), "w");

    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static bool holds(const char *name, const char *text)
{
    char got[256] = "";
    FILE *f = fopen(path_of(name), "r");

    if (f == NULL)
        return false;
    size_t len = fread(got, 1, sizeof got - 1, f);
    (void)fclose(f);
    got[len] = '\0';
    return strcmp(got, text) == 0;
}

static void external_node_is_up_at_once_and_the_cluster_remembers(void **state)
{
    (void)state;
    add_external_node();
    open_cluster();
    assert_string_equal(told, "added 0 office external; up 0 10.0; ");
    stop(SIGINT);
    assert_true(holds("state/state.json", "added 0 office external; up 0 10.0; drain; "));
}

static void external_nodes_run_without_memory_where_there_can_be_none(void **state)
{
    (void)state;
    add_external_node();
    put("state", "a file in place of the directory");
    open_cluster();
    proxy.host.memory_changed(proxy.host.host);
    assert_string_equal(told, "added 0 office external; up 0 10.0; ");
    stop(SIGTERM);
    assert_true(holds("state", "a file in place of the directory"));
}

static void external_nodes_leave_the_memory_of_another_cluster_alone(void **state)
{
    struct error error;
    int lock_fd = -1;

    (void)state;
    add_external_node();
    const struct home_owner us = {.uid = geteuid(), .gid = getegid()};
    assert_int_equal(home_open_state(path_of("state"), &us, &lock_fd, &error), 0);
    put("state/state.json", "theirs");
    open_cluster();
    stop(SIGTERM);
    assert_true(holds("state/state.json", "theirs"));
    assert_string_equal(recalled, "");
    close(lock_fd);
}

static void no_node_makes_no_state_directory(void **state)
{
    (void)state;
    open_cluster();
    stop(SIGTERM);
    assert_int_equal(access(path_of("state"), F_OK), -1);
}

static void memory_is_recalled_before_the_nodes_are_added(void **state)
{
    (void)state;
    add_external_node();
    (void)mkdir(path_of("state"), 0700);
    put("state/state.json", "what was");
    open_cluster();
    assert_string_equal(recalled, "what was");
    assert_string_equal(told, "recalled; added 0 office external; up 0 10.0; ");
    stop(SIGTERM);
}

static bool is_file_written(const void *text)
{
    return holds("state/state.json", text);
}

static void memory_is_written_when_it_changes(void **state)
{
    (void)state;
    add_external_node();
    open_cluster();
    assert_int_equal(access(path_of("state/state.json"), F_OK), -1);
    proxy.host.memory_changed(proxy.host.host);
    run_while_not(is_file_written, "added 0 office external; up 0 10.0; ");
    stop(SIGTERM);
}

/* What the nodes' end teaches the proxy says nothing about their accounts. */
static void last_memory_is_of_before_the_nodes_go_down(void **state)
{
    (void)state;
    add_node("a", quiet, true);
    open_cluster();
    run_until("up 0 127.");
    stop(SIGTERM);
    assert_non_null(strstr(told, "drain; stopped 0"));
    assert_true(
        holds("state/state.json", "added 0 a spawned; starting 0 (); up 0 127.; drain; "));
}

static void memory_that_cannot_be_understood_is_set_aside(void **state)
{
    (void)state;
    add_external_node();
    (void)mkdir(path_of("state"), 0700);
    put("state/state.json", "rubbish");
    recall_result = -EINVAL;
    open_cluster();
    assert_true(holds("state/state.json.corrupt", "rubbish"));
    assert_int_equal(access(path_of("state/state.json"), F_OK), -1);
    stop(SIGTERM);
    assert_true(holds("state/state.json.corrupt", "rubbish"));
}

static void memory_of_a_newer_program_is_set_aside_under_its_version(void **state)
{
    (void)state;
    add_external_node();
    (void)mkdir(path_of("state"), 0700);
    put("state/state.json", "from the future");
    recall_result = -ENOTSUP;
    open_cluster();
    assert_true(holds("state/state.json.version-7", "from the future"));
    stop(SIGTERM);
}

static void memory_that_is_no_file_is_set_aside(void **state)
{
    (void)state;
    add_external_node();
    (void)mkdir(path_of("state"), 0700);
    assert_int_equal(mkdir(path_of("state/state.json"), 0700), 0);
    open_cluster();
    assert_string_equal(recalled, "");
    assert_int_equal(access(path_of("state/state.json.corrupt"), F_OK), 0);
    stop(SIGTERM);
    assert_non_null(strstr(told, "close"));
}

static void disabled_node_has_no_slot(void **state)
{
    (void)state;
    add_node("off", quiet, true);
    config.nodes[0].enabled = false;
    add_node("on", quiet, true);
    open_cluster();
    run_until("up 0");
    assert_non_null(strstr(told, "added 0 on spawned; "));
    assert_null(strstr(told, "off"));
    stop(SIGTERM);
}

static void missing_program_is_told_and_others_run(void **state)
{
    static char missing[] = "no-such-program start";

    (void)state;
    add_node("bad", missing, true);
    add_node("good", quiet, true);
    open_cluster();
    run_until("up 1");
    run_until("backoff 0 (exec: no-such-program: No such file or directory); ");
    run_until("starting 0 (starts again; before: exec: no-such-program");
    stop(SIGTERM);
}

static void end_is_told_with_the_last_error(void **state)
{
    static char script[] = "sh -c 'echo \" ERROR  Failed to get it: why\" >&2; "
                           "echo \" ERROR  why\" >&2; exit 3'";

    (void)state;
    do_nodes_answer = false;
    add_node("a", script, true);
    open_cluster();
    run_until("backoff 0 (exited with status 3 during its start (Failed to get it: why)); ");
    run_until("starting 0 (starts again; ");
    stop(SIGTERM);
}

static void start_without_an_answer_is_killed(void **state)
{
    (void)state;
    do_nodes_answer = false;
    add_node("a", quiet, true);
    config.nodes[0].start_timeout_ms = 100;
    open_cluster();
    run_until("backoff 0 (did not answer within 0.1 s); ");
    stop(SIGTERM);
}

static void logins_come_one_after_the_other(void **state)
{
    struct proxy_login_view view;
    struct proxy_process_view process;

    (void)state;
    do_nodes_answer = false;
    add_node("a", login, false);
    add_node("b", login, false);
    open_cluster();
    run_until("login 0 (waits for a human");
    assert_true(proxy.host.login(proxy.host.host, 0, &view));
    assert_string_equal(view.node, "a");
    assert_string_equal(view.code, "ABCD-1234");
    assert_string_equal(view.url, "https://x.example/login/device");
    assert_false(proxy.host.login(proxy.host.host, 1, &view));
    assert_true(proxy.host.node_process(proxy.host.host, 1, &process));
    assert_string_equal(process.state, "login");
    assert_int_equal(process.pid, 0);
    assert_non_null(strstr(told, "login 1 (waits for its turn to log in); "));
    assert_int_equal(kill(pid_of(0), SIGUSR1), 0);
    run_until("login 1 (waits for a human to log it in); ");
    assert_true(proxy.host.login(proxy.host.host, 0, &view));
    assert_string_equal(view.node, "b");
    do_nodes_answer = true;
    assert_int_equal(kill(pid_of(1), SIGUSR1), 0);
    run_until("up 0");
    run_until("up 1");
    assert_false(proxy.host.login(proxy.host.host, 0, &view));
    stop(SIGTERM);
}

static void expired_code_brings_a_fresh_process(void **state)
{
    (void)state;
    do_nodes_answer = false;
    config.auth.timeout_ms = 50;
    add_node("a", login, false);
    open_cluster();
    run_until("login 0 (waits for a human to log it in); ");
    told[0] = '\0';
    run_until("login 0 (waits for a human to log it in); ");
    assert_null(strstr(told, "backoff"));
    stop(SIGTERM);
}

static void restart_kills_and_starts_again_with_the_reason(void **state)
{
    struct proxy_process_view view;

    (void)state;
    add_node("a", quiet, true);
    config.nodes[0].restart_delay_ms = 0;
    open_cluster();
    run_until("up 0");
    told[0] = '\0';
    pid_t before = pid_of(0);
    proxy.host.node_restart(proxy.host.host, 0, "its token was refused");
    run_until("starting 0 (starts again; before: restarted: its token was refused); ");
    run_until("up 0");
    assert_int_not_equal(pid_of(0), before);
    assert_true(proxy.host.node_process(proxy.host.host, 0, &view));
    assert_string_equal(view.state, "up");
    assert_int_equal(view.restarts, 1);
    assert_null(view.problem);
    stop(SIGTERM);
}

static void running_answers_end_before_the_nodes_do(void **state)
{
    (void)state;
    add_node("a", quiet, true);
    open_cluster();
    run_until("up 0");
    busy = 1;
    assert_int_equal(raise(SIGTERM), 0);
    run_until("drain; ");
    for (int i = 0; i < 5; i++)
        (void)uv_run(&loop, UV_RUN_ONCE);
    assert_true(pid_of(0) > 0);
    busy = 0;
    run_until(NULL);
    assert_true(is_closed);
}

/* Ignores TERM, and answers once it does. */
static void add_stubborn_node(void)
{
    static char script[] = "sh -c 'trap : TERM; : >ready; while :; do sleep 0.02; done'";

    add_node("a", script, true);
    (void)snprintf(ready_file, sizeof ready_file, "%s/state/nodes/a/ready", base);
}

static void second_signal_skips_the_drain_and_a_third_kills(void **state)
{
    (void)state;
    add_stubborn_node();
    config.supervisor.shutdown_timeout_ms = 600000;
    config.nodes[0].stopwait_ms = 600000;
    open_cluster();
    run_until("up 0");
    busy = 1; /* for ever */
    assert_int_equal(raise(SIGTERM), 0);
    run_until("drain; ");
    assert_int_equal(raise(SIGTERM), 0);
    run_while_not(is_in_state, "stopping");
    assert_true(pid_of(0) > 0);
    stop(SIGTERM);
}

static void shutdown_timeout_bounds_drain_and_stop(void **state)
{
    (void)state;
    add_stubborn_node();
    config.supervisor.shutdown_timeout_ms = 1000;
    open_cluster();
    run_until("up 0");
    busy = 1;
    uint64_t begin_ms = uv_now(&loop);
    stop(SIGTERM);
    assert_in_range(uv_now(&loop) - begin_ms, 400, 2500);
}

static void signals_without_a_meaning_end_nothing(void **state)
{
    (void)state;
    add_node("a", quiet, true);
    open_cluster();
    run_until("up 0");
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(raise(SIGUSR2), 0);
    assert_int_equal(raise(SIGPIPE), 0);
    for (int i = 0; i < 5; i++)
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(pid_of(0) > 0);
    stop(SIGQUIT);
}

static void usr1_opens_log_files_again_and_ends_nothing(void **state)
{
    (void)state;
    add_node("a", quiet, true);
    open_cluster();
    run_until("up 0");
    assert_int_equal(raise(SIGUSR1), 0);
    run_until("reopen logs; ");
    assert_true(pid_of(0) > 0);
    stop(SIGQUIT);
}

static void panic_kills_every_group(void **state)
{
    (void)state;
    add_node("a", quiet, true);
    open_cluster();
    run_until("up 0");
    cluster_panic(cluster);
    cluster_panic(NULL);
    run_until("backoff 0 (killed by SIGKILL in service); ");
    stop(SIGTERM);
}

static void taken_port_starts_nothing(void **state)
{
    struct error error = {""};

    (void)state;
    add_node("a", quiet, true);
    open_result = -EADDRINUSE;
    assert_int_equal(cluster_open(&loop, &config, &cluster, &error), -EADDRINUSE);
    assert_string_equal(error.text, "port is taken");
    assert_string_equal(told, "");
}

static void every_bad_command_is_found(void **state)
{
    static char open_quote[] = "x 'y";
    static char unknown[] = "x %(prot)s";
    struct buf messages;

    (void)state;
    add_node("good", quiet, false);
    add_node("one", open_quote, false);
    add_node("two", unknown, false);
    buf_init(&messages, 0);
    assert_int_equal(cluster_check(&config, &messages), -EINVAL);
    assert_int_equal(buf_append(&messages, "", 1), 0);
    assert_non_null(strstr(messages.data, "node one: command: a single quote is not closed\n"));
    assert_non_null(strstr(messages.data, "node two: command: unknown %(prot)"));
    assert_null(strstr(messages.data, "good"));
    buf_done(&messages);
    config.node_count = 1;
    assert_int_equal(cluster_check(&config, &messages), 0);
}

static void clients_are_told_where_the_proxy_listens(void **state)
{
    struct proxy_address at;

    (void)state;
    open_cluster();
    assert_true(cluster_address(cluster, 0, &at));
    assert_string_equal(at.url, "http://127.0.0.1:8080/v1");
    assert_false(cluster_address(cluster, 1, &at));
    stop(SIGTERM);
}

static void restart_by_order_is_held_until_the_node_is_idle(void **state)
{
    (void)state;
    add_node("a", quiet, true);
    open_cluster();
    run_until("up 0 127.");
    told[0] = '\0';
    node_busy = 1;
    assert_int_equal(cluster_restart(cluster, 0), 0);
    run_until("hold 0 restart; ");
    node_busy = 0;
    run_until("up 0 127.");
    assert_string_equal(told, "hold 0 restart; starting 0 (starts again; before: restarted: "
                              "asked for); hold 0 none; up 0 127.; ");
    stop(SIGTERM);
}

static void disabled_node_refuses_every_order_but_enable(void **state)
{
    (void)state;
    add_node("a", quiet, true);
    open_cluster();
    run_until("up 0 127.");
    told[0] = '\0';
    assert_int_equal(cluster_disable(cluster, 0), 0);
    run_until("hold 0 none; ");
    assert_string_equal(told, "hold 0 stop; stopped 0 (stopped); hold 0 none; ");
    assert_int_equal(cluster_start(cluster, 0), -EPERM);
    assert_int_equal(cluster_restart(cluster, 0), -EPERM);
    assert_int_equal(cluster_login(cluster, 0), -EPERM);
    assert_string_equal(cluster_order_word(cluster, 0), "disabled");
    assert_int_equal(cluster_enable(cluster, 0), 0);
    run_until("up 0 127.");
    assert_string_equal(cluster_order_word(cluster, 0), "");
    stop(SIGTERM);
}

static void orders_about_what_is_not_ours_are_refused(void **state)
{
    (void)state;
    add_external_node();
    open_cluster();
    assert_int_equal(cluster_start(cluster, 1), -ENOENT);
    assert_int_equal(cluster_stop(cluster, 0), -ENOTSUP);
    assert_int_equal(cluster_drain(cluster, 0), 0);
    assert_string_equal(cluster_order_word(cluster, 0), "held");
    assert_int_equal(cluster_enable(cluster, 0), 0);
    assert_string_equal(told, "added 0 office external; up 0 10.0; hold 0 keep; hold 0 none; ");
    stop(SIGTERM);
}

static void fresh_login_takes_the_token_out_of_the_way(void **state)
{
    (void)state;
    add_node("a", quiet, true);
    open_cluster();
    run_until("up 0 127.");
    told[0] = '\0';
    assert_int_equal(cluster_login(cluster, 0), 0);
    run_until("up 0 127.");
    assert_int_equal(access(path_of("state/nodes/a/token"), F_OK), -1);
    assert_int_equal(access(path_of("state/nodes/a/token.refused"), F_OK), 0);
    stop(SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(node_starts_comes_up_and_is_stopped),
        STORY(external_node_is_up_at_once_and_the_cluster_remembers),
        STORY(external_nodes_run_without_memory_where_there_can_be_none),
        STORY(external_nodes_leave_the_memory_of_another_cluster_alone),
        STORY(no_node_makes_no_state_directory),
        STORY(memory_is_recalled_before_the_nodes_are_added),
        STORY(memory_is_written_when_it_changes),
        STORY(last_memory_is_of_before_the_nodes_go_down),
        STORY(memory_that_cannot_be_understood_is_set_aside),
        STORY(memory_of_a_newer_program_is_set_aside_under_its_version),
        STORY(memory_that_is_no_file_is_set_aside),
        STORY(disabled_node_has_no_slot),
        STORY(missing_program_is_told_and_others_run),
        STORY(end_is_told_with_the_last_error),
        STORY(start_without_an_answer_is_killed),
        STORY(logins_come_one_after_the_other),
        STORY(expired_code_brings_a_fresh_process),
        STORY(restart_kills_and_starts_again_with_the_reason),
        STORY(running_answers_end_before_the_nodes_do),
        STORY(second_signal_skips_the_drain_and_a_third_kills),
        STORY(shutdown_timeout_bounds_drain_and_stop),
        STORY(signals_without_a_meaning_end_nothing),
        STORY(usr1_opens_log_files_again_and_ends_nothing),
        STORY(panic_kills_every_group),
        STORY(taken_port_starts_nothing),
        STORY(every_bad_command_is_found),
        STORY(clients_are_told_where_the_proxy_listens),
        STORY(restart_by_order_is_held_until_the_node_is_idle),
        STORY(disabled_node_refuses_every_order_but_enable),
        STORY(orders_about_what_is_not_ours_are_refused),
        STORY(fresh_login_takes_the_token_out_of_the_way),
    };

    return cmocka_run_group_tests_name("cluster", tests, NULL, NULL);
}
