/* proxy_change - what a reload changes while requests run: settings, order, nodes that leave.
 *
 * Whoever reads a setting reads it when it is needed, so that new ones are in force at once; a
 * timer that runs keeps the time that it was given.
 *
 * A node that is removed leaves all lists at once. Its slot stays taken until its last
 * connection has closed, for the connections point to it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy.h"

#include <assert.h>
#include <string.h>

#include "driver.h"
#include "listener.h"
#include "mem.h"
#include "shell.h"
#include "upstream.h"

bool proxy_knows_node(const struct proxy *p, unsigned slot)
{
    return p->nodes[slot].is_used && driver_engine(p->driver)->nodes[slot].is_used;
}

int proxy_index_of(const struct proxy *p, unsigned slot)
{
    for (unsigned i = 0; i < p->order_count; i++) {
        if (p->order[i] == slot)
            return (int)i;
    }
    return -1;
}

void proxy_reconfigure(struct proxy *p, const struct config *config)
{
    p->config = config;
    driver_policy_changed(p->driver);
    listener_reconfigure(p->listener);
}

/* The engine reads p->ranks when the event's turn comes. */
static void tell_order(struct proxy *p)
{
    struct failover_event ev = {.type = FAILOVER_ORDER, .ranks = p->ranks};

    for (unsigned i = 0; i < p->order_count; i++)
        p->ranks[p->order[i]] = i;
    driver_post_later(p->driver, &ev);
}

void proxy_nodes_ordered(struct proxy *p, const unsigned *slots, unsigned count)
{
    assert(count == p->order_count);
    for (unsigned i = 0; i < count; i++) {
        assert(slots[i] < NODES_MAX && p->nodes[slots[i]].is_used);
        p->order[i] = (uint16_t)slots[i];
    }
    tell_order(p);
}

void proxy_node_token(struct proxy *p, unsigned slot, const char *token)
{
    struct proxy_node *n = &p->nodes[slot];

    mem_free(n->token);
    n->token = mem_strdup(token); /* without it the node answers 401, and says so */
}

static void leave_order(struct proxy *p, unsigned slot)
{
    int index = proxy_index_of(p, slot);

    assert(index >= 0);
    unsigned after = p->order_count - (unsigned)index - 1;
    memmove(&p->order[index], &p->order[index + 1], after * sizeof p->order[0]);
    p->order_count--;
}

void proxy_node_removed(struct proxy *p, unsigned slot)
{
    struct proxy_node *n = &p->nodes[slot];
    struct failover_event ev = {.type = FAILOVER_NODE_REMOVED, .node = (uint16_t)slot};

    assert(n->is_used);
    if (n->source == NODE_DOCKER) /* containers come and go; settings are meant to stay */
        proxy_memory_keep(p, slot);
    n->is_used = false;
    n->is_leaving = true;
    n->is_up = false;
    leave_order(p, slot);
    if (p->poll != NULL && p->poll_node == slot) {
        fetch_cancel(p->poll);
        p->poll = NULL;
    }
    if (n->probe != NULL)
        fetch_cancel(n->probe);
    n->probe = NULL;
    mem_free(n->token);
    n->token = NULL;
    upstream_cut_all(n);
    driver_post_later(p->driver, &ev);
    tell_order(p);
}

void proxy_node_login(struct proxy *p, unsigned slot, const char *what)
{
    history_add(&p->history, "login",
                json_pack("{s:s, s:s}", "node", p->nodes[slot].name, "state", what));
}

bool proxy_node_is_active(const struct proxy *p, unsigned slot)
{
    return driver_engine(p->driver)->active == slot || proxy_node_busy(p, slot) > 0;
}

bool proxy_node_is_free(const struct proxy *p, unsigned slot)
{
    const struct proxy_node *n = &p->nodes[slot];

    if (n->is_used || driver_engine(p->driver)->nodes[slot].is_used)
        return false;
    return !n->is_leaving || (list_empty(&n->busy) && list_empty(&n->idle));
}
