/* test_evidence - what a node says is understood, and nobody else can say it.
 *
 * The files in tests/unit/golden/evidence are what the real copilot-api printed (capture.py
 * there made them) and a few lines of forks. Their first line says "serving" or "starting", and
 * what they prove, in order. Each is fed line by line, and byte by byte through the real reader
 * of a node's pipes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/evidence.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs four of the above */
#include <cmocka.h>

#include "supervisor/core/clean.h"
#include "supervisor/output.h"

#define FOLDER "tests/unit/golden/evidence/"

static struct evidence evidence;
static char found[1024]; /* the names of what was proven, each with a blank behind it */

static void feed(int stream, const char *text, size_t len)
{
    enum node_evidence kind = NODE_EVIDENCE_COUNT;

    if (!evidence_line(&evidence, stream, text, len, &kind)) {
        assert_int_equal(kind, NODE_EVIDENCE_COUNT); /* untouched */
        return;
    }
    size_t used = strlen(found);
    assert_true(evidence.text[0] != '\0');
    assert_true(strlen(evidence.text) < REASON_MAX);
    (void)snprintf(found + used, sizeof found - used, "%s ", node_evidence_name(kind));
}

static void say(const char *text)
{
    feed(2, text, strlen(text));
}

static int setup(void **state)
{
    (void)state;
    evidence_init(&evidence);
    found[0] = '\0';
    return 0;
}

/* ---- the captured files ---- */

struct capture {
    FILE *file;
    char line[16384];
    char expected[256];
    size_t len; /* of the text in `line` behind the number of its stream */
    int stream;
};

static void capture_open(struct capture *c, const char *name)
{
    char path[512];
    char phase[16] = "";

    (void)snprintf(path, sizeof path, FOLDER "%s", name);
    c->file = fopen(path, "re");
    assert_non_null(c->file);
    assert_non_null(fgets(c->line, sizeof c->line, c->file));
    if (sscanf(c->line, "# %15[a-z], proves: %200[^\n]", phase, c->expected) != 2)
        fail_msg("%s: its first line does not say what it proves", path);
    if (strcmp(c->expected, "nothing") == 0)
        c->expected[0] = '\0';
    else
        (void)strncat(c->expected, " ", 2);
    (void)setup(NULL);
    if (strcmp(phase, "serving") == 0)
        evidence_up(&evidence);
    else
        assert_string_equal(phase, "starting");
}

/* The next line of the node; false at the end, with the file closed. */
static bool capture_next(struct capture *c)
{
    while (fgets(c->line, sizeof c->line, c->file) != NULL) {
        if (c->line[0] == '#')
            continue;
        c->len = strlen(c->line) - 2;
        c->stream = c->line[0] - '0';
        assert_true(c->line[1] == ' ' && c->line[2 + c->len - 1] == '\n');
        return true;
    }
    fclose(c->file);
    return false;
}

static void expect(const struct capture *c, const char *name)
{
    if (strcmp(found, c->expected) != 0)
        fail_msg("%s: expected \"%s\", found \"%s\"", name, c->expected, found);
}

static unsigned for_each_file(void (*visit)(const char *name))
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;
    unsigned count = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (strstr(entry->d_name, ".txt") == NULL)
            continue;
        visit(entry->d_name);
        count++;
    }
    closedir(folder);
    return count;
}

static void feed_lines(const char *name)
{
    struct capture c;

    capture_open(&c, name);
    while (capture_next(&c))
        feed(c.stream, c.line + 2, c.len - 1);
    expect(&c, name);
}

static void each_capture_proves_what_it_says(void **state)
{
    (void)state;
    assert_true(for_each_file(feed_lines) >= 40);
}

static void on_line(void *data, int stream, const char *text, size_t len)
{
    (void)data;
    feed(stream, text, len);
}

static uv_loop_t loop;

static void feed_bytes(const char *name)
{
    struct output *outputs[2];
    int fds[2][2];
    struct capture c;

    capture_open(&c, name);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe2(fds[i], O_CLOEXEC), 0);
        assert_int_equal(output_open(&loop, fds[i][0], i + 1, on_line, NULL, &outputs[i]), 0);
    }
    while (capture_next(&c)) {
        for (size_t i = 0; i < c.len; i++) {
            assert_int_equal(write(fds[c.stream - 1][1], c.line + 2 + i, 1), 1);
            (void)uv_run(&loop, UV_RUN_NOWAIT);
        }
    }
    for (int i = 0; i < 2; i++) {
        output_finish(outputs[i]);
        close(fds[i][1]);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    expect(&c, name);
}

