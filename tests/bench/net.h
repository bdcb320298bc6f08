/* net.h - sockets of the bench programs: loopback only, non-blocking, or the end.
 *
 * These are tools of one run: what goes wrong ends the program with a sentence on stderr and
 * exit 1. Nothing here leaves 127.0.0.1.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BENCH_NET_H
#define BENCH_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NET_NS_PER_S  UINT64_C(1000000000)
#define NET_NS_PER_MS UINT64_C(1000000)

/* The sentence on stderr, exit 1. */
_Noreturn void net_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A decimal number from 0 to `max`; anything else ends the program and names `what`. */
uint64_t net_number(const char *what, const char *text, uint64_t max);

/* Zeroed memory, never NULL. The caller frees, or the end of the program does. */
void *net_alloc(size_t count, size_t size);

/* Listens on 127.0.0.1 and says "listening" on stdout once connections are taken. */
int net_listen(uint16_t port);

/* The next waiting connection without Nagle, or -1 when none waits. */
int net_accept(int listening);

/* Connects without waiting for the outcome: a failure shows at the first read or write. */
int net_connect(uint16_t port);

/* Bytes read, 0 at the end of the stream or after a reset, -1 when there is nothing now. */
ssize_t net_read(int fd, char *at, size_t len);

/* Bytes written, 0 when the socket takes none now, -1 when the peer is gone. */
ssize_t net_write(int fd, const char *at, size_t len);

/* Adds the descriptor to the epoll set, or changes what it waits for. */
void net_watch(int epoll, int fd, uint32_t events, void *data, bool is_new);

/* Of the monotonic clock. */
uint64_t net_now_ns(void);

/* CPU time that a process has used, all its threads, those that have ended, too: the counter
 * behind utime + stime of /proc/PID/stat, without its rounding to 10 ms. */
uint64_t net_cpu_ns(pid_t pid);

#endif
