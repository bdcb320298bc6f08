/* poller - asks nodes for /usage, and whether they answer at all.
 *
 * Both are bounded calls through fetch. A call that cannot even be started is a failed one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "poller.h"

#include <errno.h>
#include <stdio.h>

#include "driver.h"
#include "evidence.h"
#include "log.h"

#define PROBE_TIMEOUT_MS 5000 /* a page that calls nobody; half of the default node_wait */

static bool is_unreachable(const struct fetch_result *result)
{
    return result->error == -ECONNREFUSED;
}

static void note_quota(struct proxy_node *n, const struct failover_usage *u)
{
    if (u->is_unlimited)
        evidence_note(n, "/usage: unlimited");
    else if (!u->has_remaining)
        evidence_note(n, "/usage: %s, no figure",
                      u->is_exhausted ? "exhausted" : "something left");
    else
        evidence_note(n, "/usage: %.10g of %.10g left", (double)u->remaining_milli / 1000,
                      (double)u->entitlement_milli / 1000);
}

static void on_usage(void *data, const struct fetch_result *result)
{
    struct proxy *p = data;
    struct proxy_node *n = &p->nodes[p->poll_node];
    struct failover_event ev = {.type = FAILOVER_USAGE_FAILED,
                                .node = p->poll_node,
                                .poll_serial = p->poll_serial,
                                .is_unreachable = is_unreachable(result)};
    struct quota quota;
    int64_t now = proxy_wall_ms();

    p->poll = NULL;
    n->check_wall_ms = now;
    if (result->error < 0) {
        evidence_hint(n, "/usage failed: %s", result->error_text);
        log_warn("node %s: /usage failed: %s node=%s", n->name, result->error_text, n->name);
    } else if (result->status != 200) {
        evidence_hint(n, "/usage answered status %d", result->status);
        log_warn("node %s: /usage answered status %d node=%s", n->name, result->status,
                 n->name);
    } else if (quota_parse(result->body, now, &quota) < 0) {
        evidence_hint(n, "/usage answered something else than a quota");
        log_warn("node %s: /usage answered something else than a quota node=%s", n->name,
                 n->name);
    } else {
        n->quota = quota;
        n->has_quota = true;
        n->quota_wall_ms = now;
        n->healthy_wall_ms = now;
        note_quota(n, &quota.usage);
        history_add(&p->history, "quota",
                    json_pack("{s:s, s:b, s:f, s:f}", "node", n->name, "unlimited",
                              quota.usage.is_unlimited, "remaining",
                              (double)quota.usage.remaining_milli / 1000, "entitlement",
                              (double)quota.usage.entitlement_milli / 1000));
        ev.type = FAILOVER_USAGE;
        ev.usage = quota.usage;
        log_debug("node %s: quota remaining=%.1f entitlement=%.1f node=%s", n->name,
                  (double)quota.usage.remaining_milli / 1000,
                  (double)quota.usage.entitlement_milli / 1000, n->name);
    }
    driver_post(p->driver, &ev);
}

void poller_poll(struct proxy *p, uint16_t node, uint16_t serial)
{
    struct proxy_node *n = &p->nodes[node];
    char url[sizeof n->authority + 16];

    /* A poll whose node went down is forgotten by the engine; its answer would come too late.
     */
    if (p->poll != NULL)
        fetch_cancel(p->poll);
    p->poll = NULL;
    p->poll_node = node;
    n->polled_ms = uv_now(p->loop);
    p->poll_serial = serial;
    (void)snprintf(url, sizeof url, "http://%s/usage", n->authority);
    struct fetch_request request = {
        .url = url, .bearer = n->token, .timeout_ms = p->config->quota.usage_timeout_ms};
    int r = fetch_start(p->fetches, &request, on_usage, p, &p->poll);
    if (r < 0) {
        struct failover_event ev = {
            .type = FAILOVER_USAGE_FAILED, .node = node, .poll_serial = serial};
        log_warn("node %s: /usage could not be asked: %s node=%s", n->name, uv_strerror(r),
                 n->name);
        driver_post(p->driver, &ev);
    }
}

static void probe_done(struct proxy *p, uint16_t node, bool is_ok)
{
    struct failover_event ev = {.type = FAILOVER_PROBE_DONE, .node = node, .is_ok = is_ok};
    struct proxy_node *n = &p->nodes[node];

    n->probe = NULL;
    n->check_wall_ms = proxy_wall_ms();
    driver_post(p->driver, &ev);
}

static void on_probe(void *data, const struct fetch_result *result)
{
    struct proxy_node *n = data;
    struct proxy *p = n->proxy;

    if (result->error < 0)
        evidence_hint(n, "GET / failed: %s", result->error_text);
    else
        evidence_note(n, "GET / answered status %d", result->status);
    probe_done(p, (uint16_t)(n - p->nodes), result->error == 0 && result->status < 500);
}

void poller_probe(struct proxy *p, uint16_t node)
{
    struct proxy_node *n = &p->nodes[node];
    char url[sizeof n->authority + 16];

    if (n->probe != NULL)
        fetch_cancel(n->probe);
    n->probe = NULL;
    (void)snprintf(url, sizeof url, "http://%s/", n->authority);
    struct fetch_request request = {
        .url = url, .bearer = n->token, .timeout_ms = PROBE_TIMEOUT_MS};
    if (fetch_start(p->fetches, &request, on_probe, n, &n->probe) < 0)
        probe_done(p, node, false);
}
