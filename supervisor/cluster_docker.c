/* cluster_docker - nodes that are containers: from what the engine says to nodes of the proxy.
 *
 * Each list is compared with the nodes that are there. A container is known by its id; one that
 * comes under the name of a node whose container is gone or has stopped takes that node over
 * (compose makes a new container for every change), with all that is known of the account.
 * Names: the compose service, else the container's; a second container of that name has its
 * own.
 *
 * A running container is asked for GET / until it answers, then it is up, and whatever fails
 * from then on is the proxy's affair. What Docker thinks of its health is only shown: the
 * ancestor's check calls a drained account unhealthy. A container that is gone gets no new
 * request; what still runs there has LEAVE_MS to end. While the engine does not answer nothing
 * changes: containers outlive their daemon.
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
#include "supervisor/core/docker_address.h"

#define TICK_MS          250
#define PROBE_TIMEOUT_MS 2000
#define PROBE_MS         250  /* between two, at first */
#define PROBE_SLOW_MS    5000 /* and once it has been silent for SILENCE_MS */
#define SILENCE_MS       30000
#define LEAVE_MS         5000

/* ---------------------------------------------------------------- up and down */

void cluster_docker_phase(struct docker_node *n, enum docker_phase phase)
{
    n->phase = phase;
    n->phase_ms = uv_now(n->owner->cluster->loop);
    n->is_silence_told = false;
    n->probe_ms = n->phase_ms;
    cluster_docker_wake(n->owner);
}

/* Once for each reason. */
static void tell_down(struct docker_node *n, enum proxy_down kind, const char *reason)
{
    char told[REASON_MAX];

    (void)snprintf(told, sizeof told, "%d %.150s", (int)kind, reason);
    if (strcmp(told, n->down) == 0)
        return;
    memcpy(n->down, told, sizeof told);
    log_info("node is not up: %s node=%s container=%.12s", reason, n->name, n->row.id);
    proxy_node_down(n->owner->cluster->proxy, n->slot, kind, 0, reason);
}

static void cancel_probe(struct docker_node *n)
{
    if (n->probe != NULL)
        fetch_cancel(n->probe);
    n->probe = NULL;
}

static void go_down(struct docker_node *n, enum proxy_down kind, const char *reason)
{
    cancel_probe(n);
    cluster_docker_forget(n);
    n->phase = DOCKER_PHASE_DOWN;
    tell_down(n, kind, reason);
}

static void on_probed(void *data, const struct fetch_result *result)
{
    struct docker_node *n = data;

    n->probe = NULL;
    if (result->error < 0 || result->status >= 500)
        return;
    n->has_code = false;
    n->down[0] = '\0';
    evidence_up(&n->evidence);
    cluster_docker_phase(n, DOCKER_PHASE_UP);
    log_info("node is up node=%s container=%.12s address=%s:%u", n->name, n->row.id, n->host,
             n->port);
    proxy_node_up(n->owner->cluster->proxy, n->slot, n->host, n->port);
}

static void probe(struct docker_node *n, uint64_t now_ms)
{
    char url[sizeof n->host + sizeof "http://[]:65535/"];
    const struct fetch_request request = {.url = url, .timeout_ms = PROBE_TIMEOUT_MS};
    bool is_v6 = strchr(n->host, ':') != NULL;

    if (n->probe != NULL || now_ms < n->probe_ms)
        return;
    n->probe_ms = now_ms + (now_ms - n->phase_ms > SILENCE_MS ? PROBE_SLOW_MS : PROBE_MS);
    (void)snprintf(url, sizeof url, is_v6 ? "http://[%s]:%u/" : "http://%s:%u/", n->host,
                   n->port);
    if (fetch_start(n->owner->cluster->pool, &request, on_probed, n, &n->probe) < 0)
        n->probe = NULL; /* the next tick tries again */
}

static void look_at_silence(struct docker_node *n, uint64_t now_ms)
{
    char reason[REASON_MAX];

    if (n->phase != DOCKER_PHASE_STARTING || n->is_silence_told ||
        now_ms - n->phase_ms < SILENCE_MS)
        return;
    n->is_silence_told = true;
    (void)snprintf(reason, sizeof reason, "container runs, but nothing answers at %.80s:%u",
                   n->host, n->port);
    tell_down(n, PROXY_DOWN_STOPPED, reason);
}

/* ---------------------------------------------------------------- one container */

