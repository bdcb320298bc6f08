/* search_key - when are two states of the engine's search the same?
 *
 * A key holds what the rules read. Times are relative to now, so that the space is finite; what
 * lies in the past is as good as now to every rule. Requests stand in order of arrival and
 * attempts with their requests or sorted, so that states that differ in slots alone are one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "search.h"

#include <stdlib.h>
#include <string.h>

static void put(struct key *k, uint64_t value)
{
    if (k->len == sizeof k->at / sizeof k->at[0])
        abort();
    k->at[k->len++] = (uint16_t)value;
}

static void put_time(struct key *k, uint64_t at, uint64_t now)
{
    put(k, at == FAILOVER_MS_MAX ? 0xffff : at > now ? at - now : 0);
}

static uint64_t bits(const bool *const flags[], size_t count)
{
    uint64_t value = 0;

    for (size_t i = 0; i < count; i++)
        value |= (uint64_t)*flags[i] << i;
    return value;
}

static void put_shadow_node(struct key *k, const struct world *w, unsigned i)
{
    const struct shadow_node *s = &w->nodes[i];
    const struct failover_policy *p = &w->engine.policy;

    put(k, (uint64_t)(s->refusals > 0) | (uint64_t)s->is_asked << 1);
    if (p->is_failback)
        put_time(k, s->is_ready ? s->ready_at + p->failback_after_ms : 0, w->now);
    if (w->engine.nodes[i].inflight == 0)
        return;
    put_time(k, s->left_at == 0 ? FAILOVER_MS_MAX : s->left_at + p->handoff_timeout_ms, w->now);
    put_time(k, s->token_at == 0 ? FAILOVER_MS_MAX : s->token_at + p->handoff_timeout_ms,
             w->now);
}

static void put_node(struct key *k, const struct world *w, unsigned i)
{
    const struct failover_node *n = &w->engine.nodes[i];
    const struct failover_policy *p = &w->engine.policy;
    const bool *const flags[] = {
        &n->is_used,
        &n->is_up,
        &n->is_checked,
        &n->is_lost,
        &n->is_drained,
        &n->is_token_bad,
        &n->is_type_bad,
        &n->is_cut_off,
        &n->is_probing,
        &n->is_restart_asked,
        &n->is_token_restarted,
        &n->has_failed_start,
        &n->is_confirmed,
        &n->is_forbidden_asked,
        &n->is_network_counted,
    };

    if (!n->is_used) {
        put(k, 0);
        return;
    }
    put(k, bits(flags, sizeof flags / sizeof flags[0]));
    put(k, (uint64_t)n->down | (uint64_t)(n->forbidden_streak > 0) << 2 |
               (uint64_t)(n->network_streak > 0) << 3 | (uint64_t)n->hold << 4);
    put(k, (uint64_t)n->inflight | (uint64_t)n->orphans << 5 | (uint64_t)n->judging << 10);
    put_time(k, !n->is_up && n->down == FAILOVER_DOWN_BACKOFF ? n->down_until_ms : 0, w->now);
    put_time(k, n->limited_until_ms, w->now);
    put_time(k, n->hold_until_ms, w->now);
    if (n->is_drained)
        put_time(k, n->reset_at_ms == 0 ? FAILOVER_MS_MAX : n->reset_at_ms, w->now);
    put_time(k, n->inflight > 0 ? n->handoff_until_ms : 0, w->now);
    put_time(k, n->poll_at_ms, w->now);
    put_time(k, n->restart_at_ms, w->now);
    if (n->is_token_restarted && p->token_restart_gap_ms != 0)
        put_time(k, n->token_restarted_ms + p->token_restart_gap_ms, w->now);
    put_time(k, n->is_lost ? n->probe_at_ms : 0, w->now);
    put_time(k, n->is_lost && n->broke_at_ms != 0 ? n->broke_at_ms + p->node_wait_ms : 0,
             w->now);
    if (search_current->has_costs) {
        put(k, (uint64_t)n->has_usage | (uint64_t)n->usage.is_exhausted << 1);
        put(k, (uint64_t)(n->estimate_milli / 1000 + 1000));
        put_time(k, n->polled_at_ms + p->poll_gap_ms, w->now);
    }
    put_shadow_node(k, w, i);
}

/* The attempt without its slot. */
static uint64_t attempt_word(const struct world *w, uint16_t slot)
{
    const struct failover_attempt *a = &w->engine.attempts[slot];
    const struct shadow_attempt *s = &w->attempts[slot];

    return 1 | (uint64_t)a->is_counted << 1 | (uint64_t)a->is_bypass << 2 |
           (uint64_t)a->is_departed << 3 | (uint64_t)s->is_working << 4 |
           (uint64_t)(a->node == FAILOVER_NONE) << 5 | (uint64_t)s->node << 6 |
           (uint64_t)(search_current->has_costs ? a->cost_milli / 1000 : 0) << 10;
}

