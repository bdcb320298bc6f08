/* search_world - the states of the engine's search: keys, the set of those seen, the queue.
 *
 * A key holds what the rules read, times relative to now, so that the space is finite. Of a key
 * only 128 bits of hash are kept.
 *
 * SPDX-License-Identifier: MIT
 */
#include "search.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_world(const struct world *w)
{
    const struct failover *f = &w->engine;

    printf("  now %llu active %d settled %d queue %u deadline %lld\n",
           (unsigned long long)w->now, f->active == FAILOVER_NONE ? -1 : f->active,
           f->is_settled, f->queue_len, (long long)f->deadline_ms);
    for (unsigned i = 0; i < search_current->nodes; i++) {
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

void search_fail(const struct world *w, const struct failover_event *ev, const char *format,
                 ...)
{
    va_list args;

    printf("model_failover: %s: ", search_current->name);
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

void search_make_key(const struct world *w, struct key *k)
{
    const struct failover *f = &w->engine;

    k->len = 0;
    put(k, w->budget);
    put(k, f->active);
    put(k, f->is_settled);
    put(k, f->queue_head);
    put(k, f->poll_node);
    for (unsigned i = 0; i < search_current->nodes; i++) {
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

struct print {
    uint64_t a;
    uint64_t b;
};

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

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

bool search_is_new(const struct key *k)
{
    struct print p = fingerprint(k);

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

void search_push(const struct world *w)
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

bool search_pop(struct world *ret_w)
{
    if (frontier_count == 0)
        return false;
    *ret_w = frontier[frontier_head];
    frontier_head = (frontier_head + 1) % frontier_size;
    frontier_count--;
    return true;
}

size_t search_seen(void)
{
    return visited_count;
}

void search_start(void)
{
    frontier_head = frontier_count = 0;
    visited_count = 0;
    if (visited_size > 0)
        memset(visited, 0, visited_size * sizeof *visited);
}

void search_done(void)
{
    free(visited);
    free(frontier);
    visited = NULL;
    frontier = NULL;
    visited_size = frontier_size = 0;
}
