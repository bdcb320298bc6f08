/* admin_json - the JSON of /health and the admin endpoints.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "core/printable.h"
#include "driver.h"

/* json_object_set_new() that remembers a failure. */
static void set(json_t *object, const char *key, json_t *value, bool *failed)
{
    if (json_object_set_new(object, key, value) < 0)
        *failed = true;
}

json_t *admin_json_text(const char *text)
{
    char clean[1024];
    json_t *value = json_string(text);

    if (value != NULL)
        return value;
    (void)printable_copy(slice_of(text), clean, sizeof clean);
    return json_string(clean);
}

json_t *admin_json_time(int64_t wall_ms)
{
    char text[96];
    struct tm utc;
    time_t seconds = (time_t)(wall_ms / 1000);

    if (wall_ms == 0)
        return json_null();
    gmtime_r(&seconds, &utc);
    (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
                   utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                   (int)(wall_ms % 1000));
    return json_string(text);
}

static json_t *thousandths(int64_t milli)
{
    return milli % 1000 == 0 ? json_integer(milli / 1000) : json_real((double)milli / 1000);
}

/* Whole seconds since then; null for 0. Not negative when the clock was set back. */
static json_t *age(int64_t wall_ms, int64_t now_ms)
{
    if (wall_ms == 0)
        return json_null();
    return json_integer(now_ms > wall_ms ? (now_ms - wall_ms) / 1000 : 0);
}

/* How old each figure is. What was polled is as old as the poll; the estimate may be younger,
 * because requests are counted in between. */
static json_t *quota_ages(const struct proxy_node *n)
{
    int64_t now_ms = proxy_wall_ms();
    int64_t polled_ms = n->quota_wall_ms;
    int64_t counted_ms = n->estimate_wall_ms > polled_ms ? n->estimate_wall_ms : polled_ms;
    bool failed = false;
    json_t *ages = json_object();

    set(ages, "remaining", age(polled_ms, now_ms), &failed);
    set(ages, "estimate", n->quota.usage.has_remaining ? age(counted_ms, now_ms) : json_null(),
        &failed);
    set(ages, "entitlement", age(polled_ms, now_ms), &failed);
    set(ages, "resetDate", age(polled_ms, now_ms), &failed);
    if (failed) {
        json_decref(ages);
        return NULL;
    }
    return ages;
}

static json_t *quota_detail(const struct proxy_node *n, const struct failover_node *f)
{
    int64_t reserve = n->proxy->config->quota.reserve;
    bool failed = false;
    json_t *q = json_object();

    if (!n->has_quota || q == NULL) {
        json_decref(q);
        return json_null();
    }
    const struct failover_usage *u = &n->quota.usage;
    set(q, "plan", n->quota.plan[0] == '\0' ? json_null() : json_string(n->quota.plan),
        &failed);
    set(q, "remaining", u->has_remaining ? thousandths(u->remaining_milli) : json_null(),
        &failed);
    set(q, "estimate", u->has_remaining ? thousandths(f->estimate_milli) : json_null(),
        &failed);
    set(q, "entitlement", thousandths(u->entitlement_milli), &failed);
    set(q, "percentRemaining",
        n->quota.has_percent ? json_real(n->quota.percent_remaining) : json_null(), &failed);
    set(q, "unlimited", json_boolean(u->is_unlimited), &failed);
    set(q, "overagePermitted", json_boolean(u->is_overage_permitted), &failed);
    set(q, "resetDate",
        n->quota.reset_date[0] == '\0' ? json_null() : json_string(n->quota.reset_date),
        &failed);
    if (reserve > 0)
        set(q, "reserve", json_integer(reserve), &failed);
    set(q, "age", quota_ages(n), &failed);
    if (failed) {
        json_decref(q);
        return NULL;
    }
    return q;
}

static const char *reason_of(const struct proxy_node *n, const struct failover_node *f)
{
    bool is_process = f->cause == FAILOVER_CAUSE_PROCESS || f->cause == FAILOVER_CAUSE_STARTUP;

    return is_process && n->reason[0] != '\0' ? n->reason : failover_cause_sentence(f->cause);
}

