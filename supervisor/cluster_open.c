/* cluster_open - from settings to a running cluster, and the rest of its outer face.
 *
 * What can fail comes first: homes, the gateway's port, our handles; then what needed root is
 * done, and [supervisor] user takes over. Nodes are added last, and started by the loop.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "supervisor/cluster_internal.h"
#include "supervisor/config_docker.h"
#include "supervisor/launch.h"
#include "supervisor/stale.h"

#define OUR_HANDLES 7 /* pump, timers, reaper, signals; memory adds itself */

static void add_nodes(struct cluster *c)
{
    for (unsigned slot = 0; slot < c->member_count; slot++)
        cluster_add_node(c, slot);
}

/* Nodes of ours live in the state directory; without one it only holds what is remembered, and
 * the cluster runs without memory where it cannot be used. */
int cluster_open_state(struct cluster *c, bool is_needed, struct error *ret_error)
{
    struct error error;
    int r = home_open_state(c->config->supervisor.state_dir, &c->child_host.ours, &c->lock_fd,
                            &error);

    if (r == 0)
        (void)stale_end(c->config->supervisor.state_dir);
    if (r == 0)
        return 0;
    if (is_needed) {
        *ret_error = error;
        return r;
    }
    log_warn("%s; nothing will be remembered for the next start", error.text);
    return 0;
}

/* Members for all nodes, and a home for each that is ours. */
static int make_members(struct cluster *c, struct error *ret_error)
{
    bool has_spawned = false;

    for (size_t i = 0; i < c->config->node_count; i++) {
        const struct config_node *n = &c->config->nodes[i];
        if (!n->enabled)
            continue;
        struct config_node *copy = cluster_copy_node(n);
        if (copy == NULL) {
            (void)snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
            return -ENOMEM;
        }
        c->members[c->member_count] =
            (struct cluster_member){.config = copy, .cluster = c, .index = c->member_count};
        c->member_count++;
        has_spawned = has_spawned || n->source == NODE_SPAWNED;
    }
    bool is_needless = c->member_count == 0 && !config_docker_is_on(c->config);
    int r = is_needless ? 0 : cluster_open_state(c, has_spawned, ret_error);
    for (unsigned slot = 0; slot < c->member_count && r == 0; slot++) {
        struct cluster_member *m = &c->members[slot];
        if (m->config->source == NODE_SPAWNED)
            r = cluster_make_child(c, m->config, slot, &m->child, ret_error);
    }
    return r;
}

static int open_handles(struct cluster *c, struct error *ret_error)
{
    int r = fetch_pool_new(c->loop, &c->pool);

    if (r == 0)
        r = reaper_open(&c->reaper, c->loop);
    if (r == 0)
        r = signals_open(&c->signals, c->loop, cluster_end_on_signal, c);
    if (r < 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text, "cannot start: %s",
                       uv_strerror(r));
        return r;
    }
    (void)uv_idle_init(c->loop, &c->pump); /* these five always succeed */
    (void)uv_timer_init(c->loop, &c->timer);
    (void)uv_timer_init(c->loop, &c->tick);
    (void)uv_timer_init(c->loop, &c->care);
    (void)uv_timer_init(c->loop, &c->turns);
    c->pump.data = c;
    c->timer.data = c;
    c->tick.data = c;
    c->care.data = c;
    c->turns.data = c;
    c->open_handles = OUR_HANDLES;
    return 0;
}

int cluster_open(uv_loop_t *loop, const struct config *config, struct cluster **ret_cluster,
                 struct error *ret_error)
{
    struct cluster *c = mem_alloc(1, sizeof *c);
    struct proxy_host host;
    uint64_t seed = 0;

    if (c == NULL) {
        (void)snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
        return -ENOMEM;
    }
    c->magic = CLUSTER_MAGIC;
    c->loop = loop;
    c->config = config;
    c->lock_fd = -1;
    c->held_by = NODES_MAX;
    cluster_child_host_init(c);
    oom_init(&c->oom);
    cluster_host_init(c, &host);
    (void)!getrandom(&seed, sizeof seed, 0); /* for jitter only */
    fleet_init(&c->fleet, config->supervisor.start_interval_ms, cluster_exit_on(config), seed);
    int r = cluster_self_find(c, ret_error);
    if (r == 0)
        r = make_members(c, ret_error);
    if (r == 0)
        r = cluster_self_note(c, ret_error);
    if (r == 0)
        r = proxy_open(loop, config, &host, &c->proxy, ret_error);
    if (r == 0)
        r = open_handles(c, ret_error);
    if (r == 0)
        r = cluster_self_become(c, ret_error);
    if (r < 0) {
        if (c->proxy == NULL)
            cluster_free(c); /* else its handles are in the loop: the process ends with them */
        return r;
    }
    cluster_memory_open(c);
    add_nodes(c);
    if (cluster_docker_open(c) < 0)
        log_error("out of memory: containers are not looked for");
    *ret_cluster = c;
    return 0;
}

void cluster_free(struct cluster *c)
{
    if (c == NULL)
        return;
    for (unsigned slot = 0; slot < c->member_count; slot++)
        cluster_free_member(c, slot);
    pidfile_close(&c->pidfile);
    if (c->lock_fd >= 0)
        (void)close(c->lock_fd);
    c->magic = 0;
    config_free(c->owned);
    buf_done(&c->setting);
    mem_free(c);
}

bool cluster_address(const struct cluster *c, unsigned i, struct proxy_address *ret_address)
{
    return proxy_address(c->proxy, i, ret_address);
}

/* Two that write the same file would rotate it away from each other. */
static const char *logfile_sharer(const struct config *config, size_t i)
{
    const char *file = config->nodes[i].logfile;

    if (file == NULL || strstr(file, "%(node_name)s") != NULL)
        return NULL;
    for (size_t j = 0; j < i; j++) {
        const struct config_node *n = &config->nodes[j];
        if (n->enabled && n->logfile != NULL && strcmp(n->logfile, file) == 0)
            return n->name;
    }
    return NULL;
}

/* False with a sentence. */
static bool check_node(const struct config *config, size_t i, struct error *ret_error)
{
    const struct config_node *n = &config->nodes[i];
    const char *sharer = logfile_sharer(config, i);

    if (!n->enabled || n->source != NODE_SPAWNED)
        return true;
    if (sharer == NULL)
        return launch_check(n, config->supervisor.state_dir, ret_error);
    (void)snprintf(ret_error->text, sizeof ret_error->text,
                   "node %s: logfile is that of node %s, each needs its own: put "
                   "%%(node_name)s into it, got '%.300s'",
                   n->name, sharer, n->logfile);
    return false;
}

int cluster_check(const struct config *config, struct buf *messages)
{
    int r = 0;

    for (size_t i = 0; i < config->node_count; i++) {
        struct error error;
        if (check_node(config, i, &error))
            continue;
        if (buf_printf(messages, "%s\n", error.text) < 0)
            return -ENOMEM;
        r = -EINVAL;
    }
    return r;
}

void cluster_panic(struct cluster *c)
{
    for (unsigned slot = 0; c != NULL && slot < c->member_count; slot++) {
        if (c->members[slot].child != NULL && child_has_process(c->members[slot].child))
            spawn_child_signal(&c->members[slot].child->process, SIGKILL);
    }
}
