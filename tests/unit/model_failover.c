/* model_failover - exhaustive search of the failover engine for P1 to P11 (DESIGN 4).
 *
 * Built together with proxy/core/ in small table sizes (see the Makefile). A breadth-first
 * search starts from nodes that are all READY and, in every state, tries every event that the
 * shell could produce next. Besides the engine there is a *shadow*: what an independent
 * observer of the actions knows (who has an attempt in flight, which nodes a request visited).
 * The properties are checked on the actions against the shadow, so that a wrong engine cannot
 * excuse itself with its own bookkeeping.
 *
 * Time moves only by TIMER at the deadline, and a state's key holds times relative to now, so
 * that the space is finite. A `budget` bounds how many adverse things happen on one path; the
 * search is exhaustive within it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "failover.h"

#define NODES    NODES_MAX
#define REQUESTS REQUESTS_MAX
#define ATTEMPTS ATTEMPTS_MAX

struct shadow_request {
    bool is_live;
    bool is_started;
    bool is_fin; /* its client may have left */
    uint8_t attempts;
    uint8_t tried; /* bit a node; cleared when a new process comes up */
};

struct shadow_attempt {
    bool is_used;
    bool is_working; /* its process lives, so the account is at work */
    uint8_t node;
    uint8_t request; /* REQUESTS = orphan */
};

struct shadow_node {
    uint8_t refusals;  /* 403 in a row */
    uint64_t left_at;  /* the baton left it; 0 = not */
    uint64_t token_at; /* it refused a token; 0 = not */
};

struct world {
    struct failover engine;
    struct shadow_node nodes[NODES];
    struct shadow_request requests[REQUESTS];
    struct shadow_attempt attempts[ATTEMPTS];
    uint64_t now;
    uint8_t budget;
    uint16_t depth;
};

struct search {
    const char *name;
    unsigned nodes;
    unsigned requests;
    unsigned budget;
    struct failover_policy policy;
    bool is_warm;      /* starts with all nodes READY; else with all of them down */
    bool has_external; /* node 0 is external */
    bool has_free;     /* requests for zero-multiplier models and bypass requests, too */
    bool has_removal;  /* nodes are removed and added again */
};

static const struct search *current;
static uint64_t checked_events;
static struct failover_actions actions; /* of the last step */

static void fail(const struct world *w, const struct failover_event *ev, const char *format,
                 ...) __attribute__((noreturn, format(printf, 3, 4)));

static void print_world(const struct world *w)
{
    const struct failover *f = &w->engine;

    printf("  now %llu active %d settled %d queue %u deadline %lld\n",
           (unsigned long long)w->now, f->active == FAILOVER_NONE ? -1 : f->active,
           f->is_settled, f->queue_len, (long long)f->deadline_ms);
    for (unsigned i = 0; i < current->nodes; i++) {
        const struct failover_node *n = &f->nodes[i];
        if (!n->is_used)
            continue;
        printf("  node %u %s up %d inflight %u orphans %u judging %u handoff_until %llu\n", i,
               node_state_name(failover_node_state(f, (uint16_t)i)), n->is_up, n->inflight,
               n->orphans, n->judging, (unsigned long long)n->handoff_until_ms);
    }
    for (unsigned i = 0; i < REQUESTS; i++)
        printf("  request %u state %u attempts %u tried %llx\n", i, f->requests[i].state,
               f->requests[i].attempts, (unsigned long long)f->requests[i].tried);
}

static void fail(const struct world *w, const struct failover_event *ev, const char *format,
                 ...)
{
    va_list args;

    printf("model_failover: %s: ", current->name);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n  event %d node %u request %u attempt %u outcome %s, depth %u\n", ev->type,
           ev->node, ev->request.slot, ev->attempt.slot, failover_outcome_name(ev->outcome),
           w->depth);
    print_world(w);
    printf("[  FAILED  ] 1 test(s).\n");
    exit(1);
}

/* ---------------------------------------------------------------- keys */

struct key {
    unsigned char bytes[1024];
    size_t len;
};

static void put(struct key *k, uint64_t value)
{
    if (k->len + 2 > sizeof k->bytes)
        abort();
    k->bytes[k->len++] = (unsigned char)value;
    k->bytes[k->len++] = (unsigned char)(value >> 8);
}

/* A moment relative to now; "past" and "now" are the same to every rule. */
static void put_time(struct key *k, uint64_t at, uint64_t now)
{
    put(k, at == FAILOVER_MS_MAX ? 0xffff : at > now ? at - now : 0);
}

static void put_shadow_node(struct key *k, const struct world *w, unsigned i)
{
    const struct shadow_node *s = &w->nodes[i];
    uint64_t patience = w->engine.policy.handoff_timeout_ms;

    put(k, s->refusals > 0);
    if (w->engine.nodes[i].inflight == 0)
        return;
    put_time(k, s->left_at == 0 ? FAILOVER_MS_MAX : s->left_at + patience, w->now);
    put_time(k, s->token_at == 0 ? FAILOVER_MS_MAX : s->token_at + patience, w->now);
}

