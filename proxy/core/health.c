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

#define LIMIT_MS_MAX       (UINT64_C(7) * 24 * 60 * 60 * 1000) /* GitHub's longest is weekly */
#define NETWORK_STREAK_MAX 2 /* failures in a row that prove that GitHub is out of reach */

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
    if (n->is_type_bad || n->is_lost || n->is_cut_off || n->hold != FAILOVER_HOLD_NONE)
        return NODE_OFFLINE;
    if (n->is_drained)
        return NODE_DRAINED;
    if (n->limited_until_ms != 0)
        return NODE_RATE_LIMITED;
    return n->is_checked ? NODE_READY : NODE_STARTING;
}

static enum failover_cause offline_cause(const struct failover_node *n)
{
    if (!n->is_up)
        return n->down_cause;
    if (n->is_type_bad)
        return FAILOVER_CAUSE_ACCOUNT_TYPE;
    if (n->is_lost)
        return n->lost_cause;
    if (n->is_cut_off)
        return FAILOVER_CAUSE_NETWORK;
    return n->hold == FAILOVER_HOLD_KEEP ? FAILOVER_CAUSE_HELD : FAILOVER_CAUSE_LEAVING;
}

enum failover_cause health_cause(const struct failover_node *n, enum node_state before)
{
    switch (health_state(n)) {
    case NODE_STARTING:
        return n->is_up ? FAILOVER_CAUSE_UP : n->down_cause;
    case NODE_LOGIN:
        return FAILOVER_CAUSE_LOGIN;
    case NODE_READY:
        if (before == NODE_READY)
            return n->well_cause;
        return before == NODE_STARTING ? FAILOVER_CAUSE_CHECKED : FAILOVER_CAUSE_RECOVERED;
    case NODE_DRAINED:
        return n->drain_cause;
    case NODE_RATE_LIMITED:
        return n->limit_cause;
    case NODE_INVALID_TOKEN:
        return n->token_cause;
    case NODE_OFFLINE:
        return offline_cause(n);
    case NODE_STATE_COUNT:
        break;
    }
    assert(false);
    return FAILOVER_CAUSE_NONE;
}

bool health_is_pollable(const struct failover_node *n)
{
    return n->is_used && n->is_up && !n->is_lost && !n->is_restart_asked &&
           !(n->is_token_bad && n->is_owned);
}

bool health_is_coming(const struct failover_node *n, uint64_t node_wait_ms, uint64_t now_ms)
{
    if (!n->is_used || n->hold == FAILOVER_HOLD_KEEP || n->hold == FAILOVER_HOLD_STOP)
        return false;
    if (n->is_restart_asked)
        return true;
    if (!n->is_up && n->down == FAILOVER_DOWN_BACKOFF)
        return !n->is_token_bad && n->down_until_ms <= add_ms(now_ms, node_wait_ms);
    if (!n->is_up)
        return n->down == FAILOVER_DOWN_STARTING;
    if (n->hold == FAILOVER_HOLD_RESTART)
        return true;
    if (n->is_token_bad || n->is_type_bad || n->is_cut_off)
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
    n->is_confirmed = false;
    n->is_lost = false;
    n->is_token_bad = false;
    n->is_type_bad = false;
    n->is_cut_off = false;
    n->network_streak = 0;
    n->has_failed_start = false;
    n->is_restart_asked = false;
    n->restart_at_ms = FAILOVER_MS_MAX;
    n->poll_at_ms = now_ms;
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
    n->down_cause =
        has_died && down == FAILOVER_DOWN_STARTING ? FAILOVER_CAUSE_PROCESS : causes[down];
    if (down == FAILOVER_DOWN_BACKOFF || down == FAILOVER_DOWN_STOPPED)
        n->has_failed_start = true;
    n->is_up = false;
    n->is_lost = false;
    n->is_cut_off = false;
    n->is_checked = false;
    n->is_forbidden_asked = false;
    n->is_restart_asked = false;
    n->restart_at_ms = FAILOVER_MS_MAX;
    n->inflight = 0;
    n->orphans = 0;
    n->reserved_milli = 0;
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
    n->lost_cause = cause;
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
    n->limit_cause = cause;
    n->limited_until_ms =
        max_ms(n->limited_until_ms, add_ms(now_ms, min_ms(for_ms, LIMIT_MS_MAX)));
}

