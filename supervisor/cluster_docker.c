/* cluster_docker - nodes that are containers: from what the engine says to nodes of the proxy.
 *
 * Each list is compared with the nodes that are there. A container is known by its id; one that
 * comes under the name of a node whose container is gone or has stopped takes that node over
 * (compose makes a new container for every change), with all that is known of the account.
 * Names: the compose service, else the container's; a second container of that name has its
 * own.
 *
 * A container that is gone gets no new request; what still runs there has LEAVE_MS to end.
 * While the engine does not answer nothing changes: containers outlive their daemon. How one of
 * them is reached is in cluster_docker_node.c, its log and its codes in cluster_docker_login.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_docker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "supervisor/cluster_internal.h"
#include "supervisor/config_docker.h"
#include "supervisor/config_node.h"

#define TICK_MS  250
#define LEAVE_MS 5000

/* ---------------------------------------------------------------- names */

/* Into what a node may be called; odd bytes become dashes. */
static void make_name(const char *wanted, char name[NODE_NAME_MAX + 1])
{
    size_t len = 0;

    for (; wanted[len] != '\0' && len < NODE_NAME_MAX; len++) {
        char c = wanted[len];
        bool is_alnum =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        name[len] = is_alnum || (len > 0 && strchr("_.-", c) != NULL) ? c : '-';
    }
    name[len] = '\0';
    if (!config_node_name_is_valid(name))
        name[0] = 'c';
    name[len == 0 ? 1 : len] = '\0';
}

static struct docker_node *find_name(struct cluster_docker *cd, const char *name)
{
    for (unsigned i = 0; i < NODES_MAX; i++) {
        if (cd->nodes[i].owner != NULL && strcmp(cd->nodes[i].name, name) == 0)
            return &cd->nodes[i];
    }
    return NULL;
}