static void make_key(const struct world *w, struct key *k)
{
    const struct failover *f = &w->engine;

    k->len = 0;
    put(k, w->budget);
    put(k, f->active);
    put(k, f->is_settled);
    put(k, f->queue_head);
    put(k, f->poll_node);
    for (unsigned i = 0; i < current->nodes; i++) {
        const struct failover_node *n = &f->nodes[i];
        put(k, (uint64_t)n->is_used | (uint64_t)n->is_up << 1 | (uint64_t)n->is_checked << 2 |
                   (uint64_t)n->is_lost << 3 | (uint64_t)n->is_drained << 4 |
                   (uint64_t)n->is_token_bad << 5 | (uint64_t)n->is_type_bad << 6 |
                   (uint64_t)n->is_probing << 7 | (uint64_t)n->is_restart_asked << 8 |
                   (uint64_t)n->is_token_restarted << 9 | (uint64_t)n->has_failed_start << 10 |
                   (uint64_t)n->forbidden_streak << 11 | (uint64_t)n->down << 12);
        put(k, (uint64_t)n->inflight | (uint64_t)n->orphans << 4 | (uint64_t)n->judging << 8);
        put_time(k, !n->is_up && n->down == FAILOVER_DOWN_BACKOFF ? n->down_until_ms : 0,
                 w->now);
        put_time(k, n->limited_until_ms, w->now);
        put_time(k, n->hold_until_ms, w->now);
        put_time(k, n->inflight > 0 ? n->handoff_until_ms : 0, w->now);
        put_time(k, n->poll_at_ms, w->now);
        put_time(k, n->restart_at_ms, w->now);
        put_time(k, n->is_lost ? n->probe_at_ms : 0, w->now);
        put_time(
            k, n->is_lost && n->broke_at_ms != 0 ? n->broke_at_ms + f->policy.node_wait_ms : 0,
            w->now);
        put_shadow_node(k, w, i);
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        const struct failover_request *r = &f->requests[i];
        const struct shadow_request *s = &w->requests[i];
        put(k, (uint64_t)r->state | (uint64_t)r->attempts << 4 |
                   (uint64_t)r->is_free_model << 8 | (uint64_t)r->is_bypass << 9 |
                   (uint64_t)r->was_moved << 10 | (uint64_t)r->waits_handoff << 11 |
                   (uint64_t)r->only_account_refusals << 12 | (uint64_t)r->is_fin << 13);
        put(k, r->tried | (uint64_t)s->tried << 8);
        put(k, r->attempt);
        put(k, (uint64_t)s->is_live | (uint64_t)s->is_started << 1 |
                   (uint64_t)s->attempts << 2 | (uint64_t)r->last_outcome << 8);
        put(k, r->state == FAILOVER_REQUEST_JUDGING || r->state == FAILOVER_REQUEST_SENT
                   ? r->node
                   : 0);
        put_time(k,
                 r->state == FAILOVER_REQUEST_WAITING ? r->wait_from_ms + f->policy.node_wait_ms
                                                      : 0,
                 w->now);
        put(k, r->state == FAILOVER_REQUEST_WAITING ? r->next : 0);
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        for (unsigned j = 0; j < i; j++)
            put(k, w->requests[i].is_live && w->requests[j].is_live &&
                       (int32_t)(f->requests[i].order - f->requests[j].order) > 0);
    }
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        const struct failover_attempt *a = &f->attempts[i];
        const struct shadow_attempt *s = &w->attempts[i];
        if (a->is_used != s->is_used)
            abort();
        if (!a->is_used) {
            put(k, 0);
            continue;
        }
        put(k, 1 | (uint64_t)a->is_counted << 1 | (uint64_t)a->is_bypass << 2 |
                   (uint64_t)a->is_departed << 3 | (uint64_t)s->is_working << 4 |
                   (uint64_t)s->request << 5 | (uint64_t)s->node << 8);
    }
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

struct print {
    uint64_t a;
    uint64_t b;
};

static struct print fingerprint(const struct key *k)
{
    struct print p = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xc2b2ae3d27d4eb4f)};

    for (size_t i = 0; i < k->len; i += sizeof(uint64_t)) {
        uint64_t v = 0;
        size_t rest = k->len - i;
        memcpy(&v, k->bytes + i, rest < sizeof v ? rest : sizeof v);
        p.a = mix(p.a ^ v) + i;
        p.b = (p.b ^ mix(v + i + 1)) * UINT64_C(0x100000001b3);
    }
    p.a |= 1; /* 0 marks an empty place */
    return p;
}

/* ---------------------------------------------------------------- visited set and queue */

static struct print *visited;
static size_t visited_size;
static size_t visited_count;
static struct world *frontier;
static size_t frontier_head, frontier_count, frontier_size;