static void refuse_token(struct failover_node *n, const struct failover_policy *policy,
                         uint64_t now_ms)
{
    n->failures++;
    n->is_token_bad = true;
    n->token_cause = FAILOVER_CAUSE_TOKEN;
    /* One restart for a fresh Copilot token, then no more until a success, or for long. */
    bool is_again = n->is_token_restarted &&
                    (policy->token_restart_gap_ms == 0 ||
                     now_ms < add_ms(n->token_restarted_ms, policy->token_restart_gap_ms));
    if (n->is_owned && n->is_up && !n->is_restart_asked && !is_again) {
        n->is_token_restarted = true;
        n->token_restarted_ms = now_ms;
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
    n->drain_cause = FAILOVER_CAUSE_QUOTA;
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
        n->is_forbidden_asked = false;
        n->network_streak = 0;
        n->is_cut_off = false;
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
        /* A burst that came before /usage was read is one refusal. */
        if (n->forbidden_streak > 0 && !n->is_forbidden_asked)
            return true;
        n->forbidden_streak = 1;
        if (health_is_pollable(n)) {
            n->is_forbidden_asked = true;
            n->poll_at_ms = now_ms;
        }
        break;
    case FAILOVER_OUTCOME_RATE:
        limit(n, FAILOVER_CAUSE_RATE, retry_after_ms > 0 ? retry_after_ms : policy->cooldown_ms,
              now_ms);
        break;
    case FAILOVER_OUTCOME_ACCOUNT_TYPE:
        n->failures++;
        n->is_type_bad = true;
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

bool health_evidence(struct failover_node *n, const struct failover_policy *policy,
                     enum node_evidence evidence, uint64_t now_ms)
{
    /* Of a start that fails only the login matters: the rest is the process's affair. */
    if (!n->is_up) {
        if (evidence == NODE_EVIDENCE_CREDENTIALS) {
            n->is_token_bad = true;
            n->token_cause = FAILOVER_CAUSE_CREDENTIALS;
        }
        return false;
    }
    switch (evidence) {
    case NODE_EVIDENCE_USAGE_TOKEN:
        refuse_token(n, policy, now_ms);
        return true;
    case NODE_EVIDENCE_USAGE_FORBIDDEN:
    case NODE_EVIDENCE_USAGE_RATE:
        limit(n,
              evidence == NODE_EVIDENCE_USAGE_RATE ? FAILOVER_CAUSE_RATE
                                                   : FAILOVER_CAUSE_FORBIDDEN,
              policy->cooldown_ms, now_ms);
        n->poll_at_ms = max_ms(n->poll_at_ms, n->limited_until_ms); /* not into the throttle */
        return true;
    case NODE_EVIDENCE_REFRESH:
        lose(n, FAILOVER_CAUSE_REFRESH, now_ms); /* it dies of that in a moment */
        return true;
    case NODE_EVIDENCE_NETWORK:
        /* One lost packet must not move the lead: asked again soon, believed the second time.
         */
        if (n->is_network_counted)
            return false; /* another line about the same failure */
        n->is_network_counted = true;
        if (++n->network_streak < NETWORK_STREAK_MAX) {
            n->poll_at_ms = min_ms(n->poll_at_ms, add_ms(now_ms, policy->poll_gap_ms));
            return false;
        }
        n->network_streak = NETWORK_STREAK_MAX;
        n->failures++;
        n->is_cut_off = true;
        return true;
    case NODE_EVIDENCE_CREDENTIALS:
    case NODE_EVIDENCE_NO_COPILOT:
    case NODE_EVIDENCE_USAGE_SERVER:
    case NODE_EVIDENCE_PORT:
    case NODE_EVIDENCE_COUNT:
        break;
    }
    return false;
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
    n->is_checked = true;
    n->is_forbidden_asked = false;
    n->poll_at_ms = health_poll_again(n, policy, now_ms);
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
    n->poll_at_ms = now_ms;
}

void health_tick(struct failover_node *n, uint64_t now_ms)
{
    if (n->limited_until_ms <= now_ms)
        n->limited_until_ms = 0;
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
