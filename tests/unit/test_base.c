/* test_base - buf, mem, slice, list, log and the names of node states.
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
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "list.h"
#include "log.h"
#include "mem.h"
#include "node.h"
#include "slice.h"

/* ---------------------------------------------------------------- buf */

static void a_buffer_grows_and_gives_from_the_front(void **state)
{
    struct buf b;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof text);
    buf_init(&b, 0);
    assert_int_equal(buf_append(&b, "abc", 3), 0);
    assert_int_equal(buf_append(&b, text, sizeof text), 0);
    assert_int_equal(buf_append_slice(&b, SLICE("end")), 0);
    assert_int_equal(b.len, 1006);
    buf_consume(&b, 1);
    assert_memory_equal(b.data, "bcx", 3);
    buf_consume(&b, 1002);
    assert_true(slice_equal(buf_slice(&b), SLICE("end")));
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_int_equal(buf_append(&b, NULL, 0), 0);
    buf_done(&b);
    assert_null(b.data);
}

static void a_buffer_keeps_to_its_cap(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    assert_int_equal(buf_append(&b, "12345", 5), 0);
    assert_int_equal(buf_append(&b, "6", 1), -EMSGSIZE);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
    assert_true(slice_equal(buf_slice(&b), SLICE("12345")));
    assert_true(b.capacity <= 5);
    buf_done(&b);
}

static void printing_into_a_buffer_has_no_length_limit(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    for (int width = 250; width < 260; width++) {
        buf_clear(&b);
        assert_int_equal(buf_printf(&b, "<%*d>", width, 7), 0);
        assert_int_equal(b.len, width + 2);
        assert_memory_equal(b.data + width, "7>", 2);
    }
    buf_done(&b);
}

static void numbers_are_appended_as_printf_writes_them(void **state)
{
    static const uint64_t numbers[] = {0, 1, 9, 10, 15, 16, 255, 256, 4095, UINT64_MAX};
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char wanted[64];
        int len = snprintf(wanted, sizeof wanted, "%llu %llx", (unsigned long long)numbers[i],
                           (unsigned long long)numbers[i]);
        buf_clear(&b);
        assert_int_equal(buf_append_number(&b, numbers[i], 10), 0);
        assert_int_equal(buf_append_slice(&b, SLICE(" ")), 0);
        assert_int_equal(buf_append_number(&b, numbers[i], 16), 0);
        assert_int_equal(b.len, len);
        assert_memory_equal(b.data, wanted, b.len);
    }
    buf_done(&b);
}

static void a_failed_append_changes_nothing(void **state)
{
    struct buf b;
    char text[600] = "";

    (void)state;
    buf_init(&b, 0);
    assert_int_equal(buf_append(&b, "abc", 3), 0);
    mem_fail_after(1);
    assert_int_equal(buf_append(&b, text, sizeof text), -ENOMEM);
    assert_true(slice_equal(buf_slice(&b), SLICE("abc")));
    mem_fail_after(1);
    assert_int_equal(buf_printf(&b, "%600d", 1), -ENOMEM);
    assert_true(slice_equal(buf_slice(&b), SLICE("abc")));
    buf_done(&b);
}

/* ---------------------------------------------------------------- mem */

static void memory_is_zeroed_and_sizes_are_checked(void **state)
{
    (void)state;
    unsigned char *block = mem_alloc(100, 1);
    assert_non_null(block);
    for (int i = 0; i < 100; i++)
        assert_int_equal(block[i], 0);
    volatile size_t huge = SIZE_MAX / 2;
    assert_null(mem_alloc(huge, 3));
    assert_null(mem_resize(block, huge, 3));
    mem_free(block);
    mem_free(NULL);
    assert_null(mem_strdup(NULL));
    char *copy = mem_strdup("text");
    assert_string_equal(copy, "text");
    mem_free(copy);
}

static void the_nth_allocation_fails_once(void **state)
{
    (void)state;
    mem_fail_after(2);
    void *first = mem_alloc(1, 1);
    assert_non_null(first);
    assert_null(mem_alloc(1, 1));
    void *third = mem_alloc(1, 1);
    assert_non_null(third);
    mem_free(first);
    mem_free(third);
}

/* ---------------------------------------------------------------- slice */