static void grow_visited(void)
{
    size_t old_size = visited_size;
    struct print *old = visited;

    visited_size = old_size == 0 ? 1 << 16 : old_size * 2;
    visited = calloc(visited_size, sizeof *visited);
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].a == 0)
            continue;
        size_t at = old[i].a & (visited_size - 1);
        while (visited[at].a != 0)
            at = (at + 1) & (visited_size - 1);
        visited[at] = old[i];
    }
    free(old);
}

static bool is_new(struct print p)
{
    if (visited_count * 2 >= visited_size)
        grow_visited();
    size_t at = p.a & (visited_size - 1);
    for (; visited[at].a != 0; at = (at + 1) & (visited_size - 1)) {
        if (visited[at].a == p.a && visited[at].b == p.b)
            return false;
    }
    visited[at] = p;
    visited_count++;
    return true;
}

static void push(const struct world *w)
{
    if (frontier_count == frontier_size) {
        size_t size = frontier_size == 0 ? 1024 : frontier_size * 2;
        struct world *bigger = malloc(size * sizeof *bigger);
        for (size_t i = 0; i < frontier_count; i++)
            bigger[i] = frontier[(frontier_head + i) % frontier_size];
        free(frontier);
        frontier = bigger;
        frontier_size = size;
        frontier_head = 0;
    }
    frontier[(frontier_head + frontier_count++) % frontier_size] = *w;
}

/* ---------------------------------------------------------------- properties */

static bool is_ready(const struct failover *f, unsigned i)
{
    return f->nodes[i].is_used && !f->nodes[i].is_restart_asked &&
           failover_node_state(f, (uint16_t)i) == NODE_READY;
}

static void check_dispatch(struct world *w, const struct failover_event *ev,
                           const struct failover_action *action)
{
    const struct failover *f = &w->engine;
    struct shadow_request *r = &w->requests[action->request.slot];
    const struct failover_request *own = &f->requests[action->request.slot];
    bool is_bypass = f->attempts[action->attempt.slot].is_bypass;
    enum node_state state = failover_node_state(f, action->node);

    if (!is_bypass) {
        if (action->node != f->active)
            fail(w, ev, "P1: dispatch to %u, active is %u", action->node, f->active);
        if (state != NODE_READY && !(state == NODE_DRAINED && own->is_free_model))
            fail(w, ev, "P1: dispatch to a node that is %s", node_state_name(state));
        for (unsigned i = 0; i < ATTEMPTS && !f->policy.is_overlap; i++) {
            const struct shadow_attempt *a = &w->attempts[i];
            if (a->is_used && a->is_working && a->node != action->node)
                fail(w, ev, "P2: node %u works, yet node %u gets a request", a->node,
                     action->node);
        }
    }
    if (!r->is_live)
        fail(w, ev, "P3: dispatch of a request that has ended");
    if (r->is_fin)
        fail(w, ev, "D6: dispatch of a request whose client has left");
    if (r->is_started)
        fail(w, ev, "P4: dispatch after the first byte");
    if (++r->attempts > f->policy.retry_limit + 1)
        fail(w, ev, "P5: attempt %u", r->attempts);
    if ((r->tried & 1u << action->node) != 0)
        fail(w, ev, "P5: node %u twice", action->node);
    r->tried = (uint8_t)(r->tried | 1u << action->node);
    struct shadow_attempt *a = &w->attempts[action->attempt.slot];
    if (a->is_used)
        fail(w, ev, "an attempt slot is used twice");
    *a = (struct shadow_attempt){.is_used = true,
                                 .is_working = !is_bypass,
                                 .node = (uint8_t)action->node,
                                 .request = (uint8_t)action->request.slot};
}

/* Who should lead after `from` by the rule of D5, among those that match. */
static unsigned expected_next(const struct failover *f, unsigned from, bool is_drained_search)
{
    for (unsigned step = 1; step <= current->nodes; step++) {
        unsigned i = (from + current->nodes - step % current->nodes) % current->nodes;
        bool matches = is_drained_search
                           ? f->nodes[i].is_used && !f->nodes[i].is_restart_asked &&
                                 failover_node_state(f, (uint16_t)i) == NODE_DRAINED
                           : is_ready(f, i);
        if (matches)
            return i;
    }
    return FAILOVER_NONE;
}

