/* proxy - composition: opens and closes the parts, and speaks with the supervisor.
 *
 * Closing: clients, connections to nodes, fetches, listener and driver close one by one; the
 * last one to call proxy_part_closed() ends the proxy.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "access.h"
#include "client.h"
#include "core/printable.h"
#include "driver.h"
#include "evidence.h"
#include "listener.h"
#include "log.h"
#include "mem.h"
#include "memory.h"
#include "shell.h"
#include "upstream.h"

int64_t proxy_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void free_proxy(struct proxy *p)
{
    for (unsigned i = 0; i < p->node_count; i++)
        mem_free(p->nodes[i].token);
    mem_free(p->recalled);
    history_done(&p->history);
    driver_free(p->driver);
    listener_free(p->listener);
    mem_free(p);
}

void proxy_part_closed(struct proxy *p)
{
    if (!p->is_closing || !p->are_fetches_closed || p->client_count > 0 ||
        p->upstream_count > 0 || !listener_is_closed(p->listener) || p->is_driver_open ||
        p->is_turn_open || p->access != NULL)
        return;
    struct proxy_host host = p->host;
    free_proxy(p);
    if (host.closed != NULL)
        host.closed(host.host);
}

static void on_fetches_closed(void *data)
{
    struct proxy *p = data;

    p->are_fetches_closed = true;
    proxy_part_closed(p);
}

static void on_access_closed(void *data)
{
    struct proxy *p = data;

    p->access = NULL;
    proxy_part_closed(p);
}

static int open_access(struct proxy *p, struct error *ret_error)
{
    static const enum access_format formats[] = {
        [CONFIG_ACCESS_TEXT] = ACCESS_TEXT,
        [CONFIG_ACCESS_JSON] = ACCESS_JSON,
    };
    const struct config_log *log = &p->config->log;

    if (log->access == CONFIG_ACCESS_OFF)
        return 0;
    return access_open(p->loop, formats[log->access], log->access_file, &p->access, ret_error);
}

int proxy_open(uv_loop_t *loop, const struct config *config, const struct proxy_host *host,
               struct proxy **ret_proxy, struct error *ret_error)
{
    struct proxy *p = mem_alloc(1, sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    p->loop = loop;
    p->config = config;
    p->control_path = host->control_path;
    client_open_all(p);
    for (unsigned i = 0; i < NODES_MAX; i++) { /* slots may be used with gaps between them */
        list_init(&p->nodes[i].idle);
        list_init(&p->nodes[i].busy);
    }
    for (unsigned i = 0; i < REQUESTS_MAX; i++)
        p->free_exchange[i] = (uint16_t)(REQUESTS_MAX - 1 - i);
    p->free_exchanges = REQUESTS_MAX;
    /* So that ids of two runs differ; when the kernel has nothing random they may not. */
    (void)uv_random(NULL, NULL, &p->boot_id, sizeof p->boot_id, 0, NULL);
    int r = fetch_pool_new(loop, &p->fetches);
    p->are_fetches_closed = r < 0;
    if (r == 0)
        r = driver_new(p, &p->driver);
    p->is_driver_open = r == 0;
    if (r == 0)
        r = open_access(p, ret_error);
    if (r == 0)
        r = listener_open(p, &p->listener, ret_error);
    if (r < 0) {
        if (r == -ENOMEM)
            (void)snprintf(ret_error->text, sizeof ret_error->text, "out of memory");
        p->host = (struct proxy_host){0}; /* the caller is not called back about a failure */
        proxy_close(p);
        return r;
    }
    p->host = *host;
    *ret_proxy = p;
    return 0;
}

bool proxy_address(const struct proxy *p, unsigned i, struct proxy_address *ret_address)
{
    return listener_address(p->listener, i, ret_address);
}

/* ---------------------------------------------------------------- nodes */

/* What the run before knew of a node of this name. */
static void restore(struct proxy *p, unsigned slot)
{
    struct proxy_node *n = &p->nodes[slot];
    struct memory_node *known = memory_find(p->recalled, n->name);
    int64_t now_ms = proxy_wall_ms();

    if (known == NULL || known->is_taken)
        return;
    known->is_taken = true; /* what is known is given once */
    n->has_quota = known->has_quota;
    n->quota = known->quota;
    n->quota_wall_ms = known->quota_wall_ms < now_ms ? known->quota_wall_ms : now_ms;
    n->estimate_wall_ms = known->estimate_wall_ms < now_ms ? known->estimate_wall_ms : now_ms;
    memory_facts(p->recalled, known, now_ms, &known->facts);
    n->quota.usage = known->facts.usage;
    struct failover_event ev = {
        .type = FAILOVER_RESTORED, .node = (uint16_t)slot, .memory = &known->facts};
    driver_post_later(p->driver, &ev);
}

void proxy_node_added(struct proxy *p, unsigned slot, const char *name, enum node_source source,
                      const char *token)
{
    assert(slot < NODES_MAX && proxy_node_is_free(p, slot));
    struct proxy_node *n = &p->nodes[slot];

    *n = (struct proxy_node){.proxy = p, .is_used = true, .source = source};
    p->tally.nodes[slot] = (struct tally_node){0};
    n->token = mem_strdup(token); /* without it the node answers 401, and says so */
    n->since_wall_ms = proxy_wall_ms();
    (void)snprintf(n->name, sizeof n->name, "%s", name);
    list_init(&n->idle);
    list_init(&n->busy);
    if (slot >= p->node_count)
        p->node_count = slot + 1;
    p->ranks[slot] = p->order_count;
    p->order[p->order_count++] = (uint16_t)slot;
    struct failover_event ev = {.type = FAILOVER_NODE_ADDED,
                                .node = (uint16_t)slot,
                                .rank = p->ranks[slot],
                                .is_owned = source == NODE_SPAWNED};
    driver_post_later(p->driver, &ev);
    restore(p, slot);
}