static void slices_compare_trim_and_find(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_of(NULL), SLICE("")));
    assert_true(slice_equal(slice_trim(SLICE(" \ta b\t ")), SLICE("a b")));
    assert_true(slice_equal(slice_trim(SLICE(" \t")), SLICE("")));
    assert_true(slice_equal_nocase(SLICE("Content-Type"), SLICE("content-TYPE")));
    assert_false(slice_equal_nocase(SLICE("a\xc4"), SLICE("a\xe4"))); /* ASCII only */
    assert_false(slice_equal_nocase(SLICE("@"), SLICE("`")));
    assert_true(slice_starts_with(SLICE("/v1/x"), SLICE("/v1")));
    assert_false(slice_starts_with(SLICE("/v"), SLICE("/v1")));
    assert_int_equal(slice_find(SLICE("abcabd"), SLICE("abd")), 3);
    assert_int_equal(slice_find(SLICE("abc"), SLICE("")), 0);
    assert_int_equal(slice_find(SLICE("ab"), SLICE("abc")), SIZE_MAX);
}

static void numbers_are_digits_and_nothing_else(void **state)
{
    static const char *const wrong[] = {"",
                                        "-1",
                                        "+1",
                                        " 1",
                                        "1 ",
                                        "0x1",
                                        "1e3",
                                        "18446744073709551616",
                                        "99999999999999999999"};
    uint64_t value = 42;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(slice_to_u64(slice_of(wrong[i]), UINT64_MAX, &value));
    assert_false(slice_to_u64(SLICE("101"), 100, &value));
    assert_int_equal(value, 42);
    assert_true(slice_to_u64(SLICE("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_true(slice_to_u64(SLICE("007"), 100, &value));
    assert_int_equal(value, 7);
}

/* ---------------------------------------------------------------- list */

struct item {
    int number;
    struct list link;
};

static void a_list_keeps_order_and_survives_removal(void **state)
{
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    struct list head;
    int sum = 0;

    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[2].link);
    list_push_front(&head, &items[0].link);
    LIST_FOREACH (it, &head)
        sum = sum * 10 + LIST_ENTRY(it, struct item, link)->number;
    assert_int_equal(sum, 123);
    LIST_FOREACH_SAFE (it, &head)
        list_remove(it);
    assert_true(list_empty(&head));
    list_remove(&items[0].link); /* on no list: harmless */
}

/* ---------------------------------------------------------------- log */

/* What `write_lines` puts on stderr. */
static void capture(void (*write_lines)(void), char *text, size_t size)
{
    int pipe_ends[2];
    int saved = dup(STDERR_FILENO);

    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    assert_true(dup2(pipe_ends[1], STDERR_FILENO) >= 0);
    write_lines();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    (void)close(pipe_ends[1]);
    ssize_t n = read(pipe_ends[0], text, size - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    (void)close(pipe_ends[0]);
}

static const char *text_of(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static size_t hide_digits(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] >= '0' && text[i] <= '9')
            text[i] = '#';
    }
    return len;
}

static void write_some(void)
{
    log_set_level(LOG_LEVEL_WARN);
    log_info("not shown");
    log_error("two\nlines code=123");
    log_set_filter(hide_digits);
    log_warn("pin=4711");
    log_set_filter(NULL);
    log_set_level(LOG_LEVEL_INFO);
    log_node_line("first", 2, "oops", 4);
    log_banner("a\nb");
    log_set_level(LOG_LEVEL_SILENT);
    log_error("not shown");
    log_banner("not shown");
    log_set_level(LOG_LEVEL_INFO);
}

static void write_json(void)
{
    log_set_json(true);
    log_error("a \"quoted\" \\ and\ttab\nline");
    log_node_line("first", 2, "bad \xff\xc3\xa4\xed\xa0\x80 end\xe4\xb8", 16);
    log_banner("one\n\ntwo");
    log_set_json(false);
}

static void json_lines_are_objects_whatever_is_in_them(void **state)
{
    char text[4096];
    char *rest = text;
    json_t *lines[4];

    (void)state;
    capture(write_json, text, sizeof text);
    for (unsigned i = 0; i < 4; i++) {
        char *line = strsep(&rest, "\n");
        assert_non_null(rest);
        line = strchr(line, '{'); /* under systemd there is a priority before it */
        lines[i] = json_loads(line, 0, NULL);
        assert_non_null(lines[i]);
        assert_true(json_is_string(json_object_get(lines[i], "time")));
    }
    assert_string_equal(rest, "");
    assert_string_equal(text_of(lines[0], "message"), "a \"quoted\" \\ and\ttab line");
    assert_string_equal(text_of(lines[0], "level"), "error");
    assert_null(json_object_get(lines[0], "node"));
    assert_string_equal(text_of(lines[1], "node"), "first");
    assert_string_equal(text_of(lines[1], "stream"), "stderr");
    assert_string_equal(text_of(lines[1], "message"),
                        "bad \xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
                        "end\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(text_of(lines[2], "message"), "one");
    assert_string_equal(text_of(lines[3], "message"), "two");
    for (unsigned i = 0; i < 4; i++)
        json_decref(lines[i]);
}

static void lines_have_a_level_pass_the_filter_and_stay_one_line(void **state)
{
    char text[4096];

    (void)state;
    capture(write_some, text, sizeof text);
    assert_null(strstr(text, "not shown"));
    assert_non_null(strstr(text, "two lines code=123\n"));
    assert_non_null(strstr(text, "pin=####\n"));
    assert_non_null(strstr(text, "[first]! oops\n"));
    assert_true(strstr(text, "a\nb\n") != NULL || strstr(text, "<5>a\n<5>b\n") != NULL);
    assert_int_equal(log_dropped(), 0);
}

static void write_long(void)
{
    static char line[3 * OUTPUT_LINE_MAX];

    memset(line, 'x', sizeof line - 1);
    log_error("%s", line);
    log_node_line("n", 1, line, sizeof line - 1);
}

static void a_line_that_is_too_long_is_cut(void **state)
{
    static char text[4 * OUTPUT_LINE_MAX];

    (void)state;
    capture(write_long, text, sizeof text);
    char *first_end = strchr(text, '\n');
    assert_non_null(first_end);
    assert_true(first_end - text <= OUTPUT_LINE_MAX + 256);
    assert_non_null(strchr(first_end + 1, '\n'));
}

static void write_into_nothing(void)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int saved = dup(STDERR_FILENO);

    assert_true(full >= 0);
    (void)dup2(full, STDERR_FILENO);
    log_error("lost");
    log_error("lost");
    (void)dup2(saved, STDERR_FILENO);
    (void)close(full);
    (void)close(saved);
    log_error("seen");
}

static void lost_lines_are_counted_and_told(void **state)
{
    char text[1024];

    (void)state;
    capture(write_into_nothing, text, sizeof text);
    assert_null(strstr(text, "lost"));
    assert_non_null(strstr(text, "seen\n"));
    assert_non_null(strstr(text, "dropped=2\n"));
    assert_int_equal(log_dropped(), 2);
}

/* A blocking pipe that nobody reads must not stop the caller. */
static void a_reader_that_is_stuck_stops_nobody(void **state)
{
    int ends[2];
    int saved = dup(STDERR_FILENO);
    uint64_t before = log_dropped();

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)dup2(ends[1], STDERR_FILENO);
    for (int i = 0; i < 10000; i++) /* several times what a pipe holds */
        log_error("this line is one of ten thousand that nobody reads");
    (void)dup2(saved, STDERR_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(saved);
    assert_true(log_dropped() > before);
}

/* ---------------------------------------------------------------- node */

static void states_and_sources_have_names(void **state)
{
    (void)state;
    assert_string_equal(node_state_name(NODE_READY), "READY");
    assert_string_equal(node_state_name(NODE_INVALID_TOKEN), "INVALID_TOKEN");
    assert_string_equal(node_source_name(NODE_SPAWNED), "spawned");
    assert_string_equal(node_source_name(NODE_DOCKER), "docker");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_and_gives_from_the_front),
        cmocka_unit_test(a_buffer_keeps_to_its_cap),
        cmocka_unit_test(printing_into_a_buffer_has_no_length_limit),
        cmocka_unit_test(numbers_are_appended_as_printf_writes_them),
        cmocka_unit_test(a_failed_append_changes_nothing),
        cmocka_unit_test(memory_is_zeroed_and_sizes_are_checked),
        cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(slices_compare_trim_and_find),
        cmocka_unit_test(numbers_are_digits_and_nothing_else),
        cmocka_unit_test(a_list_keeps_order_and_survives_removal),
        cmocka_unit_test(json_lines_are_objects_whatever_is_in_them),
        cmocka_unit_test(lines_have_a_level_pass_the_filter_and_stay_one_line),
        cmocka_unit_test(a_line_that_is_too_long_is_cut),
        cmocka_unit_test(lost_lines_are_counted_and_told),
        cmocka_unit_test(a_reader_that_is_stuck_stops_nobody),
        cmocka_unit_test(states_and_sources_have_names),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
