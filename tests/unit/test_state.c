/* test_state - a file that is always whole: with a real loop, real threads and a real
 * directory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/state.h"

#include <errno.h>
#include <fcntl.h>
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
/* cmocka needs four of the above */
#include <cmocka.h>

#include "bounds.h"
#include "log.h"
#include "mem.h"

#define PATIENCE_MS 20000
#define TICK_MS     5

static uv_loop_t loop;
static char directory[64];
static struct state *file;
static bool is_closed;

/* What compose() says, and how often it was asked. */
static const char *content;
static unsigned composed;
static int compose_result;
static struct state *told_while_composing; /* a change that comes just then */

static int compose(void *data, struct buf *out)
{
    assert_ptr_equal(data, &loop);
    composed++;
    if (told_while_composing != NULL)
        state_changed(told_while_composing);
    if (compose_result < 0)
        return compose_result;
    return buf_append_slice(out, slice_of(content));
}

static int open_file(void)
{
    const struct state_host host = {.compose = compose, .data = &loop};

    return state_open(&loop, directory, "state.json", &host, &file);
}

static int setup(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_SILENT);
    (void)snprintf(directory, sizeof directory, "/tmp/test_state.XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    content = "one";
    composed = 0;
    compose_result = 0;
    told_while_composing = NULL;
    is_closed = false;
    int r = uv_loop_init(&loop);
    return r < 0 ? r : open_file();
}

