/* test_access - lines reach their sink, whole and in order, and a bad sink holds nobody up.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "proxy/access.h"

static uv_loop_t loop;
static char folder[] = "/tmp/test_access.XXXXXX";
static char path[64];
static char other[64];
static bool is_closed;
static char text[4 * 1024 * 1024];

static int begin(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_SILENT);
    is_closed = false;
    (void)unlink(path);
    (void)unlink(other);
    return uv_loop_init(&loop);
}

static int end(void **state)
{
    (void)state;
    return uv_loop_close(&loop);
}

static struct access *opened(const char *file)
{
    struct access *a = NULL;
    struct error error;

    assert_int_equal(access_open(&loop, ACCESS_TEXT, file, &a, &error), 0);
    return a;
}

static void on_closed(void *data)
{
    assert_ptr_equal(data, &is_closed);
    is_closed = true;
}

static void closed(struct access *a)
{
    access_close(a, on_closed, &is_closed);
    assert_false(is_closed);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(is_closed);
}

/* Line number i, which says so in its bytes. */
static void put(struct access *a, uint64_t i)
{
    struct access_line line = {.bytes = i, .path = slice_of("/v1/chat/completions")};

    access_put(a, &line);
}

/* The number of a line of put(). */
static uint64_t number_of(const char *line)
{
    const char *at = strstr(line, "\" 0 ");
    char *unit = NULL;

    assert_non_null(at);
    uint64_t number = strtoull(at + 4, &unit, 10);
    assert_int_equal(*unit, 'b');
    return number;
}

/* All lines of the file are there once, whole, and in order from `first` on. Returns their
 * number. */
static uint64_t lines_in(int fd, uint64_t first)
{
    ssize_t len = read(fd, text, sizeof text - 1);
    uint64_t count = 0;

    if (len <= 0)
        return 0;
    text[len] = '\0';
    for (char *line = text; *line != '\0'; count++) {
        char *stop = strchr(line, '\n');
        assert_non_null(stop);
        *stop = '\0';
        assert_int_equal(number_of(line), first + count);
        assert_string_equal(stop - 5, "key=-");
        line = stop + 1;
    }
    return count;
}

static uint64_t lines_of(const char *file, uint64_t first)
{
    int fd = open(file, O_RDONLY);
    assert_true(fd >= 0);
    uint64_t count = lines_in(fd, first);
    close(fd);
    return count;
}

static void lines_are_gathered_and_written_after_a_moment(void **state)
{
    (void)state;
    struct access *a = opened(path);
    put(a, 0);
    put(a, 1);
    assert_int_equal(lines_of(path, 0), 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT); /* returns: there is no timer without lines */
    assert_int_equal(lines_of(path, 0), 2);
    closed(a);
}

static void a_full_batch_does_not_wait_for_more(void **state)
{
    uint64_t seen = 0;

    (void)state;
    struct access *a = opened(path);
    for (uint64_t i = 0; i < 700; i++) /* more than a batch, less than there is room for */
        put(a, i);
    while (seen == 0) {
        (void)uv_run(&loop, UV_RUN_ONCE);
        seen = lines_of(path, 0);
    }
    assert_in_range(seen, 400, 699);
    closed(a);
    assert_int_equal(lines_of(path, 0), 700);
}

static void the_end_writes_what_is_left(void **state)
{
    (void)state;
    struct access *a = opened(path);
    for (uint64_t i = 0; i < 1000; i++)
        put(a, i);
    closed(a);
    assert_int_equal(lines_of(path, 0), 1000);
}

static void what_finds_no_room_is_dropped_not_kept(void **state)
{
    (void)state;
    struct access *a = opened(path);
    for (uint64_t i = 0; i < 100000; i++) /* the loop never runs meanwhile */
        put(a, i);
    closed(a);
    assert_in_range(lines_of(path, 0), 1000, 2600);
}

static void a_file_that_was_moved_away_is_opened_again(void **state)
{
    (void)state;
    struct access *a = opened(path);
    for (uint64_t i = 0; i < 900; i++) /* a write is on its way */
        put(a, i);
    assert_int_equal(rename(path, other), 0);
    access_reopen(a);
    access_reopen(a);
    for (uint64_t i = 900; i < 950; i++)
        put(a, i);
    access_close(a, on_closed, &is_closed);
    access_reopen(a); /* a late signal */
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(is_closed);
    uint64_t old = lines_of(other, 0);
    assert_in_range(old, 1, 899);
    assert_int_equal(lines_of(path, old), 950 - old);
}

static void a_fifo_without_a_reader_keeps_lines_and_does_not_delay_the_end(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    struct access *a = opened(path);
    for (uint64_t i = 0; i < 3000; i++)
        put(a, i);
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    uint64_t got = lines_in(fd, 0); /* what the pipe holds */
    assert_in_range(got, 100, 1000);
    for (uint64_t more = 1; more > 0;) { /* the loop looks again, soon and often */
        (void)uv_run(&loop, UV_RUN_ONCE);
        more = lines_in(fd, got);
        got += more;
    }
    assert_in_range(got, 400, 3000);
    uint64_t begin_ms = uv_now(&loop);
    closed(a);
    assert_true(uv_now(&loop) - begin_ms < 2000);
    close(fd);
}

static void a_sink_that_fails_does_not_delay_the_end_for_ever(void **state)
{
    (void)state;
    struct access *a = opened("/dev/full");
    for (uint64_t i = 0; i < 3000; i++)
        put(a, i);
    uint64_t begin_ms = uv_now(&loop);
    closed(a);
    assert_in_range(uv_now(&loop) - begin_ms, 400, 3000);
}

static void what_cannot_be_opened_is_an_error_with_a_reason(void **state)
{
    struct access *a = NULL;
    struct error error;

    (void)state;
    assert_int_equal(access_open(&loop, ACCESS_JSON, "/nowhere/x", &a, &error), -ENOENT);
    assert_string_equal(error.text, "[log] access_file /nowhere/x cannot be opened: No such "
                                    "file or directory");
    assert_int_equal(access_open(&loop, ACCESS_JSON, "/tmp", &a, &error), -EISDIR);
    assert_null(a);
}

static void any_allocation_may_fail(void **state)
{
    struct access *a = NULL;
    struct error error;

    (void)state;
    for (unsigned nth = 1; nth <= 3; nth++) {
        mem_fail_after(nth);
        assert_int_equal(access_open(&loop, ACCESS_JSON, path, &a, &error), -ENOMEM);
        mem_fail_after(0);
    }
    assert_null(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
        STORY(lines_are_gathered_and_written_after_a_moment),
        STORY(a_full_batch_does_not_wait_for_more),
        STORY(the_end_writes_what_is_left),
        STORY(what_finds_no_room_is_dropped_not_kept),
        STORY(a_file_that_was_moved_away_is_opened_again),
        STORY(a_fifo_without_a_reader_keeps_lines_and_does_not_delay_the_end),
        STORY(a_sink_that_fails_does_not_delay_the_end_for_ever),
        STORY(what_cannot_be_opened_is_an_error_with_a_reason),
        STORY(any_allocation_may_fail),
    };

    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(path, sizeof path, "%s/log", folder);
    (void)snprintf(other, sizeof other, "%s/log.1", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)unlink(other);
    (void)rmdir(folder);
    return failed;
}
