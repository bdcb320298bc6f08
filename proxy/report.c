/* report - what a step of the engine changed, told twice: a log line and a journal entry.
 *
 * Request id and evidence are told only where they belong: a step may also end a cooldown of
 * some other node, and an order from outside needs no evidence.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report.h"

#include <stdio.h>
#include <string.h>

#include "admin_json.h"
#include "driver.h"
#include "evidence.h"
#include "exchange.h"
#include "log.h"

/* Requests are told to those who look on, not written down for nobody: so long after the last
 * of them was there he may come back for what he has missed. */
#define WATCHED_MS 60000

/* ---------------------------------------------------------------- before the step */

static void take_id(struct report *r, uint16_t request)
{
    const struct exchange *x = request == FAILOVER_NONE ? NULL : r->proxy->exchanges[request];

    if (x != NULL)
        (void)snprintf(r->request_id, sizeof r->request_id, "%s", x->request_id);
}

static void begin_outcome(struct report *r, const struct failover *f,
                          const struct failover_event *ev)
{
    const struct failover_attempt *a = &f->attempts[ev->attempt.slot];

    if (!a->is_used || a->generation != ev->attempt.generation)
        return;
    r->node = a->node;
    if (a->node != FAILOVER_NONE) /* else it was removed meanwhile */
        r->proxy->tally.nodes[a->node].outcomes[ev->outcome]++;
    take_id(r, a->request);
}

/* A refused request may be waiting for this /usage to say whose fault it was (DESIGN D7). */
static void begin_usage(struct report *r, const struct failover *f,
                        const struct failover_event *ev)
{
    r->node = ev->node;
    if (f->nodes[ev->node].judging == 0)
        return;
    for (uint16_t i = 0; i < REQUESTS_MAX; i++) {
        const struct failover_request *request = &f->requests[i];
        if (request->state == FAILOVER_REQUEST_JUDGING && request->node == ev->node) {
            take_id(r, i);
            return;
        }
    }
}

void report_begin(struct report *r, struct proxy *p, const struct failover_event *ev)
{
    const struct failover *f = driver_engine(p->driver);

    *r = (struct report){.proxy = p, .node = FAILOVER_NONE};
    switch (ev->type) {
    case FAILOVER_OUTCOME:
        begin_outcome(r, f, ev);
        break;
    case FAILOVER_USAGE:
    case FAILOVER_USAGE_FAILED:
        begin_usage(r, f, ev);
        break;
    case FAILOVER_NODE_DOWN:
    case FAILOVER_NODE_HELD:
    case FAILOVER_EVIDENCE:
    case FAILOVER_PROBE_DONE:
        r->node = ev->node;
        break;
    case FAILOVER_NODE_ADDED:
    case FAILOVER_NODE_REMOVED:
    case FAILOVER_NODE_UP:
    case FAILOVER_RESTORED:
    case FAILOVER_REQUEST:
    case FAILOVER_STARTED:
    case FAILOVER_CLIENT_GONE:
    case FAILOVER_CLIENT_FIN:
    case FAILOVER_RESET_ACTIVE:
    case FAILOVER_POLICY:
    case FAILOVER_ORDER:
    case FAILOVER_TIMER:
    case FAILOVER_EVENT_COUNT:
        break;
    }
}

/* ---------------------------------------------------------------- after it */

static void put_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

/* Fills what both kinds of entries have; `node` is whose state or failure it is about. */
static struct journal_entry make_entry(const struct report *r, enum journal_type type,
                                       uint16_t node, enum failover_cause cause)
{
    const struct proxy_node *n = &r->proxy->nodes[node];
    struct journal_entry e = {.at_wall_ms = proxy_wall_ms(), .type = type, .cause = cause};
    bool is_process = cause == FAILOVER_CAUSE_PROCESS && n->reason[0] != '\0';

    put_text(e.node, sizeof e.node, n->name);
    put_text(e.reason, sizeof e.reason,
             is_process ? n->reason : failover_cause_sentence(cause));
    if (r->node == node) {
        put_text(e.request_id, sizeof e.request_id, r->request_id);
        put_text(e.evidence, sizeof e.evidence, evidence_now(n));
    }
    return e;
}

