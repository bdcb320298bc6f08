/* test_peer - who is at the other end, and how many each has.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "proxy/peer.h"

/* A peer of that address; "" is a unix socket. */
static struct peer peer_of(const char *text)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&address;
    struct peer peer;

    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        address.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        address.ss_family = AF_INET6;
    peer_init(&peer, &address);
    return peer;
}

static void addresses_are_printed_as_people_write_them(void **state)
{
    static const char *const rows[][2] = {
        {"192.0.2.7", "192.0.2.7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"2001:db8::1", "2001:db8::1"},
        {"", "unix"},
    };
    char text[PEER_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct peer peer = peer_of(rows[i][0]);
        peer_print(&peer, text);
        assert_string_equal(text, rows[i][1]);
    }
}

static void loopback_and_unix_sockets_are_local(void **state)
{
    static const char *const local[] = {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1",
                                        ""};
    static const char *const remote[] = {"128.0.0.1", "10.0.0.1",        "::2",
                                         "fe80::1",   "::ffff:10.0.0.1", "7f00::1"};

    (void)state;
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        struct peer peer = peer_of(local[i]);
        assert_true(peer_is_local(&peer));
        assert_int_equal(peer_is_unix(&peer), local[i][0] == '\0');
    }
    for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++) {
        struct peer peer = peer_of(remote[i]);
        assert_false(peer_is_local(&peer));
        assert_false(peer_is_unix(&peer));
    }
}

static struct peer_table table;

static unsigned count_of(const char *text)
{
    struct peer peer = peer_of(text);

    return peer_count(&table, &peer);
}

static void each_address_is_counted_for_itself(void **state)
{
    struct peer peers[600];

    (void)state;
    peer_table_init(&table);
    for (unsigned i = 0; i < 600; i++) { /* 200 addresses, each three times */
        unsigned number = i % 200;
        char text[32];
        (void)snprintf(text, sizeof text, "10.0.%u.%u", number / 16, number % 16);
        peers[i] = peer_of(text);
        list_init(&peers[i].link); /* it was copied */
        assert_int_equal(peer_count(&table, &peers[i]), i / 200);
        peer_enter(&table, &peers[i]);
    }
    assert_int_equal(count_of("10.0.0.0"), 3);
    assert_int_equal(count_of("10.0.13.0"), 0);
    peer_leave(&peers[0]);
    assert_int_equal(count_of("10.0.0.0"), 2);
    assert_int_equal(count_of("10.0.0.1"), 3);
}

static void a_64_of_ipv6_is_one_address(void **state)
{
    struct peer one = peer_of("2001:db8:1:2:3:4:5:6");

    (void)state;
    peer_table_init(&table);
    list_init(&one.link);
    peer_enter(&table, &one);
    assert_int_equal(count_of("2001:db8:1:2:ffff::"), 1);
    assert_int_equal(count_of("2001:db8:1:3:3:4:5:6"), 0);
}

static void a_mapped_address_is_the_ipv4_address(void **state)
{
    struct peer one = peer_of("::ffff:192.0.2.7");

    (void)state;
    peer_table_init(&table);
    list_init(&one.link);
    peer_enter(&table, &one);
    assert_int_equal(count_of("192.0.2.7"), 1);
    assert_int_equal(count_of("192.0.2.8"), 0);
}

static void one_that_was_not_counted_may_leave(void **state)
{
    struct peer one = peer_of("192.0.2.7");

    (void)state;
    list_init(&one.link);
    peer_leave(&one);
    peer_leave(&one);
    assert_true(list_empty(&one.link));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_printed_as_people_write_them),
        cmocka_unit_test(loopback_and_unix_sockets_are_local),
        cmocka_unit_test(each_address_is_counted_for_itself),
        cmocka_unit_test(a_64_of_ipv6_is_one_address),
        cmocka_unit_test(a_mapped_address_is_the_ipv4_address),
        cmocka_unit_test(one_that_was_not_counted_may_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