static void check_switch(struct world *w, const struct failover_event *ev,
                         const struct failover_action *action, bool was_ready, bool was_settled,
                         bool is_judging_step)
{
    const struct failover *f = &w->engine;

    switch (action->cause) {
    case FAILOVER_CAUSE_RESET_ACTIVE:
        if (ev->type != FAILOVER_RESET_ACTIVE)
            fail(w, ev, "P6: reset-active without being asked");
        return;
    case FAILOVER_CAUSE_HANDOFF:
        return;
    case FAILOVER_CAUSE_SERVER:
    case FAILOVER_CAUSE_BROKEN:
        if (ev->type != FAILOVER_OUTCOME || w->attempts[ev->attempt.slot].node != action->from)
            fail(w, ev, "P6: node %u did not fail", action->from);
        if (action->node != expected_next(f, action->from, false))
            fail(w, ev, "P6: %u -> %u", action->from, action->node);
        return;
    case FAILOVER_CAUSE_REMOVED:
        if (ev->type != FAILOVER_NODE_REMOVED || ev->node != action->from)
            fail(w, ev, "P6: node %u was not removed", action->from);
        return;
    case FAILOVER_CAUSE_STARTUP:
        if (was_settled && action->from != FAILOVER_NONE && was_ready)
            fail(w, ev, "P6: the settled baton left a ready node");
        return;
    default:
        break;
    }
    if (action->from == FAILOVER_NONE)
        fail(w, ev, "P6: a switch from nobody with cause %s",
             failover_cause_name(action->cause));
    if (is_ready(f, action->from))
        fail(w, ev, "P6: the baton left node %u, which is ready", action->from);
    /* A dispatch in the same step cannot change who was ready. */
    unsigned next = expected_next(f, action->from, false);
    if (next == FAILOVER_NONE)
        next = expected_next(f, action->from, true);
    if (!is_judging_step && action->node != next)
        fail(w, ev, "P6: %u -> %u, expected %u", action->from, action->node, next);
}

static void end_request(struct world *w, const struct failover_event *ev,
                        const struct failover_action *action)
{
    struct shadow_request *r = &w->requests[action->request.slot];

    if (!r->is_live)
        fail(w, ev, "P3: a second terminal action");
    if (action->type == FAILOVER_TRUNCATE && !r->is_started)
        fail(w, ev, "P3: truncated before the start");
    if ((action->type == FAILOVER_REPLY || action->type == FAILOVER_PASS) && r->is_started)
        fail(w, ev, "P3: a whole answer after the start");
    *r = (struct shadow_request){0};
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        if (w->attempts[i].is_used && w->attempts[i].request == action->request.slot)
            w->attempts[i].request = REQUESTS;
    }
}

/* D4: streams that somebody reads may be cut only on an account that is dead, exhausted or
 * lost, and only when they had their time. */
static void check_restart(const struct world *w, const struct failover_event *ev, unsigned node)
{
    const struct failover *f = &w->engine;
    const struct shadow_node *s = &w->nodes[node];
    uint64_t patience = f->policy.handoff_timeout_ms;
    bool is_read = false;

    if (!f->nodes[node].is_owned)
        fail(w, ev, "D4: restart of an external node");
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        const struct shadow_attempt *a = &w->attempts[i];
        is_read |= a->is_used && a->is_working && a->node == node && a->request < REQUESTS &&
                   !w->requests[a->request].is_fin;
    }
    if (!is_read)
        return;
    enum node_state state = failover_node_state(f, (uint16_t)node);
    if (state != NODE_INVALID_TOKEN && state != NODE_DRAINED && state != NODE_OFFLINE)
        fail(w, ev, "D4: node %u is cut, though it is %s", node, node_state_name(state));
    bool had_time = (s->left_at != 0 && w->now >= s->left_at + patience) ||
                    (s->token_at != 0 && w->now >= s->token_at + patience);
    if (!had_time)
        fail(w, ev, "D4: node %u is cut before handoff_timeout", node);
}

static void check_action(struct world *w, const struct failover_event *ev,
                         const struct failover_action *action)
{
    const struct failover *f = &w->engine;

    switch (action->type) {
    case FAILOVER_DISPATCH:
        check_dispatch(w, ev, action);
        break;
    case FAILOVER_PASS:
    case FAILOVER_REPLY:
    case FAILOVER_TRUNCATE:
    case FAILOVER_DONE:
        end_request(w, ev, action);
        break;
    case FAILOVER_ABORT:
        w->attempts[action->attempt.slot].is_used = false;
        break;
    case FAILOVER_POLL:
        if (f->nodes[action->node].is_token_bad && f->nodes[action->node].is_owned)
            fail(w, ev, "P7: a dead token is polled");
        break;
    case FAILOVER_RESTART:
        check_restart(w, ev, action->node);
        break;
    case FAILOVER_PROBE:
    case FAILOVER_NODE_CHANGED:
    case FAILOVER_SWITCHED:
        break;
    case FAILOVER_ACTION_COUNT:
        abort();
    }
}

static void observe_outcome(struct world *w, const struct failover_event *ev)
{
    const struct shadow_attempt *a = &w->attempts[ev->attempt.slot];
    struct shadow_node *s = &w->nodes[a->node];

    if (!a->is_working)
        return;
    if (ev->outcome == FAILOVER_OUTCOME_OK)
        s->refusals = 0;
    else if (ev->outcome == FAILOVER_OUTCOME_FORBIDDEN && s->refusals < 2)
        s->refusals++;
    else if (ev->outcome == FAILOVER_OUTCOME_TOKEN && s->token_at == 0)
        s->token_at = ev->now_ms;
}

