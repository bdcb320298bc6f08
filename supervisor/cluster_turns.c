/* cluster_turns - after a reload: nodes that need another process, or leave, one at a time.
 *
 * A timer looks at the whole while anything is left to do. Each look takes the facts (what a
 * process was started with, what the settings say, who is up, who serves), lets roll.c choose,
 * and gives the order; the fleet drains, ends and starts. Nothing is remembered that can be
 * looked up, so that restarts which happen meanwhile for other reasons count, too.
 *
 * An external node has no process: its "restart" is another address, its end a drain.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <assert.h>

#include "log.h"
#include "mem.h"
#include "supervisor/config_diff.h"
#include "supervisor/core/roll.h"

#define LOOK_MS 50

static bool is_stale(const struct cluster_member *m)
{
    return m->running != NULL && m->running != m->config &&
           config_diff_node(m->running, m->config, CONFIG_EFFECT_RESTART_NODE);
}

static bool is_alive(const struct cluster *c, unsigned slot)
{
    const struct proc *p = fleet_proc(&c->fleet, slot);

    return p != NULL && proc_is_alive(p);
}

/* It has come as far as it comes by itself. */
static bool has_settled(const struct proc *p)
{
    switch (p->state) {
    case PROC_STARTING:
    case PROC_DRAINING:
    case PROC_STOPPING:
    case PROC_KILLING:
        return false;
    case PROC_DOWN:
        return !p->is_wanted || proc_needs_login(p);
    case PROC_LOGIN:
    case PROC_READY:
    case PROC_BACKOFF:
    case PROC_EXITED:
    case PROC_FATAL:
    case PROC_STATE_COUNT:
        break;
    }
    return true;
}

/* It dies, again and again. Not: it waits for a human, or somebody has stopped it. */
static bool is_failing(const struct proc *p)
{
    return p->state == PROC_BACKOFF || p->state == PROC_STARTING || p->state == PROC_FATAL;
}

static void look_at_spawned(struct cluster *c, unsigned slot, struct roll_node *ret_node)
{
    struct cluster_member *m = &c->members[slot];
    const struct proc *p = fleet_proc(&c->fleet, slot);

    if (p == NULL)
        return;
    bool is_due = proc_is_alive(p) && is_stale(m);
    if (m->is_turn && !is_due && has_settled(p) && !m->is_leaving)
        m->is_turn = false;
    if (p->state == PROC_READY && !is_due)
        m->was_up = false;
    ret_node->is_up = p->state == PROC_READY;
    ret_node->has_failed = m->was_up && !m->is_turn && is_failing(p);
    ret_node->task = is_due ? ROLL_RESTART : ROLL_NOTHING;
}

static void look(struct cluster *c, struct roll_node nodes[NODES_MAX])
{
    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        struct cluster_member *m = &c->members[slot];
        nodes[slot] = (struct roll_node){0};
        if (slot >= c->member_count || m->config == NULL)
            continue;
        if (m->child != NULL) {
            look_at_spawned(c, slot, &nodes[slot]);
        } else {
            nodes[slot].is_up = true;
            nodes[slot].task = is_stale(m) ? ROLL_RESTART : ROLL_NOTHING;
        }
        if (m->is_leaving)
            nodes[slot].task = ROLL_REMOVE;
        nodes[slot].is_taken_up = m->is_turn;
        nodes[slot].is_active = proxy_node_is_active(c->proxy, slot);
        nodes[slot].rank = m->index;
    }
}

/* ---------------------------------------------------------------- turns */

static void free_member(struct cluster *c, unsigned slot)
{
    log_info("node is removed node=%s", c->members[slot].config->name);
    cluster_free_member(c, slot);
}

/* Nobody is served there any more: out of the fleet, out of the proxy, out of the table. */
static void go(struct cluster *c, unsigned slot)
{
    struct cluster_member *m = &c->members[slot];

    if (!m->is_gone) {
        m->is_gone = true;
        if (m->child != NULL)
            cluster_post_node(c, FLEET_EVENT_NODE_REMOVED, slot);
        proxy_node_removed(c->proxy, slot);
    } else if (fleet_proc(&c->fleet, slot) == NULL && proxy_node_is_free(c->proxy, slot)) {
        free_member(c, slot);
    }
}

static void move_external(struct cluster *c, unsigned slot)
{
    struct cluster_member *m = &c->members[slot];

    if (m->running != m->config)
        cluster_free_node(m->running);
    m->running = m->config;
    log_info("node has another address node=%s url=%s", m->config->name, m->config->url);
    proxy_node_down(c->proxy, slot, PROXY_DOWN_STARTING, 0, NULL);
    proxy_node_up(c->proxy, slot, m->config->url_host, m->config->url_port);
    proxy_node_hold(c->proxy, slot, m->is_held ? PROXY_HOLD_KEEP : PROXY_HOLD_NONE);
    m->is_turn = false;
}