static void on_closed(void *data)
{
    assert_ptr_equal(data, &loop);
    is_closed = true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static void close_file(void)
{
    state_close(file, on_closed, &loop);
    file = NULL;
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(is_closed);
}

static int teardown(void **state)
{
    (void)state;
    if (file != NULL)
        close_file();
    (void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return uv_loop_close(&loop);
}

/* ---------------------------------------------------------------- the stage */

static const char *path_of(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static bool is_there(const char *name)
{
    struct stat st;

    return lstat(path_of(name), &st) == 0;
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
    char got[64] = "";
    FILE *f = fopen(path_of(name), "r");

    if (f == NULL)
        return false;
    size_t len = fread(got, 1, sizeof got - 1, f);
    (void)fclose(f);
    got[len] = '\0';
    return strcmp(got, text) == 0;
}

/* Every few milliseconds, so that a turn of the loop does not wait for long. */
static void on_tick(uv_timer_t *timer)
{
    uint64_t *ticks = timer->data;

    if (++*ticks < PATIENCE_MS / TICK_MS)
        return;
    print_error("composed %u times, the file is%s there\n", composed,
                is_there("state.json") ? "" : " not");
    abort();
}

static void run_until(bool (*condition)(const void *), const void *argument)
{
    uv_timer_t ticker;
    uint64_t ticks = 0;

    (void)uv_timer_init(&loop, &ticker);
    ticker.data = &ticks;
    (void)uv_timer_start(&ticker, on_tick, TICK_MS, TICK_MS);
    while (!condition(argument))
        (void)uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&ticker, NULL);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
}

static bool is_written(const void *text)
{
    return holds("state.json", text) && !is_there(".state.json.new");
}

static bool is_composed(const void *times)
{
    return composed >= *(const unsigned *)times;
}

static void run_until_written(const char *text)
{
    run_until(is_written, text);
}

/* Warnings that were logged while `during` ran. */
static unsigned count_warnings(void (*during)(void))
{
    int kept = dup(STDERR_FILENO);
    FILE *lines = tmpfile();
    unsigned count = 0;
    char line[1024];

    assert_non_null(lines);
    assert_true(dup2(fileno(lines), STDERR_FILENO) >= 0);
    log_set_level(LOG_LEVEL_WARN);
    during();
    log_set_level(LOG_LEVEL_SILENT);
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
    rewind(lines);
    while (fgets(line, sizeof line, lines) != NULL)
        count += strstr(line, "cannot be written") != NULL;
    (void)fclose(lines);
    return count;
}

/* ---------------------------------------------------------------- writing */

static void a_change_is_written_whole_and_private(void **state)
{
    struct stat st;

    (void)state;
    assert_false(is_there("state.json"));
    state_changed(file);
    run_until_written("one");
    assert_int_equal(stat(path_of("state.json"), &st), 0);
    assert_int_equal(st.st_mode & 07777u, 0600);
}

static void nothing_is_written_without_a_change(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(composed, 0);
}

static void many_changes_make_one_write_a_second(void **state)
{
    (void)state;
    uint64_t begin_ns = uv_hrtime();
    for (int i = 0; i < 100; i++)
        state_changed(file);
    run_until_written("one");
    assert_int_equal(composed, 1);
    content = "two";
    for (int i = 0; i < 100; i++) {
        state_changed(file);
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    run_until_written("two");
    assert_int_equal(composed, 2);
    assert_true(uv_hrtime() - begin_ns > 990 * UINT64_C(1000000));
}

static void a_change_during_a_write_is_written_next(void **state)
{
    unsigned twice = 2;

    (void)state;
    told_while_composing = file; /* after the text of the write was made, or just then */
    state_changed(file);
    while (composed == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    told_while_composing = NULL;
    content = "two";
    run_until(is_composed, &twice);
    run_until_written("two");
}

static void a_new_text_replaces_the_old_one(void **state)
{
    (void)state;
    put("state.json", "an older and much longer text");
    state_changed(file);
    run_until_written("one");
}

static void the_last_text_is_the_one_of_the_moment_of_finish(void **state)
{
    (void)state;
    content = "last";
    state_finish(file);
    content = "later";
    state_changed(file);
    close_file();
    assert_true(holds("state.json", "last"));
    assert_int_equal(composed, 1);
}

static void the_last_text_waits_for_the_write_before_it(void **state)
{
    unsigned once = 1;

    (void)state;
    state_changed(file);
    run_until(is_composed, &once); /* a thread has it now, or had */
    content = "last";
    state_finish(file);
    close_file();
    assert_true(holds("state.json", "last"));
    assert_false(is_there(".state.json.new"));
}

static void closing_alone_writes_nothing(void **state)
{
    (void)state;
    close_file();
    assert_false(is_there("state.json"));
}

/* ---------------------------------------------------------------- failures */

/* A directory in place of the new file cannot be replaced, not even by root. */
static void block(void)
{
    assert_int_equal(mkdir(path_of(".state.json.new"), 0700), 0);
    put(".state.json.new/x", "");
}

static void unblock(void)
{
    assert_int_equal(unlink(path_of(".state.json.new/x")), 0);
    assert_int_equal(rmdir(path_of(".state.json.new")), 0);
}

static void change_twice(void)
{
    for (unsigned n = 1; n <= 2; n++) {
        state_changed(file);
        run_until(is_composed, &n);
    }
}

static void a_failed_write_leaves_the_old_file_and_warns_once(void **state)
{
    (void)state;
    put("state.json", "old");
    block();
    assert_int_equal(count_warnings(change_twice), 1);
    assert_int_equal(composed, 2);
    assert_true(holds("state.json", "old"));
    unblock();
    content = "new";
    state_changed(file);
    run_until_written("new");
}

/* Of count_warnings(): something is in the file that stands for stderr. */
static bool is_warned(const void *nothing)
{
    struct stat st;

    (void)nothing;
    return fstat(STDERR_FILENO, &st) == 0 && st.st_size > 0;
}

static void change_and_be_warned(void)
{
    state_changed(file);
    run_until(is_warned, NULL);
}

static void after_a_success_a_failure_is_told_again(void **state)
{
    (void)state;
    block();
    assert_int_equal(count_warnings(change_and_be_warned), 1);
    unblock();
    state_changed(file);
    run_until_written("one");
    block();
    content = "again";
    assert_int_equal(count_warnings(change_and_be_warned), 1);
    assert_true(holds("state.json", "one"));
}

static void a_text_that_cannot_be_composed_is_a_failed_write(void **state)
{
    (void)state;
    compose_result = -ENOMEM;
    assert_int_equal(count_warnings(change_and_be_warned), 1);
    compose_result = 0;
    state_changed(file);
    run_until_written("one");
}

static void fail_to_finish(void)
{
    state_finish(file);
    close_file();
}

static void a_last_write_that_fails_is_told_and_ends_nothing(void **state)
{
    (void)state;
    block();
    assert_int_equal(count_warnings(fail_to_finish), 1);
    assert_false(is_there("state.json"));
}

static void links_are_replaced_and_not_followed(void **state)
{
    (void)state;
    put("victim", "mine");
    assert_int_equal(symlink("victim", path_of(".state.json.new")), 0);
    assert_int_equal(symlink("victim", path_of("state.json")), 0);
    state_changed(file);
    run_until_written("one");
    assert_true(holds("victim", "mine"));
}

/* ---------------------------------------------------------------- beginning */

static void what_a_killed_predecessor_left_half_written_is_removed(void **state)
{
    (void)state;
    put(".state.json.new", "{\"ha");
    close_file();
    assert_int_equal(open_file(), 0);
    assert_false(is_there(".state.json.new"));
}

static void a_missing_directory_is_an_error(void **state)
{
    struct state *other = NULL;
    const struct state_host host = {.compose = compose, .data = &loop};

    (void)state;
    assert_int_equal(state_open(&loop, path_of("nowhere"), "state.json", &host, &other),
                     -ENOENT);
    put("plain", "");
    assert_int_equal(state_open(&loop, path_of("plain"), "state.json", &host, &other),
                     -ENOTDIR);
    assert_null(other);
}

static void each_allocation_of_the_beginning_may_fail(void **state)
{
    struct state *other = NULL;
    const struct state_host host = {.compose = compose, .data = &loop};

    (void)state;
    for (uint64_t n = 1; n <= 2; n++) {
        mem_fail_after(n);
        assert_int_equal(state_open(&loop, directory, "x", &host, &other), -ENOMEM);
    }
    mem_fail_after(0);
    assert_null(other);
}

static int read_file(struct buf *out)
{
    buf_init(out, 0);
    return state_read(file, out);
}

static void the_file_is_read_whole(void **state)
{
    struct buf got;

    (void)state;
    assert_int_equal(read_file(&got), -ENOENT);
    put("state.json", "");
    assert_int_equal(read_file(&got), 0);
    assert_int_equal(got.len, 0);
    put("state.json", "{\"version\":1}\n");
    assert_int_equal(read_file(&got), 0);
    assert_true(slice_equal(buf_slice(&got), SLICE("{\"version\":1}\n")));
    buf_done(&got);
}

static void a_file_beyond_the_bound_is_refused(void **state)
{
    struct buf got;

    (void)state;
    put("state.json", "x");
    assert_int_equal(truncate(path_of("state.json"), STATE_FILE_BYTES_MAX), 0);
    assert_int_equal(read_file(&got), 0);
    assert_int_equal(got.len, STATE_FILE_BYTES_MAX);
    buf_done(&got);
    assert_int_equal(truncate(path_of("state.json"), STATE_FILE_BYTES_MAX + 1), 0);
    assert_int_equal(read_file(&got), -EFBIG);
    buf_done(&got);
}

static void what_is_no_plain_file_is_refused(void **state)
{
    struct buf got;

    (void)state;
    assert_int_equal(mkfifo(path_of("state.json"), 0600), 0);
    assert_int_equal(read_file(&got), -EINVAL);
    assert_int_equal(unlink(path_of("state.json")), 0);
    put("victim", "x");
    assert_int_equal(symlink("victim", path_of("state.json")), 0);
    assert_int_equal(read_file(&got), -EINVAL);
    assert_int_equal(unlink(path_of("state.json")), 0);
    assert_int_equal(mkdir(path_of("state.json"), 0700), 0);
    assert_int_equal(read_file(&got), -EINVAL);
}

static void a_file_is_set_aside_over_an_older_one(void **state)
{
    (void)state;
    put("state.json", "bad");
    put("state.json.corrupt", "older");
    assert_int_equal(state_set_aside(file, "corrupt"), 0);
    assert_true(holds("state.json.corrupt", "bad"));
    assert_false(is_there("state.json"));
    assert_int_equal(state_set_aside(file, "corrupt"), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_written_whole_and_private),
        TEST(nothing_is_written_without_a_change),
        TEST(many_changes_make_one_write_a_second),
        TEST(a_change_during_a_write_is_written_next),
        TEST(a_new_text_replaces_the_old_one),
        TEST(the_last_text_is_the_one_of_the_moment_of_finish),
        TEST(the_last_text_waits_for_the_write_before_it),
        TEST(closing_alone_writes_nothing),
        TEST(a_failed_write_leaves_the_old_file_and_warns_once),
        TEST(after_a_success_a_failure_is_told_again),
        TEST(a_text_that_cannot_be_composed_is_a_failed_write),
        TEST(a_last_write_that_fails_is_told_and_ends_nothing),
        TEST(links_are_replaced_and_not_followed),
        TEST(what_a_killed_predecessor_left_half_written_is_removed),
        TEST(a_missing_directory_is_an_error),
        TEST(each_allocation_of_the_beginning_may_fail),
        TEST(the_file_is_read_whole),
        TEST(a_file_beyond_the_bound_is_refused),
        TEST(what_is_no_plain_file_is_refused),
        TEST(a_file_is_set_aside_over_an_older_one),
    };

    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
