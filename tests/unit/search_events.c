/* search_events - what can happen next in a state of the engine's search.
 *
 * Everything that the shell could post, and nothing else. Free request slots are alike, so that
 * only the first of them is used.
 *
 * SPDX-License-Identifier: MIT
 */
#include "search.h"

struct visitor {
    const struct world *w;
    search_visit visit;
    void *data;
};

static void tell(const struct visitor *v, struct failover_event ev, bool is_adverse)
{
    ev.now_ms = ev.type == FAILOVER_TIMER ? v->w->engine.deadline_ms : v->w->now;
    v->visit(v->data, &ev, is_adverse);
}

static void new_request(const struct visitor *v, struct failover_event ev)
{
    tell(v, ev, false);
    if (search_current->has_costs) {
        ev.cost_milli = 1000;
        tell(v, ev, false);
        ev.cost_milli = 2000;
        tell(v, ev, false);
        ev.cost_milli = 0;
    }
    if (!search_current->has_free)
        return;
    ev.is_free_model = true;
    tell(v, ev, false);
    ev.is_free_model = false;
    ev.is_bypass = true;
    tell(v, ev, false);
}

static void each_request(const struct visitor *v)
{
    const struct failover *f = &v->w->engine;
    bool has_begun = false;

    for (uint16_t i = 0; i < search_current->requests; i++) {
        const struct failover_request *r = &f->requests[i];
        struct failover_event ev = {.request = {i, r->generation}};
        if (!v->w->requests[i].is_live) {
            ev.type = FAILOVER_REQUEST;
            ev.request.generation++;
            if (!has_begun)
                new_request(v, ev);
            has_begun = true;
            continue;
        }
        ev.type = FAILOVER_CLIENT_GONE;
        tell(v, ev, true);
        ev.type = FAILOVER_CLIENT_FIN;
        if (!r->is_fin)
            tell(v, ev, true);
    }
}

/* What may still come after the first byte went out. */
static bool is_late(enum failover_outcome outcome)
{
    return outcome == FAILOVER_OUTCOME_OK || outcome == FAILOVER_OUTCOME_RESET ||
           outcome == FAILOVER_OUTCOME_BROKEN || outcome == FAILOVER_OUTCOME_TIMEOUT ||
           outcome == FAILOVER_OUTCOME_QUOTA || outcome == FAILOVER_OUTCOME_RATE ||
           outcome == FAILOVER_OUTCOME_REQUEST_FAULT;
}

static void each_attempt(const struct visitor *v)
{
    for (uint16_t i = 0; i < ATTEMPTS; i++) {
        const struct shadow_attempt *a = &v->w->attempts[i];
        if (!a->is_used)
            continue;
        struct failover_event ev = {.type = FAILOVER_OUTCOME,
                                    .attempt = {i, v->w->engine.attempts[i].generation}};
        bool is_orphan = a->request == REQUESTS;
        bool is_started = !is_orphan && v->w->requests[a->request].is_started;
        for (int outcome = 0; outcome < FAILOVER_OUTCOME_COUNT; outcome++) {
            ev.outcome = (enum failover_outcome)outcome;
            if ((is_started && !is_late(ev.outcome)) ||
                (is_orphan && ev.outcome == FAILOVER_OUTCOME_TIMEOUT))
                continue;
            tell(v, ev, ev.outcome != FAILOVER_OUTCOME_OK);
        }
        ev.type = FAILOVER_STARTED;
        if (!is_orphan && !is_started)
            tell(v, ev, false);
    }
}