static void put_request(struct key *k, const struct world *w, uint16_t slot)
{
    const struct failover_request *r = &w->engine.requests[slot];
    const struct shadow_request *s = &w->requests[slot];
    const bool *const flags[] = {&r->is_free_model,
                                 &r->is_bypass,
                                 &r->was_moved,
                                 &r->was_roomed,
                                 &r->waits_handoff,
                                 &r->is_fin,
                                 &r->only_account_refusals,
                                 &s->is_live,
                                 &s->is_started};
    bool is_waiting = r->state == FAILOVER_REQUEST_WAITING;
    bool is_at_node = r->state == FAILOVER_REQUEST_JUDGING || r->state == FAILOVER_REQUEST_SENT;

    put(k, bits(flags, sizeof flags / sizeof flags[0]) | (uint64_t)r->state << 9 |
               (uint64_t)r->attempts << 12);
    put(k, r->tried | (uint64_t)s->tried << 8);
    put(k, (uint64_t)(r->attempts > 0 ? r->last_outcome : 0) | (uint64_t)s->attempts << 8);
    put(k, is_at_node ? r->node : 0);
    put_time(k, is_waiting ? r->wait_from_ms + w->engine.policy.node_wait_ms : 0, w->now);
    put(k, r->attempt == FAILOVER_NONE ? 0 : attempt_word(w, r->attempt));
    if (search_current->has_costs)
        put(k, (uint64_t)(r->cost_milli / 1000));
}

/* Live requests by arrival. The queue is in this order, too: search_check.c sees to that. */
static void put_requests(struct key *k, const struct world *w)
{
    const struct failover *f = &w->engine;
    uint32_t last = 0;

    for (unsigned done = 0; done < REQUESTS; done++) {
        uint16_t next = FAILOVER_NONE;
        for (uint16_t i = 0; i < REQUESTS; i++) {
            const struct failover_request *r = &f->requests[i];
            if (r->state == FAILOVER_REQUEST_FREE || (done > 0 && r->order <= last))
                continue;
            if (next == FAILOVER_NONE || r->order < f->requests[next].order)
                next = i;
        }
        if (next == FAILOVER_NONE)
            break;
        last = f->requests[next].order;
        put_request(k, w, next);
    }
    put(k, 0xffff);
}

static void put_orphans(struct key *k, const struct world *w)
{
    uint64_t words[ATTEMPTS];
    unsigned count = 0;

    for (uint16_t i = 0; i < ATTEMPTS; i++) {
        if (w->engine.attempts[i].is_used != w->attempts[i].is_used)
            abort();
        if (!w->attempts[i].is_used || w->engine.attempts[i].request != FAILOVER_NONE)
            continue;
        unsigned at = count++;
        uint64_t word = attempt_word(w, i);
        for (; at > 0 && words[at - 1] > word; at--)
            words[at] = words[at - 1];
        words[at] = word;
    }
    for (unsigned i = 0; i < count; i++)
        put(k, words[i]);
}

void search_make_key(const struct world *w, struct key *ret_k)
{
    const struct failover *f = &w->engine;

    ret_k->len = 0;
    put(ret_k, w->budget);
    put(ret_k, f->active);
    put(ret_k, f->is_settled ? 0xffff : f->first);
    put(ret_k, f->poll_node);
    if (f->policy.is_failback)
        put_time(ret_k, w->placed_at + f->policy.failback_after_ms, w->now);
    for (unsigned i = 0; i < search_current->nodes; i++)
        put_node(ret_k, w, i);
    put_requests(ret_k, w);
    put_orphans(ret_k, w);
}

bool search_same_key(const struct key *a, const struct key *b)
{
    return a->len == b->len && memcmp(a->at, b->at, a->len * sizeof a->at[0]) == 0;
}
