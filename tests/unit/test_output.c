/* test_output - whatever way a node's bytes arrive, the lines are the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/output.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs four of the above */
#include <cmocka.h>

#include "bounds.h"
#include "supervisor/core/prompt.h"

static uv_loop_t loop;
static int fds[2];
static struct output *output;
static char lines[4 * OUTPUT_LINE_MAX];
static size_t used;
static unsigned count;
static struct prompt prompt;
static unsigned codes;

static void on_line(void *data, int stream, const char *text, size_t len)
{
    assert_ptr_equal(data, &loop);
    assert_int_equal(stream, 2);
    assert_true(len <= OUTPUT_LINE_MAX);
    memcpy(lines + used, text, len);
    used += len;
    lines[used++] = '|';
    lines[used] = '\0';
    count++;
    codes += prompt_line(&prompt, text, len) == PROMPT_CODE;
}

static int setup(void **state)
{
    (void)state;
    used = 0;
    count = 0;
    codes = 0;
    lines[0] = '\0';
    prompt_init(&prompt);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(output_open(&loop, fds[0], 2, on_line, &loop, &output), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    output_finish(output);
    output = NULL;
    if (fds[1] >= 0)
        close(fds[1]);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

/* Writes, and lets the loop read it all. */
static void put(const char *bytes, size_t len)
{
    while (len > 0) {
        size_t part = len > 32768 ? 32768 : len;
        assert_int_equal(write(fds[1], bytes, part), part);
        for (int i = 0; i < 3; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        bytes += part;
        len -= part;
    }
}

static void lines_are_the_same_split_at_each_byte(void **state)
{
    static const char bytes[] = "one\r\n\n\x1b[36mPlease\x1b[39m enter the code \"9D6B-57FB\" "
                                "in https://github.com/login/device\n"
                                "caf\xc3\xa9 \xff Bearer ghu_secret\nlast\n";
    static const char expected[] = "one||Please enter the code \"9D6B-57FB\" "
                                   "in https://github.com/login/device|"
                                   "caf\xc3\xa9 \xef\xbf\xbd Bearer ***|last|";

    for (size_t at = 0; at < sizeof bytes; at++) {
        if (at > 0)
            (void)setup(state);
        put(bytes, at);
        put(bytes + at, sizeof bytes - 1 - at);
        assert_string_equal(lines, expected);
        assert_int_equal(codes, 1);
        assert_string_equal(prompt.code, "9D6B-57FB");
        if (at + 1 < sizeof bytes)
            (void)teardown(state);
    }
}

static void lines_are_the_same_byte_by_byte(void **state)
{
    static const char bytes[] = "a\r\nEnter code: \x1b[1mABCD-1234\x1b[0m\nz\n";

    (void)state;
    for (size_t i = 0; i < sizeof bytes - 1; i++)
        put(bytes + i, 1);
    assert_string_equal(lines, "a|Enter code: ABCD-1234|z|");
    assert_int_equal(codes, 1);
}

static void overlong_line_is_cut_and_says_so(void **state)
{
    size_t len = 1024 * 1024;
    char *bytes = malloc(len + 6);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', len);
    memcpy(bytes + len, "\nnext\n", 6);
    put(bytes, len + 6);
    free(bytes);
    assert_int_equal(count, 2);
    char note[64];
    /* 48 bytes of the line made room for the note. */
    (void)snprintf(note, sizeof note, " [%zu bytes cut]|next|", len - OUTPUT_LINE_MAX + 48);
    assert_true(used < OUTPUT_LINE_MAX + 16);
    assert_string_equal(lines + used - strlen(note), note);
}

static void line_of_exactly_the_limit_is_whole(void **state)
{
    char bytes[OUTPUT_LINE_MAX + 1];

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    bytes[OUTPUT_LINE_MAX] = '\n';
    put(bytes, sizeof bytes);
    assert_int_equal(count, 1);
    assert_int_equal(used, OUTPUT_LINE_MAX + 1);
}

static void last_words_are_read_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(write(fds[1], "why\nI died", 10), 10); /* the loop has not seen it */
    output_finish(output);
    output = NULL;
    assert_string_equal(lines, "why|I died|");
}

static void end_does_not_wait_for_a_grandchild_that_holds_the_pipe(void **state)
{
    (void)state;
    put("half", 4);
    output_finish(output); /* fds[1] is still open */
    output = NULL;
    assert_string_equal(lines, "half|");
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void closed_output_is_no_end(void **state)
{
    (void)state;
    put("bye\n", 4);
    close(fds[1]);
    fds[1] = -1;
    for (int i = 0; i < 3; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_string_equal(lines, "bye|");
}

/* Bytes that are no UTF-8 become three each. */
static void line_that_grows_when_it_is_cleaned_is_cut_and_says_so(void **state)
{
    char bytes[OUTPUT_LINE_MAX];

    (void)state;
    memset(bytes, 0xff, sizeof bytes);
    bytes[sizeof bytes - 1] = '\n';
    put(bytes, sizeof bytes);
    assert_int_equal(count, 1);
    assert_in_range(used, OUTPUT_LINE_MAX - 48, OUTPUT_LINE_MAX + 1);
    char note[64];
    size_t kept = (OUTPUT_LINE_MAX - 48) / 3 * 3;
    (void)snprintf(note, sizeof note, "\xef\xbf\xbd [%zu bytes cut]|",
                   3 * (sizeof bytes - 1) - kept);
    assert_string_equal(lines + used - strlen(note), note);
}

/* Lines of 64 bytes, numbered, until `total` bytes are out; what was kept is in `kept`, as far
 * as lines[] goes only the last of it. */
static uint64_t flood(uint64_t total, const char *end)
{
    static char bytes[32768];
    uint64_t number = 0;

    for (uint64_t sent = 0; sent < total; sent += sizeof bytes) {
        for (size_t i = 0; i < sizeof bytes; i += 64) {
            memset(bytes + i, 'y', 63);
            (void)snprintf(bytes + i, 11, "%010u", (unsigned)number++);
            bytes[i + 10] = 'y';
            bytes[i + 63] = '\n';
        }
        used = 0;
        put(bytes, sizeof bytes);
    }
    put(end, strlen(end));
    return number;
}

static void short_flood_is_kept_whole(void **state)
{
    (void)state;
    uint64_t sent = flood(128 * 1024, "");
    assert_int_equal(count, sent);
}

static bool is_told(void)
{
    return strstr(lines, "lines dropped") != NULL;
}

static void long_flood_is_read_but_dropped_and_told(void **state)
{
    unsigned long long dropped, bytes;

    (void)state;
    uint64_t sent = flood(32 * 1024 * 1024, "half a line");
    used = 0;
    while (!is_told())
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(sscanf(lines,
                            "[it prints faster than that is kept: %llu lines dropped, "
                            "%llu bytes]|",
                            &dropped, &bytes),
                     2);
    /* A line about it each second; the flood itself may take longer than one. */
    assert_true(count < sent / 2);
    assert_true(dropped > 0 && dropped <= sent);
    assert_in_range(bytes, dropped * 64, dropped * 64 + 11);
}

static void after_a_flood_lines_are_whole_again(void **state)
{
    (void)state;
    (void)flood(4 * 1024 * 1024, "half");
    used = 0;
    lines[0] = '\0';
    while (!is_told())
        uv_run(&loop, UV_RUN_ONCE); /* for a second, in which the bucket fills */
    used = 0;
    put(" of a line\nfine\n", 16);
    assert_string_equal(lines, "fine|");
}

static void dropped_lines_are_told_at_the_end(void **state)
{
    (void)state;
    (void)flood(4 * 1024 * 1024, "");
    used = 0;
    output_finish(output);
    output = NULL;
    assert_true(is_told());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_the_same_split_at_each_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_are_the_same_byte_by_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(overlong_line_is_cut_and_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(line_of_exactly_the_limit_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(last_words_are_read_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(end_does_not_wait_for_a_grandchild_that_holds_the_pipe,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(closed_output_is_no_end, setup, teardown),
        cmocka_unit_test_setup_teardown(line_that_grows_when_it_is_cleaned_is_cut_and_says_so,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(short_flood_is_kept_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(long_flood_is_read_but_dropped_and_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(after_a_flood_lines_are_whole_again, setup, teardown),
        cmocka_unit_test_setup_teardown(dropped_lines_are_told_at_the_end, setup, teardown),
    };

    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
