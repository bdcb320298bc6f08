/* cluster_care - looks after the processes that serve: who is idle, and who is too large.
 *
 * One timer, which runs only while there is something to look at: every 20 ms while a process
 * drains, every second while a restart is due, every five while some node has a memory_max.
 * What a look shows becomes an event of the fleet; what follows is its affair (proc.h).
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "log.h"

#define DRAIN_LOOK_MS  20
#define DUE_LOOK_MS    1000
#define MEMORY_LOOK_MS 5000
#define DUE_WAIT_MS    300000 /* a node that is never idle is drained after so long */

static void look_at_memory(struct cluster *c, unsigned slot, uint64_t now_ms)
{
    struct cluster_member *m = &c->members[slot];

    if (m->config->memory_max_bytes == 0 || now_ms < m->memory_look_ms)
        return;
    m->memory_look_ms = now_ms + MEMORY_LOOK_MS;
    uint64_t bytes = child_resident(m->child);
    struct fleet_event ev = {.type = FLEET_EVENT_MEMORY,
                             .id = {.slot = (uint16_t)slot, .generation = m->child->generation},
                             .is_over = bytes > m->config->memory_max_bytes};
    if (ev.is_over)
        log_warn("node uses more than its memory_max node=%s resident_mib=%" PRIu64
                 " memory_max_mib=%" PRIu64,
                 m->config->name, bytes >> 20, m->config->memory_max_bytes >> 20);
    cluster_post(c, ev);
}

/* Nobody waits for it, or what is due has waited for that long enough. */
static bool is_time(struct cluster *c, unsigned slot, uint64_t now_ms)
{
    const struct cluster_member *m = &c->members[slot];
    bool is_due = fleet_proc(&c->fleet, slot)->state == PROC_READY;

    return proxy_node_busy(c->proxy, slot) == 0 ||
           (is_due && now_ms >= m->due_since_ms + DUE_WAIT_MS);
}

static void look(struct cluster *c, unsigned slot, uint64_t now_ms)
{
    struct cluster_member *m = &c->members[slot];
    const struct proc *p = fleet_proc(&c->fleet, slot);

    if (p == NULL)
        return;
    if (p->state == PROC_READY)
        look_at_memory(c, slot, now_ms);
    if (!p->is_due && p->state != PROC_DRAINING) {
        m->due_since_ms = 0;
        return;
    }
    if (m->due_since_ms == 0)
        m->due_since_ms = now_ms;
    if (is_time(c, slot, now_ms))
        cluster_post_node(c, FLEET_EVENT_IDLE, slot);
}

static void on_care(uv_timer_t *handle)
{
    struct cluster *c = handle->data;

    for (unsigned slot = 0; slot < c->member_count && c->phase == CLUSTER_RUNNING; slot++)
        look(c, slot, uv_now(c->loop));
    cluster_care_arm(c);
}

void cluster_care_arm(struct cluster *c)
{
    uint64_t pause_ms = UINT64_MAX;

    for (unsigned slot = 0; slot < c->member_count; slot++) {
        const struct proc *p = fleet_proc(&c->fleet, slot);
        uint64_t wish_ms = UINT64_MAX;
        if (p == NULL)
            continue;
        if (p->state == PROC_DRAINING)
            wish_ms = DRAIN_LOOK_MS;
        else if (p->is_due)
            wish_ms = DUE_LOOK_MS;
        else if (p->state == PROC_READY && c->members[slot].config->memory_max_bytes != 0)
            wish_ms = MEMORY_LOOK_MS;
        if (wish_ms < pause_ms)
            pause_ms = wish_ms;
    }
    if (c->phase != CLUSTER_RUNNING || pause_ms == UINT64_MAX) {
        (void)uv_timer_stop(&c->care);
        c->care_ms = UINT64_MAX;
        return;
    }
    /* A look that comes soon is not put off by what happens until then. */
    if (!uv_is_active((uv_handle_t *)&c->care) || pause_ms < c->care_ms)
        (void)uv_timer_start(&c->care, on_care, pause_ms, 0);
    c->care_ms = pause_ms;
}