static void each_capture_proves_the_same_byte_by_byte(void **state)
{
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_true(for_each_file(feed_bytes) >= 40);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- the words for people ---- */

static void evidence_is_told_in_the_words_of_the_node(void **state)
{
    (void)state;
    say(" ERROR  Failed to get GitHub token: { message: 'Bad credentials',");
    assert_string_equal(evidence.text,
                        "Failed to get GitHub token: { message: 'Bad credentials'");
    say("Error fetching Copilot usage: HTTPError: Failed to get Copilot usage");
    say("    at x {");
    say("    status: 401,");
    assert_string_equal(
        evidence.text,
        "Error fetching Copilot usage: HTTPError: Failed to get Copilot usage (status: 401)");
}

static void long_words_are_cut_between_characters(void **state)
{
    char line[400] = "Error fetching Copilot usage: ";

    (void)state;
    for (int i = 0; i < 100; i++)
        (void)strncat(line, "\xc3\xa9", 3);
    say(line);
    say("  status: 429");
    assert_string_equal(found, "usage-429 ");
    assert_true(strlen(evidence.text) < REASON_MAX);
    assert_non_null(strstr(evidence.text, "\xc3\xa9 (status: 429)"));
    (void)strncat(line, " status: 403", 20);
    say(line);
    assert_string_equal(found, "usage-429 usage-403 ");
    char again[REASON_MAX]; /* clean_line() leaves valid UTF-8 as it is */
    size_t len = strlen(evidence.text);
    assert_int_equal(clean_line(evidence.text, len, again, sizeof again), len);
    assert_memory_equal(again, evidence.text, len);
}

static void every_evidence_has_a_sentence(void **state)
{
    (void)state;
    for (int i = 0; i < NODE_EVIDENCE_COUNT; i++) {
        const char *sentence = evidence_sentence((enum node_evidence)i);
        assert_true(strlen(sentence) > 10 && strlen(sentence) < 80);
    }
}

/* ---- what does not count ---- */

static void words_count_at_the_beginning_of_a_line_only(void **state)
{
    (void)state;
    say("a b Failed to get Copilot token");
    say("Failed to get Copilot token");
    say("  ERROR  Failed to get Copilot token"); /* indented: within something else */
    say(" WARN  Failed to refresh Copilot token: it tries again");
    say("{\"content\": \"Error fetching Copilot usage: fetch failed\"}");
    say(" Error fetching Copilot usage: fetch failed");
    say("Error occurred: fetch failed");
    say("TypeError: fetch failed");
    say(" ERROR  fetch failed and more");
    say("listen EADDRINUSE: a word in a list");
    assert_string_equal(found, "");
}

static void start_cannot_fail_any_more_once_the_node_serves(void **state)
{
    static const char *const lines[] = {
        " ERROR  Failed to get GitHub token: { message: 'Bad credentials',",
        "",
        " ERROR  Failed to get GitHub token: fetch failed",
        "",
        " ERROR  Failed to get Copilot token",
        "",
        " ERROR  fetch failed",
        "",
        "Error: listen EADDRINUSE: address already in use 127.0.0.1:4141",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        say(lines[i]);
    assert_string_equal(found, "credentials network no-copilot network port ");
    (void)setup(state);
    evidence_up(&evidence);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        say(lines[i]);
    assert_string_equal(found, "");
}

static void unknown_record_is_skipped_up_to_its_blank_line(void **state)
{
    (void)state;
    say(" ERROR  HTTP error: some text");
    say("Error fetching Copilot usage: fetch failed");
    say(" ERROR  Failed to refresh Copilot token");
    assert_string_equal(found, "");
    say("");
    say(" ERROR  Failed to refresh Copilot token");
    assert_string_equal(found, "refresh ");
}

static void unknown_record_without_an_end_is_given_up(void **state)
{
    (void)state;
    say(" ERROR  HTTP error: some text");
    for (int i = 0; i < EVIDENCE_QUOTE_LINES_MAX; i++)
        say("Error fetching Copilot usage: fetch failed");
    assert_string_equal(found, "");
    say("Error fetching Copilot usage: fetch failed");
    assert_string_equal(found, "network ");
}

static void complaint_ends_where_the_next_record_begins(void **state)
{
    static const char *const ends[] = {"", " \t", "Token count: 5", "status: 401"};

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        say("Error fetching Copilot usage: HTTPError: Failed to get Copilot usage");
        say(ends[i]);
        say("    status: 401,");
    }
    assert_string_equal(found, "");
}

static void telling_line_may_be_so_far_away_and_no_farther(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        say("Error fetching Copilot usage: HTTPError: Failed to get Copilot usage");
        for (int i = 0; i < EVIDENCE_LINES_MAX - 1 + more; i++)
            say("    at deep (stack:1:1)");
        say("    status: 401,");
        assert_string_equal(found, "usage-401 ");
    }
}

static void streams_do_not_mix(void **state)
{
    (void)state;
    say("Error fetching Copilot usage: HTTPError: Failed to get Copilot usage");
    feed(1, "    status: 401,", 16);
    feed(1, "--> GET /usage 500 6ms", 22);
    assert_string_equal(found, "");
    say("    status: 429,");
    assert_string_equal(found, "usage-429 ");
    say("    status: 429,"); /* it was told already */
    assert_string_equal(found, "usage-429 ");
}

static void status_is_a_number_of_three_digits(void **state)
{
    static const char *const lines[] = {
        "  statusText: '401',", "  status: 4010,",    "  status: 40",   "  status: ok",
        "  status 401",         "  thestatus: 401,",  "  status:",      "  status: '",
        "  \"status\": \"",     "  bodyStatus: 401,", "  STATUS: 401,", "  status: -401",
    };

    (void)state;
    say("Error fetching Copilot usage: HTTPError: Failed to get Copilot usage");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        say(lines[i]);
    assert_string_equal(found, "");
    say("  status:404}");
    assert_string_equal(found, "usage-5xx ");
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_capture_proves_what_it_says),
        TEST(each_capture_proves_the_same_byte_by_byte),
        TEST(evidence_is_told_in_the_words_of_the_node),
        TEST(long_words_are_cut_between_characters),
        TEST(every_evidence_has_a_sentence),
        TEST(words_count_at_the_beginning_of_a_line_only),
        TEST(start_cannot_fail_any_more_once_the_node_serves),
        TEST(unknown_record_is_skipped_up_to_its_blank_line),
        TEST(unknown_record_without_an_end_is_given_up),
        TEST(complaint_ends_where_the_next_record_begins),
        TEST(telling_line_may_be_so_far_away_and_no_farther),
        TEST(streams_do_not_mix),
        TEST(status_is_a_number_of_three_digits),
    };

    return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
