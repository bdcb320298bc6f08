/* metrics - the text of /metrics.
 *
 * Counts come from the tally, which the data path adds to; everything else is looked up here,
 * when somebody asks: states and quotas in the engine, processes at the supervisor. Only what
 * has happened has a series, so that the text grows with what a cluster does and not with what
 * it could do.
 *
 * SPDX-License-Identifier: MIT
 */
#include "metrics.h"

#include <string.h>

#include "driver.h"
#include "exposition.h"
#include "log.h"

#define NO_NODE     "none"

#define LABELS(...) (&(const struct exposition_labels){{__VA_ARGS__}})

struct writer {
    struct exposition e;
    const struct proxy *p;
    const struct failover *f;
};

static bool is_there(const struct writer *w, unsigned slot)
{
    return slot == TALLY_NO_NODE || proxy_knows_node(w->p, slot);
}

static const char *name_of(const struct writer *w, unsigned slot)
{
    return slot == TALLY_NO_NODE ? NO_NODE : w->p->nodes[slot].name;
}

/* ---------------------------------------------------------------- counted */

static void put_requests_of(struct writer *w, unsigned slot, enum route_endpoint endpoint)
{
    const struct tally_node *n = &w->p->tally.nodes[slot];

    for (unsigned status = 0; status < TALLY_STATUS_COUNT; status++) {
        for (enum tally_end end = 0; end < TALLY_END_COUNT; end++) {
            uint64_t count = n->requests[endpoint][status][end];
            if (count > 0)
                exposition_whole(&w->e,
                                 LABELS({"node", name_of(w, slot)},
                                        {"endpoint", route_endpoint_name(endpoint)},
                                        {"status", tally_status_name(status)},
                                        {"outcome", tally_end_name(end)}),
                                 count);
        }
    }
}

/* Calls `put` for each node, "none" included, and each endpoint. */
static void each_endpoint(struct writer *w, void (*put)(struct writer *w, unsigned slot,
                                                        enum route_endpoint endpoint))
{
    for (unsigned slot = 0; slot <= TALLY_NO_NODE; slot++) {
        for (enum route_endpoint i = 0; is_there(w, slot) && i < ROUTE_ENDPOINT_COUNT; i++)
            put(w, slot, i);
    }
}

static void put_histogram(struct writer *w, unsigned slot, enum route_endpoint endpoint,
                          const struct histogram *h)
{
    uint64_t count = 0;

    for (unsigned i = 0; i <= HISTOGRAM_BORDERS; i++)
        count += h->counts[i];
    if (count > 0)
        exposition_histogram(
            &w->e,
            LABELS({"node", name_of(w, slot)}, {"endpoint", route_endpoint_name(endpoint)}), h);
}

static void put_first_byte(struct writer *w, unsigned slot, enum route_endpoint endpoint)
{
    put_histogram(w, slot, endpoint, &w->p->tally.nodes[slot].first_byte[endpoint]);
}

static void put_duration(struct writer *w, unsigned slot, enum route_endpoint endpoint)
{
    put_histogram(w, slot, endpoint, &w->p->tally.nodes[slot].duration[endpoint]);
}

static void put_response_bytes(struct writer *w, unsigned slot, enum route_endpoint endpoint)
{
    uint64_t bytes = w->p->tally.nodes[slot].response_bytes[endpoint];

    if (bytes > 0)
        exposition_whole(
            &w->e,
            LABELS({"node", name_of(w, slot)}, {"endpoint", route_endpoint_name(endpoint)}),
            bytes);
}

static void put_requests(struct writer *w)
{
    exposition_family(&w->e, "requests_total", "counter",
                      "Requests that have ended; node is that of the last attempt.");
    each_endpoint(w, put_requests_of);
    exposition_family(&w->e, "time_to_first_byte_seconds", "histogram",
                      "From the first byte of a request to the first byte of its answer, for "
                      "complete answers of nodes.");
    each_endpoint(w, put_first_byte);
    exposition_family(&w->e, "request_duration_seconds", "histogram",
                      "From the first byte of a request to the end of its answer, for "
                      "complete answers of nodes.");
    each_endpoint(w, put_duration);
    exposition_family(&w->e, "response_body_bytes_total", "counter",
                      "Bytes of answers' bodies, of requests that have ended.");
    each_endpoint(w, put_response_bytes);
    exposition_family(&w->e, "request_body_bytes_total", "counter",
                      "Bytes of request bodies that were received for nodes.");
    for (enum route_endpoint i = 0; i < ROUTE_ENDPOINT_COUNT; i++) {
        if (w->p->tally.request_bytes[i] > 0)
            exposition_whole(&w->e, LABELS({"endpoint", route_endpoint_name(i)}),
                             w->p->tally.request_bytes[i]);
    }
}

