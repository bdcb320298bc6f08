/* listen_socket - one listening socket: made from settings or taken over, and its end.
 *
 * A socket's end must not cost anybody an answer: connections that the kernel has completed
 * wait in the queue, and close(2) would reset them. So first the inflow is stopped (a filter
 * that drops SYN on TCP, shutdown(2) on a unix socket), then the queue is accepted to its end,
 * then it is closed. A client whose SYN was dropped sends it again after a second and finds the
 * port closed, or a successor.
 *
 * A unix socket is a file that outlives its process. When there is one already, connect(2)
 * tells whether somebody listens. It is removed at the end, unless it is another's by then.
 *
 * SPDX-License-Identifier: MIT
 */
#include "listen_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "proxy.h"

/* A peer that vanished without a word is given up after two minutes: a node may work for
 * minutes, and nobody need be there any more to hear the answer. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 15
#define KEEPALIVE_PROBES     4

#define SOCKET_MODE          0600 /* whoever may connect spends the owner's quota */
#define TCP_FLAGS_OFFSET     13   /* in the TCP header (RFC 9293 section 3.1) */
#define TCP_FLAG_SYN         2

_Static_assert(sizeof((struct sockaddr_un *)NULL)->sun_path == LISTEN_PATH_MAX + 1,
               "a path and its NUL fit");

/* ---------------------------------------------------------------- telling what is wrong */

/* What to do about it. Rows without words end the list. */
struct advice {
    int error;
    const char *words;
};

static const struct advice tcp_advice[] = {
    {EADDRINUSE, "; see which program has it with 'ss -ltnp', or choose another port with "
                 "[gateway] listen or GATEWAY_PORT"},
    {EACCES, "; take a port above 1023, or give the capability CAP_NET_BIND_SERVICE"},
    {EADDRNOTAVAIL, "; 'ip address' shows those that this machine has; 0.0.0.0 stands for all "
                    "of them, [::] for those of IPv6"},
    {EAFNOSUPPORT,
     "; this machine does not speak it: take the address out of [gateway] listen"},
    {0, NULL},
};
static const struct advice unix_advice[] = {
    {EADDRINUSE, "; another program listens there, or another copy of this one: choose another "
                 "path with [gateway] listen"},
    {EEXIST, "; what is there is no socket: move it away, or choose another path"},
    {ENOENT, "; make its directory first"},
    {ENOTDIR, "; what should be its directory is a file"},
    {EACCES, "; we must be able to write to its directory"},
    {EROFS, "; choose a place that can be written to, such as /run"},
    {0, NULL},
};

static void explain(const struct config_listen *where, int r, struct error *ret_error)
{
    bool is_unix = where->kind == CONFIG_LISTEN_UNIX;
    const struct advice *row = is_unix ? unix_advice : tcp_advice;
    char name[LISTEN_PATH_MAX + 16];

    while (row->words != NULL && row->error != -r)
        row++;
    if (is_unix)
        (void)snprintf(name, sizeof name, "unix:%s", where->host);
    else
        (void)snprintf(name, sizeof name,
                       strchr(where->host, ':') == NULL ? "%s:%u" : "[%s]:%u", where->host,
                       where->port);
    (void)snprintf(ret_error->text, sizeof ret_error->text, "cannot listen on %s: %s%s", name,
                   strerror(-r), row->words == NULL ? "" : row->words);
}

/* ---------------------------------------------------------------- TCP */

static socklen_t fill_tcp(const struct config_listen *where, struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)ret;

    *ret = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, where->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(where->port);
        return sizeof *v4;
    }
    (void)inet_pton(AF_INET6, where->host, &v6->sin6_addr); /* the settings were checked */
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(where->port);
    return sizeof *v6;
}

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* Connections inherit these from the socket that accepts them (Linux), so that nobody need set
 * them on each one. */
