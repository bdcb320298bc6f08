/* test_listen_socket - listening sockets: how they are made, found, stopped and closed.
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
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "proxy.h"
#include "proxy/listen_socket.h"

static char folder[] = "/tmp/test_listen_socket.XXXXXX";
static char path[LISTEN_PATH_MAX + 1];
static struct error error;

static struct config_listen tcp(const char *host)
{
    struct config_listen where = {.kind = CONFIG_LISTEN_TCP};

    (void)snprintf(where.host, sizeof where.host, "%s", host);
    return where;
}

static struct config_listen file(void)
{
    struct config_listen where = {.kind = CONFIG_LISTEN_UNIX};

    (void)snprintf(where.host, sizeof where.host, "%s", path);
    return where;
}

static struct listen_socket opened(struct config_listen where)
{
    struct listen_socket s;

    if (listen_socket_open(&where, &s, &error) < 0)
        fail_msg("%s", error.text);
    return s;
}

/* A connection that is under way: 0, or what connect(2) says at once. */
static int begin_connect(const struct listen_socket *s, int *ret_fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;

    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    *ret_fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(*ret_fd >= 0);
    if (connect(*ret_fd, (struct sockaddr *)&address, len) < 0 && errno != EINPROGRESS)
        return -errno;
    return 0;
}

static bool is_connected(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

    return poll(&poll_fd, 1, 100) == 1 && (poll_fd.revents & (POLLERR | POLLHUP)) == 0;
}

/* Accepts one, and hears `word` from it. */
static void accept_hears(const struct listen_socket *s, const char *word)
{
    char got[16] = "";
    int fd = accept(s->fd, NULL, NULL);

    assert_true(fd >= 0);
    assert_int_equal(recv(fd, got, sizeof got - 1, 0), strlen(word));
    assert_string_equal(got, word);
    (void)close(fd);
}

static void url_is(const struct listen_socket *s, const char *before, bool is_everywhere)
{
    struct proxy_address at;

    listen_socket_address(s, &at);
    assert_memory_equal(at.url, before, strlen(before));
    assert_int_equal(at.is_everywhere, is_everywhere);
}

static void clients_are_told_an_address_they_can_use(void **state)
{
    static const struct {
        const char *host;
        const char *url;
        bool is_everywhere;
    } rows[] = {
        {"127.0.0.1", "http://127.0.0.1:", false},
        {"127.1.2.3", "http://127.1.2.3:", false},
        {"0.0.0.0", "http://127.0.0.1:", true},
        {"::1", "http://[::1]:", false},
        {"::", "http://[::1]:", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct listen_socket s = opened(tcp(rows[i].host));
        struct proxy_address at;
        url_is(&s, rows[i].url, rows[i].is_everywhere);
        listen_socket_address(&s, &at);
        assert_null(strstr(at.url, ":0/"));
        assert_string_equal(at.url + strlen(at.url) - 3, "/v1");
        listen_socket_close(&s);
    }
    struct listen_socket s = opened(file());
    struct proxy_address at;
    listen_socket_address(&s, &at);
    assert_string_equal(at.url + strlen("unix:"), path);
    listen_socket_close(&s);
}

static void a_socket_is_neither_blocking_nor_inherited(void **state)
{
    const struct config_listen places[] = {tcp("127.0.0.1"), file()};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct listen_socket s = opened(places[i]);
        assert_true(fcntl(s.fd, F_GETFL) & O_NONBLOCK);
        assert_int_equal(fcntl(s.fd, F_GETFD), FD_CLOEXEC);
        listen_socket_close(&s);
    }
}

/* The window between the last accept(2) and close(2), in which a client would be reset. */
static void who_comes_after_the_stop_does_not_get_in_who_waits_does(void **state)
{
    const struct config_listen places[] = {tcp("127.0.0.1"), tcp("::1"), file()};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct listen_socket s = opened(places[i]);
        int early[3];
        int late;
        for (int j = 0; j < 3; j++) {
            assert_int_equal(begin_connect(&s, &early[j]), 0);
            assert_int_equal(send(early[j], "early", 5, 0), 5);
        }
        listen_socket_stop(&s);
        int r = begin_connect(&s, &late);
        if (s.is_unix)
            assert_int_equal(r, -ENOENT);
        else
            assert_false(is_connected(late));
        for (int j = 0; j < 3; j++) {
            assert_int_equal(send(early[j], "!", 1, 0), 1);
            accept_hears(&s, "early!");
            (void)close(early[j]);
        }
        assert_int_equal(accept(s.fd, NULL, NULL), -1);
        assert_int_equal(errno, EAGAIN);
        listen_socket_close(&s);
        (void)close(late);
    }
}