static void answer_usage(const struct visitor *v, struct failover_event ev)
{
    ev.type = FAILOVER_USAGE;
    ev.poll_serial = v->w->engine.poll_serial;
    if (search_current->has_costs) {
        ev.usage = (struct failover_usage){.has_remaining = true, .remaining_milli = 3000};
        tell(v, ev, false);
        ev.usage.remaining_milli = 1000;
        tell(v, ev, true);
        ev.usage.remaining_milli = 0;
    } else {
        tell(v, ev, false);
    }
    ev.usage.is_exhausted = true;
    ev.usage.reset_in_ms = 20;
    tell(v, ev, true);
    ev.usage.is_overage_permitted = true;
    if (search_current->has_costs)
        tell(v, ev, true);
    ev.type = FAILOVER_USAGE_FAILED;
    tell(v, ev, true);
    ev.is_unreachable = true;
    tell(v, ev, true);
}

static void each_evidence(const struct visitor *v, struct failover_event ev)
{
    static const enum node_evidence while_up[] = {
        NODE_EVIDENCE_USAGE_TOKEN, NODE_EVIDENCE_USAGE_FORBIDDEN, NODE_EVIDENCE_USAGE_RATE,
        NODE_EVIDENCE_REFRESH, NODE_EVIDENCE_NETWORK};
    bool is_up = v->w->engine.nodes[ev.node].is_up;

    ev.type = FAILOVER_EVIDENCE;
    ev.evidence = NODE_EVIDENCE_CREDENTIALS;
    if (!is_up)
        tell(v, ev, true);
    for (size_t i = 0; is_up && i < sizeof while_up / sizeof while_up[0]; i++) {
        ev.evidence = while_up[i];
        tell(v, ev, true);
    }
}

static void each_process_event(const struct visitor *v, struct failover_event ev)
{
    const struct failover_node *n = &v->w->engine.nodes[ev.node];

    ev.type = FAILOVER_NODE_UP;
    if (!n->is_up)
        tell(v, ev, false);
    ev.type = FAILOVER_NODE_DOWN;
    ev.down = FAILOVER_DOWN_STARTING;
    if (n->is_up || n->down != FAILOVER_DOWN_STARTING)
        tell(v, ev, n->is_up && !n->is_restart_asked);
    if (!n->is_up && n->down != FAILOVER_DOWN_STARTING)
        return;
    ev.down = FAILOVER_DOWN_BACKOFF;
    ev.retry_in_ms = 10;
    tell(v, ev, true);
    ev.down = FAILOVER_DOWN_LOGIN;
    tell(v, ev, true);
}

static void each_hold(const struct visitor *v, struct failover_event ev)
{
    ev.type = FAILOVER_NODE_HELD;
    for (int hold = FAILOVER_HOLD_NONE; hold <= FAILOVER_HOLD_STOP; hold++) {
        ev.hold = (enum failover_hold)hold;
        if (v->w->engine.nodes[ev.node].hold != ev.hold)
            tell(v, ev, ev.hold != FAILOVER_HOLD_NONE);
    }
}

static void each_node(const struct visitor *v)
{
    const struct failover *f = &v->w->engine;

    for (uint16_t i = 0; i < search_current->nodes; i++) {
        const struct failover_node *n = &f->nodes[i];
        struct failover_event ev = {.node = i, .rank = i, .is_owned = n->is_owned};
        if (search_current->has_removal) {
            struct failover_event change = ev;
            change.type = n->is_used ? FAILOVER_NODE_REMOVED : FAILOVER_NODE_ADDED;
            change.is_owned = true;
            tell(v, change, n->is_used);
        }
        if (!n->is_used)
            continue;
        if (n->is_probing) {
            struct failover_event probed = ev;
            probed.type = FAILOVER_PROBE_DONE;
            tell(v, probed, true);
            probed.is_ok = true;
            tell(v, probed, false);
        }
        if (f->poll_node == i)
            answer_usage(v, ev);
        if (search_current->has_evidence)
            each_evidence(v, ev);
        if (search_current->has_holds)
            each_hold(v, ev);
        if (n->is_owned)
            each_process_event(v, ev);
    }
}