static void put_outcomes(struct writer *w)
{
    exposition_family(&w->e, "attempt_outcomes_total", "counter",
                      "How attempts ended; one that timed out is told again when its answer "
                      "ends.");
    for (unsigned slot = 0; slot < w->p->node_count; slot++) {
        const uint64_t *outcomes = w->p->tally.nodes[slot].outcomes;
        for (enum failover_outcome i = 0; is_there(w, slot) && i < FAILOVER_OUTCOME_COUNT; i++)
            if (outcomes[i] > 0)
                exposition_whole(
                    &w->e,
                    LABELS({"node", name_of(w, slot)}, {"outcome", failover_outcome_name(i)}),
                    outcomes[i]);
    }
}

static void put_switches(struct writer *w)
{
    exposition_family(&w->e, "switches_total", "counter",
                      "How often the lead went from one node to another, or to none.");
    for (enum failover_cause i = 0; i < FAILOVER_CAUSE_COUNT; i++) {
        if (w->p->tally.switches[i] > 0)
            exposition_whole(&w->e, LABELS({"cause", failover_cause_name(i)}),
                             w->p->tally.switches[i]);
    }
}

/* ---------------------------------------------------------------- nodes */

/* One figure of a node. False when there is none. Thousandths, so that one type will do. */
typedef bool (*figure)(const struct writer *w, unsigned slot, int64_t *ret_milli);

static bool attempts_of(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    *ret_milli = (int64_t)w->p->tally.nodes[slot].attempts * 1000;
    return true;
}

static bool is_active(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    *ret_milli = failover_active(w->f) == slot ? 1000 : 0;
    return true;
}

static bool inflight_of(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    *ret_milli = w->f->nodes[slot].inflight * 1000;
    return true;
}

static bool has_figure(const struct proxy_node *n)
{
    return n->has_quota && n->quota.usage.has_remaining;
}

static bool remaining_of(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    const struct proxy_node *n = &w->p->nodes[slot];

    *ret_milli = n->quota.usage.remaining_milli;
    return has_figure(n);
}

static bool estimate_of(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    *ret_milli = w->f->nodes[slot].estimate_milli;
    return has_figure(&w->p->nodes[slot]);
}

static bool entitlement_of(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    const struct proxy_node *n = &w->p->nodes[slot];

    *ret_milli = n->quota.usage.entitlement_milli;
    return n->has_quota && !n->quota.usage.is_unlimited;
}

static bool reset_of(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    const struct proxy_node *n = &w->p->nodes[slot];

    return n->has_quota && quota_parse_date(slice_of(n->quota.reset_date), ret_milli) == 0;
}

static bool polled_of(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    *ret_milli = w->p->nodes[slot].quota_wall_ms;
    return *ret_milli > 0;
}

static bool process_of(const struct writer *w, unsigned slot,
                       struct proxy_process_view *ret_view)
{
    return w->p->host.node_process(w->p->host.host, slot, ret_view);
}

static bool restarts_of(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    struct proxy_process_view view = {0};
    bool is_known = process_of(w, slot, &view);

    *ret_milli = (int64_t)view.restarts * 1000;
    return is_known;
}

static bool uptime_of(const struct writer *w, unsigned slot, int64_t *ret_milli)
{
    struct proxy_process_view view = {0};
    bool is_known = process_of(w, slot, &view);

    *ret_milli = (int64_t)view.uptime_ms;
    return is_known && view.pid > 0;
}

static void put_figure(struct writer *w, const char *name, const char *type, const char *help,
                       figure get)
{
    int64_t milli = 0;

    exposition_family(&w->e, name, type, help);
    for (unsigned slot = 0; slot < w->p->node_count; slot++) {
        if (is_there(w, slot) && get(w, slot, &milli))
            exposition_milli(&w->e, LABELS({"node", name_of(w, slot)}), milli);
    }
}

static void put_states(struct writer *w)
{
    exposition_family(&w->e, "node_state", "gauge",
                      "1 for the state that a node is in, 0 for the others.");
    for (uint16_t slot = 0; slot < w->p->node_count; slot++) {
        for (enum node_state i = 0; is_there(w, slot) && i < NODE_STATE_COUNT; i++)
            exposition_whole(&w->e,
                             LABELS({"node", name_of(w, slot)}, {"state", node_state_name(i)}),
                             failover_node_state(w->f, slot) == i);
    }
}