static void carry_on_external(struct cluster *c, unsigned slot)
{
    struct cluster_member *m = &c->members[slot];
    uint64_t until_ms = m->turn_since_ms + m->config->drain_timeout_ms;

    if (!m->is_gone && proxy_node_busy(c->proxy, slot) > 0 && uv_now(c->loop) < until_ms)
        return;
    if (m->is_leaving)
        go(c, slot);
    else
        move_external(c, slot);
}

/* Orders are idempotent, and given again while what they were for has not begun: somebody may
 * have started the node in between. */
static void carry_on_spawned(struct cluster *c, unsigned slot)
{
    struct cluster_member *m = &c->members[slot];
    const struct proc *p = fleet_proc(&c->fleet, slot);
    bool is_ending = p != NULL && (p->state == PROC_DRAINING || p->state == PROC_STOPPING ||
                                   p->state == PROC_KILLING);

    if (m->is_leaving && !is_alive(c, slot) && (p == NULL || !p->is_wanted))
        go(c, slot);
    else if (m->is_leaving && p != NULL && (!is_ending || p->is_wanted))
        cluster_post_node(c, FLEET_EVENT_RETIRE, slot);
    else if (!m->is_leaving && !is_ending && is_alive(c, slot) && is_stale(m))
        cluster_post_node(c, FLEET_EVENT_CYCLE, slot);
}

static void carry_on(struct cluster *c, unsigned slot)
{
    if (c->members[slot].child != NULL)
        carry_on_spawned(c, slot);
    else
        carry_on_external(c, slot);
}

static void begin(struct cluster *c, unsigned slot, const struct roll_node *node)
{
    struct cluster_member *m = &c->members[slot];

    m->is_turn = true;
    m->turn_since_ms = uv_now(c->loop);
    m->was_up = node->is_up;
    log_info(m->is_leaving ? "reload: the node leaves node=%s"
                           : "reload: the node starts anew with its new settings node=%s",
             m->config->name);
    if (m->child == NULL)
        proxy_node_hold(c->proxy, slot, m->is_leaving ? PROXY_HOLD_STOP : PROXY_HOLD_RESTART);
    carry_on(c, slot);
}

static void tell_held(struct cluster *c, unsigned held_by)
{
    if (held_by == c->held_by)
        return;
    c->held_by = held_by;
    if (held_by != NODES_MAX)
        log_warn("reload: nodes that are up wait, for this one does not come up with its new "
                 "settings; mend them and reload again node=%s",
                 c->members[held_by].config->name);
}

static void on_look(uv_timer_t *handle)
{
    struct cluster *c = handle->data;
    struct roll_node nodes[NODES_MAX];
    unsigned held_by;

    assert(c->magic == CLUSTER_MAGIC);
    if (c->phase != CLUSTER_RUNNING) {
        (void)uv_timer_stop(handle);
        return;
    }
    for (unsigned slot = 0; slot < c->member_count; slot++) {
        if (c->members[slot].config != NULL && c->members[slot].is_turn)
            carry_on(c, slot);
    }
    look(c, nodes);
    unsigned next = roll_next(nodes, &held_by);
    tell_held(c, held_by);
    if (next != NODES_MAX)
        begin(c, next, &nodes[next]);
    else if (roll_is_over(nodes)) {
        (void)uv_timer_stop(handle);
        log_info("reload: all nodes run with their new settings");
    }
}

void cluster_turns_start(struct cluster *c)
{
    struct roll_node nodes[NODES_MAX];

    look(c, nodes);
    if (!roll_is_over(nodes))
        (void)uv_timer_start(&c->turns, on_look, 0, LOOK_MS);
}

bool cluster_is_reloading(const struct cluster *c)
{
    return uv_is_active((const uv_handle_t *)&c->turns);
}

/* A node that is down but shall run has nothing to lose. */
void cluster_turns_changed(struct cluster *c, unsigned slot, struct reload *result)
{
    struct cluster_member *m = &c->members[slot];
    const struct proc *p = fleet_proc(&c->fleet, slot);

    m->was_up = false; /* whatever was wrong may be mended now */
    if (m->child == NULL || is_alive(c, slot)) {
        if (is_stale(m))
            reload_add(result, RELOAD_RESTARTED, "%s", m->config->name);
        return;
    }
    reload_add(result, RELOAD_APPLIED, "the settings of %s, for its next start",
               m->config->name);
    if (p != NULL && (p->state == PROC_BACKOFF || p->state == PROC_FATAL))
        cluster_post_node(c, FLEET_EVENT_START, slot);
}

void cluster_turns_started(struct cluster *c, unsigned slot)
{
    struct cluster_member *m = &c->members[slot];

    if (m->running != m->config)
        cluster_free_node(m->running);
    m->running = m->config;
}