/* What the observer learns from the event itself, before the actions. */
static void observe_event(struct world *w, const struct failover_event *ev)
{
    switch (ev->type) {
    case FAILOVER_REQUEST:
        w->requests[ev->request.slot] = (struct shadow_request){.is_live = true};
        break;
    case FAILOVER_STARTED:
        w->requests[w->attempts[ev->attempt.slot].request].is_started = true;
        break;
    case FAILOVER_CLIENT_FIN:
        w->requests[ev->request.slot].is_fin = true;
        break;
    case FAILOVER_OUTCOME:
        observe_outcome(w, ev);
        if (ev->outcome == FAILOVER_OUTCOME_TIMEOUT)
            w->attempts[ev->attempt.slot].request = REQUESTS;
        else
            w->attempts[ev->attempt.slot].is_used = false;
        break;
    case FAILOVER_NODE_DOWN:
    case FAILOVER_NODE_REMOVED:
        w->nodes[ev->node].left_at = w->nodes[ev->node].token_at = 0;
        if (ev->type == FAILOVER_NODE_REMOVED)
            w->nodes[ev->node].refusals = 0;
        for (unsigned i = 0; i < ATTEMPTS; i++) {
            if (w->attempts[i].node == ev->node)
                w->attempts[i].is_working = false;
        }
        break;
    case FAILOVER_NODE_UP:
    case FAILOVER_NODE_ADDED:
        for (unsigned i = 0; i < REQUESTS; i++)
            w->requests[i].tried = (uint8_t)(w->requests[i].tried & ~(1u << ev->node));
        break;
    default:
        break;
    }
}

static void check_403(const struct world *before, const struct world *w,
                      const struct failover_event *ev)
{
    const struct failover *old = &before->engine;

    if (ev->type != FAILOVER_OUTCOME || ev->outcome != FAILOVER_OUTCOME_FORBIDDEN)
        return;
    unsigned node = before->attempts[ev->attempt.slot].node;
    if (!before->attempts[ev->attempt.slot].is_working)
        return;
    enum node_state state = failover_node_state(&w->engine, (uint16_t)node);
    bool is_first = before->nodes[node].refusals == 0;
    if (is_first && state != failover_node_state(old, (uint16_t)node))
        fail(w, ev, "P11: one 403 changed node %u", node);
    if (!is_first && state == NODE_READY)
        fail(w, ev, "P11: a second 403 in a row left node %u READY", node);
}

static bool has_pass(unsigned request)
{
    for (uint32_t i = 0; i < actions.count; i++) {
        if (actions.at[i].type == FAILOVER_PASS && actions.at[i].request.slot == request)
            return true;
    }
    return false;
}

/* What /usage says about a 403 that waits for it. */
static void check_judgement(const struct world *before, const struct world *w,
                            const struct failover_event *ev)
{
    const struct failover *old = &before->engine;
    bool is_healthy = ev->type == FAILOVER_USAGE && !ev->usage.is_exhausted;

    if ((ev->type != FAILOVER_USAGE && ev->type != FAILOVER_USAGE_FAILED) ||
        old->poll_node != ev->node)
        return;
    enum node_state state = failover_node_state(&w->engine, ev->node);
    for (unsigned i = 0; i < REQUESTS; i++) {
        const struct failover_request *r = &old->requests[i];
        if (r->state != FAILOVER_REQUEST_JUDGING || r->node != ev->node)
            continue;
        if (is_healthy != has_pass(i))
            fail(w, ev, "P11: request %u, /usage says %s", i, is_healthy ? "well" : "ill");
        if (is_healthy != (state == NODE_READY))
            fail(w, ev, "P11: node %u is %s against its /usage", ev->node,
                 node_state_name(state));
    }
}

/* The engine's counts are what the observer counts. */
static void check_counts(const struct world *w, const struct failover_event *ev)
{
    for (unsigned n = 0; n < current->nodes; n++) {
        unsigned working = 0;
        unsigned departed = 0;
        for (unsigned i = 0; i < ATTEMPTS; i++) {
            const struct shadow_attempt *a = &w->attempts[i];
            if (!a->is_used || !a->is_working || a->node != n)
                continue;
            working++;
            departed += a->request == REQUESTS || w->requests[a->request].is_fin;
        }
        if (w->engine.nodes[n].inflight != working || w->engine.nodes[n].orphans != departed)
            fail(w, ev, "P2: node %u has %u attempts, %u of them departed", n, working,
                 departed);
    }
}