static void a_client_that_has_found_the_file_is_refused_after_the_stop(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)state;
    struct listen_socket s = opened(file());
    /* A second name stands for a client that has looked the first one up already. */
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/other", folder);
    assert_int_equal(link(path, address.sun_path), 0);
    listen_socket_stop(&s);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), -1);
    assert_int_equal(errno, ECONNREFUSED);
    (void)close(fd);
    (void)unlink(address.sun_path);
    listen_socket_close(&s);
}

static void a_busy_socket_counts_as_one_that_lives(void **state)
{
    struct config_listen where = file();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct listen_socket s;
    int fds[2];

    (void)state;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 0), 0); /* one may wait, for the next the queue is full */
    for (int i = 0; i < 2; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&address, sizeof address);
    }
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(listen_socket_open(&where, &s, &error), -EADDRINUSE);
    (void)close(fds[0]);
    (void)close(fds[1]);
    (void)close(fd);
    (void)unlink(path);
}

static void an_adopted_socket_keeps_its_file(void **state)
{
    struct listen_socket adopted;

    (void)state;
    struct listen_socket s = opened(file());
    listen_socket_adopt(dup(s.fd), &adopted);
    assert_true(adopted.is_unix && adopted.is_inherited);
    assert_string_equal(adopted.path, path);
    listen_socket_close(&adopted);
    assert_int_equal(access(path, F_OK), 0);
    listen_socket_close(&s);
    assert_int_equal(access(path, F_OK), -1);
}

static void an_abstract_name_is_shown_with_an_at_sign(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct listen_socket s;
    char name[32];

    (void)state;
    int used = snprintf(name, sizeof name, "test-%d", (int)getpid());
    memcpy(address.sun_path + 1, name, (size_t)used);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)used);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    listen_socket_adopt(fd, &s);
    assert_int_equal(s.path[0], '@');
    assert_string_equal(s.path + 1, name);
    listen_socket_close(&s);
}

static void errors_say_what_to_do(void **state)
{
    struct listen_socket s = opened(tcp("127.0.0.1"));
    struct config_listen taken = tcp("127.0.0.1");
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    struct listen_socket other = {.fd = -1};

    (void)state;
    assert_int_equal(getsockname(s.fd, (struct sockaddr *)&address, &len), 0);
    taken.port = ntohs(address.sin_port);
    assert_int_equal(listen_socket_open(&taken, &other, &error), -EADDRINUSE);
    assert_non_null(strstr(error.text, "ss -ltnp"));
    assert_int_equal(other.fd, -1);
    listen_socket_close(&s);
    struct config_listen elsewhere = tcp("203.0.113.9");
    assert_int_equal(listen_socket_open(&elsewhere, &other, &error), -EADDRNOTAVAIL);
    assert_non_null(strstr(error.text, "cannot listen on 203.0.113.9:0: "));
    struct config_listen v6 = tcp("2001:db8::9");
    assert_int_equal(listen_socket_open(&v6, &other, &error), -EADDRNOTAVAIL);
    assert_non_null(strstr(error.text, "cannot listen on [2001:db8::9]:0: "));
}

static int setup(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_SILENT);
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/x.sock", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder); /* fails when a test has left a socket behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_are_told_an_address_they_can_use),
        cmocka_unit_test(a_socket_is_neither_blocking_nor_inherited),
        cmocka_unit_test(who_comes_after_the_stop_does_not_get_in_who_waits_does),
        cmocka_unit_test(a_client_that_has_found_the_file_is_refused_after_the_stop),
        cmocka_unit_test(a_busy_socket_counts_as_one_that_lives),
        cmocka_unit_test(an_adopted_socket_keeps_its_file),
        cmocka_unit_test(an_abstract_name_is_shown_with_an_at_sign),
        cmocka_unit_test(errors_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
