/* test_cluster_evidence - what a node's log proves reaches the proxy, people, and the fleet.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/unit/cluster_stage.h"

#include "supervisor/cluster_internal.h"

static unsigned count_told(const char *words)
{
    unsigned count = 0;

    for (const char *at = told; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

static bool has_failed_five_times(const void *unused)
{
    (void)unused;
    return count_told("backoff 0") >= 5;
}

static void evidence_is_told_before_the_end_that_it_explains(void **state)
{
    static char script[] =
        "sh -c 'echo \" ERROR  Failed to get Copilot token\" >&2; "
        "echo >&2; echo \" ERROR  Failed to get Copilot token\" >&2; exit 1'";

    (void)state;
    do_nodes_answer = false;
    add_node("a", script, true);
    open_cluster();
    run_until("evidence 0 no-copilot (Failed to get Copilot token); "
              "backoff 0 (exited with status 1 during its start (GitHub gives its account no "
              "Copilot token)); ");
    run_until("starting 0 (starts again; before: exited with status 1 during its start (GitHub "
              "gives ");
    stop(SIGTERM);
}

static void evidence_takes_the_place_of_the_error_itself(void **state)
{
    static char script[] =
        "sh -c 'echo \" ERROR  Failed to get GitHub token: { message:\" >&2; "
        "echo \"   Bad credentials\" >&2; exit 1'";

    (void)state;
    do_nodes_answer = false;
    add_node("a", script, true);
    open_cluster();
    run_until("evidence 0 credentials (Failed to get GitHub token: { message: "
              "(Bad credentials)); backoff 0 "
              "(exited with status 1 during its start (GitHub refuses its login: bad "
              "credentials)); ");
    stop(SIGTERM);
}

static void secrets_are_taken_out_of_evidence(void **state)
{
    static char script[] =
        "sh -c 'echo \" ERROR  Failed to get Copilot token for ghu_secret\" >&2; exit 1'";

    (void)state;
    do_nodes_answer = false;
    add_node("a", script, true);
    open_cluster();
    run_until("evidence 0 no-copilot (Failed to get Copilot token for ghu_***); ");
    stop(SIGTERM);
}

static void evidence_that_is_repeated_without_end_is_told_now_and_then(void **state)
{
    static char script[] = "sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do for k in 1 2 3 4 5; do "
                           "echo \"Error fetching Copilot usage: fetch failed\" >&2; "
                           "echo \" ERROR  Failed to refresh Copilot token\" >&2; echo >&2; "
                           "done; done; exit 1'";

    (void)state;
    do_nodes_answer = false;
    add_node("a", script, true);
    open_cluster();
    uint64_t begin_ms = uv_now(&loop);
    run_until("backoff 0 (exited with status 1 during its start (its Copilot token could not "
              "be refreshed)); ");
    unsigned tolerated = 1 + (unsigned)(uv_now(&loop) - begin_ms) / 100;
    assert_in_range(count_told("evidence 0 network"), 1, tolerated);
    assert_in_range(count_told("evidence 0 refresh"), 1, tolerated);
    stop(SIGTERM);
}

static void node_that_serves_cannot_fail_to_start(void **state)
{
    static char script[] =
        "sh -c 'trap \"echo Error: listen EADDRINUSE: x >&2; "
        "echo Error fetching Copilot usage: fetch failed >&2; exit 1\" USR1; "
        ": >ready; while :; do sleep 0.02; done'";

    (void)state;
    add_node("a", script, true);
    (void)snprintf(ready_file, sizeof ready_file, "%s/state/nodes/a/ready", base);
    open_cluster();
    run_until("up 0");
    assert_int_equal(kill(pid_of(0), SIGUSR1), 0);
    run_until("evidence 0 network (Error fetching Copilot usage: fetch failed); backoff 0 "
              "(exited with status 1 in service (listen EADDRINUSE: x)); ");
    assert_int_equal(count_told("evidence"), 1);
    stop(SIGTERM);
}

/* GitHub refuses the stored login of this one; without it, it asks for another. */
static char refused[] =
    "sh -c '[ -s token ] || exec sh ask; "
    "echo \" ERROR  Failed to get GitHub token: { message: Bad credentials\" >&2; exit 1'";

/* Adds it, and lets the second refused start do that begins so much after the first. */
static void open_refused(uint64_t apart_ms)
{
    char path[256];

    do_nodes_answer = false;
    add_node("a", refused, true);
    (void)snprintf(path, sizeof path, "%s/state/nodes/a/ask", base);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs("echo 'Please enter the code \"ABCD-1234\" in https://x.example/login/device'\n"
                "while :; do sleep 0.02; done\n",
                f);
    (void)fclose(f);
    open_cluster();
    run_until("starting 0");
    assert_int_equal(cluster->fleet.members[0].policy.refused_apart_ms, 60000);
    cluster->fleet.members[0].policy.refused_apart_ms = apart_ms;
}

static void refused_login_is_set_aside_and_another_asked_for(void **state)
{
    char path[256];
    char text[16] = "";

    (void)state;
    open_refused(1);
    run_until("login 0 (waits for a human to log it in); ");
    assert_int_equal(count_told("evidence 0 credentials"), 2);
    (void)snprintf(path, sizeof path, "%s/state/nodes/a/token.refused", base);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    (void)fclose(f);
    assert_string_equal(text, "ghu_x");
    stop(SIGTERM);
}

static void login_refused_for_a_short_time_is_kept(void **state)
{
    char path[256];

    (void)state;
    open_refused(60000);
    run_while_not(has_failed_five_times, NULL);
    (void)snprintf(path, sizeof path, "%s/state/nodes/a/token", base);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(count_told("login 0"), 0);
    stop(SIGTERM);
}

static void token_that_cannot_be_renamed_is_kept_and_tried_again(void **state)
{
    char in_the_way[256];

    (void)state;
    open_refused(1);
    (void)snprintf(in_the_way, sizeof in_the_way, "%s/state/nodes/a/token.refused", base);
    assert_int_equal(mkdir(in_the_way, 0700), 0);
    run_while_not(has_failed_five_times, NULL);
    assert_int_equal(count_told("login 0"), 0);
    assert_int_equal(rmdir(in_the_way), 0);
    run_until("login 0 (waits for a human to log it in); ");
    stop(SIGTERM);
}

static void token_that_somebody_removed_meanwhile_ends_the_refusals(void **state)
{
    char path[256];

    (void)state;
    open_refused(60000);
    run_until("backoff 0");
    (void)snprintf(path, sizeof path, "%s/state/nodes/a/token", base);
    assert_int_equal(unlink(path), 0);
    run_until("login 0 (waits for a human to log it in); ");
    stop(SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(evidence_is_told_before_the_end_that_it_explains),
        STORY(evidence_takes_the_place_of_the_error_itself),
        STORY(secrets_are_taken_out_of_evidence),
        STORY(evidence_that_is_repeated_without_end_is_told_now_and_then),
        STORY(node_that_serves_cannot_fail_to_start),
        STORY(refused_login_is_set_aside_and_another_asked_for),
        STORY(login_refused_for_a_short_time_is_kept),
        STORY(token_that_cannot_be_renamed_is_kept_and_tried_again),
        STORY(token_that_somebody_removed_meanwhile_ends_the_refusals),
    };

    return cmocka_run_group_tests_name("cluster_evidence", tests, NULL, NULL);
}
