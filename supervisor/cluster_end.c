/* cluster_end - how everything ends: from a signal to the last closed handle.
 *
 * In this order: TERM or INT stops accepting and drains (tick looks whether anybody still
 * waits); then what shall survive is written and STOP_ALL ends the nodes; EXIT of the fleet
 * closes the proxy, then the fetches; descendants that escaped are ended (tick again); then our
 * own handles close, and the loop has nothing left to do. A second signal skips the drain, a
 * third kills. USR1 and HUP end nothing: log files are opened again, settings are read again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <signal.h>
#include <stdio.h>

#include "log.h"
#include "supervisor/relay.h"

#define TICK_MS         20
#define STOP_RESERVE_MS 1500 /* of shutdown_timeout, for ending the nodes */
#define KILL_RESERVE_MS 300  /* of it, for reaping after KILL */
#define SWEEPS_MAX      100  /* ticks spent on descendants that do not die */
#define QUIET_SWEEPS    3    /* ticks without one, while children that are not ours live on */

static void stop_nodes(struct cluster *c)
{
    uint64_t now_ms = uv_now(c->loop);
    uint64_t kill_ms = c->shutdown_ms - KILL_RESERVE_MS;

    c->phase = CLUSTER_STOPPING;
    (void)uv_timer_stop(&c->tick);
    cluster_memory_finish(c);
    if (proxy_busy(c->proxy) > 0)
        log_warn("answers are cut off requests=%u", proxy_busy(c->proxy));
    cluster_post(c, (struct fleet_event){
                        .type = FLEET_EVENT_STOP_ALL,
                        .kill_ms = kill_ms < now_ms + KILL_RESERVE_MS ? now_ms + KILL_RESERVE_MS
                                                                      : kill_ms,
                    });
}

static void on_our_handle_closed(void *data)
{
    struct cluster *c = data;

    if (--c->open_handles == 0)
        c->phase = CLUSTER_CLOSED;
}

static void on_uv_handle_closed(uv_handle_t *handle)
{
    on_our_handle_closed(handle->data);
}

static void close_handles(struct cluster *c)
{
    uv_close((uv_handle_t *)&c->pump, on_uv_handle_closed);
    uv_close((uv_handle_t *)&c->timer, on_uv_handle_closed);
    uv_close((uv_handle_t *)&c->tick, on_uv_handle_closed);
    uv_close((uv_handle_t *)&c->care, on_uv_handle_closed);
    uv_close((uv_handle_t *)&c->turns, on_uv_handle_closed);
    reaper_close(&c->reaper, on_our_handle_closed, c);
    cluster_memory_close(c, on_our_handle_closed);
    signals_close(&c->signals, on_our_handle_closed);
    /* What nodes said last is written before the loop ends. */
    for (unsigned slot = 0; slot < c->member_count; slot++)
        child_done(c->members[slot].child);
}

/* Until we have no children, or only such that no node has left behind: PID 1 may have adopted
 * others. What was killed a moment ago is still reaped here. */
static void sweep(struct cluster *c)
{
    if (reaper_end_strays(&c->reaper, NULL) > 0)
        c->quiet_sweeps = 0;
    else
        c->quiet_sweeps++;
    if (reaper_is_alone(&c->reaper) || c->quiet_sweeps == QUIET_SWEEPS ||
        ++c->sweeps == SWEEPS_MAX)
        close_handles(c);
}

static void on_tick(uv_timer_t *handle)
{
    struct cluster *c = handle->data;

    if (c->phase == CLUSTER_DRAINING &&
        (proxy_busy(c->proxy) == 0 || uv_now(c->loop) >= c->drain_ms))
        stop_nodes(c);
    if (c->phase == CLUSTER_SWEEPING)
        sweep(c);
}

static void on_pool_closed(void *data)
{
    struct cluster *c = data;

    c->pool = NULL;
    c->phase = CLUSTER_SWEEPING;
    (void)uv_timer_start(&c->tick, on_tick, 0, TICK_MS);
}

void cluster_end_on_proxy_closed(void *host)
{
    struct cluster *c = host;

    c->proxy = NULL;
    fetch_pool_close(c->pool, on_pool_closed, c);
}

void cluster_end_close(struct cluster *c)
{
    c->phase = CLUSTER_CLOSING;
    (void)uv_timer_stop(&c->timer);
    for (unsigned slot = 0; slot < c->member_count; slot++) {
        if (c->members[slot].probe != NULL)
            fetch_cancel(c->members[slot].probe);
        c->members[slot].probe = NULL;
        if (c->members[slot].child != NULL && child_has_process(c->members[slot].child))
            log_error("a node's process cannot be ended, the kernel holds it node=%s",
                      c->members[slot].config->name);
    }
    cluster_docker_close(c, on_our_handle_closed);
    proxy_close(c->proxy);
}

static void begin_drain(struct cluster *c, const char *cause)
{
    uint64_t timeout_ms = c->config->supervisor.shutdown_timeout_ms;
    uint64_t reserve_ms = timeout_ms / 2 < STOP_RESERVE_MS ? timeout_ms / 2 : STOP_RESERVE_MS;
    char limit[32];

    c->phase = CLUSTER_DRAINING;
    c->shutdown_ms = uv_now(c->loop) + timeout_ms;
    c->drain_ms = c->shutdown_ms - reserve_ms;
    relay_duration(timeout_ms - reserve_ms, limit, sizeof limit);
    log_info("%s: no new requests, running answers have %s to end running=%u", cause, limit,
             proxy_busy(c->proxy));
    proxy_drain(c->proxy);
    (void)uv_timer_start(&c->tick, on_tick, 0, TICK_MS);
}

void cluster_end_quit(struct cluster *c, const char *node)
{
    if (c->phase != CLUSTER_RUNNING)
        return;
    c->has_quit = true;
    log_error("a node that must run stays down, so everything ends (exit_on) node=%s", node);
    begin_drain(c, "exit_on");
}

int cluster_exit_status(const struct cluster *c)
{
    return c->has_quit ? 1 : 0;
}

static void reload_on_hup(struct cluster *c)
{
    struct reload result;

    reload_init(&result);
    cluster_reload(c, "HUP", &result);
    reload_done(&result);
}

static void reopen_logs(struct cluster *c)
{
    proxy_reopen_logs(c->proxy);
    for (unsigned slot = 0; slot < c->member_count; slot++) {
        if (c->members[slot].child != NULL)
            record_reopen(&c->members[slot].child->record);
    }
}

void cluster_end_on_signal(void *data, int signum)
{
    struct cluster *c = data;

    if (signum == SIGUSR1 && c->proxy != NULL) {
        reopen_logs(c);
        return;
    }
    if (signum == SIGHUP) {
        reload_on_hup(c);
        return;
    }
    if (signum != SIGTERM && signum != SIGINT && signum != SIGQUIT) {
        log_info("signal has no meaning here, ignored signal=%d", signum);
        return;
    }
    c->stop_signals++;
    if (c->phase == CLUSTER_RUNNING) {
        begin_drain(c, signum == SIGTERM ? "TERM" : signum == SIGINT ? "INT" : "QUIT");
    } else if (c->phase == CLUSTER_DRAINING) {
        log_info("second signal: the drain is skipped");
        stop_nodes(c);
    } else if (c->phase == CLUSTER_STOPPING && c->stop_signals > 2) {
        log_warn("third signal: nodes are killed");
        cluster_post(c, (struct fleet_event){.type = FLEET_EVENT_STOP_NOW});
    }
}
