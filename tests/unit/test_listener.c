/* test_listener - a proxy without nodes, and clients in the moments that cannot be timed from
 * outside: between two turns of its loop.
 *
 * Clients are sockets of this process; everything they do is with the kernel before the loop
 * turns again.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cidr.h"
#include "log.h"
#include "mem.h"
#include "proxy.h"

#define PATIENCE_MS 20000
#define CLIENTS_MAX 300

static uv_loop_t loop;
static struct config config;
static struct proxy *proxy;
static bool is_proxy_closed;
static uint16_t port;
static int fds[CLIENTS_MAX];

static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
static const char whole[] = "State: /health\n"; /* how the answer to it ends */

/* ---------------------------------------------------------------- the proxy */

static void on_closed(void *host)
{
    (void)host;
    is_proxy_closed = true;
}

static int open_proxy(void **state)
{
    struct proxy_host host = {.closed = on_closed};
    struct proxy_address at;
    struct error error = {""};

    (void)state;
    log_set_level(LOG_LEVEL_SILENT);
    const struct cidr_word *loopback = cidr_find_word(SLICE("loopback"));
    config = (struct config){
        .gateway =
            {
                .listen = {.at = {{.host = "127.0.0.1"}}, .count = 1},
                .idle_timeout_ms = 60000,
                .head_timeout_ms = 60000,
                .body_timeout_ms = 60000,
                .keepalive_timeout_ms = 60000,
                .body_max_bytes = 1024,
                .body_memory_max_bytes = 1024,
                .connections_max = CLIENTS_MAX,
            },
        .quota = {.poll_interval_ms = 60000},
    };
    memcpy(config.callers.allow.at, loopback->at, loopback->count * sizeof loopback->at[0]);
    config.callers.allow.count = loopback->count;
    is_proxy_closed = false;
    assert_int_equal(uv_loop_init(&loop), 0);
    if (proxy_open(&loop, &config, &host, &proxy, &error) < 0)
        fail_msg("%s", error.text);
    assert_true(proxy_address(proxy, 0, &at));
    port = (uint16_t)strtoul(strrchr(at.url, ':') + 1, NULL, 10);
    for (int i = 0; i < CLIENTS_MAX; i++)
        fds[i] = -1;
    return 0;
}

static int close_proxy(void **state)
{
    (void)state;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
    }
    proxy_close(proxy);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_true(is_proxy_closed);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

/* ---------------------------------------------------------------- clients */

static void connect_client(int i)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    fds[i] = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fds[i] >= 0);
    assert_int_equal(connect(fds[i], (const struct sockaddr *)&address, sizeof address), 0);
}

static void say(int i, const char *text, size_t len)
{
    assert_int_equal(send(fds[i], text, len, MSG_NOSIGNAL), len);
}

static void ask(int i)
{
    say(i, request, strlen(request));
}

static void turn(void)
{
    (void)uv_run(&loop, UV_RUN_NOWAIT);
}