/* One event: steps the engine and checks every property on what it does. */
static void apply(struct world *w, const struct failover_event *ev)
{
    static struct world before;
    unsigned switches = 0;

    before = *w;
    bool was_ready =
        before.engine.active != FAILOVER_NONE && is_ready(&before.engine, before.engine.active);
    w->now = ev->now_ms;
    failover_step(&w->engine, ev, &actions);
    checked_events++;
    observe_event(w, ev);
    bool is_judging_step = false;
    for (uint32_t i = 0; i < actions.count; i++)
        switches += actions.at[i].type == FAILOVER_SWITCHED;
    if (switches > 1)
        is_judging_step = true; /* a 5xx yields and the next settles at once: two facts */
    uint16_t leader = before.engine.active;
    for (uint32_t i = 0; i < actions.count; i++) {
        const struct failover_action *action = &actions.at[i];
        if (action->type == FAILOVER_SWITCHED) {
            if (action->from != leader)
                fail(w, ev, "P6: switch from %u, but %u led", action->from, leader);
            leader = action->node;
            if (action->from != FAILOVER_NONE)
                w->nodes[action->from].left_at = w->now;
            check_switch(w, ev, action, was_ready, before.engine.is_settled, is_judging_step);
        }
        check_action(w, ev, action);
    }
    bool is_removed = ev->type == FAILOVER_NODE_REMOVED && leader == ev->node;
    if (leader != w->engine.active && !(is_removed && w->engine.active == FAILOVER_NONE))
        fail(w, ev, "P6: the active node changed without SWITCHED");
    if (switches > 1)
        fail(w, ev, "P6: %u switches in one step", switches);
    if (ev->type == FAILOVER_TIMER && w->engine.deadline_ms <= ev->now_ms)
        fail(w, ev, "P8: the deadline did not move");
    check_403(&before, w, ev);
    check_judgement(&before, w, ev);
    check_counts(w, ev);
    for (unsigned i = 0; i < REQUESTS; i++) {
        if (w->requests[i].is_live != (w->engine.requests[i].state != FAILOVER_REQUEST_FREE))
            fail(w, ev, "P3: request %u is lost", i);
    }
}

/* ---------------------------------------------------------------- P9 and P10 */

static bool is_idle(const struct world *w)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        if (w->requests[i].is_live)
            return false;
    }
    return true;
}

/* From here on everything goes well: does every request end? */
static bool next_good_event(const struct world *w, struct failover_event *ev)
{
    const struct failover *f = &w->engine;

    *ev = (struct failover_event){.now_ms = w->now};
    for (uint16_t i = 0; i < current->nodes; i++) {
        if (f->nodes[i].is_restart_asked) {
            ev->type = FAILOVER_NODE_DOWN;
            ev->node = i;
            return true;
        }
        if (f->nodes[i].is_probing) {
            ev->type = FAILOVER_PROBE_DONE;
            ev->node = i;
            ev->is_ok = true;
            return true;
        }
    }
    if (f->poll_node != FAILOVER_NONE) {
        ev->type = FAILOVER_USAGE;
        ev->node = f->poll_node;
        ev->poll_serial = f->poll_serial;
        return true;
    }
    for (uint16_t i = 0; i < ATTEMPTS; i++) {
        if (w->attempts[i].is_used) {
            ev->type = FAILOVER_OUTCOME;
            ev->attempt = (struct failover_id){i, f->attempts[i].generation};
            return true;
        }
    }
    ev->type = FAILOVER_TIMER;
    ev->now_ms = f->deadline_ms;
    return f->deadline_ms != FAILOVER_MS_MAX;
}

static void check_termination(const struct world *start)
{
    static struct world w;
    struct failover_event ev = {0};

    if (is_idle(start))
        return;
    w = *start;
    for (unsigned step = 0; step < 200 && !is_idle(&w); step++) {
        if (!next_good_event(&w, &ev))
            fail(start, &ev, "P9: a request waits for nothing");
        apply(&w, &ev);
    }
    if (!is_idle(&w))
        fail(start, &ev, "P9: a request does not end");
}

static void check_stale(const struct world *start)
{
    static const enum failover_event_type types[] = {FAILOVER_OUTCOME, FAILOVER_STARTED,
                                                     FAILOVER_CLIENT_GONE, FAILOVER_USAGE,
                                                     FAILOVER_USAGE_FAILED};
    static struct world w;
    struct key before, after;
    const struct failover *f = &start->engine;
    struct failover_event ev = {
        .now_ms = start->now,
        .attempt = {0, (uint16_t)(f->attempts[0].generation - 1)},
        .request = {0, (uint16_t)(f->requests[0].generation - 1)},
        .poll_serial = (uint16_t)(f->poll_serial - 1),
        .outcome = FAILOVER_OUTCOME_QUOTA,
    };

    w = *start;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        ev.type = types[i];
        failover_step(&w.engine, &ev, &actions);
        if (actions.count != 0)
            fail(start, &ev, "P10: a stale event did something");
    }
    make_key(start, &before);
    make_key(&w, &after);
    if (before.len != after.len || memcmp(before.bytes, after.bytes, before.len) != 0)
        fail(start, &ev, "P10: stale events left a trace");
}