/* " request=ID evidence=\"...\"", as far as they are known. */
static const char *tail_of(const struct journal_entry *e, char *tail, size_t size)
{
    char evidence[REASON_MAX];

    (void)snprintf(evidence, sizeof evidence, "%s", e->evidence);
    for (char *c = strchr(evidence, '"'); c != NULL; c = strchr(c, '"'))
        *c = '\''; /* it stands in quotes */
    (void)snprintf(
        tail, size, "%s%s%s%s%s", e->request_id[0] == '\0' ? "" : " request=", e->request_id,
        evidence[0] == '\0' ? "" : " evidence=\"", evidence, evidence[0] == '\0' ? "" : "\"");
    return tail;
}

static void keep(const struct report *r, const struct journal_entry *e)
{
    journal_add(&r->proxy->journal, e);
    history_add(&r->proxy->history, e->type == JOURNAL_SWITCH ? "switch" : "state",
                journal_entry_to_json(e, admin_json_time(e->at_wall_ms)));
}

void report_node_changed(const struct report *r, const struct failover_action *action)
{
    bool is_bad = action->new_state == NODE_OFFLINE || action->new_state == NODE_INVALID_TOKEN;
    struct proxy_node *n = &r->proxy->nodes[action->node];
    struct journal_entry e = make_entry(r, JOURNAL_STATE, action->node, action->cause);
    char tail[REQUEST_ID_MAX + REASON_MAX + 32];

    e.old_state = action->old_state;
    e.new_state = action->new_state;
    n->since_wall_ms = e.at_wall_ms;
    keep(r, &e);
    log_write(is_bad ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
              "node %s is %s: %s node=%s from=%s to=%s%s", n->name,
              node_state_name(e.new_state), e.reason, n->name, node_state_name(e.old_state),
              node_state_name(e.new_state), tail_of(&e, tail, sizeof tail));
}

void report_request(const struct proxy *p, const struct exchange *x,
                    const struct failover_action *action)
{
    static const char *const ends[FAILOVER_ACTION_COUNT] = {
        [FAILOVER_DONE] = "done",
        [FAILOVER_PASS] = "refused",
        [FAILOVER_REPLY] = "unserved",
        [FAILOVER_TRUNCATE] = "cut",
    };
    bool has_node = x->node < NODES_MAX && x->attempts > 0;

    if (ends[action->type] == NULL || p->watched_ms == 0 ||
        uv_now(p->loop) - p->watched_ms > WATCHED_MS)
        return;
    struct proxy *owner = x->proxy;
    history_add(
        &owner->history, "request",
        json_pack("{s:s, s:s, s:s?, s:i, s:i}", "request", x->request_id, "end",
                  ends[action->type], "node", has_node ? p->nodes[x->node].name : NULL,
                  "attempts", (int)x->attempts, "status",
                  action->type == FAILOVER_REPLY ? (int)action->status : (int)x->status));
}

void report_switched(const struct report *r, const struct failover_action *action)
{
    const struct proxy *p = r->proxy;
    const char *to = action->node == FAILOVER_NONE ? "none" : p->nodes[action->node].name;
    char tail[REQUEST_ID_MAX + REASON_MAX + 32];

    /* Before anything was dispatched the lead only follows the highest node that is ready. */
    if (action->from == FAILOVER_NONE || action->cause == FAILOVER_CAUSE_STARTUP ||
        action->cause == FAILOVER_CAUSE_RESTORED) {
        log_info("active-standby (主备模式): node %s is active to=%s", to, to);
        return;
    }
    r->proxy->tally.switches[action->cause]++;
    struct journal_entry e = make_entry(r, JOURNAL_SWITCH, action->from, action->cause);
    put_text(e.to, sizeof e.to, to);
    /* How its process ended is what is known. */
    if (e.evidence[0] == '\0' && strcmp(e.reason, failover_cause_sentence(e.cause)) != 0)
        put_text(e.evidence, sizeof e.evidence, e.reason);
    put_text(e.reason, sizeof e.reason, failover_cause_sentence(e.cause));
    keep(r, &e);
    log_info("active-standby (主备模式): switched from %s to %s: %s from=%s to=%s cause=%s%s",
             e.node, e.to, e.reason, e.node, e.to, failover_cause_name(e.cause),
             tail_of(&e, tail, sizeof tail));
}