/* What this client hears up to the end of an answer, or of the connection. */
static const char *hear(int i, bool to_the_end)
{
    static char got[4096];
    uint64_t end = uv_hrtime() + PATIENCE_MS * UINT64_C(1000000);
    size_t len = 0;

    for (;;) {
        turn();
        ssize_t n = recv(fds[i], got + len, sizeof got - 1 - len, MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            fail_msg("client %d: %s", i, strerror(errno));
        len += n > 0 ? (size_t)n : 0;
        got[len] = '\0';
        if (n == 0 || (!to_the_end && strstr(got, whole) != NULL))
            return got;
        if (uv_hrtime() > end)
            fail_msg("client %d still waits after: %s", i, got);
    }
}

static void is_answered(int i)
{
    assert_non_null(strstr(hear(i, false), whole));
}

static void is_answered_for_the_last_time(int i)
{
    const char *answer = hear(i, true);

    assert_non_null(strstr(answer, "Connection: close\r\n"));
    assert_string_equal(answer + strlen(answer) - strlen(whole), whole);
}

/* A connection that has had one answer. */
static void keep_client(int i)
{
    connect_client(i);
    ask(i);
    is_answered(i);
}

/* ---------------------------------------------------------------- drain */

static void a_request_that_arrives_with_the_drain_is_answered(void **state)
{
    (void)state;
    keep_client(0);
    keep_client(1);
    ask(0); /* the loop has not seen it */
    proxy_drain(proxy);
    assert_int_equal(proxy_busy(proxy), 2); /* one is about to be closed */
    is_answered_for_the_last_time(0);
    assert_string_equal(hear(1, true), "");
    assert_int_equal(proxy_busy(proxy), 0);
}

static void two_requests_that_arrive_with_the_drain_get_one_answer_that_says_so(void **state)
{
    (void)state;
    keep_client(0);
    ask(0);
    ask(0);
    proxy_drain(proxy);
    is_answered_for_the_last_time(0);
    assert_int_equal(proxy_busy(proxy), 0);
}

static void half_a_head_holds_the_drain(void **state)
{
    (void)state;
    keep_client(0);
    say(0, request, 7);
    turn();
    turn();
    proxy_drain(proxy);
    for (int i = 0; i < 10; i++)
        turn();
    assert_int_equal(proxy_busy(proxy), 1);
    say(0, request + 7, strlen(request) - 7);
    is_answered_for_the_last_time(0);
    assert_int_equal(proxy_busy(proxy), 0);
}

/* 192 is three times what is accepted in a turn: the queue is empty when that is over. */
static void who_is_in_the_queue_is_answered_and_then_the_door_is_closed(void **state)
{
    (void)state;
    for (int i = 0; i < 192; i++) {
        connect_client(i);
        ask(i);
    }
    proxy_drain(proxy);
    assert_int_equal(proxy_busy(proxy), 192);
    for (int i = 0; i < 192; i++)
        is_answered_for_the_last_time(i);
    assert_int_equal(proxy_busy(proxy), 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fds[192] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[192], (const struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, ECONNREFUSED);
}

static void a_new_client_may_ask_after_the_drain_began(void **state)
{
    (void)state;
    connect_client(0);
    turn();
    connect_client(1); /* still in the queue */
    proxy_drain(proxy);
    turn();
    assert_int_equal(proxy_busy(proxy), 2);
    ask(0);
    ask(1);
    is_answered_for_the_last_time(0);
    is_answered_for_the_last_time(1);
}

static void a_new_client_that_does_not_ask_is_closed_after_a_moment(void **state)
{
    (void)state;
    connect_client(0);
    turn();
    connect_client(1); /* still in the queue */
    proxy_drain(proxy);
    assert_string_equal(hear(0, true), "");
    assert_string_equal(hear(1, true), "");
    turn();
    assert_int_equal(proxy_busy(proxy), 0);
}

/* ---------------------------------------------------------------- accepting */

static void without_memory_a_client_waits_and_is_served(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        connect_client(i);
        ask(i);
    }
    mem_fail_after(1);
    turn();
    mem_fail_after(0);
    for (int i = 0; i < 3; i++)
        is_answered(i);
}

static void a_client_that_was_reset_in_the_queue_harms_nobody(void **state)
{
    const struct linger rst = {.l_onoff = 1, .l_linger = 0};

    (void)state;
    for (int i = 0; i < 4; i++) {
        connect_client(i);
        ask(i);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &rst, sizeof rst), 0);
        (void)close(fds[i]);
        fds[i] = -1;
    }
    is_answered(3);
}

static void beyond_connections_max_a_client_waits_for_its_turn(void **state)
{
    char byte;

    (void)state;
    for (int i = 0; i < CLIENTS_MAX; i++)
        keep_client(i);
    int first = fds[0];
    connect_client(0);
    ask(0);
    for (int i = 0; i < 10; i++)
        turn();
    assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    (void)close(first);
    is_answered(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_proxy, close_proxy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_that_arrives_with_the_drain_is_answered),
        TEST(two_requests_that_arrive_with_the_drain_get_one_answer_that_says_so),
        TEST(half_a_head_holds_the_drain),
        TEST(who_is_in_the_queue_is_answered_and_then_the_door_is_closed),
        TEST(a_new_client_may_ask_after_the_drain_began),
        TEST(a_new_client_that_does_not_ask_is_closed_after_a_moment),
        TEST(without_memory_a_client_waits_and_is_served),
        TEST(a_client_that_was_reset_in_the_queue_harms_nobody),
        TEST(beyond_connections_max_a_client_waits_for_its_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