static bool is_configured(const struct cluster *c, const char *name)
{
    for (unsigned i = 0; i < c->member_count; i++) {
        const struct config_node *n = c->members[i].config;
        if (n != NULL && strcmp(n->name, name) == 0)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- coming and going */

static struct docker_node *find_listed(struct cluster_docker *cd,
                                       const struct docker_container *row)
{
    for (unsigned i = 0; i < NODES_MAX; i++) {
        struct docker_node *n = &cd->nodes[i];
        bool is_renamed = strcmp(n->row.service, row->service) != 0 ||
                          (row->service[0] == '\0' && strcmp(n->row.name, row->name) != 0);
        if (n->owner != NULL && !n->is_leaving && strcmp(n->row.id, row->id) == 0)
            return is_renamed ? NULL : n;
    }
    return NULL;
}

/* A slot from the upper end, and a place in our table; NULL when there is none. */
static struct docker_node *find_room(struct cluster_docker *cd)
{
    struct docker_node *room = NULL;

    for (unsigned i = 0; i < NODES_MAX && room == NULL; i++) {
        if (cd->nodes[i].owner == NULL)
            room = &cd->nodes[i];
    }
    for (unsigned slot = NODES_MAX; room != NULL && slot-- > cd->cluster->member_count;) {
        if (!proxy_node_is_free(cd->cluster->proxy, slot))
            continue;
        *room = (struct docker_node){.slot = slot};
        return room;
    }
    return NULL;
}

static void leave(struct docker_node *n)
{
    if (n->is_leaving)
        return;
    log_info("container is gone, its node leaves node=%s container=%.12s", n->name, n->row.id);
    cluster_docker_cancel_probe(n);
    cluster_docker_forget(n);
    n->is_leaving = true;
    n->leave_ms = uv_now(n->owner->cluster->loop) + LEAVE_MS;
    proxy_node_hold(n->owner->cluster->proxy, n->slot, PROXY_HOLD_STOP);
    cluster_docker_wake(n->owner);
}

/* Under the name of a node whose container is gone or has stopped. */
static void take_over(struct docker_node *n, const struct docker_container *row)
{
    log_info("another container takes the node over node=%s container=%.12s before=%.12s",
             n->name, row->id, n->row.id);
    cluster_docker_go_down(n, PROXY_DOWN_STARTING, "another container takes over");
    if (n->is_leaving)
        proxy_node_hold(n->owner->cluster->proxy, n->slot, PROXY_HOLD_NONE);
    n->is_leaving = false;
}

static struct docker_node *add(struct cluster_docker *cd, const struct docker_container *row,
                               const char *name)
{
    struct docker_node *n = find_room(cd);

    if (n == NULL) {
        if (!cd->is_crowd_told)
            log_warn("there are more containers than nodes can be, some are left out nodes=%d",
                     NODES_MAX);
        cd->is_crowd_told = true;
        return NULL;
    }
    n->owner = cd;
    (void)snprintf(n->name, sizeof n->name, "%s", name);
    prompt_init(&n->prompt);
    log_info("container found node=%s container=%.12s name=%s", n->name, row->id, row->name);
    proxy_node_added(cd->cluster->proxy, n->slot, n->name, NODE_DOCKER, NULL);
    return n;
}

/* The node for a container that has none yet; NULL when it gets none. */
static struct docker_node *find_place(struct cluster_docker *cd,
                                      const struct docker_container *row)
{
    const char *wishes[] = {row->service[0] != '\0' ? row->service : row->name, row->name};

    for (unsigned i = 0; i < 2; i++) {
        char name[NODE_NAME_MAX + 1];
        make_name(wishes[i], name);
        struct docker_node *n = find_name(cd, name);
        if (n == NULL && !is_configured(cd->cluster, name))
            return add(cd, row, name);
        if (n != NULL && !n->is_listed) {
            take_over(n, row);
            return n;
        }
        /* Left behind by compose in the middle of a change. */
        if (row->state == DOCKER_STATE_STOPPED)
            return NULL;
        if (n != NULL && n->row.state == DOCKER_STATE_STOPPED) {
            take_over(n, row);
            return n;
        }
    }
    log_debug("no name is left for a container name=%s", row->name);
    return NULL;
}

/* Of the settings; those that leave stand lowest. */
static unsigned append_members(const struct cluster *c, unsigned slots[NODES_MAX])
{
    unsigned count = 0;

    for (unsigned slot = 0; slot < c->member_count; slot++) {
        const struct cluster_member *m = &c->members[slot];
        if (m->config != NULL && m->is_leaving && !m->is_gone)
            slots[count++] = slot;
    }
    for (unsigned index = 0; index < NODES_MAX; index++) {
        for (unsigned slot = 0; slot < c->member_count; slot++) {
            const struct cluster_member *m = &c->members[slot];
            if (m->config != NULL && !m->is_leaving && m->index == index)
                slots[count++] = slot;
        }
    }
    return count;
}

void cluster_docker_order(const struct cluster *c)
{
    const struct cluster_docker *cd = c->docker;
    unsigned slots[NODES_MAX];
    unsigned count = append_members(c, slots);

    for (unsigned i = 0; cd != NULL && i < cd->order_count && count < NODES_MAX; i++)
        slots[count++] = cd->nodes[cd->order[i]].slot;
    proxy_nodes_ordered(c->proxy, slots, count);
}

static void note_order(struct cluster_docker *cd, const struct docker_list *list)
{
    cd->order_count = 0;
    for (unsigned i = 0; i < NODES_MAX; i++) {
        if (cd->nodes[i].owner != NULL && !cd->nodes[i].is_listed)
            cd->order[cd->order_count++] = i;
    }
    for (unsigned i = 0; i < list->count; i++) {
        for (unsigned at = 0; at < NODES_MAX; at++) {
            const struct docker_node *n = &cd->nodes[at];
            if (n->owner != NULL && n->is_listed && strcmp(n->row.id, list->rows[i].id) == 0)
                cd->order[cd->order_count++] = at;
        }
    }
    cluster_docker_order(cd->cluster);
}

static void take(struct docker_node *n, const struct docker_container *row)
{
    n->row = *row;
    n->is_listed = true;
}

static void on_list(void *data, const struct docker_list *list)
{
    struct cluster_docker *cd = data;
    struct docker_node *n;

    for (unsigned i = 0; i < NODES_MAX; i++)
        cd->nodes[i].is_listed = false;
    for (unsigned i = 0; i < list->count; i++) {
        n = find_listed(cd, &list->rows[i]);
        if (n != NULL)
            take(n, &list->rows[i]);
    }
    for (unsigned i = 0; i < list->count; i++) {
        if (find_listed(cd, &list->rows[i]) != NULL)
            continue;
        n = find_place(cd, &list->rows[i]);
        if (n != NULL)
            take(n, &list->rows[i]);
    }
    for (unsigned i = 0; i < NODES_MAX; i++) {
        n = &cd->nodes[i];
        if (n->owner != NULL && !n->is_listed)
            leave(n);
        else if (n->owner != NULL)
            cluster_docker_look_at(n);
    }
    if (list->left_out > 0 && !cd->is_crowd_told) {
        log_warn("there are more containers than nodes can be left_out=%u nodes=%d",
                 list->left_out, NODES_MAX);
        cd->is_crowd_told = true;
    }
    note_order(cd, list);
}

/* Logs end with the daemon; the containers may live on. */
static void on_lost(void *data)
{
    (void)data;
}

/* ---------------------------------------------------------------- the tick */

static void finish_leaving(struct docker_node *n, uint64_t now_ms)
{
    struct cluster_docker *cd = n->owner;

    if (proxy_node_busy(cd->cluster->proxy, n->slot) > 0 && now_ms < n->leave_ms)
        return;
    log_info("node is removed node=%s", n->name);
    proxy_node_removed(cd->cluster->proxy, n->slot);
    unsigned at = (unsigned)(n - cd->nodes);
    unsigned kept = 0;
    for (unsigned i = 0; i < cd->order_count; i++) {
        if (cd->order[i] != at)
            cd->order[kept++] = cd->order[i];
    }
    cd->order_count = kept;
    *n = (struct docker_node){0};
}

static void on_tick(uv_timer_t *timer)
{
    struct cluster_docker *cd = timer->data;
    uint64_t now_ms = uv_now(timer->loop);
    bool is_needed = false;

    for (unsigned i = 0; i < NODES_MAX; i++) {
        struct docker_node *n = &cd->nodes[i];
        if (n->owner == NULL)
            continue;
        if (n->is_leaving) {
            finish_leaving(n, now_ms);
        } else if (n->phase == DOCKER_PHASE_STARTING || n->phase == DOCKER_PHASE_LOGIN) {
            cluster_docker_await(n, now_ms);
        }
        if (n->owner != NULL && !n->is_leaving)
            cluster_docker_look_code(n);
        is_needed = is_needed || n->is_leaving || n->phase == DOCKER_PHASE_STARTING ||
                    n->phase == DOCKER_PHASE_LOGIN;
    }
    if (!is_needed)
        (void)uv_timer_stop(timer);
}

void cluster_docker_wake(struct cluster_docker *cd)
{
    if (!cd->is_closing && !uv_is_active((uv_handle_t *)&cd->tick))
        (void)uv_timer_start(&cd->tick, on_tick, TICK_MS / 10, TICK_MS);
}

/* ---------------------------------------------------------------- outside */

int cluster_docker_open(struct cluster *c)
{
    const struct config *config = c->config;

    if (!config_docker_is_on(config))
        return 0;
    struct cluster_docker *cd = mem_alloc(1, sizeof *cd);
    if (cd == NULL)
        return -ENOMEM;
    const struct docker_host host = {.data = cd, .on_list = on_list, .on_lost = on_lost};
    cd->cluster = c;
    int r = docker_open(c->loop, c->pool, &config->docker, &host, &cd->docker);
    if (r < 0) {
        mem_free(cd);
        return r;
    }
    (void)uv_timer_init(c->loop, &cd->tick);
    cd->tick.data = cd;
    c->open_handles += 2;
    c->docker = cd;
    return 0;
}

static void on_tick_closed(uv_handle_t *handle)
{
    struct cluster_docker *cd = handle->data;
    struct cluster *c = cd->cluster;

    c->docker = NULL;
    mem_free(cd);
    c->docker_closed(c);
}

void cluster_docker_close(struct cluster *c, void (*on_closed)(void *data))
{
    struct cluster_docker *cd = c->docker;

    if (cd == NULL || cd->is_closing)
        return;
    cd->is_closing = true;
    c->docker_closed = on_closed;
    for (unsigned i = 0; i < NODES_MAX; i++) {
        if (cd->nodes[i].owner == NULL)
            continue;
        cluster_docker_cancel_probe(&cd->nodes[i]);
        cluster_docker_forget(&cd->nodes[i]);
    }
    docker_close(cd->docker, on_closed, c);
    uv_close((uv_handle_t *)&cd->tick, on_tick_closed);
}

void cluster_docker_reconfigure(struct cluster *c)
{
    if (c->docker != NULL)
        docker_reconfigure(c->docker->docker, &c->config->docker);
}

bool cluster_docker_process(const struct cluster *c, unsigned slot,
                            struct proxy_process_view *ret_view)
{
    static const char *const words[] = {
        [DOCKER_PHASE_DOWN] = "stopped",
        [DOCKER_PHASE_STARTING] = "starting",
        [DOCKER_PHASE_LOGIN] = "login",
        [DOCKER_PHASE_UP] = "up",
    };
    const struct cluster_docker *cd = c->docker;

    for (unsigned i = 0; cd != NULL && i < NODES_MAX; i++) {
        const struct docker_node *n = &cd->nodes[i];
        if (n->owner == NULL || n->slot != slot)
            continue;
        /* "Up 3 hours" is old soon; "Up 3 hours (unhealthy)" is worth a look. */
        bool is_plain = n->row.status[0] == '\0' || (n->row.state == DOCKER_STATE_RUNNING &&
                                                     strchr(n->row.status, '(') == NULL);
        *ret_view = (struct proxy_process_view){
            .state = words[n->phase],
            .problem = is_plain ? NULL : n->row.status,
        };
        return true;
    }
    return false;
}
