/* listen_inherit - the listening sockets that systemd hands over (LISTEN_FDS).
 *
 * The protocol is sd_listen_fds(3), some lines of code and no reason to link libsystemd:
 * LISTEN_PID is our pid, LISTEN_FDS how many descriptors there are, from 3 on. A pid that is
 * not ours belongs to somebody who executed us without taking the variables away.
 *
 * SPDX-License-Identifier: MIT
 */
#include "listen_inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "slice.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static void forget_variables(void)
{
    static const char *const names[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
                                        "LISTEN_PIDFDID"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unsetenv(names[i]);
}

/* How many; 0 when they are not ours. */
static int read_variables(uint64_t *ret_count, struct error *ret_error)
{
    const char *pid_text = getenv("LISTEN_PID");
    const char *count_text = getenv("LISTEN_FDS");
    uint64_t pid;

    *ret_count = 0;
    if (pid_text == NULL || count_text == NULL)
        return 0;
    if (!slice_to_u64(slice_of(pid_text), INT32_MAX, &pid) || pid != (uint64_t)getpid())
        return 0;
    if (slice_to_u64(slice_of(count_text), INT32_MAX, ret_count))
        return 0;
    (void)snprintf(ret_error->text, sizeof ret_error->text,
                   "LISTEN_FDS must be the number of sockets that are handed over, got '%.40s'",
                   count_text);
    return -EINVAL;
}

static int get_option(int fd, int name)
{
    int value = -1;
    socklen_t len = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

/* Why the descriptor is of no use, or NULL. */
static const char *fault_of(int fd)
{
    int domain = get_option(fd, SO_DOMAIN);

    if (fcntl(fd, F_GETFD) < 0)
        return "is not open";
    if (domain < 0)
        return "is no socket";
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
        return "is neither TCP nor a unix socket";
    if (get_option(fd, SO_TYPE) != SOCK_STREAM)
        return "is no stream socket: the .socket unit needs ListenStream=";
    if (get_option(fd, SO_ACCEPTCONN) != 1)
        return "is a connection and does not listen: the .socket unit needs Accept=no";
    return NULL;
}

static int take(int count, int ret_fds[LISTENERS_MAX], struct error *ret_error)
{
    for (int i = 0; i < count; i++) {
        int fd = FIRST_FD + i;
        const char *fault = fault_of(fd);
        if (fault != NULL) {
            (void)snprintf(ret_error->text, sizeof ret_error->text,
                           "descriptor %d, handed over by LISTEN_FDS, %s", fd, fault);
            return -EINVAL;
        }
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        ret_fds[i] = fd;
    }
    return count;
}

int listen_inherit(int ret_fds[LISTENERS_MAX], struct error *ret_error)
{
    uint64_t count;
    int r = read_variables(&count, ret_error);

    if (r == 0 && count > LISTENERS_MAX) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "LISTEN_FDS hands over %llu sockets, there is room for %d",
                       (unsigned long long)count, LISTENERS_MAX);
        r = -E2BIG;
    }
    forget_variables();
    return r < 0 ? r : take((int)count, ret_fds, ret_error);
}