static void set_address(struct proxy_node *n, const char *host, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&n->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&n->address;

    (void)snprintf(n->host, sizeof n->host, "%s", host);
    n->port = port;
    n->resolved_at_ms = 0;
    n->has_address = uv_ip4_addr(host, port, v4) == 0 || uv_ip6_addr(host, port, v6) == 0;
    bool is_v6 = strchr(host, ':') != NULL;
    (void)snprintf(n->authority, sizeof n->authority, is_v6 ? "[%s]:%u" : "%s:%u", n->host,
                   port);
}

void proxy_node_up(struct proxy *p, unsigned slot, const char *address, uint16_t port)
{
    struct proxy_node *n = &p->nodes[slot];
    struct failover_event ev = {.type = FAILOVER_NODE_UP, .node = (uint16_t)slot};

    upstream_close_idle(n); /* those of the former process */
    set_address(n, address, port);
    n->is_up = true;
    n->reason[0] = '\0';
    driver_post_later(p->driver, &ev);
}

void proxy_node_down(struct proxy *p, unsigned slot, enum proxy_down kind, uint64_t retry_in_ms,
                     const char *reason)
{
    static const enum failover_down downs[] = {
        [PROXY_DOWN_STARTING] = FAILOVER_DOWN_STARTING,
        [PROXY_DOWN_LOGIN] = FAILOVER_DOWN_LOGIN,
        [PROXY_DOWN_BACKOFF] = FAILOVER_DOWN_BACKOFF,
        [PROXY_DOWN_STOPPED] = FAILOVER_DOWN_STOPPED,
    };
    struct proxy_node *n = &p->nodes[slot];
    struct failover_event ev = {.type = FAILOVER_NODE_DOWN,
                                .node = (uint16_t)slot,
                                .down = downs[kind],
                                .retry_in_ms = retry_in_ms};

    n->is_up = false;
    if (reason != NULL)
        (void)printable_copy(slice_of(reason), n->reason, sizeof n->reason);
    upstream_close_idle(n);
    driver_post_later(p->driver, &ev);
}

void proxy_node_hold(struct proxy *p, unsigned slot, enum proxy_hold hold)
{
    static const enum failover_hold holds[] = {
        [PROXY_HOLD_NONE] = FAILOVER_HOLD_NONE,
        [PROXY_HOLD_KEEP] = FAILOVER_HOLD_KEEP,
        [PROXY_HOLD_RESTART] = FAILOVER_HOLD_RESTART,
        [PROXY_HOLD_STOP] = FAILOVER_HOLD_STOP,
    };
    struct failover_event ev = {
        .type = FAILOVER_NODE_HELD, .node = (uint16_t)slot, .hold = holds[hold]};

    driver_post_later(p->driver, &ev);
}

unsigned proxy_node_busy(const struct proxy *p, unsigned slot)
{
    const struct failover *f = driver_engine(p->driver);
    unsigned busy = 0;

    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        const struct failover_attempt *a = &f->attempts[i];
        busy += a->is_used && a->node == slot && !a->is_departed;
    }
    return busy;
}

/* What a line says of /usage counts only while we have reason to expect it: nothing that users
 * send may pass for it. */
static bool is_expected(const struct proxy_node *n, enum node_evidence evidence)
{
    switch (evidence) {
    case NODE_EVIDENCE_USAGE_TOKEN:
    case NODE_EVIDENCE_USAGE_FORBIDDEN:
    case NODE_EVIDENCE_USAGE_RATE:
    case NODE_EVIDENCE_USAGE_SERVER:
        return n->polled_ms != 0 && uv_now(n->proxy->loop) - n->polled_ms <= EVIDENCE_POLL_MS;
    case NODE_EVIDENCE_CREDENTIALS:
    case NODE_EVIDENCE_NO_COPILOT:
    case NODE_EVIDENCE_REFRESH:
    case NODE_EVIDENCE_NETWORK: /* may come when its fetch gives up, 300 s later */
    case NODE_EVIDENCE_PORT:
    case NODE_EVIDENCE_COUNT:
        break;
    }
    return true;
}

void proxy_node_evidence(struct proxy *p, unsigned slot, enum node_evidence evidence,
                         const char *line)
{
    struct proxy_node *n = &p->nodes[slot];
    struct failover_event ev = {
        .type = FAILOVER_EVIDENCE, .node = (uint16_t)slot, .evidence = evidence};

    if (!is_expected(n, evidence)) {
        log_debug("a line about /usage, which nobody asked, is ignored node=%s", n->name);
        return;
    }
    evidence_note_line(n, line);
    driver_post_later(p->driver, &ev);
}

/* ---------------------------------------------------------------- end */

void proxy_reopen_logs(struct proxy *p)
{
    if (p->access != NULL)
        access_reopen(p->access);
    else
        log_info("there is no access log to open again ([log] access is off)");
}

void proxy_drain(struct proxy *p)
{
    p->is_draining = true;
    client_drain_all(p);
    listener_drain(p->listener);
}

unsigned proxy_busy(const struct proxy *p)
{
    return client_count_busy(p) + listener_count_draining(p->listener);
}

void proxy_close(struct proxy *p)
{
    p->is_draining = true;
    p->is_closing = true;
    listener_close(p->listener);
    client_close_all(p);
    upstream_close_all(p);
    if (p->access != NULL) /* after the clients, whose last lines it takes */
        access_close(p->access, on_access_closed, p);
    if (p->fetches != NULL)
        fetch_pool_close(p->fetches, on_fetches_closed, p);
    p->fetches = NULL;
    if (p->is_driver_open)
        driver_close(p->driver);
    proxy_part_closed(p);
}
