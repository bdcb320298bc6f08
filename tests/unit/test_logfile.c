/* test_logfile - a node's file is whole, bounded, and never waited for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/logfile.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka needs some of the above */
#include <cmocka.h>

#include "log.h"
#include "mem.h"

#define PATIENCE_TURNS 3000 /* of 10 ms */

static uv_loop_t loop;
static struct logfile *logfile;
static char folder[64];
static char content[1024 * 1024];

static const char *path_of(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int setup(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_SILENT);
    (void)snprintf(folder, sizeof folder, "/tmp/test_logfile.XXXXXX");
    assert_non_null(mkdtemp(folder));
    logfile = NULL;
    return uv_loop_init(&loop);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static void finish(void)
{
    logfile_close(logfile);
    logfile = NULL;
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

static int teardown(void **state)
{
    (void)state;
    finish();
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return uv_loop_close(&loop);
}

static void open_logfile(const char *path, uint64_t bytes_max, unsigned backups)
{
    const struct logfile_options options = {
        .path = path, .bytes_max = bytes_max, .backups = backups};

    assert_int_equal(logfile_open(&loop, &options, &logfile), 0);
}

static void put(const char *line)
{
    logfile_put(logfile, line, strlen(line));
}

static const char *read_file(const char *name)
{
    FILE *f = fopen(path_of(name), "r");
    size_t len = f == NULL ? 0 : fread(content, 1, sizeof content - 1, f);

    if (f != NULL)
        (void)fclose(f);
    content[len] = '\0';
    return f == NULL ? NULL : content;
}

static void wake(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until the file ends like this. */
static void wait_for(const char *name, const char *end)
{
    uv_timer_t timer;

    (void)uv_timer_init(&loop, &timer);
    (void)uv_timer_start(&timer, wake, 10, 10);
    for (int i = 0;; i++) {
        const char *text = read_file(name);
        size_t len = text == NULL ? 0 : strlen(text);
        if (len >= strlen(end) && text != NULL && strcmp(text + len - strlen(end), end) == 0)
            break;
        assert_true(i < PATIENCE_TURNS);
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
}

static void lines_are_appended_in_order(void **state)
{
    struct stat st;

    (void)state;
    for (int i = 0; i < 2; i++) {
        open_logfile(path_of("a"), 0, 0);
        put("one");
        put("");
        put("three");
        finish();
    }
    assert_string_equal(read_file("a"), "one\n\nthree\none\n\nthree\n");
    assert_int_equal(stat(path_of("a"), &st), 0);
    assert_int_equal(st.st_mode & 0137, 0);
}

static void lines_come_without_waiting_for_more(void **state)
{
    (void)state;
    open_logfile(path_of("a"), 0, 0);
    put("one");
    wait_for("a", "one\n");
    put("two");
    wait_for("a", "one\ntwo\n");
}

static void full_file_is_rotated_between_lines_and_the_oldest_goes(void **state)
{
    char line[32];
    char expected[64];

    (void)state;
    open_logfile(path_of("a"), 30, 2); /* three lines of 10 bytes */
    for (int i = 0; i < 20; i++) {
        (void)snprintf(line, sizeof line, "line %04d", i);
        put(line);
    }
    finish();
    assert_string_equal(read_file("a"), "line 0018\nline 0019\n");
    assert_string_equal(read_file("a.1"), "line 0015\nline 0016\nline 0017\n");
    (void)snprintf(expected, sizeof expected, "line 0012\nline 0013\nline 0014\n");
    assert_string_equal(read_file("a.2"), expected);
    assert_null(read_file("a.3"));
}

static void file_that_is_full_at_the_start_is_rotated_too(void **state)
{
    (void)state;
    open_logfile(path_of("a"), 30, 1);
    put("a line of nearly thirty bytes");
    finish();
    open_logfile(path_of("a"), 30, 1);
    put("next");
    finish();
    assert_string_equal(read_file("a"), "next\n");
    assert_string_equal(read_file("a.1"), "a line of nearly thirty bytes\n");
}

static void line_longer_than_the_file_is_whole_and_alone(void **state)
{
    (void)state;
    open_logfile(path_of("a"), 10, 3);
    put("short");
    put("longer than ten bytes");
    put("last");
    finish();
    assert_string_equal(read_file("a"), "last\n");
    assert_string_equal(read_file("a.1"), "longer than ten bytes\n");
    assert_string_equal(read_file("a.2"), "short\n");
}

static void without_backups_the_file_begins_anew(void **state)
{
    (void)state;
    open_logfile(path_of("a"), 10, 0);
    put("eight by");
    put("next");
    finish();
    assert_string_equal(read_file("a"), "next\n");
    assert_null(read_file("a.1"));
}

static void moved_file_is_left_when_it_is_opened_again(void **state)
{
    char from[128];

    (void)state;
    open_logfile(path_of("a"), 0, 0);
    put("old");
    wait_for("a", "old\n");
    (void)snprintf(from, sizeof from, "%s", path_of("a"));
    assert_int_equal(rename(from, path_of("moved")), 0);
    put("still old");
    wait_for("moved", "still old\n");
    logfile_reopen(logfile);
    put("new");
    wait_for("a", "new\n");
    assert_string_equal(read_file("moved"), "old\nstill old\n");
}

static void missing_folder_is_waited_for_and_no_line_is_lost(void **state)
{
    (void)state;
    open_logfile(path_of("later/a"), 0, 0);
    put("one");
    for (int i = 0; i < 3; i++)
        (void)uv_run(&loop, UV_RUN_ONCE); /* gathered, tried, failed */
    put("two");
    assert_int_equal(mkdir(path_of("later"), 0700), 0);
    wait_for("later/a", "one\ntwo\n");
}

static void full_disk_stops_nobody(void **state)
{
    char line[1000];

    (void)state;
    memset(line, 'x', sizeof line);
    open_logfile("/dev/full", 0, 0);
    for (int i = 0; i < 5000; i++) { /* ten times what there is room for */
        logfile_put(logfile, line, sizeof line);
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    uint64_t begin = uv_hrtime();
    finish(); /* and it gives up in the end */
    assert_true(uv_hrtime() - begin < UINT64_C(20000000000));
}

static void without_memory_there_is_none(void **state)
{
    const struct logfile_options options = {.path = "/tmp/x"};

    (void)state;
    for (uint64_t n = 1; n <= 4; n++) {
        mem_fail_after(n);
        assert_int_equal(logfile_open(&loop, &options, &logfile), -12);
        assert_null(logfile);
    }
    mem_fail_after(0);
    logfile_put(NULL, "x", 1);
    logfile_reopen(NULL);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(lines_are_appended_in_order),
        STORY(lines_come_without_waiting_for_more),
        STORY(full_file_is_rotated_between_lines_and_the_oldest_goes),
        STORY(file_that_is_full_at_the_start_is_rotated_too),
        STORY(line_longer_than_the_file_is_whole_and_alone),
        STORY(without_backups_the_file_begins_anew),
        STORY(moved_file_is_left_when_it_is_opened_again),
        STORY(missing_folder_is_waited_for_and_no_line_is_lost),
        STORY(full_disk_stops_nobody),
        STORY(without_memory_there_is_none),
    };

    return cmocka_run_group_tests_name("logfile", tests, NULL, NULL);
}
