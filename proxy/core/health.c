/* health - the facts about one node, and how events change them.
 *
 * Pure. Each fact stands alone (its process is up, a connection failed, the quota is gone, the
 * token is refused, a cooldown runs) and is cleared by what disproves it; health_state() makes
 * the one word of /health of them. Facts about the process end with the process; facts about
 * the account (drained, cooldown) outlive it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "health.h"

#include <assert.h>

#include "failover_internal.h"

#define RESET_SPREAD_MS 5000 /* not every cluster asks GitHub at the stroke of midnight */

enum node_state health_state(const struct failover_node *n)
{
    static const enum node_state when_down[] = {
        [FAILOVER_DOWN_STARTING] = NODE_STARTING,
        [FAILOVER_DOWN_LOGIN] = NODE_LOGIN,
        [FAILOVER_DOWN_BACKOFF] = NODE_OFFLINE,
        [FAILOVER_DOWN_STOPPED] = NODE_OFFLINE,
    };

    if (!n->is_up && n->down == FAILOVER_DOWN_LOGIN)
        return NODE_LOGIN;
    if (n->is_token_bad)
        return NODE_INVALID_TOKEN;
    if (!n->is_up)
        return when_down[n->down];
    if (n->is_type_bad || n->is_lost)
        return NODE_OFFLINE;
    if (n->is_drained)
        return NODE_DRAINED;
    if (n->limited_until_ms != 0)
        return NODE_RATE_LIMITED;
    return n->is_checked ? NODE_READY : NODE_STARTING;
}

bool health_is_pollable(const struct failover_node *n)
{
    return n->is_used && n->is_up && !n->is_lost && !n->is_restart_asked &&
           !(n->is_token_bad && n->is_owned);
}

bool health_is_coming(const struct failover_node *n, uint64_t node_wait_ms, uint64_t now_ms)
{
    if (!n->is_used || n->is_drained || n->limited_until_ms != 0)
        return false;
    if (n->is_restart_asked)
        return true;
    if (!n->is_up && n->down == FAILOVER_DOWN_BACKOFF)
        return !n->is_token_bad && n->down_until_ms <= add_ms(now_ms, node_wait_ms);
    if (!n->is_up)
        return n->down == FAILOVER_DOWN_STARTING;
    if (n->is_token_bad || n->is_type_bad)
        return false;
    if (!n->is_lost)
        return !n->is_checked;
    /* A broken connection may be the first sign of a death: the restart is on its way. */
    bool may_be_dead =
        n->is_owned && n->broke_at_ms != 0 && now_ms < add_ms(n->broke_at_ms, node_wait_ms);
    return may_be_dead || n->is_probing || n->probe_at_ms <= now_ms;
}

bool health_may_be_cut(const struct failover_node *n)
{
    return n->is_token_bad || n->is_drained || n->is_lost || !n->is_up;
}

void health_up(struct failover_node *n, uint64_t now_ms)
{
    n->is_up = true;
    n->is_checked = false;
    n->is_lost = false;
    n->is_token_bad = false;
    n->is_type_bad = false;
    n->has_failed_start = false;
    n->is_restart_asked = false;
    n->restart_at_ms = FAILOVER_MS_MAX;
    n->poll_at_ms = now_ms;
    /* What is wrong with the account is still the reason of its state. */
    n->cause = n->is_drained              ? FAILOVER_CAUSE_QUOTA
               : n->limited_until_ms != 0 ? FAILOVER_CAUSE_RATE
                                          : FAILOVER_CAUSE_UP;
}

void health_down(struct failover_node *n, enum failover_down down, uint64_t retry_in_ms,
                 uint64_t now_ms)
{
    static const enum failover_cause causes[] = {
        [FAILOVER_DOWN_STARTING] = FAILOVER_CAUSE_STARTUP,
        [FAILOVER_DOWN_LOGIN] = FAILOVER_CAUSE_LOGIN,
        [FAILOVER_DOWN_BACKOFF] = FAILOVER_CAUSE_PROCESS,
        [FAILOVER_DOWN_STOPPED] = FAILOVER_CAUSE_PROCESS,
    };

    /* Up again after a death is not the start of a node's life. */
    bool has_died = n->is_up || n->has_failed_start;
    n->cause =
        has_died && down == FAILOVER_DOWN_STARTING ? FAILOVER_CAUSE_PROCESS : causes[down];
    if (down == FAILOVER_DOWN_BACKOFF || down == FAILOVER_DOWN_STOPPED)
        n->has_failed_start = true;
    n->is_up = false;
    n->is_lost = false;
    n->is_checked = false;
    n->is_restart_asked = false;
    n->restart_at_ms = FAILOVER_MS_MAX;
    n->inflight = 0;
    n->orphans = 0;
    n->handoff_until_ms = 0;
    n->poll_at_ms = FAILOVER_MS_MAX;
    n->down = down;
    n->down_until_ms = add_ms(now_ms, retry_in_ms);
}

