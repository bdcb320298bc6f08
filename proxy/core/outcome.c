/* outcome - what an answer's status and error code mean for its request and its account.
 *
 * Pure. One table, read from the top: the first row that matches decides. The facts are in
 * FACTS 3; what the engine does with each class is DESIGN D6 and D7.
 *
 * SPDX-License-Identifier: MIT
 */
#include "outcome.h"

#define HOUR_MS (UINT64_C(60) * 60 * 1000)

/* Where a row's word is looked for. */
enum look { LOOK_ANY, LOOK_CODE, LOOK_MESSAGE };

struct row {
    uint16_t from; /* statuses from..to */
    uint16_t to;
    enum look look;
    const char *word; /* the whole code, or a part of the message */
    enum failover_outcome outcome;
    uint64_t wait_ms;
};

#define CODE(status, word, outcome, wait)                                                      \
    {                                                                                          \
        status, status, LOOK_CODE, word, FAILOVER_OUTCOME_##outcome, wait                      \
    }
#define SAYS(status, word, outcome, wait)                                                      \
    {                                                                                          \
        status, status, LOOK_MESSAGE, word, FAILOVER_OUTCOME_##outcome, wait                   \
    }
#define ANY(from, to, outcome)                                                                 \
    {                                                                                          \
        from, to, LOOK_ANY, NULL, FAILOVER_OUTCOME_##outcome, 0                                \
    }

static const struct row rows[] = {
    ANY(100, 399, OK),
    ANY(401, 401, TOKEN),
    ANY(402, 402, QUOTA),
    CODE(403, "quota_exceeded", QUOTA, 0),
    CODE(403, "free_quota_exceeded", QUOTA, 0),
    CODE(403, "overage_limit_reached", QUOTA, 0),
    CODE(403, "rate_limited", RATE, 0),
    CODE(403, "user_model_rate_limited", RATE, 0),
    CODE(403, "user_global_rate_limited", RATE, 5 * HOUR_MS),
    CODE(403, "user_weekly_rate_limited", RATE, 24 * HOUR_MS),
    SAYS(403, "rate limit", RATE, 0),
    ANY(403, 403, FORBIDDEN),
    ANY(421, 421, ACCOUNT_TYPE),
    CODE(429, "quota_exceeded", QUOTA, 0),
    CODE(429, "free_quota_exceeded", QUOTA, 0),
    CODE(429, "overage_limit_reached", QUOTA, 0),
    CODE(429, "user_global_rate_limited", RATE, 5 * HOUR_MS),
    CODE(429, "user_weekly_rate_limited", RATE, 24 * HOUR_MS),
    /* The node's own --rate-limit has no code, only this sentence. */
    SAYS(429, "Rate limit exceeded", BRAKE, 0),
    ANY(429, 429, RATE),
    ANY(400, 499, REQUEST_FAULT),
    ANY(500, 599, SERVER),
};

static bool row_matches(const struct row *row, const struct outcome_answer *answer)
{
    if (answer->status < row->from || answer->status > row->to)
        return false;
    switch (row->look) {
    case LOOK_ANY:
        return true;
    case LOOK_CODE:
        return slice_equal(answer->code, slice_of(row->word));
    case LOOK_MESSAGE:
        return answer->code.len == 0 &&
               slice_find(answer->message, slice_of(row->word)) != SIZE_MAX;
    }
    return false;
}

enum failover_outcome outcome_classify(const struct outcome_answer *answer,
                                       uint64_t *ret_wait_ms)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!row_matches(&rows[i], answer))
            continue;
        *ret_wait_ms = answer->retry_after_ms != 0 ? answer->retry_after_ms : rows[i].wait_ms;
        return rows[i].outcome;
    }
    /* Not a status of HTTP: the node is talking nonsense. */
    *ret_wait_ms = 0;
    return FAILOVER_OUTCOME_BROKEN;
}