static void check_repeat(const struct world *start, const struct failover_event *ev,
                         const struct world *result)
{
    static struct world w;
    static struct failover_actions first;
    struct key one, two;

    first.count = actions.count;
    memcpy(first.at, actions.at, actions.count * sizeof actions.at[0]);
    w = *start;
    w.now = ev->now_ms;
    failover_step(&w.engine, ev, &actions);
    make_key(result, &one);
    memcpy(w.requests, result->requests, sizeof w.requests);
    memcpy(w.attempts, result->attempts, sizeof w.attempts);
    memcpy(w.nodes, result->nodes, sizeof w.nodes);
    w.budget = result->budget;
    make_key(&w, &two);
    bool is_same = first.count == actions.count && one.len == two.len &&
                   memcmp(one.bytes, two.bytes, one.len) == 0;
    for (uint32_t i = 0; is_same && i < first.count; i++)
        is_same =
            first.at[i].type == actions.at[i].type && first.at[i].node == actions.at[i].node;
    if (!is_same)
        fail(start, ev, "P10: the same event twice, two results");
}

/* ---------------------------------------------------------------- the search */

static void explore(const struct world *w, struct failover_event ev, bool is_adverse)
{
    static struct world next;

    if (is_adverse && w->budget == 0)
        return;
    next = *w;
    next.depth++;
    next.budget = (uint8_t)(w->budget - is_adverse);
    if (ev.type != FAILOVER_TIMER)
        ev.now_ms = w->now;
    apply(&next, &ev);
    struct key k;
    make_key(&next, &k);
    if (!is_new(fingerprint(&k)))
        return;
    check_repeat(w, &ev, &next);
    push(&next);
}

static void explore_requests(const struct world *w)
{
    const struct failover *f = &w->engine;

    for (uint16_t i = 0; i < current->requests; i++) {
        struct failover_id id = {i, (uint16_t)(f->requests[i].generation + 1)};
        struct failover_event ev = {.type = FAILOVER_REQUEST, .request = id};
        if (w->requests[i].is_live) {
            ev.type = FAILOVER_CLIENT_GONE;
            ev.request.generation = f->requests[i].generation;
            explore(w, ev, true);
            ev.type = FAILOVER_CLIENT_FIN;
            if (!f->requests[i].is_fin)
                explore(w, ev, true);
            continue;
        }
        explore(w, ev, false);
        if (!current->has_free)
            continue;
        ev.is_free_model = true;
        explore(w, ev, false);
        ev.is_free_model = false;
        ev.is_bypass = true;
        explore(w, ev, false);
    }
}

static void explore_attempts(const struct world *w)
{
    const struct failover *f = &w->engine;

    for (uint16_t i = 0; i < ATTEMPTS; i++) {
        const struct shadow_attempt *a = &w->attempts[i];
        if (!a->is_used)
            continue;
        struct failover_event ev = {.type = FAILOVER_OUTCOME,
                                    .attempt = {i, f->attempts[i].generation}};
        bool is_orphan = a->request == REQUESTS;
        bool is_started = !is_orphan && w->requests[a->request].is_started;
        for (int outcome = 0; outcome < FAILOVER_OUTCOME_COUNT; outcome++) {
            ev.outcome = (enum failover_outcome)outcome;
            bool is_late =
                outcome == FAILOVER_OUTCOME_OK || outcome == FAILOVER_OUTCOME_RESET ||
                outcome == FAILOVER_OUTCOME_BROKEN || outcome == FAILOVER_OUTCOME_TIMEOUT ||
                outcome == FAILOVER_OUTCOME_QUOTA;
            if ((is_started && !is_late) || (is_orphan && outcome == FAILOVER_OUTCOME_TIMEOUT))
                continue;
            explore(w, ev, outcome != FAILOVER_OUTCOME_OK);
        }
        ev.type = FAILOVER_STARTED;
        if (!is_orphan && !is_started)
            explore(w, ev, false);
    }
}

static void explore_nodes(const struct world *w)
{
    const struct failover *f = &w->engine;

    for (uint16_t i = 0; i < current->nodes; i++) {
        const struct failover_node *n = &f->nodes[i];
        struct failover_event ev = {.node = i, .rank = i, .is_owned = n->is_owned};
        if (current->has_removal) {
            ev.type = n->is_used ? FAILOVER_NODE_REMOVED : FAILOVER_NODE_ADDED;
            ev.is_owned = true;
            explore(w, ev, n->is_used);
        }
        if (!n->is_used)
            continue;
        if (n->is_probing) {
            ev.type = FAILOVER_PROBE_DONE;
            explore(w, ev, true);
            ev.is_ok = true;
            explore(w, ev, false);
        }
        if (f->poll_node == i) {
            ev.type = FAILOVER_USAGE;
            ev.poll_serial = f->poll_serial;
            explore(w, ev, false);
            ev.usage.is_exhausted = true;
            ev.usage.reset_in_ms = 20;
            explore(w, ev, true);
            ev.type = FAILOVER_USAGE_FAILED;
            explore(w, ev, true);
            ev.is_unreachable = true;
            explore(w, ev, true);
        }
        if (!n->is_owned)
            continue;
        if (!n->is_up) {
            ev.type = FAILOVER_NODE_UP;
            explore(w, ev, false);
        }
        ev.type = FAILOVER_NODE_DOWN;
        if (n->is_up || n->down != FAILOVER_DOWN_STARTING) {
            ev.down = FAILOVER_DOWN_STARTING;
            explore(w, ev, n->is_up && !n->is_restart_asked);
        }
        if (n->is_up || n->down == FAILOVER_DOWN_STARTING) {
            ev.down = FAILOVER_DOWN_BACKOFF;
            ev.retry_in_ms = 10;
            explore(w, ev, true);
            ev.down = FAILOVER_DOWN_LOGIN;
            explore(w, ev, true);
        }
    }
}