/* A connection failed: probe at once, then every offline_check. */
static void lose(struct failover_node *n, enum failover_cause cause, uint64_t now_ms)
{
    if (!n->is_up)
        return;
    n->failures++;
    n->cause = cause;
    if (!n->is_lost) {
        n->is_lost = true;
        n->broke_at_ms = cause == FAILOVER_CAUSE_TIMEOUT ? 0 : now_ms;
        n->probe_at_ms = now_ms;
    }
}

static void limit(struct failover_node *n, enum failover_cause cause, uint64_t for_ms,
                  uint64_t now_ms)
{
    n->failures++;
    n->cause = cause;
    n->limited_until_ms = max_ms(n->limited_until_ms, add_ms(now_ms, for_ms));
}

static void refuse_token(struct failover_node *n, const struct failover_policy *policy,
                         uint64_t now_ms)
{
    n->failures++;
    n->is_token_bad = true;
    n->cause = FAILOVER_CAUSE_TOKEN;
    /* One restart for a fresh Copilot token, then no more until a success. */
    if (n->is_owned && n->is_up && !n->is_restart_asked && !n->is_token_restarted) {
        n->is_token_restarted = true;
        n->restart_at_ms = add_ms(now_ms, policy->handoff_timeout_ms);
    }
    /* An external node cannot be restarted by us: ask now and then whether it was healed. */
    n->poll_at_ms = n->is_owned || policy->drained_poll_interval_ms == 0
                        ? FAILOVER_MS_MAX
                        : add_ms(now_ms, policy->drained_poll_interval_ms);
}

static void drain(struct failover_node *n, const struct failover_policy *policy,
                  uint64_t now_ms)
{
    n->failures++;
    n->is_drained = true;
    n->cause = FAILOVER_CAUSE_QUOTA;
    n->hold_until_ms = add_ms(now_ms, policy->drain_hold_ms);
    n->poll_at_ms = now_ms; /* refresh at once after a refusal */
}

bool health_outcome(struct failover_node *n, const struct failover_policy *policy,
                    enum failover_outcome outcome, uint64_t retry_after_ms, uint64_t now_ms)
{
    switch (outcome) {
    case FAILOVER_OUTCOME_OK:
        n->failures = 0;
        n->forbidden_streak = 0;
        n->is_token_restarted = false;
        n->healthy_at_ms = now_ms;
        break;
    case FAILOVER_OUTCOME_REQUEST_FAULT:
    case FAILOVER_OUTCOME_BRAKE:
    case FAILOVER_OUTCOME_SERVER:
    case FAILOVER_OUTCOME_BROKEN:
        break;
    case FAILOVER_OUTCOME_CONNECT:
        lose(n, FAILOVER_CAUSE_CONNECT, now_ms);
        break;
    case FAILOVER_OUTCOME_RESET:
        lose(n, FAILOVER_CAUSE_RESET, now_ms);
        break;
    case FAILOVER_OUTCOME_TIMEOUT:
        lose(n, FAILOVER_CAUSE_TIMEOUT, now_ms);
        break;
    case FAILOVER_OUTCOME_TOKEN:
        refuse_token(n, policy, now_ms);
        break;
    case FAILOVER_OUTCOME_QUOTA:
        drain(n, policy, now_ms);
        break;
    case FAILOVER_OUTCOME_FORBIDDEN:
        if (n->forbidden_streak > 0)
            return true;
        n->forbidden_streak = 1;
        break;
    case FAILOVER_OUTCOME_RATE:
        limit(n, FAILOVER_CAUSE_RATE, retry_after_ms > 0 ? retry_after_ms : policy->cooldown_ms,
              now_ms);
        break;
    case FAILOVER_OUTCOME_ACCOUNT_TYPE:
        n->failures++;
        n->is_type_bad = true;
        n->cause = FAILOVER_CAUSE_ACCOUNT_TYPE;
        break;
    case FAILOVER_OUTCOME_COUNT:
        assert(false);
    }
    return false;
}

bool health_is_restart_due(const struct failover_node *n, uint64_t now_ms)
{
    return n->restart_at_ms != FAILOVER_MS_MAX &&
           (n->inflight == n->orphans || n->restart_at_ms <= now_ms);
}

void health_restart_asked(struct failover_node *n)
{
    n->is_restart_asked = true;
    n->restart_at_ms = FAILOVER_MS_MAX;
}

void health_forbidden(struct failover_node *n, const struct failover_policy *policy,
                      uint64_t now_ms)
{
    limit(n, FAILOVER_CAUSE_FORBIDDEN, policy->cooldown_ms, now_ms);
}

/* When to ask next: an account that is drained at the moment its quota comes back, if that is
 * known, or after its own interval; any other after the usual one. */
