/* listener_open - from settings, or from systemd, to sockets that listen.
 *
 * All of them or none: a gateway that some of its clients cannot find is not started.
 *
 * SPDX-License-Identifier: MIT
 */
#include "listener_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "listen_inherit.h"
#include "log.h"
#include "mem.h"

/* Descriptors: one for a client and one for its node; ours, and a node's pipes and pidfd. */
#define DESCRIPTORS_OURS   (64 + LEAVING_MAX)
#define DESCRIPTORS_A_NODE 8

/* Takes the socket, on failure too. */
static int add(struct listener *l, const struct listen_socket *s)
{
    struct entrance *e = &l->entrances[l->count];

    *e = (struct entrance){.magic = ENTRANCE_MAGIC, .listener = l, .socket = *s};
    int r = uv_poll_init(l->proxy->loop, &e->poll, s->fd);
    if (r < 0) {
        listen_socket_close(&e->socket);
        return r;
    }
    e->poll.data = e;
    l->handles++;
    l->count++;
    return 0;
}

/* Takes the descriptors, on failure too. */
static int add_inherited(struct listener *l, const int *fds, int count, struct error *ret_error)
{
    int r = 0;

    for (int i = 0; i < count; i++) {
        struct listen_socket s;
        listen_socket_adopt(fds[i], &s);
        if (r == 0)
            r = add(l, &s);
        else
            listen_socket_close(&s);
    }
    if (r < 0)
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "cannot listen on the sockets of systemd: %s", strerror(-r));
    return r;
}

static int add_own(struct listener *l, const struct config_listen *where,
                   struct error *ret_error)
{
    struct listen_socket s;

    if (l->count == LISTENERS_MAX) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "the sockets of systemd and the addresses of [gateway] listen are more "
                       "than %d together",
                       LISTENERS_MAX);
        return -E2BIG;
    }
    int r = listen_socket_open(where, &s, ret_error);
    if (r < 0)
        return r;
    r = add(l, &s);
    if (r < 0)
        (void)snprintf(ret_error->text, sizeof ret_error->text, "cannot listen: %s",
                       strerror(-r));
    return r;
}

static bool is_systemd_named(const struct config_listens *listens)
{
    for (size_t i = 0; i < listens->count; i++) {
        if (listens->at[i].kind == CONFIG_LISTEN_SYSTEMD)
            return true;
    }
    return false;
}

static int add_listed(struct listener *l, const int *fds, int count, struct error *ret_error)
{
    const struct config_listens *listens = &l->proxy->config->gateway.listen;
    int r = 0;

    for (size_t i = 0; r == 0 && i < listens->count; i++) {
        const struct config_listen *where = &listens->at[i];
        r = where->kind == CONFIG_LISTEN_SYSTEMD ? add_inherited(l, fds, count, ret_error)
                                                 : add_own(l, where, ret_error);
    }
    return r;
}

/* Settings that name systemd get its sockets beside the others. Else its sockets replace them:
 * who writes a .socket unit means that one. */
static int add_all(struct listener *l, struct error *ret_error)
{
    bool is_named = is_systemd_named(&l->proxy->config->gateway.listen);
    int fds[LISTENERS_MAX];

    int count = listen_inherit(fds, ret_error);
    if (count < 0)
        return count;
    if (is_named && count == 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "[gateway] listen has systemd, but no socket was handed over: start the "
                       ".socket unit, which starts the service, or put an address there");
        return -ENOTCONN;
    }
    if (is_named || count == 0)
        return add_listed(l, fds, count, ret_error);
    log_info("sockets of systemd are used in place of [gateway] listen count=%d", count);
    return add_inherited(l, fds, count, ret_error);
}

/* Clients that leave no descriptor for the connections to nodes would fail all together. */
static unsigned room_for(const struct config *config)
{
    unsigned wanted = (unsigned)config->gateway.connections_max;
    unsigned ours = DESCRIPTORS_OURS + DESCRIPTORS_A_NODE * (unsigned)config->node_count;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= ours + 2 * (rlim_t)wanted)
        return wanted;
    unsigned have = (unsigned)limit.rlim_cur;
    unsigned room = have > ours + 2 ? (have - ours) / 2 : 1;
    log_warn("connections_max = %u needs %u descriptors, the limit is %u: the gateway takes %u "
             "connections at once; raise LimitNOFILE= or ulimit -n",
             wanted, ours + 2 * wanted, have, room);
    return room;
}

/* Without it everything works but the command line. */
static void add_control(struct listener *l)
{
    struct config_listen where = {.kind = CONFIG_LISTEN_UNIX};
    struct listen_socket s;
    struct error error = {""};

    if (l->proxy->control_path == NULL)
        return;
    (void)snprintf(where.host, sizeof where.host, "%s", l->proxy->control_path);
    int r = listen_socket_open(&where, &s, &error);
    if (r == 0)
        r = add(l, &s);
    if (r < 0)
        log_warn("there is no control socket, so that status, reload and their like do not "
                 "work: %s",
                 error.text[0] != '\0' ? error.text : strerror(-r));
    else
        l->entrances[l->count - 1].is_control = true;
}

void listener_reconfigure(struct listener *l)
{
    l->room = room_for(l->proxy->config);
    listener_resume(l);
}

int listener_open(struct proxy *p, struct listener **ret_listener, struct error *ret_error)
{
    struct listener *l = mem_alloc(1, sizeof *l);
    if (l == NULL)
        return -ENOMEM;
    l->proxy = p;
    l->room = room_for(p->config);
    (void)uv_timer_init(p->loop, &l->retry);
    l->retry.data = l;
    l->handles = 1;
    *ret_listener = l; /* has handles now: freed when they have closed, on failure too */
    int r = add_all(l, ret_error);
    if (r == 0)
        add_control(l);
    if (r == 0)
        listener_start(l);
    return r;
}
