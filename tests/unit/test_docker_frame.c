/* test_docker_frame - log streams are taken apart, wherever the reads end.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "supervisor/core/docker_frame.h"

#define STREAM                                                                                 \
    "\x01\0\0\0\0\0\0\x06hello\n"                                                              \
    "\x02\0\0\0\0\0\0\x04"                                                                     \
    "bad\n"                                                                                    \
    "\x01\0\0\0\0\0\0\0"                                                                       \
    "\x03\0\0\0\0\0\0\x02no"                                                                   \
    "\x01\0\0\0\0\0\x01\x02"

/* What came out, per stream. */
static char got[4][1024];
static size_t got_len[4];

static enum docker_frame_result feed(struct docker_frame *f, const char *bytes, size_t len)
{
    struct slice rest = {.at = bytes, .len = len};
    struct slice piece;
    enum docker_frame_result result;
    int stream = -1;

    while ((result = docker_frame_next(f, &rest, &stream, &piece)) == DOCKER_FRAME_PIECE) {
        assert_in_range(stream, 0, 3);
        assert_true(piece.len > 0);
        memcpy(got[stream] + got_len[stream], piece.at, piece.len);
        got_len[stream] += piece.len;
    }
    if (result == DOCKER_FRAME_MORE)
        assert_int_equal(rest.len, 0);
    return result;
}

static void came(int stream, const char *text, size_t len)
{
    assert_int_equal(got_len[stream], len);
    assert_memory_equal(got[stream], text, len);
}

static int clear(void **state)
{
    (void)state;
    memset(got_len, 0, sizeof got_len);
    return 0;
}

static void streams_come_apart_split_at_every_byte(void **state)
{
    char whole[sizeof STREAM - 1 + 258];

    memcpy(whole, STREAM, sizeof STREAM - 1);
    memset(whole + sizeof STREAM - 1, 'x', 258);
    for (size_t at = 0; at <= sizeof whole; at++) {
        struct docker_frame f;
        clear(state);
        docker_frame_init(&f, false);
        assert_int_equal(feed(&f, whole, at), DOCKER_FRAME_MORE);
        assert_int_equal(feed(&f, whole + at, sizeof whole - at), DOCKER_FRAME_MORE);
        assert_int_equal(got_len[1], 6 + 258);
        assert_memory_equal(got[1], "hello\nxxxx", 10);
        came(2, "bad\n", 4);
        came(3, "no", 2);
    }
}

static void one_byte_at_a_time_says_the_same(void **state)
{
    struct docker_frame f;

    (void)state;
    docker_frame_init(&f, false);
    for (size_t i = 0; i < sizeof STREAM - 1; i++)
        assert_int_equal(feed(&f, STREAM + i, 1), DOCKER_FRAME_MORE);
    came(1, "hello\n", 6);
    came(2, "bad\n", 4);
}

static void a_terminal_has_no_frames(void **state)
{
    struct docker_frame f;

    (void)state;
    docker_frame_init(&f, true);
    assert_int_equal(feed(&f, "\x01\0\0\0\0\0\0\x06hi\r\n", 12), DOCKER_FRAME_MORE);
    came(1, "\x01\0\0\0\0\0\0\x06hi\r\n", 12);
}

static void what_is_no_header_breaks_the_stream_for_good(void **state)
{
    static const char *const bad[] = {"\x04\0\0\0\0\0\0\x01x", "\x01\x01\0\0\0\0\0\x01x",
                                      "\x01\0\0\x09\0\0\0\x01x", "plain tex"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct docker_frame f;
        docker_frame_init(&f, false);
        assert_int_equal(feed(&f, bad[i], 9), DOCKER_FRAME_BROKEN);
        assert_int_equal(feed(&f, STREAM, sizeof STREAM - 1), DOCKER_FRAME_BROKEN);
        assert_int_equal(got_len[1], 0);
    }
}

static void the_longest_length_costs_nothing(void **state)
{
    struct docker_frame f;

    (void)state;
    docker_frame_init(&f, false);
    assert_int_equal(feed(&f,
                          "\x02\0\0\0\xff\xff\xff\xff"
                          "ab",
                          10),
                     DOCKER_FRAME_MORE);
    came(2, "ab", 2);
    assert_int_equal(f.left, UINT32_MAX - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(streams_come_apart_split_at_every_byte, clear),
        cmocka_unit_test_setup(one_byte_at_a_time_says_the_same, clear),
        cmocka_unit_test_setup(a_terminal_has_no_frames, clear),
        cmocka_unit_test_setup(what_is_no_header_breaks_the_stream_for_good, clear),
        cmocka_unit_test_setup(the_longest_length_costs_nothing, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