void search_each_event(const struct world *w, search_visit visit, void *data)
{
    struct visitor v = {w, visit, data};

    each_request(&v);
    each_attempt(&v);
    each_node(&v);
    tell(&v, (struct failover_event){.type = FAILOVER_RESET_ACTIVE, .node = FAILOVER_NONE},
         true);
    tell(&v, (struct failover_event){.type = FAILOVER_RESET_ACTIVE, .node = 0}, true);
    if (w->engine.deadline_ms != FAILOVER_MS_MAX)
        tell(&v, (struct failover_event){.type = FAILOVER_TIMER}, false);
}

bool search_good_event(const struct world *w, struct failover_event *ret_ev)
{
    const struct failover *f = &w->engine;
    struct failover_event ev = {.now_ms = w->now};

    for (uint16_t i = 0; i < search_current->nodes; i++) {
        ev.node = i;
        if (f->nodes[i].is_restart_asked) {
            ev.type = FAILOVER_NODE_DOWN;
            *ret_ev = ev;
            return true;
        }
        if (f->nodes[i].is_probing) {
            ev.type = FAILOVER_PROBE_DONE;
            ev.is_ok = true;
            *ret_ev = ev;
            return true;
        }
    }
    ev.node = f->poll_node;
    if (f->poll_node != FAILOVER_NONE) {
        ev.type = FAILOVER_USAGE;
        ev.poll_serial = f->poll_serial;
        if (search_current->has_costs)
            ev.usage = (struct failover_usage){.has_remaining = true, .remaining_milli = 3000};
        *ret_ev = ev;
        return true;
    }
    for (uint16_t i = 0; i < ATTEMPTS; i++) {
        if (w->attempts[i].is_used) {
            ev.type = FAILOVER_OUTCOME;
            ev.attempt = (struct failover_id){i, f->attempts[i].generation};
            *ret_ev = ev;
            return true;
        }
    }
    ev.type = FAILOVER_TIMER;
    ev.now_ms = f->deadline_ms;
    *ret_ev = ev;
    return f->deadline_ms != FAILOVER_MS_MAX;
}

bool search_is_idle(const struct world *w)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        if (w->requests[i].is_live)
            return false;
    }
    return true;
}

/* What a former run remembered: the second node led, the lowest is used up, the third rests. */
static void restore(struct world *w)
{
    for (uint16_t i = 0; i < search_current->nodes; i++) {
        struct failover_memory memory = {.is_active = i == 1,
                                         .is_drained = i == 0,
                                         .cause = FAILOVER_CAUSE_QUOTA,
                                         .hold_in_ms = i == 0 ? 10 : 0,
                                         .limited_in_ms = i == 2 ? 10 : 0};
        struct failover_event ev = {
            .type = FAILOVER_RESTORED, .node = i, .memory = &memory, .now_ms = w->now};
        search_apply(w, &ev);
    }
}

void search_begin(const struct search *s, struct world *ret_w)
{
    struct failover_event ev;

    search_current = s;
    *ret_w = (struct world){.now = 1000, .budget = (uint8_t)s->budget};
    failover_init(&ret_w->engine, &s->policy, 0);
    for (uint16_t i = 0; i < s->nodes; i++) {
        ev = (struct failover_event){.type = FAILOVER_NODE_ADDED,
                                     .node = i,
                                     .rank = i,
                                     .now_ms = ret_w->now,
                                     .is_owned = i > 0 || !s->has_external};
        search_apply(ret_w, &ev);
    }
    if (s->is_restored)
        restore(ret_w);
    for (uint16_t i = 0; i < s->nodes; i++) {
        ev = (struct failover_event){.type = FAILOVER_NODE_UP, .node = i, .now_ms = ret_w->now};
        if (s->is_warm || !ret_w->engine.nodes[i].is_owned)
            search_apply(ret_w, &ev);
    }
    while (s->is_warm && search_good_event(ret_w, &ev) && ev.type == FAILOVER_USAGE)
        search_apply(ret_w, &ev);
    ret_w->depth = 0;
}