static json_t *text_or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static void set_process(const struct proxy *p, unsigned slot, json_t *node, bool *failed)
{
    struct proxy_process_view view = {0};
    bool has_process = p->host.node_process(p->host.host, slot, &view);

    set(node, "process", has_process ? json_string(view.state) : json_null(), failed);
    set(node, "pid", has_process && view.pid > 0 ? json_integer(view.pid) : json_null(),
        failed);
    set(node, "uptime",
        has_process && view.pid > 0 ? json_integer((json_int_t)(view.uptime_ms / 1000))
                                    : json_null(),
        failed);
    set(node, "restarts", has_process ? json_integer((json_int_t)view.restarts) : json_null(),
        failed);
    set(node, "problem", text_or_null(view.problem), failed);
    set(node, "failures", has_process ? json_integer(view.failures) : json_null(), failed);
    set(node, "lastExit", text_or_null(view.last_exit), failed);
    set(node, "account", text_or_null(view.account), failed);
    set(node, "sameAccountAs", text_or_null(view.twin), failed);
    set(node, "order", text_or_null(view.order), failed);
    set(node, "loginPlace", json_integer(view.login_place), failed);
}

static json_t *node_json(const struct proxy *p, uint16_t slot, bool is_active)
{
    const struct proxy_node *n = &p->nodes[slot];
    const struct failover_node *f = &driver_engine(p->driver)->nodes[slot];
    bool has_figure = n->has_quota && n->quota.usage.has_remaining;
    bool failed = false;

    json_t *node = json_object();
    if (node == NULL)
        return NULL;
    set(node, "id", json_string(n->name), &failed);
    set(node, "status",
        json_string(node_state_name(failover_node_state(driver_engine(p->driver), slot))),
        &failed);
    set(node, "quota", has_figure ? thousandths(f->estimate_milli) : json_null(), &failed);
    set(node, "isActive", json_boolean(is_active), &failed);
    set(node, "consecutiveFailures", json_integer(f->failures), &failed);
    set(node, "lastCheck", admin_json_time(n->check_wall_ms), &failed);
    set(node, "lastHealthy", admin_json_time(n->healthy_wall_ms), &failed);
    set(node, "index", json_integer(proxy_index_of(p, slot)), &failed);
    set(node, "source", json_string(node_source_name(n->source)), &failed);
    set(node, "since", admin_json_time(n->since_wall_ms), &failed);
    set(node, "reason", json_string(reason_of(n, f)), &failed);
    set(node, "inFlight", json_integer(f->inflight), &failed);
    set(node, "quotaDetail", quota_detail(n, f), &failed);
    set_process(p, slot, node, &failed);
    if (failed) {
        json_decref(node);
        return NULL;
    }
    return node;
}

