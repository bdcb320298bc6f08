/* cluster_orders - what people ask of one node: start, stop, restart, login, drain, disable.
 *
 * An order becomes one event of the fleet, which knows what it means in every state. External
 * nodes have no process: they can only be held and let go, which is told to the proxy.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <assert.h>
#include <errno.h>

static int check_order(const struct cluster *c, unsigned slot)
{
    assert(c->magic == CLUSTER_MAGIC);
    if (slot >= c->member_count || c->members[slot].config == NULL ||
        c->members[slot].is_leaving)
        return -ENOENT;
    return c->phase == CLUSTER_RUNNING ? 0 : -ESHUTDOWN;
}

static int order(struct cluster *c, unsigned slot, enum fleet_event_type type)
{
    int r = check_order(c, slot);

    if (r == 0 && c->members[slot].child == NULL)
        r = -ENOTSUP;
    if (r == 0)
        cluster_post_node(c, type, slot);
    return r;
}

/* Orders that start something do not reach a node that is disabled. */
static int order_start(struct cluster *c, unsigned slot, enum fleet_event_type type)
{
    if (slot < c->member_count && c->fleet.members[slot].is_disabled)
        return -EPERM;
    return order(c, slot, type);
}

/* `type` for a node of ours, else the hold. */
static int order_hold(struct cluster *c, unsigned slot, enum fleet_event_type type,
                      enum proxy_hold hold)
{
    int r = check_order(c, slot);

    if (r < 0 || c->members[slot].child != NULL)
        return r < 0 ? r : order(c, slot, type);
    c->members[slot].is_held = hold != PROXY_HOLD_NONE;
    proxy_node_hold(c->proxy, slot, hold);
    return 0;
}

int cluster_start(struct cluster *c, unsigned slot)
{
    return order_start(c, slot, FLEET_EVENT_START);
}

int cluster_stop(struct cluster *c, unsigned slot)
{
    return order(c, slot, FLEET_EVENT_RETIRE);
}

int cluster_restart(struct cluster *c, unsigned slot)
{
    return order_start(c, slot, FLEET_EVENT_CYCLE);
}

int cluster_login(struct cluster *c, unsigned slot)
{
    return order_start(c, slot, FLEET_EVENT_RELOGIN);
}

int cluster_drain(struct cluster *c, unsigned slot)
{
    return order_hold(c, slot, FLEET_EVENT_HOLD, PROXY_HOLD_KEEP);
}

int cluster_disable(struct cluster *c, unsigned slot)
{
    return order_hold(c, slot, FLEET_EVENT_DISABLE, PROXY_HOLD_KEEP);
}

int cluster_enable(struct cluster *c, unsigned slot)
{
    return order_hold(c, slot, FLEET_EVENT_ENABLE, PROXY_HOLD_NONE);
}

const char *cluster_order_word(const struct cluster *c, unsigned slot)
{
    const struct fleet_member *m = &c->fleet.members[slot];

    if (m->is_disabled)
        return "disabled";
    return m->is_held || c->members[slot].is_held ? "held" : "";
}
