/* driver - the engine in the loop: events in, actions carried out, one timer.
 *
 * The only caller of failover_step(). Callbacks post events; one queue drains: step, carry out
 * the actions, next. Carrying out may post more events, never step (DESIGN 5).
 *
 * SPDX-License-Identifier: MIT
 */
#include "driver.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "exchange.h"
#include "log.h"
#include "mem.h"
#include "poller.h"
#include "report.h"
#include "upstream.h"

/* Every action can lead to one event at most (a connection that fails at once), so that two
 * rounds fit. Touched only as far as it is used. */
#define EVENTS_MAX (2 * FAILOVER_ACTIONS_MAX)

struct driver {
    struct proxy *proxy;
    uv_timer_t timer;
    uv_idle_t idle; /* runs while events wait for the next turn */
    uint64_t armed_ms;
    bool is_draining;
    bool is_closing;
    unsigned handles;
    size_t head;
    size_t count;
    struct failover_policy policy; /* the engine has it, or will from the next turn on */
    struct failover engine;
    struct failover_actions actions;
    struct report report; /* about the event in hand */
    bool has_changed;     /* something worth remembering, in this drain */
    bool was_settled;
    struct failover_event events[EVENTS_MAX];
};

static void restart_node(struct driver *d, const struct failover_action *action)
{
    struct proxy *p = d->proxy;
    const char *why = failover_cause_sentence(action->cause);

    log_info("node %s is restarted: %s node=%s", p->nodes[action->node].name, why,
             p->nodes[action->node].name);
    p->host.node_restart(p->host.host, action->node, why);
}

static void carry_out(struct driver *d, const struct failover_action *action)
{
    struct proxy *p = d->proxy;
    struct exchange *x = NULL;

    switch (action->type) {
    case FAILOVER_DISPATCH:
    case FAILOVER_PASS:
    case FAILOVER_REPLY:
    case FAILOVER_TRUNCATE:
    case FAILOVER_DONE:
        x = p->exchanges[action->request.slot];
        assert(x != NULL);
        report_request(p, x, action);
        break;
    default:
        break;
    }
    switch (action->type) {
    case FAILOVER_DISPATCH:
        exchange_dispatch(x, action->node, action->attempt);
        break;
    case FAILOVER_PASS:
        exchange_pass(x);
        break;
    case FAILOVER_REPLY:
        exchange_reply(x, action);
        break;
    case FAILOVER_TRUNCATE:
        exchange_truncate(x);
        break;
    case FAILOVER_DONE:
        exchange_complete(x);
        break;
    case FAILOVER_ABORT:
        upstream_abort(p->attempts[action->attempt.slot]);
        break;
    case FAILOVER_POLL:
        poller_poll(p, action->node, action->poll_serial);
        break;
    case FAILOVER_PROBE:
        poller_probe(p, action->node);
        break;
    case FAILOVER_RESTART:
        restart_node(d, action);
        break;
    case FAILOVER_NODE_CHANGED:
        report_node_changed(&d->report, action);
        d->has_changed = true;
        break;
    case FAILOVER_SWITCHED:
        report_switched(&d->report, action);
        d->has_changed = true;
        break;
    case FAILOVER_ACTION_COUNT:
        assert(false);
    }
}

static void on_timer(uv_timer_t *timer);

static void arm(struct driver *d)
{
    uint64_t deadline = failover_deadline(&d->engine);
    uint64_t now = uv_now(d->proxy->loop);

    if (d->is_closing || deadline == d->armed_ms)
        return;
    d->armed_ms = deadline;
    if (deadline == FAILOVER_MS_MAX)
        (void)uv_timer_stop(&d->timer);
    else
        (void)uv_timer_start(&d->timer, on_timer, deadline > now ? deadline - now : 0, 0);
}

/* When a node's estimate changed, for people and for the memory. Every rule of the engine that
 * touches it is seen here, without a word from it: a handful of nodes, one comparison each.
 * What is restored comes with its own time. */
static void note_estimates(struct driver *d, enum failover_event_type why)
{
    struct proxy *p = d->proxy;

    for (unsigned i = 0; i < p->node_count; i++) {
        struct proxy_node *n = &p->nodes[i];
        if (n->estimate_milli == d->engine.nodes[i].estimate_milli)
            continue;
        n->estimate_milli = d->engine.nodes[i].estimate_milli;
        d->has_changed = true;
        if (why != FAILOVER_RESTORED)
            n->estimate_wall_ms = proxy_wall_ms();
    }
}

static void tell_memory(struct driver *d)
{
    const struct proxy_host *host = &d->proxy->host;
    /* No action tells that the lead counts from now on. */
    bool has_changed = d->has_changed || d->engine.is_settled != d->was_settled;

    d->has_changed = false;
    d->was_settled = d->engine.is_settled;
    if (has_changed && !d->proxy->is_closing && host->memory_changed != NULL)
        host->memory_changed(host->host);
}