/* Two families from one look at each process. */
static void put_usage(struct writer *w)
{
    struct proxy_usage_view views[NODES_MAX];
    bool is_known[NODES_MAX] = {false};
    const struct proxy_host *host = &w->p->host;

    for (unsigned i = 0; i < w->p->node_count; i++)
        is_known[i] = is_there(w, i) && host->node_usage != NULL &&
                      host->node_usage(host->host, i, &views[i]);
    exposition_family(&w->e, "node_resident_memory_bytes", "gauge",
                      "Resident memory of a node's processes.");
    for (unsigned i = 0; i < w->p->node_count; i++) {
        if (is_known[i])
            exposition_whole(&w->e, LABELS({"node", name_of(w, i)}), views[i].resident_bytes);
    }
    exposition_family(&w->e, "node_cpu_seconds_total", "counter",
                      "CPU time of a node's processes since it was started.");
    for (unsigned i = 0; i < w->p->node_count; i++) {
        if (is_known[i])
            exposition_milli(&w->e, LABELS({"node", name_of(w, i)}), (int64_t)views[i].cpu_ms);
    }
}

static void put_nodes(struct writer *w)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
        figure get;
    } figures[] = {
        {"attempts_total", "counter", "Requests that were sent to a node.", attempts_of},
        {"node_active", "gauge", "1 for the node that serves.", is_active},
        {"node_in_flight", "gauge", "Requests that take from the account and are under way.",
         inflight_of},
        {"quota_remaining", "gauge", "Premium requests left, as GitHub said last.",
         remaining_of},
        {"quota_estimate", "gauge", "The same less what was spent since.", estimate_of},
        {"quota_entitlement", "gauge", "Premium requests of the account for each period.",
         entitlement_of},
        {"quota_reset_timestamp_seconds", "gauge", "When the quota comes back, in Unix time.",
         reset_of},
        {"quota_poll_timestamp_seconds", "gauge",
         "When GitHub was asked for the quota last, in Unix time.", polled_of},
        {"node_restarts_total", "counter", "Starts of a node's process after the first.",
         restarts_of},
        {"node_uptime_seconds", "gauge", "Age of a node's process.", uptime_of},
    };

    put_states(w);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        put_figure(w, figures[i].name, figures[i].type, figures[i].help, figures[i].get);
    put_usage(w);
}

/* ---------------------------------------------------------------- ourselves */

static uint64_t count_logins(const struct proxy *p)
{
    struct proxy_login_view view;
    unsigned count = 0;

    while (p->host.login(p->host.host, count, &view))
        count++;
    return count;
}

static void put_gauge(struct writer *w, const char *name, const char *help, uint64_t value)
{
    exposition_family(&w->e, name, "gauge", help);
    exposition_whole(&w->e, NULL, value);
}

static void put_gateway(struct writer *w)
{
    const struct proxy *p = w->p;

    put_gauge(w, "requests_in_flight", "Requests for nodes that wait for their end.",
              REQUESTS_MAX - p->free_exchanges);
    put_gauge(w, "requests_queued", "Of them, those that wait for a node.", w->f->queue_len);
    put_gauge(w, "client_connections", "Connections from clients.", p->client_count);
    put_gauge(w, "upstream_connections", "Connections to nodes.", p->upstream_count);
    put_gauge(w, "request_body_memory_bytes", "Request bodies in memory.", p->body_bytes);
    put_gauge(w, "logins_waiting", "Device codes that wait for a human.", count_logins(p));
}

static void put_self(struct writer *w)
{
    size_t resident = 0;
    uv_rusage_t usage;

    exposition_family(&w->e, "build_info", "gauge", "Always 1; the labels tell the version.");
    exposition_whole(&w->e,
                     LABELS({"version", CLUSTER_VERSION}, {"libuv", uv_version_string()}), 1);
    exposition_family(&w->e, "log_lines_dropped_total", "counter",
                      "Log lines that stderr did not take.");
    exposition_whole(&w->e, NULL, log_dropped());
    if (uv_resident_set_memory(&resident) == 0)
        put_gauge(w, "process_resident_memory_bytes", "Resident memory of copilot-cluster.",
                  resident);
    if (uv_getrusage(&usage) < 0)
        return;
    int64_t cpu_ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                     (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    exposition_family(&w->e, "process_cpu_seconds_total", "counter",
                      "CPU time of copilot-cluster.");
    exposition_milli(&w->e, NULL, cpu_ms);
}

int metrics_write(const struct proxy *p, struct buf *out)
{
    struct writer w = {.e = {.out = out}, .p = p, .f = driver_engine(p->driver)};

    put_requests(&w);
    put_outcomes(&w);
    put_switches(&w);
    put_nodes(&w);
    put_gateway(&w);
    put_self(&w);
    return w.e.error;
}
