/* health_quota - what is left of an account, as the engine reckons it.
 *
 * Pure. /usage tells it now and then; in between a billed request is taken from the estimate
 * before it is sent, and given back when it was refused. From both follow whether the account
 * is drained, which requests still fit above its reserve, and when /usage is asked again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "health.h"

#include "failover_internal.h"

#define RESET_SPREAD_MS 5000 /* not every cluster asks GitHub at the stroke of midnight */

static uint64_t distance_ms(uint64_t at_ms, uint64_t now_ms)
{
    return at_ms > now_ms ? at_ms - now_ms : 0;
}

void health_restore(struct failover_node *n, const struct failover_memory *memory,
                    uint64_t now_ms)
{
    n->is_drained = memory->is_drained;
    n->drain_cause = memory->cause;
    n->limit_cause = memory->cause;
    n->hold_until_ms = memory->hold_in_ms == 0 ? 0 : add_ms(now_ms, memory->hold_in_ms);
    n->limited_until_ms =
        memory->limited_in_ms == 0 ? 0 : add_ms(now_ms, memory->limited_in_ms);
    n->has_usage = memory->has_usage;
    n->usage = memory->usage;
    n->reset_at_ms =
        memory->usage.reset_in_ms == 0 ? 0 : add_ms(now_ms, memory->usage.reset_in_ms);
    n->estimate_milli = memory->estimate_milli;
}

void health_remember(const struct failover_node *n, uint64_t now_ms,
                     struct failover_memory *ret_memory)
{
    *ret_memory = (struct failover_memory){
        .is_drained = n->is_drained,
        .cause = n->is_drained ? n->drain_cause : n->limit_cause,
        .limited_in_ms = distance_ms(n->limited_until_ms, now_ms),
        .hold_in_ms = distance_ms(n->hold_until_ms, now_ms),
        .has_usage = n->has_usage,
        .usage = n->usage,
        .estimate_milli = n->estimate_milli,
    };
    ret_memory->usage.reset_in_ms = distance_ms(n->reset_at_ms, now_ms);
}

static bool has_figure(const struct failover_node *n)
{
    return n->has_usage && n->usage.has_remaining && !n->usage.is_unlimited;
}

bool health_fits(const struct failover_node *n, const struct failover_policy *policy,
                 int32_t cost_milli)
{
    return policy->reserve_milli == 0 || cost_milli == 0 || !has_figure(n) ||
           n->estimate_milli - cost_milli >= policy->reserve_milli;
}

/* Why the account must not be used any more by what /usage says of it; NONE: it may. What is
 * paid extra counts only where the owner allows it; the reserve is kept in any case. */
static enum failover_cause spent_cause(const struct failover_policy *policy,
                                       const struct failover_usage *usage)
{
    if (usage->is_unlimited)
        return FAILOVER_CAUSE_NONE;
    if (usage->is_exhausted && !(usage->is_overage_permitted && policy->is_overage_allowed))
        return usage->is_overage_permitted ? FAILOVER_CAUSE_OVERAGE : FAILOVER_CAUSE_USAGE;
    if (policy->reserve_milli > 0 && usage->has_remaining &&
        usage->remaining_milli <= policy->reserve_milli)
        return FAILOVER_CAUSE_RESERVE;
    return FAILOVER_CAUSE_NONE;
}

static uint64_t usual_interval(const struct failover_node *n,
                               const struct failover_policy *policy)
{
    return n->is_drained || n->is_token_bad ? policy->drained_poll_interval_ms
                                            : policy->poll_interval_ms;
}

/* Its reset date has passed, yet nothing is back: GitHub is late. */
static bool is_overdue(const struct failover_node *n, uint64_t now_ms)
{
    return n->is_drained && n->reset_at_ms != 0 && n->reset_at_ms <= now_ms;
}

void health_policy_changed(struct failover_node *n, const struct failover_policy *policy,
                           uint64_t now_ms)
{
    enum failover_cause spent =
        n->has_usage ? spent_cause(policy, &n->usage) : FAILOVER_CAUSE_NONE;

    if (!n->is_used)
        return;
    if (spent != FAILOVER_CAUSE_NONE && !n->is_drained) {
        n->is_drained = true;
        n->drain_cause = spent;
    } else if (n->is_drained && health_is_pollable(n)) {
        n->poll_at_ms = now_ms;
    }
    uint64_t interval = usual_interval(n, policy);
    if (health_is_pollable(n) && interval != 0)
        n->poll_at_ms = min_ms(n->poll_at_ms, add_ms(now_ms, interval));
}

