/* net - sockets of the bench programs: loopback only, non-blocking, or the end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 4096

void net_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

uint64_t net_number(const char *what, const char *text, uint64_t max)
{
    char *end;

    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || number > max)
        net_die("%s must be a number from 0 to %llu, got '%s'", what, (unsigned long long)max,
                text);
    return number;
}

void *net_alloc(size_t count, size_t size)
{
    void *block = calloc(count, size);
    if (block == NULL)
        net_die("out of memory");
    return block;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void set_nodelay(int fd)
{
    const int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int net_listen(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    const int on = 1;

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, BACKLOG) < 0)
        net_die("cannot listen on port %u: %s", port, strerror(errno));
    (void)printf("listening\n");
    (void)fflush(stdout);
    return fd;
}

int net_accept(int listening)
{
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        set_nodelay(fd);
    else if (errno != EAGAIN && errno != ECONNABORTED)
        net_die("accept: %s", strerror(errno));
    return fd;
}

int net_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        net_die("socket: %s", strerror(errno));
    set_nodelay(fd);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 &&
        errno != EINPROGRESS)
        net_die("cannot connect to port %u: %s", port, strerror(errno));
    return fd;
}

ssize_t net_read(int fd, char *at, size_t len)
{
    ssize_t n = recv(fd, at, len, 0);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? -1 : 0;
}

ssize_t net_write(int fd, const char *at, size_t len)
{
    ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    /* ENOTCONN: the connection is still on its way */
    return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? 0 : -1;
}

void net_watch(int epoll, int fd, uint32_t events, void *data, bool is_new)
{
    struct epoll_event event = {.events = events, .data.ptr = data};

    if (epoll_ctl(epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0)
        net_die("epoll_ctl: %s", strerror(errno));
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) < 0)
        net_die("clock_gettime: %s", strerror(errno));
    return (uint64_t)now.tv_sec * NET_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t net_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t net_cpu_ns(pid_t pid)
{
    clockid_t clock;

    int r = clock_getcpuclockid(pid, &clock);
    if (r != 0)
        net_die("process %ld has no CPU clock: %s", (long)pid, strerror(r));
    return read_clock(clock);
}
