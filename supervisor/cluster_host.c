/* cluster_host - what the proxy wants from the supervisor: a restart, and facts for /health.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "supervisor/usage.h"

static void on_node_restart(void *host, unsigned slot, const char *why)
{
    struct cluster *c = host;

    assert(c->magic == CLUSTER_MAGIC && slot < c->member_count);
    if (c->members[slot].child == NULL)
        return;
    (void)snprintf(c->members[slot].restart_why, REASON_MAX, "%s", why);
    cluster_post_node(c, FLEET_EVENT_RESTART, slot);
}

const char *cluster_twin(const struct cluster *c, unsigned slot)
{
    const struct child *child = c->members[slot].child;

    for (unsigned i = 0; i < c->member_count && child->account[0] != '\0'; i++) {
        const struct child *other = c->members[i].child;
        if (i != slot && other != NULL && strcasecmp(other->account, child->account) == 0)
            return other->config->name;
    }
    return NULL;
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static const char *state_word(const struct proc *p)
{
    if (p->state == PROC_DOWN && p->is_wanted)
        return proc_state_word(proc_needs_login(p) ? PROC_LOGIN : PROC_STARTING);
    return proc_state_word(p->state);
}

static bool on_node_process(void *host, unsigned slot, struct proxy_process_view *ret_view)
{
    const struct cluster *c = host;
    const struct proc *p = fleet_proc(&c->fleet, slot);

    if (p == NULL)
        return cluster_docker_process(c, slot, ret_view);
    const struct child *child = c->members[slot].child;
    *ret_view = (struct proxy_process_view){
        .state = state_word(p),
        .pid = child->process.pid,
        .uptime_ms = child->started_ms == 0 ? 0 : uv_now(c->loop) - child->started_ms,
        .restarts = child->starts > 0 ? child->starts - 1 : 0,
        .failures = p->backoff.failures,
        .login_place = fleet_login_place(&c->fleet, slot),
        .last_exit = or_null(child->problem),
        .account = or_null(child->account),
        .twin = cluster_twin(c, slot),
        .order = or_null(cluster_order_word(c, slot)),
        .problem = p->state == PROC_READY || child->problem[0] == '\0' ? NULL : child->problem,
    };
    return true;
}

static bool on_node_usage(void *host, unsigned slot, struct proxy_usage_view *ret_view)
{
    const struct cluster *c = host;
    const struct child *child = c->members[slot].child;
    struct usage usage;

    if (child == NULL || !child_has_process(child) || !usage_of(child->process.pid, &usage))
        return false;
    *ret_view = (struct proxy_usage_view){.resident_bytes = usage.resident_bytes,
                                          .cpu_ms = usage.cpu_ms};
    return true;
}

static bool on_login(void *host, unsigned i, struct proxy_login_view *ret_view)
{
    const struct cluster *c = host;

    for (unsigned slot = 0; slot < c->member_count; slot++) {
        const struct cluster_member *m = &c->members[slot];
        const struct proc *p = fleet_proc(&c->fleet, slot);
        if (p == NULL || p->state != PROC_LOGIN || i-- > 0)
            continue;
        *ret_view = (struct proxy_login_view){
            .node = m->config->name,
            .url = m->child->prompt.url,
            .code = m->child->prompt.code,
            .expires_at_ms = (int64_t)m->login_expires_at_ms,
        };
        return true;
    }
    return cluster_docker_login(c, i, ret_view);
}

static struct ring *ring_of(const struct cluster *c, unsigned slot)
{
    const struct child *child = c->members[slot].child;

    return child == NULL ? NULL : child->record.ring;
}

static uint64_t on_node_tail(void *host, unsigned slot, uint64_t lines)
{
    return ring_tail(ring_of(host, slot), lines);
}

static bool on_node_line(void *host, unsigned slot, uint64_t number,
                         struct proxy_line_view *ret_view)
{
    struct ring_line line;

    if (!ring_read(ring_of(host, slot), number, &line))
        return false;
    *ret_view = (struct proxy_line_view){
        .number = line.number,
        .at_ms = line.at_ms,
        .stream = line.stream,
        .text = line.text,
        .len = line.len,
    };
    return true;
}

static int on_order(void *host, unsigned slot, enum proxy_order order)
{
    static int (*const orders[])(struct cluster * c, unsigned slot) = {
        [PROXY_ORDER_START] = cluster_start,     [PROXY_ORDER_STOP] = cluster_stop,
        [PROXY_ORDER_RESTART] = cluster_restart, [PROXY_ORDER_LOGIN] = cluster_login,
        [PROXY_ORDER_ENABLE] = cluster_enable,   [PROXY_ORDER_DISABLE] = cluster_disable,
        [PROXY_ORDER_DRAIN] = cluster_drain,
    };
    _Static_assert(sizeof orders / sizeof orders[0] == PROXY_ORDER_COUNT, "a function each");

    return orders[order](host, slot);
}

static void on_reload(void *host, struct reload *result)
{
    cluster_reload(host, "api", result);
}

static bool on_setting(void *host, unsigned i, struct proxy_setting_view *ret_view)
{
    struct cluster *c = host;

    return config_list_at(c->config, i, &c->setting, ret_view);
}

void cluster_host_init(struct cluster *c, struct proxy_host *ret_host)
{
    *ret_host = (struct proxy_host){
        .host = c,
        .node_restart = on_node_restart,
        .node_process = on_node_process,
        .node_usage = on_node_usage,
        .login = on_login,
        .node_tail = on_node_tail,
        .node_line = on_node_line,
        .memory_changed = cluster_memory_changed,
        .closed = cluster_end_on_proxy_closed,
        .order = on_order,
        .reload = on_reload,
        .setting = on_setting,
        .control_path = control_path(c->config, c->control_path) == 0 ? c->control_path : NULL,
    };
}