uint64_t health_poll_again(const struct failover_node *n, const struct failover_policy *policy,
                           uint64_t now_ms)
{
    /* Where a /usage of this process told that the quota is gone, there is no hurry. */
    bool is_seldom =
        n->is_token_bad || (n->is_drained && n->is_confirmed && !is_overdue(n, now_ms));
    uint64_t again = is_seldom ? policy->drained_poll_interval_ms : policy->offline_check_ms;

    if (n->network_streak > 0 && !n->is_cut_off)
        again = min_ms(again, policy->poll_gap_ms);
    uint64_t at = again == 0 ? FAILOVER_MS_MAX : add_ms(now_ms, again);
    if (n->is_drained && n->reset_at_ms > now_ms)
        at = min_ms(at, n->reset_at_ms);
    return max_ms(at, n->limited_until_ms);
}

/* When to ask next: an account that is drained at the moment its quota comes back, if that is
 * known, or after its own interval; any other after the usual one. */
static uint64_t next_poll(const struct failover_node *n, const struct failover_policy *policy,
                          bool is_spent, uint64_t random, uint64_t now_ms)
{
    uint64_t interval = usual_interval(n, policy);
    if (is_overdue(n, now_ms) && policy->poll_interval_ms != 0)
        interval = min_ms(interval, policy->poll_interval_ms);
    uint64_t spread = random % (interval / 10 + 1);
    uint64_t at = interval == 0 ? FAILOVER_MS_MAX : add_ms(now_ms, interval + spread);

    if (n->is_drained && n->reset_at_ms > now_ms)
        at = min_ms(at, add_ms(n->reset_at_ms, random % RESET_SPREAD_MS));
    if (n->is_drained && !is_spent && n->hold_until_ms > now_ms)
        at = min_ms(at, n->hold_until_ms);
    return at;
}

void health_usage(struct failover_node *n, const struct failover_policy *policy,
                  const struct failover_usage *usage, uint64_t random, uint64_t now_ms)
{
    enum failover_cause spent = spent_cause(policy, usage);

    n->usage = *usage;
    n->has_usage = true;
    /* GitHub may not have counted yet what is in flight. */
    n->estimate_milli = usage->remaining_milli - n->reserved_milli;
    if (usage->reset_in_ms != 0)
        n->reset_at_ms = add_ms(now_ms, usage->reset_in_ms);
    else if (n->reset_at_ms > now_ms || spent == FAILOVER_CAUSE_NONE)
        n->reset_at_ms = 0; /* else it lies in the past: overdue */
    n->is_checked = true;
    n->is_confirmed = true;
    n->is_forbidden_asked = false;
    n->checked_at_ms = now_ms;
    n->is_cut_off = false;
    n->network_streak = 0;
    /* A question asked before the 401 proves nothing, and later ones only external nodes get.
     */
    if (!n->is_owned)
        n->is_token_bad = false;
    if (spent != FAILOVER_CAUSE_NONE) {
        if (!n->is_drained)
            n->drain_cause = spent;
        n->is_drained = true;
    } else if (n->hold_until_ms <= now_ms) {
        n->is_drained = false;
    }
    if (health_state(n) == NODE_READY) {
        n->failures = 0;
        n->healthy_at_ms = now_ms;
    }
    n->poll_at_ms = next_poll(n, policy, spent != FAILOVER_CAUSE_NONE, random, now_ms);
}

void health_spend(struct failover_node *n, const struct failover_policy *policy,
                  int32_t cost_milli, uint64_t now_ms)
{
    if (!has_figure(n) || cost_milli == 0)
        return;
    bool was_above = n->estimate_milli > policy->reserve_milli;
    n->estimate_milli -= cost_milli;
    if (was_above && n->estimate_milli <= policy->reserve_milli && !n->is_drained &&
        health_is_pollable(n))
        n->poll_at_ms =
            min_ms(n->poll_at_ms, max_ms(now_ms, add_ms(n->polled_at_ms, policy->poll_gap_ms)));
}
