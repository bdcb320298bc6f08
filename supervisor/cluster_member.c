/* cluster_member - a node's place in the cluster: made, added, told other settings, freed.
 *
 * Each member has a copy of its settings of its own, and keeps those that its process was
 * started with as long as they are others: that is what a reload compares with.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <errno.h>
#include <stdio.h>

#include "mem.h"
#include "supervisor/config_node.h"

#define PROBE_INTERVAL_MS       100
#define LOGIN_PROBE_INTERVAL_MS 1000
#define REFUSED_APART_MS        60000 /* a hiccup of GitHub's login does not last so long */

static struct proc_policy policy_of(const struct config *config, const struct config_node *n)
{
    static const enum proc_autorestart autorestart[] = {
        [CONFIG_AUTORESTART_TRUE] = PROC_AUTORESTART_ALWAYS,
        [CONFIG_AUTORESTART_UNEXPECTED] = PROC_AUTORESTART_UNEXPECTED,
        [CONFIG_AUTORESTART_FALSE] = PROC_AUTORESTART_NEVER,
    };

    return (struct proc_policy){
        .start_timeout_ms = n->start_timeout_ms,
        .login_timeout_ms = config->auth.timeout_ms,
        .stopwait_ms = n->stopwait_ms,
        .restart_reset_ms = n->restart_reset_ms,
        .probe_interval_ms = PROBE_INTERVAL_MS,
        .login_probe_interval_ms = LOGIN_PROBE_INTERVAL_MS,
        .refused_apart_ms = REFUSED_APART_MS,
        .startsecs_ms = n->startsecs_ms,
        .drain_timeout_ms = n->drain_timeout_ms,
        .live_interval_ms = n->live_interval_ms,
        .max_age_ms = n->max_age_ms,
        .startretries = (uint32_t)n->startretries,
        .autorestart = autorestart[n->autorestart],
        .restart = {.delay_ms = n->restart_delay_ms,
                    .delay_max_ms = n->restart_delay_max_ms,
                    .factor = (uint32_t)n->restart_backoff,
                    .jitter = (uint32_t)n->restart_jitter},
    };
}

enum fleet_exit_on cluster_exit_on(const struct config *config)
{
    static const enum fleet_exit_on exit_on[] = {
        [CONFIG_EXIT_NEVER] = FLEET_EXIT_NEVER,
        [CONFIG_EXIT_ESSENTIAL] = FLEET_EXIT_ESSENTIAL,
        [CONFIG_EXIT_ALL] = FLEET_EXIT_ALL,
    };

    return exit_on[config->supervisor.exit_on];
}

struct config_node *cluster_copy_node(const struct config_node *n)
{
    struct config_node *copy = mem_alloc(1, sizeof *copy);

    if (copy != NULL && config_node_copy(n, copy) < 0) {
        mem_free(copy);
        return NULL;
    }
    return copy;
}

void cluster_free_node(struct config_node *n)
{
    if (n != NULL)
        config_node_done(n);
    mem_free(n);
}

int cluster_make_child(struct cluster *c, const struct config_node *n, unsigned slot,
                       struct child **ret_child, struct error *ret_error)
{
    struct child *child = mem_alloc(1, sizeof *child);

    if (child == NULL) {
        (void)snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
        return -ENOMEM;
    }
    int r = child_init(child, &c->child_host, n, slot, ret_error);
    if (r < 0) {
        cluster_free_child(child);
        return r;
    }
    *ret_child = child;
    return 0;
}

void cluster_free_child(struct child *child)
{
    if (child != NULL)
        child_done(child);
    mem_free(child);
}

void cluster_free_member(struct cluster *c, unsigned slot)
{
    struct cluster_member *m = &c->members[slot];

    if (m->running != m->config)
        cluster_free_node(m->running);
    cluster_free_node(m->config);
    cluster_free_child(m->child);
    *m = (struct cluster_member){0};
}

static void post_policy(struct cluster *c, unsigned slot, enum fleet_event_type type)
{
    const struct config_node *n = c->members[slot].config;

    cluster_post(c, (struct fleet_event){
                        .type = type,
                        .id = {.slot = (uint16_t)slot},
                        .has_token = child_has_token(c->members[slot].child),
                        .is_wanted = n->autostart,
                        .is_essential = n->essential,
                        .priority = (int32_t)n->priority,
                        .policy = policy_of(c->config, n),
                    });
}

void cluster_add_node(struct cluster *c, unsigned slot)
{
    struct cluster_member *m = &c->members[slot];
    const struct config_node *n = m->config;

    proxy_node_added(c->proxy, slot, n->name, n->source, n->token);
    if (m->child != NULL) {
        post_policy(c, slot, FLEET_EVENT_NODE_ADDED);
        return;
    }
    m->running = m->config;
    proxy_node_up(c->proxy, slot, n->url_host, n->url_port);
}

void cluster_post_policies(struct cluster *c)
{
    cluster_post(c, (struct fleet_event){
                        .type = FLEET_EVENT_RULES,
                        .start_interval_ms = c->config->supervisor.start_interval_ms,
                        .exit_on = cluster_exit_on(c->config),
                    });
    for (unsigned slot = 0; slot < c->member_count; slot++) {
        if (c->members[slot].child != NULL && !c->members[slot].is_gone)
            post_policy(c, slot, FLEET_EVENT_POLICY);
    }
}