static const char *choose_host(const struct docker_node *n, char reason[REASON_MAX])
{
    const struct cluster_docker *cd = n->owner;
    const struct docker_detail *own = docker_ourselves(cd->docker);
    const char *network = cd->cluster->config->docker.network;
    const char *names[DOCKER_NETWORKS_MAX], *addresses[DOCKER_NETWORKS_MAX];
    const char *ours[DOCKER_NETWORKS_MAX];

    for (unsigned i = 0; i < n->row.network_count; i++) {
        names[i] = n->row.networks[i].name;
        addresses[i] = n->row.networks[i].address;
    }
    for (unsigned i = 0; own != NULL && i < own->network_count; i++)
        ours[i] = own->networks[i];
    const struct docker_address_facts facts = {
        .name = n->row.name,
        .is_host_network = n->row.is_host_network,
        .is_guest = n->row.is_guest,
        .networks = names,
        .addresses = addresses,
        .network_count = n->row.network_count,
        .wanted = network == NULL ? "" : network,
        .our_networks = ours,
        .our_network_count = own == NULL ? 0 : own->network_count,
    };
    return docker_address_choose(&facts, reason);
}

/* From label copilot.url; false with a reason. */
static bool read_url(const struct docker_node *n, char host[DOCKER_URL_MAX], uint16_t *ret_port,
                     char reason[REASON_MAX])
{
    struct config_node url = {.enabled = true};
    struct error error = {"out of memory"};
    bool is_ok = config_node_set_url(&url, n->row.url, &error) == 0;

    if (is_ok) {
        (void)snprintf(host, DOCKER_URL_MAX, "%s", url.url_host);
        *ret_port = url.url_port;
    } else {
        (void)snprintf(reason, REASON_MAX, "label copilot.url %.120s", error.text);
    }
    config_node_done(&url);
    return is_ok;
}

/* Where it answers; false with a reason. */
static bool find_address(const struct docker_node *n, char host[DOCKER_URL_MAX],
                         uint16_t *ret_port, char reason[REASON_MAX])
{
    uint64_t port = (uint64_t)n->owner->cluster->config->docker.port;

    if (n->row.is_label_too_long) {
        (void)snprintf(reason, REASON_MAX, "label copilot.url or copilot.port is too long");
        return false;
    }
    if (n->row.url[0] != '\0')
        return read_url(n, host, ret_port, reason);
    if (n->row.port[0] != '\0' &&
        (!slice_to_u64(slice_of(n->row.port), UINT16_MAX, &port) || port == 0)) {
        (void)snprintf(reason, REASON_MAX, "label copilot.port must be 1..65535, got '%s'",
                       n->row.port);
        return false;
    }
    const char *chosen = choose_host(n, reason);
    if (chosen == NULL)
        return false;
    (void)snprintf(host, DOCKER_URL_MAX, "%s", chosen);
    *ret_port = (uint16_t)port;
    return true;
}

static void look_at_running(struct docker_node *n)
{
    char host[DOCKER_URL_MAX];
    char reason[REASON_MAX] = "";
    uint16_t port = 0;

    if (!find_address(n, host, &port, reason)) {
        go_down(n, PROXY_DOWN_STARTING, reason);
        return;
    }
    if (n->phase == DOCKER_PHASE_DOWN || strcmp(host, n->host) != 0 || port != n->port) {
        cancel_probe(n);
        memcpy(n->host, host, sizeof n->host);
        n->port = port;
        evidence_init(&n->evidence);
        cluster_docker_phase(n, DOCKER_PHASE_STARTING);
        tell_down(n, PROXY_DOWN_STARTING, "container has started, and does not answer yet");
    }
    cluster_docker_follow(n);
}

static void look_at(struct docker_node *n)
{
    char reason[REASON_MAX];

    switch (n->row.state) {
    case DOCKER_STATE_RUNNING:
        look_at_running(n);
        break;
    case DOCKER_STATE_PAUSED:
        go_down(n, PROXY_DOWN_STOPPED, "container is paused");
        break;
    case DOCKER_STATE_RESTARTING:
        (void)snprintf(reason, sizeof reason, "container restarts (%s)", n->row.status);
        go_down(n, PROXY_DOWN_BACKOFF, reason);
        break;
    case DOCKER_STATE_STOPPED:
        (void)snprintf(reason, sizeof reason, "container has stopped (%s)", n->row.status);
        go_down(n, PROXY_DOWN_STOPPED, reason);
        break;
    }
}

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
    cancel_probe(n);
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
    go_down(n, PROXY_DOWN_STARTING, "another container takes over");
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
            look_at(n);
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
            probe(n, now_ms);
            look_at_silence(n, now_ms);
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
        cancel_probe(&cd->nodes[i]);
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