/* The ancestor's log of switches, out of the journal. As a log is read: the newest last. */
static json_t *switch_log(const struct proxy *p)
{
    const struct journal *j = &p->journal;
    unsigned first = journal_len(j);
    unsigned count = 0;
    json_t *list = json_array();

    while (first > 0 && count < SWITCH_LOG_MAX)
        count += journal_at(j, --first)->type == JOURNAL_SWITCH;
    for (unsigned i = first; list != NULL && i < journal_len(j); i++) {
        const struct journal_entry *e = journal_at(j, i);
        if (e->type != JOURNAL_SWITCH)
            continue;
        json_t *entry = json_pack("{s:o, s:s, s:s, s:s}", "at", admin_json_time(e->at_wall_ms),
                                  "from", e->node, "to", e->to, "reason", e->reason);
        if (json_array_append_new(list, entry) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *logins(const struct proxy *p)
{
    struct proxy_login_view view;
    json_t *list = json_array();

    for (unsigned i = 0; list != NULL && p->host.login(p->host.host, i, &view); i++) {
        json_t *entry =
            json_pack("{s:s, s:s, s:s, s:o}", "node", view.node, "url", view.url, "code",
                      view.code, "expiresAt", admin_json_time(view.expires_at_ms));
        if (json_array_append_new(list, entry) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *node_list(const struct proxy *p, unsigned *ret_available)
{
    const struct failover *f = driver_engine(p->driver);
    uint16_t active = failover_active(f);
    json_t *list = json_array();

    *ret_available = 0;
    for (unsigned i = 0; list != NULL && i < p->order_count; i++) {
        uint16_t slot = p->order[i];
        if (!proxy_knows_node(p, slot))
            continue;
        *ret_available += failover_node_state(f, slot) == NODE_READY;
        if (json_array_append_new(list, node_json(p, slot, slot == active)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Takes ownership of `root`. */
static int write_out(json_t *root, bool failed, struct buf *out)
{
    int r = -ENOMEM;
    char *text = root == NULL || failed ? NULL : json_dumps(root, JSON_COMPACT);

    if (text != NULL)
        r = buf_append_slice(out, slice_of(text));
    if (r == 0)
        r = buf_append_slice(out, SLICE("\n"));
    free(text);
    json_decref(root);
    return r;
}

static void set_active(const struct proxy *p, json_t *root, bool *failed)
{
    uint16_t active = failover_active(driver_engine(p->driver));
    bool is_none = active == FAILOVER_NONE;

    set(root, "activeNodeIndex", json_integer(proxy_index_of(p, active)), failed);
    set(root, "activeNodeId", is_none ? json_null() : json_string(p->nodes[active].name),
        failed);
}

int admin_json_health(const struct proxy *p, bool with_logins, struct buf *out)
{
    unsigned available = 0;
    bool failed = false;
    json_t *root = json_object();
    json_t *nodes = node_list(p, &available);

    set(root, "status", json_string(available > 0 ? "ok" : "degraded"), &failed);
    set_active(p, root, &failed);
    set(root, "mode", json_string("active-standby"), &failed);
    set(root, "availableNodeCount", json_integer(available), &failed);
    set(root, "totalNodeCount", json_integer(p->order_count), &failed);
    set(root, "nodes", nodes, &failed);
    set(root, "switchLog", switch_log(p), &failed);
    if (with_logins)
        set(root, "logins", logins(p), &failed);
    set(root, "version", json_string(CLUSTER_VERSION), &failed);
    return write_out(root, failed, out);
}

int admin_json_journal(const struct proxy *p, struct buf *out)
{
    const struct journal *j = &p->journal;
    bool failed = false;
    json_t *list = json_array();
    json_t *root = json_object();

    for (unsigned i = 0; i < journal_len(j); i++) {
        const struct journal_entry *e = journal_at(j, i);
        json_t *entry = journal_entry_to_json(e, admin_json_time(e->at_wall_ms));
        failed = failed || json_array_append_new(list, entry) < 0;
    }
    set(root, "journal", list, &failed);
    return write_out(root, failed, out);
}

/* Why it did not become the active one. */
static void say_why_not(const struct proxy *p, uint16_t node, char *message, size_t size)
{
    const struct failover *f = driver_engine(p->driver);

    if (node == FAILOVER_NONE)
        (void)snprintf(message, size, "No node is available");
    else if (!proxy_knows_node(p, node))
        (void)snprintf(message, size, "%s is only being added", p->nodes[node].name);
    else if (failover_node_state(f, node) == NODE_READY)
        (void)snprintf(message, size, "%s is being restarted", p->nodes[node].name);
    else
        (void)snprintf(message, size, "%s is %s: %s", p->nodes[node].name,
                       node_state_name(failover_node_state(f, node)),
                       reason_of(&p->nodes[node], &f->nodes[node]));
}

int admin_json_reset(const struct proxy *p, uint16_t node, struct buf *out)
{
    const struct failover *f = driver_engine(p->driver);
    uint16_t active = failover_active(f);
    bool is_ok = active != FAILOVER_NONE && failover_node_state(f, active) == NODE_READY &&
                 (node == FAILOVER_NONE || node == active);
    bool failed = false;
    char message[NODE_NAME_MAX + REASON_MAX + 64];

    json_t *root = json_object();
    if (is_ok)
        (void)snprintf(message, sizeof message, "Active node is now %s", p->nodes[active].name);
    else
        say_why_not(p, node, message, sizeof message);
    set(root, "success", json_boolean(is_ok), &failed);
    set(root, "message", json_string(message), &failed);
    if (is_ok)
        set_active(p, root, &failed);
    return write_out(root, failed, out);
}

int admin_json_refusal(const char *message, struct buf *out)
{
    return write_out(json_pack("{s:b, s:s}", "success", 0, "message", message), false, out);
}

int admin_json_nodes(const struct proxy *p, struct buf *out)
{
    unsigned available;
    bool failed = false;
    json_t *root = json_object();

    set_active(p, root, &failed);
    set(root, "nodes", node_list(p, &available), &failed);
    set(root, "logins", logins(p), &failed);
    set(root, "version", json_string(CLUSTER_VERSION), &failed);
    return write_out(root, failed, out);
}

int admin_json_node(const struct proxy *p, unsigned slot, struct buf *out)
{
    bool is_active = failover_active(driver_engine(p->driver)) == slot;

    return write_out(node_json(p, (uint16_t)slot, is_active), false, out);
}

int admin_json_logins(const struct proxy *p, struct buf *out)
{
    bool failed = false;
    json_t *root = json_object();

    set(root, "logins", logins(p), &failed);
    return write_out(root, failed, out);
}

int admin_json_ready(const struct proxy *p, bool *ret_is_ready, struct buf *out)
{
    unsigned available = 0;
    bool failed = false;
    json_t *root = json_object();

    json_decref(node_list(p, &available));
    *ret_is_ready = available > 0 && !p->is_draining;
    set(root, "ready", json_boolean(*ret_is_ready), &failed);
    set(root, "availableNodeCount", json_integer(available), &failed);
    return write_out(root, failed, out);
}
