/* proxy_memory - what the proxy knows, to and from the text that survives a restart.
 *
 * The codec is memory.c; here its values are gathered from the engine, the nodes and the
 * journal. What was recalled stays in `recalled` for the nodes that are added later, and the
 * event that gives it to the engine borrows from there (proxy_node_added()).
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy.h"

#include <errno.h>
#include <stdio.h>

#include "driver.h"
#include "mem.h"
#include "memory.h"
#include "shell.h"

#define FAR_MS (UINT64_C(1000) * 366 * 24 * 3600 * 1000) /* "never" must be a date as well */

static int64_t moment(int64_t now_ms, uint64_t in_ms)
{
    return in_ms == 0 ? 0 : now_ms + (int64_t)(in_ms < FAR_MS ? in_ms : FAR_MS);
}

static void remember_node(const struct proxy *p, uint16_t slot, struct memory *m)
{
    const struct proxy_node *n = &p->nodes[slot];
    struct memory_node *known = &m->nodes[m->node_count++];
    struct failover_memory facts;

    failover_remember(driver_engine(p->driver), slot, uv_now(p->loop), &facts);
    *known = (struct memory_node){
        .is_drained = facts.is_drained,
        .cause = facts.cause,
        .limited_until_ms = moment(m->written_ms, facts.limited_in_ms),
        .hold_until_ms = moment(m->written_ms, facts.hold_in_ms),
        .has_quota = n->has_quota && facts.has_usage,
        .quota = n->quota,
        .quota_wall_ms = n->quota_wall_ms,
        .reset_ms = moment(m->written_ms, facts.usage.reset_in_ms),
        .estimate_milli = facts.estimate_milli,
        .estimate_wall_ms = n->estimate_wall_ms,
    };
    known->quota.usage = facts.usage;
    (void)snprintf(known->name, sizeof known->name, "%s", n->name);
    if (facts.is_active)
        (void)snprintf(m->active, sizeof m->active, "%s", n->name);
}

/* A place for one more: an entry of that name, a free one, or one that was used up. */
static unsigned find_place(const struct memory *m, const char *name)
{
    unsigned place = m->node_count;

    for (unsigned i = 0; i < m->node_count; i++) {
        if (strcmp(m->nodes[i].name, name) == 0)
            return i;
        if (m->nodes[i].is_taken)
            place = i;
    }
    return place < NODES_MAX ? place : 0;
}

void proxy_memory_keep(struct proxy *p, unsigned slot)
{
    struct memory *now = mem_alloc(1, sizeof *now);

    if (p->recalled == NULL)
        p->recalled = mem_alloc(1, sizeof *p->recalled);
    struct memory *m = p->recalled;
    if (now != NULL && m != NULL && driver_engine(p->driver)->nodes[slot].is_used) {
        now->written_ms = proxy_wall_ms();
        remember_node(p, (uint16_t)slot, now);
        unsigned place = find_place(m, now->nodes[0].name);
        m->nodes[place] = now->nodes[0];
        if (place == m->node_count)
            m->node_count++;
        m->written_ms = now->written_ms;
        if (strcmp(m->active, now->nodes[0].name) == 0)
            m->active[0] = '\0'; /* who returns does not take the baton back */
    }
    mem_free(now);
}

int proxy_remember(const struct proxy *p, struct buf *out)
{
    struct memory *m = mem_alloc(1, sizeof *m);

    if (m == NULL)
        return -ENOMEM;
    m->written_ms = proxy_wall_ms();
    for (uint16_t i = 0; i < p->node_count; i++) {
        const struct memory_node *before = memory_find(p->recalled, p->nodes[i].name);
        if (!p->nodes[i].is_used)
            continue;
        if (driver_engine(p->driver)->nodes[i].is_used)
            remember_node(p, i, m);
        else if (before != NULL) /* added a moment ago: the engine will hear of it */
            m->nodes[m->node_count++] = *before;
    }
    int r = memory_print(m, &p->journal, out);
    mem_free(m);
    return r;
}

int proxy_recall(struct proxy *p, struct slice json)
{
    struct memory *m = mem_alloc(1, sizeof *m);
    int r = m == NULL ? -ENOMEM : memory_parse(json, m, &p->journal);

    if (r < 0) {
        p->journal = (struct journal){0};
        mem_free(m);
        return r;
    }
    mem_free(p->recalled);
    p->recalled = m;
    return 0;
}

int64_t proxy_memory_version(struct slice json)
{
    return memory_version(json);
}