static void run(const struct search *s)
{
    static struct world w;
    struct timespec t0, t1;

    current = s;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    memset(&w, 0, sizeof w);
    w.now = 1000;
    w.budget = (uint8_t)s->budget;
    failover_init(&w.engine, &s->policy, 0);
    for (uint16_t i = 0; i < s->nodes; i++) {
        struct failover_event ev = {.type = FAILOVER_NODE_ADDED,
                                    .node = i,
                                    .rank = i,
                                    .now_ms = w.now,
                                    .is_owned = i > 0 || !s->has_external};
        apply(&w, &ev);
    }
    for (uint16_t i = 0; i < s->nodes; i++) {
        struct failover_event ev = {.type = FAILOVER_NODE_UP, .node = i, .now_ms = w.now};
        if (s->is_warm || !w.engine.nodes[i].is_owned)
            apply(&w, &ev);
    }
    struct failover_event usage;
    while (s->is_warm && next_good_event(&w, &usage) && usage.type == FAILOVER_USAGE)
        apply(&w, &usage);
    frontier_head = frontier_count = 0;
    visited_count = 0;
    memset(visited, 0, visited_size * sizeof *visited);
    checked_events = 0;
    struct key k;
    make_key(&w, &k);
    (void)is_new(fingerprint(&k));
    push(&w);
    uint16_t depth = 0;
    while (frontier_count > 0) {
        static struct world here;
        here = frontier[frontier_head];
        frontier_head = (frontier_head + 1) % frontier_size;
        frontier_count--;
        depth = here.depth;
        check_stale(&here);
        check_termination(&here);
        explore_requests(&here);
        explore_attempts(&here);
        explore_nodes(&here);
        struct failover_event ev = {.type = FAILOVER_RESET_ACTIVE, .node = FAILOVER_NONE};
        explore(&here, ev, true);
        if (here.engine.deadline_ms != FAILOVER_MS_MAX) {
            struct failover_event timer = {.type = FAILOVER_TIMER,
                                           .now_ms = here.engine.deadline_ms};
            explore(&here, timer, false);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &t1);
    printf("model_failover: %s: %u nodes x %u requests, %u faults: %zu states, %llu events, "
           "depth %u, %.1f s\n",
           s->name, s->nodes, s->requests, s->budget, visited_count,
           (unsigned long long)checked_events, depth,
           (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9);
    printf("[  PASSED  ] 1 test(s).\n");
    fflush(stdout);
}

#define POLICY(retries, cooldown)                                                              \
    .node_wait_ms = 10, .handoff_timeout_ms = 20, .offline_check_ms = 10,                      \
    .cooldown_ms = (cooldown), .drain_hold_ms = 10, .retry_limit = (retries), .queue_max = 4,  \
    .exhausted_status = 503, .retry_mask = FAILOVER_RETRY_DEFAULT | FAILOVER_RETRY(SERVER)

int main(int argc, char **argv)
{
    static const struct search searches[] = {
        {"four nodes that serve", NODES, 2, 2, {POLICY(1, 10)}, .is_warm = true},
        {"three nodes, one request, more faults", 3, 1, 3, {POLICY(1, 10)}, .is_warm = true},
        {"from the start, external node", 2, 2, 2, {POLICY(1, 10)}, .has_external = true},
        {"free models and bypass", 2, 2, 1, {POLICY(1, 10)}, .is_warm = true, .has_free = true},
        {"nodes come and go", 2, 2, 2, {POLICY(1, 10)}, .is_warm = true, .has_removal = true},
        {"two retries, long throttle", 2, 2, 2, {POLICY(2, 40)}, .is_warm = true},
        {"overlap", 2, 2, 2, {POLICY(1, 10), .is_overlap = true}, .is_warm = true},
        {"abort on departed clients",
         2,
         2,
         2,
         {POLICY(1, 10), .is_abort = true},
         .is_warm = true},
    };
    /* model_failover [SEARCH [FAULTS]]: one search only, with another budget. */
    size_t only = argc > 1 ? (size_t)(argv[1][0] - '0') : SIZE_MAX;

    visited_size = 0;
    grow_visited();
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        struct search s = searches[i];
        if (argc > 2)
            s.budget = (unsigned)(argv[2][0] - '0');
        if (only == SIZE_MAX || only == i)
            run(&s);
    }
    free(visited);
    free(frontier);
    return 0;
}
