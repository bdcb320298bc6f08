/* test_ring - the last lines of a node are kept, in order, and no more than fit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "bounds.h"
#include "mem.h"

static struct ring *ring;

static int setup(void **state)
{
    (void)state;
    return ring_new(&ring);
}

static int teardown(void **state)
{
    (void)state;
    ring_free(ring);
    return 0;
}

/* Line n is `len` bytes that only it has. */
static void fill(char *text, size_t len, uint64_t n)
{
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('!' + (n * 7 + i) % 90);
}

static size_t len_of(uint64_t n, size_t max)
{
    return (size_t)(n * 2654435761u % (max + 1));
}

static void put_number(uint64_t n, size_t max)
{
    static char text[OUTPUT_LINE_MAX];

    fill(text, len_of(n, max), n);
    ring_put(ring, (int64_t)n, n % 2 == 0 ? 2 : 1, text, len_of(n, max));
}

static void is_number(const struct ring_line *line, uint64_t n, size_t max)
{
    static char text[OUTPUT_LINE_MAX];

    fill(text, len_of(n, max), n);
    assert_int_equal(line->number, n);
    assert_int_equal(line->at_ms, n);
    assert_int_equal(line->stream, n % 2 == 0 ? 2 : 1);
    assert_int_equal(line->len, len_of(n, max));
    assert_memory_equal(line->text, text, line->len);
}

static void empty_ring_has_no_line(void **state)
{
    struct ring_line line;

    (void)state;
    assert_int_equal(ring_tail(ring, 10), 1);
    assert_int_equal(ring_tail(ring, 0), 1);
    assert_false(ring_read(ring, 0, &line));
    assert_false(ring_read(ring, 1, &line));
}

static void lines_come_back_as_they_were_put(void **state)
{
    struct ring_line line;

    (void)state;
    ring_put(ring, 5, 2, "one", 3);
    ring_put(ring, 6, 1, "", 0);
    assert_true(ring_read(ring, 0, &line));
    assert_int_equal(line.number, 1);
    assert_true(ring_read(ring, 1, &line));
    assert_int_equal(line.at_ms, 5);
    assert_int_equal(line.stream, 2);
    assert_int_equal(line.len, 3);
    assert_memory_equal(line.text, "one", 3);
    assert_true(ring_read(ring, 2, &line));
    assert_int_equal(line.len, 0);
    assert_false(ring_read(ring, 3, &line));
}

static void tail_is_the_last_lines_or_all_there_are(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 10; n++)
        put_number(n, 100);
    assert_int_equal(ring_tail(ring, 0), 11);
    assert_int_equal(ring_tail(ring, 1), 10);
    assert_int_equal(ring_tail(ring, 10), 1);
    assert_int_equal(ring_tail(ring, UINT64_MAX), 1);
}

/* However long the lines are: after each put all that are left are read, each as it was. */
static void all_that_is_left_is_whole(size_t max, unsigned lines)
{
    struct ring_line line;

    for (uint64_t n = 1; n <= lines; n++) {
        put_number(n, max);
        uint64_t oldest = ring_tail(ring, UINT64_MAX);
        size_t bytes = 0;
        for (uint64_t i = oldest; i <= n; i++) {
            assert_true(ring_read(ring, i, &line));
            is_number(&line, i, max);
            bytes += line.len;
        }
        assert_true(bytes <= RING_BYTES);
        /* What was lost is what did not fit: a record costs at most 48 bytes more. */
        if (oldest > 1)
            assert_true(bytes + 48 * (n - oldest + 1) + 2 * (max + 48) >= RING_BYTES);
    }
}

static void long_lines_are_kept_whole(void **state)
{
    (void)state;
    all_that_is_left_is_whole(OUTPUT_LINE_MAX, 400);
}

static void medium_lines_are_kept_whole(void **state)
{
    (void)state;
    all_that_is_left_is_whole(3001, 800);
}

static void short_lines_go_round_many_times(void **state)
{
    struct ring_line line;

    (void)state;
    for (uint64_t n = 1; n <= 100000; n++) {
        put_number(n, 60);
        assert_true(ring_read(ring, n, &line)); /* who follows */
        is_number(&line, n, 60);
    }
    uint64_t oldest = ring_tail(ring, UINT64_MAX);
    assert_in_range(100000 - oldest, 2000, 9000);
    for (uint64_t n = 100000; n >= oldest; n -= 997) { /* and who goes back */
        assert_true(ring_read(ring, n, &line));
        is_number(&line, n, 60);
    }
}

static void late_reader_gets_the_oldest_and_sees_the_gap(void **state)
{
    struct ring_line line;

    (void)state;
    for (uint64_t n = 1; n <= 10; n++)
        put_number(n, 100);
    assert_true(ring_read(ring, 4, &line));
    for (uint64_t n = 11; n <= 500; n++)
        put_number(n, OUTPUT_LINE_MAX);
    assert_true(ring_read(ring, 5, &line));
    assert_int_equal(line.number, ring_tail(ring, UINT64_MAX));
    assert_true(line.number > 400);
    is_number(&line, line.number, OUTPUT_LINE_MAX);
}

static void missing_ring_is_an_empty_one(void **state)
{
    struct ring_line line;

    (void)state;
    ring_put(NULL, 1, 1, "x", 1);
    assert_int_equal(ring_tail(NULL, 5), 1);
    assert_false(ring_read(NULL, 1, &line));
    ring_free(NULL);
    mem_fail_after(1);
    struct ring *none = NULL;
    assert_int_equal(ring_new(&none), -12);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty_ring_has_no_line, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_come_back_as_they_were_put, setup, teardown),
        cmocka_unit_test_setup_teardown(tail_is_the_last_lines_or_all_there_are, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(long_lines_are_kept_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(medium_lines_are_kept_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(short_lines_go_round_many_times, setup, teardown),
        cmocka_unit_test_setup_teardown(late_reader_gets_the_oldest_and_sees_the_gap, setup,
                                        teardown),
        cmocka_unit_test(missing_ring_is_an_empty_one),
    };

    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