static void drain(struct driver *d)
{
    if (d->is_draining)
        return;
    d->is_draining = true;
    while (d->count > 0) {
        const struct failover_event *ev = &d->events[d->head];
        report_begin(&d->report, d->proxy, ev);
        d->has_changed = d->has_changed || ev->type == FAILOVER_USAGE;
        failover_step(&d->engine, ev, &d->actions);
        note_estimates(d, ev->type);
        d->head = (d->head + 1) % EVENTS_MAX;
        d->count--;
        for (uint32_t i = 0; i < d->actions.count; i++)
            carry_out(d, &d->actions.at[i]);
    }
    d->head = 0;
    d->is_draining = false;
    arm(d);
    tell_memory(d);
}

static void push(struct driver *d, const struct failover_event *ev)
{
    assert(d->count < EVENTS_MAX);
    struct failover_event *slot = &d->events[(d->head + d->count++) % EVENTS_MAX];
    *slot = *ev;
    slot->now_ms = uv_now(d->proxy->loop);
}

void driver_post(struct driver *d, const struct failover_event *ev)
{
    push(d, ev);
    drain(d);
}

static void on_idle(uv_idle_t *idle)
{
    struct driver *d = idle->data;

    (void)uv_idle_stop(idle);
    drain(d);
}

void driver_post_later(struct driver *d, const struct failover_event *ev)
{
    push(d, ev);
    if (!d->is_closing)
        (void)uv_idle_start(&d->idle, on_idle);
}

static void on_timer(uv_timer_t *timer)
{
    struct driver *d = timer->data;
    struct failover_event ev = {.type = FAILOVER_TIMER};

    d->armed_ms = FAILOVER_MS_MAX;
    driver_post(d, &ev);
}

const struct failover *driver_engine(const struct driver *d)
{
    return &d->engine;
}

static void make_policy(const struct config *c, struct failover_policy *ret_policy)
{
    memset(ret_policy, 0, sizeof *ret_policy); /* its padding is compared, too */
    *ret_policy = (struct failover_policy){
        .node_wait_ms = c->gateway.node_wait_ms,
        .handoff_timeout_ms = c->gateway.handoff_timeout_ms,
        .poll_interval_ms = c->quota.poll_interval_ms,
        .drained_poll_interval_ms = c->quota.drained_poll_interval_ms,
        .offline_check_ms = c->quota.offline_check_interval_ms,
        .cooldown_ms = c->quota.rate_limit_cooldown_ms,
        .drain_hold_ms = 5 * 60 * 1000, /* DESIGN D7 */
        .poll_gap_ms = 10 * 1000,
        .token_restart_gap_ms = 60 * 60 * 1000,
        .failback_after_ms = c->gateway.failback_after_ms,
        .reserve_milli = c->quota.reserve * 1000,
        .retry_mask = c->gateway.retry_mask,
        .retry_limit = (uint16_t)c->gateway.retry_limit,
        .queue_max = (uint16_t)c->gateway.queue_max,
        .exhausted_status = (uint16_t)c->gateway.exhausted_status,
        .is_overlap = c->gateway.handoff == CONFIG_HANDOFF_OVERLAP,
        .is_abort = c->gateway.on_client_gone == CONFIG_CLIENT_GONE_ABORT,
        .is_failback = c->gateway.failback == CONFIG_FAILBACK_AUTO,
        .is_overage_allowed = c->quota.allow_overage,
    };
}

void driver_policy_changed(struct driver *d)
{
    struct failover_event ev = {.type = FAILOVER_POLICY, .policy = &d->policy};
    struct failover_policy policy;

    make_policy(d->proxy->config, &policy);
    if (memcmp(&policy, &d->policy, sizeof policy) == 0)
        return;
    memcpy(&d->policy, &policy, sizeof policy);
    driver_post_later(d, &ev);
}

int driver_new(struct proxy *p, struct driver **ret_driver)
{
    uint64_t seed = 0;

    struct driver *d = mem_alloc(1, sizeof *d);
    if (d == NULL)
        return -ENOMEM;
    d->proxy = p;
    /* Jitter only: any seed will do when the kernel has none. */
    (void)uv_random(NULL, NULL, &seed, sizeof seed, 0, NULL);
    make_policy(p->config, &d->policy);
    failover_init(&d->engine, &d->policy, seed | 1);
    d->armed_ms = FAILOVER_MS_MAX;
    (void)uv_timer_init(p->loop, &d->timer);
    (void)uv_idle_init(p->loop, &d->idle);
    d->timer.data = d;
    d->idle.data = d;
    d->handles = 2;
    *ret_driver = d;
    return 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct driver *d = handle->data;

    if (--d->handles > 0)
        return;
    d->proxy->is_driver_open = false;
    proxy_part_closed(d->proxy);
}

void driver_close(struct driver *d)
{
    d->is_closing = true;
    uv_close((uv_handle_t *)&d->timer, on_handle_closed);
    uv_close((uv_handle_t *)&d->idle, on_handle_closed);
}

void driver_free(struct driver *d)
{
    mem_free(d);
}
