/* test_listen_inherit - LISTEN_FDS: which descriptors are taken, and which are refused.
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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/listen_inherit.h"

#define FIRST 3

static int fds[LISTENERS_MAX];
static struct error error;

/* A socket as descriptor FIRST + i. */
static void place(int i, int domain, int type, bool is_listening)
{
    int fd = socket(domain, type, 0);

    assert_true(fd >= 0);
    if (is_listening)
        assert_int_equal(listen(fd, 4), 0); /* a port or a name of the kernel's choice */
    assert_int_equal(dup2(fd, FIRST + i), FIRST + i);
    if (fd != FIRST + i)
        (void)close(fd);
}

static void hand_over(const char *count, long pid)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%ld", pid);
    assert_int_equal(setenv("LISTEN_PID", text, 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", count, 1), 0);
    assert_int_equal(setenv("LISTEN_FDNAMES", "a:b", 1), 0);
}

static void variables_are_gone(void)
{
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
}

static int clear(void **state)
{
    (void)state;
    for (int i = 0; i < LISTENERS_MAX; i++)
        (void)close(FIRST + i);
    error.text[0] = '\0';
    return 0;
}

static void listening_sockets_are_taken_in_order(void **state)
{
    (void)state;
    place(0, AF_INET, SOCK_STREAM, true);
    place(1, AF_INET6, SOCK_STREAM, true);
    hand_over("2", getpid());
    assert_int_equal(listen_inherit(fds, &error), 2);
    assert_int_equal(fds[0], FIRST);
    assert_int_equal(fds[1], FIRST + 1);
    assert_int_equal(fcntl(FIRST, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(FIRST + 1, F_GETFD), FD_CLOEXEC);
    variables_are_gone();
    assert_int_equal(listen_inherit(fds, &error), 0);
}

static void those_for_another_process_are_left_alone(void **state)
{
    (void)state;
    place(0, AF_INET, SOCK_STREAM, true);
    hand_over("1", getpid() + 1);
    assert_int_equal(listen_inherit(fds, &error), 0);
    assert_int_equal(fcntl(FIRST, F_GETFD), 0);
    variables_are_gone();
}

static void without_variables_there_is_nothing(void **state)
{
    (void)state;
    assert_int_equal(listen_inherit(fds, &error), 0);
    hand_over("0", getpid());
    assert_int_equal(listen_inherit(fds, &error), 0);
    variables_are_gone();
}

static void a_count_that_is_none_is_refused(void **state)
{
    (void)state;
    hand_over("-1", getpid());
    assert_int_equal(listen_inherit(fds, &error), -EINVAL);
    assert_string_equal(error.text, "LISTEN_FDS must be the number of sockets that are handed "
                                    "over, got '-1'");
    variables_are_gone();
}

static void more_than_there_is_room_for_is_refused(void **state)
{
    (void)state;
    hand_over("17", getpid());
    assert_int_equal(listen_inherit(fds, &error), -E2BIG);
    assert_string_equal(error.text, "LISTEN_FDS hands over 17 sockets, there is room for 16");
}

static void what_cannot_be_listened_on_is_named(void **state)
{
    static const struct {
        int domain;
        int type;
        bool is_listening;
        const char *fault;
    } rows[] = {
        {AF_INET, SOCK_STREAM, false,
         "is a connection and does not listen: the .socket unit "
         "needs Accept=no"},
        {AF_INET, SOCK_DGRAM, false,
         "is no stream socket: the .socket unit needs "
         "ListenStream="},
        {AF_UNIX, SOCK_SEQPACKET, false,
         "is no stream socket: the .socket unit needs "
         "ListenStream="},
        {AF_NETLINK, SOCK_RAW, false, "is neither TCP nor a unix socket"},
    };
    char expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        place(0, AF_INET, SOCK_STREAM, true);
        place(1, rows[i].domain, rows[i].type, rows[i].is_listening);
        hand_over("2", getpid());
        assert_int_equal(listen_inherit(fds, &error), -EINVAL);
        (void)snprintf(expected, sizeof expected, "descriptor 4, handed over by LISTEN_FDS, %s",
                       rows[i].fault);
        assert_string_equal(error.text, expected);
        variables_are_gone();
    }
}

static void a_descriptor_that_is_not_there_is_named(void **state)
{
    (void)state;
    hand_over("1", getpid());
    assert_int_equal(listen_inherit(fds, &error), -EINVAL);
    assert_string_equal(error.text, "descriptor 3, handed over by LISTEN_FDS, is not open");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, clear, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(listening_sockets_are_taken_in_order),
        TEST(those_for_another_process_are_left_alone),
        TEST(without_variables_there_is_nothing),
        TEST(a_count_that_is_none_is_refused),
        TEST(more_than_there_is_room_for_is_refused),
        TEST(what_cannot_be_listened_on_is_named),
        TEST(a_descriptor_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