static void set_options_of_connections(int fd)
{
    (void)set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* chunks of a stream do not wait */
    (void)set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    (void)set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    (void)set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    (void)set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

static int open_tcp(const struct config_listen *where, struct listen_socket *s)
{
    struct sockaddr_storage address;
    socklen_t len = fill_tcp(where, &address);
    int r = 0;

    s->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return -errno;
    /* Connections of a predecessor that linger do not keep the port from us; a second program
     * that listens still does. */
    r = set_option(s->fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r == 0 && address.ss_family == AF_INET6) /* 0.0.0.0 can stand beside [::] */
        r = set_option(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (r == 0 && bind(s->fd, (struct sockaddr *)&address, len) < 0)
        r = -errno;
    if (r == 0)
        set_options_of_connections(s->fd);
    if (r == 0 && listen(s->fd, LISTEN_BACKLOG) < 0)
        r = -errno;
    return r;
}

/* ---------------------------------------------------------------- unix sockets */

static void fill_unix(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(ret->sun_path, sizeof ret->sun_path, "%s", path);
}

/* 0: nobody does, the file is what a dead process has left. */
static int check_nobody_listens(const struct sockaddr_un *address)
{
    struct stat st;
    int r = 0;

    if (lstat(address->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : -errno; /* it has gone in this moment */
    if (!S_ISSOCK(st.st_mode))
        return -EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN)
        r = -EADDRINUSE; /* EAGAIN: somebody does, and has much to do */
    else if (errno != ECONNREFUSED && errno != ENOENT)
        r = -errno;
    (void)close(fd);
    return r;
}

static int bind_unix(int fd, const struct sockaddr_un *address)
{
    /* Before bind(2) this is the mode that the file will have (Linux): at no moment may others
     * connect. */
    if (fchmod(fd, SOCKET_MODE) < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    int r = check_nobody_listens(address);
    if (r < 0)
        return r;
    if (unlink(address->sun_path) < 0 && errno != ENOENT)
        return -errno;
    log_info("a socket file that a former process has left is replaced path=%s",
             address->sun_path);
    return bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;
}

static int open_unix(const char *path, struct listen_socket *s)
{
    struct sockaddr_un address;
    struct stat st;

    fill_unix(path, &address);
    s->is_unix = true;
    (void)snprintf(s->path, sizeof s->path, "%s", path);
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return -errno;
    int r = bind_unix(s->fd, &address);
    if (r < 0)
        return r;
    s->has_file = stat(path, &st) == 0;
    s->device = st.st_dev;
    s->inode = st.st_ino;
    return listen(s->fd, LISTEN_BACKLOG) < 0 ? -errno : 0;
}

/* ---------------------------------------------------------------- life */

int listen_socket_open(const struct config_listen *where, struct listen_socket *ret_socket,
                       struct error *ret_error)
{
    struct listen_socket s = {.fd = -1};
    bool is_unix = where->kind == CONFIG_LISTEN_UNIX;

    int r = is_unix ? open_unix(where->host, &s) : open_tcp(where, &s);
    if (r == 0) {
        *ret_socket = s;
        return 0;
    }
    explain(where, r, ret_error);
    listen_socket_close(&s);
    return r;
}

void listen_socket_adopt(int fd, struct listen_socket *ret_socket)
{
    struct sockaddr_un address = {.sun_family = AF_UNSPEC};
    socklen_t len = sizeof address;

    *ret_socket = (struct listen_socket){.fd = fd, .is_inherited = true};
    (void)getsockname(fd, (struct sockaddr *)&address, &len);
    ret_socket->is_unix = address.sun_family == AF_UNIX;
    if (!ret_socket->is_unix) {
        set_options_of_connections(fd);
        return;
    }
    int used = (int)(len - offsetof(struct sockaddr_un, sun_path));
    if (used > 1 && address.sun_path[0] == '\0')
        address.sun_path[0] = '@'; /* how ss(8) and others show the NUL of an abstract name */
    (void)snprintf(ret_socket->path, sizeof ret_socket->path, "%.*s", used, address.sun_path);
}

static void remove_file(struct listen_socket *s)
{
    struct stat st;

    if (s->has_file && lstat(s->path, &st) == 0 && st.st_dev == s->device &&
        st.st_ino == s->inode)
        (void)unlink(s->path);
    s->has_file = false;
}

void listen_socket_stop(struct listen_socket *s)
{
    static struct sock_filter no_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS_OFFSET),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TCP_FLAG_SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {.len = sizeof no_syn / sizeof no_syn[0],
                                       .filter = no_syn};

    remove_file(s);
    /* Without it a client that comes between the last accept(2) and close(2) is reset. */
    int r = s->is_unix
                ? shutdown(s->fd, SHUT_RD)
                : setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
    if (r < 0)
        log_debug("a listening socket cannot be stopped before it is closed: %s",
                  strerror(errno));
}

void listen_socket_close(struct listen_socket *s)
{
    remove_file(s);
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

/* ---------------------------------------------------------------- for people */

static void tcp_address(const struct listen_socket *s, struct proxy_address *ret_address)
{
    struct sockaddr_storage address = {0};
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&address;
    socklen_t len = sizeof address;
    char host[INET6_ADDRSTRLEN] = "";

    (void)getsockname(s->fd, (struct sockaddr *)&address, &len);
    /* "Every interface" is no address to type into a client. */
    if (address.ss_family == AF_INET6) {
        ret_address->is_everywhere = IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
        const struct in6_addr *at =
            ret_address->is_everywhere ? &in6addr_loopback : &v6->sin6_addr;
        (void)inet_ntop(AF_INET6, at, host, sizeof host);
        (void)snprintf(ret_address->url, sizeof ret_address->url, "http://[%s]:%u/v1", host,
                       ntohs(v6->sin6_port));
        return;
    }
    ret_address->is_everywhere = v4->sin_addr.s_addr == htonl(INADDR_ANY);
    const struct in_addr at = {ret_address->is_everywhere ? htonl(INADDR_LOOPBACK)
                                                          : v4->sin_addr.s_addr};
    (void)inet_ntop(AF_INET, &at, host, sizeof host);
    (void)snprintf(ret_address->url, sizeof ret_address->url, "http://%s:%u/v1", host,
                   ntohs(v4->sin_port));
}

void listen_socket_address(const struct listen_socket *s, struct proxy_address *ret_address)
{
    *ret_address = (struct proxy_address){.is_everywhere = false};
    if (s->is_unix)
        (void)snprintf(ret_address->url, sizeof ret_address->url, "unix:%s", s->path);
    else
        tcp_address(s, ret_address);
}