static uint64_t next_poll(const struct failover_node *n, const struct failover_policy *policy,
                          uint64_t random, uint64_t now_ms)
{
    uint64_t interval = n->is_drained || n->is_token_bad ? policy->drained_poll_interval_ms
                                                         : policy->poll_interval_ms;
    uint64_t spread = random % (interval / 10 + 1);
    uint64_t at = interval == 0 ? FAILOVER_MS_MAX : add_ms(now_ms, interval + spread);

    if (n->is_drained && n->reset_at_ms > now_ms)
        at = min_ms(at, add_ms(n->reset_at_ms, random % RESET_SPREAD_MS));
    if (n->is_drained && !n->usage.is_exhausted && n->hold_until_ms > now_ms)
        at = min_ms(at, n->hold_until_ms);
    return at;
}

void health_usage(struct failover_node *n, const struct failover_policy *policy,
                  const struct failover_usage *usage, uint64_t random, uint64_t now_ms)
{
    enum node_state before = health_state(n);

    n->usage = *usage;
    n->has_usage = true;
    n->estimate_milli = usage->remaining_milli;
    n->reset_at_ms = usage->reset_in_ms == 0 ? 0 : add_ms(now_ms, usage->reset_in_ms);
    n->is_checked = true;
    n->checked_at_ms = now_ms;
    /* A question asked before the 401 proves nothing, and later ones only external nodes get.
     */
    if (!n->is_owned)
        n->is_token_bad = false;
    if (usage->is_exhausted) {
        if (!n->is_drained)
            n->cause = FAILOVER_CAUSE_USAGE;
        n->is_drained = true;
    } else if (n->hold_until_ms <= now_ms) {
        n->is_drained = false;
    }
    if (!n->is_drained && before != NODE_READY && health_state(n) == NODE_READY)
        n->cause = before == NODE_STARTING ? FAILOVER_CAUSE_CHECKED : FAILOVER_CAUSE_RECOVERED;
    if (health_state(n) == NODE_READY) {
        n->failures = 0;
        n->healthy_at_ms = now_ms;
    }
    n->poll_at_ms = next_poll(n, policy, random, now_ms);
}

void health_usage_failed(struct failover_node *n, const struct failover_policy *policy,
                         bool is_unreachable, uint64_t now_ms)
{
    n->checked_at_ms = now_ms;
    if (is_unreachable) {
        lose(n, FAILOVER_CAUSE_CONNECT, now_ms);
        return;
    }
    /* It answers, though not this question: a hiccup at GitHub must not keep a node from
     * serving. A real refusal shows in the next answer. */
    n->failures++;
    if (!n->is_checked) {
        n->is_checked = true;
        if (!n->is_drained && n->limited_until_ms == 0)
            n->cause = FAILOVER_CAUSE_CHECKED;
    }
    uint64_t again = n->is_token_bad || n->is_drained ? policy->drained_poll_interval_ms
                                                      : policy->offline_check_ms;
    n->poll_at_ms = again == 0 ? FAILOVER_MS_MAX : add_ms(now_ms, again);
}

void health_probe_done(struct failover_node *n, const struct failover_policy *policy,
                       bool is_ok, uint64_t now_ms)
{
    n->is_probing = false;
    n->checked_at_ms = now_ms;
    if (!n->is_lost)
        return;
    if (!is_ok) {
        n->failures++;
        n->probe_at_ms = add_ms(now_ms, policy->offline_check_ms);
        return;
    }
    n->is_lost = false;
    n->cause = FAILOVER_CAUSE_RECOVERED;
    n->poll_at_ms = now_ms;
}

void health_spend(struct failover_node *n, const struct failover_policy *policy,
                  int32_t cost_milli, uint64_t now_ms)
{
    if (!n->has_usage || !n->usage.has_remaining || n->usage.is_unlimited || cost_milli == 0)
        return;
    n->estimate_milli -= cost_milli;
    if (n->estimate_milli <= 0 && !n->is_drained && health_is_pollable(n))
        n->poll_at_ms =
            min_ms(n->poll_at_ms, max_ms(now_ms, add_ms(n->polled_at_ms, policy->poll_gap_ms)));
}

void health_tick(struct failover_node *n, uint64_t now_ms)
{
    if (n->limited_until_ms != 0 && n->limited_until_ms <= now_ms) {
        n->limited_until_ms = 0;
        n->cause = FAILOVER_CAUSE_RECOVERED;
    }
}

uint64_t health_deadline(const struct failover_node *n)
{
    uint64_t at = n->restart_at_ms;

    if (n->limited_until_ms != 0)
        at = min_ms(at, n->limited_until_ms);
    if (n->is_up && n->is_lost && !n->is_probing)
        at = min_ms(at, n->probe_at_ms);
    return at;
}
