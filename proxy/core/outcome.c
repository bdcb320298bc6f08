/* outcome - how an attempt ended, and what that means for its request and its account.
 *
 * Pure. One table, read from the top: the first row that matches decides. The statuses and
 * codes are FACTS 3; those of error events are what GitHub, OpenAI's responses and Anthropic's
 * messages put into them. What the engine does with each class is DESIGN D6 and D7.
 *
 * SPDX-License-Identifier: MIT
 */
#include "outcome.h"

#define HOUR_MS     (UINT64_C(60) * 60 * 1000)
#define WAIT_MS_MAX (31 * 24 * HOUR_MS) /* quotas last a month; "587 hours" have been seen */

/* Where a row's word is looked for. */
enum look { LOOK_ANY, LOOK_CODE, LOOK_CODE_START, LOOK_IN_MESSAGE, LOOK_MESSAGE_START };

struct row {
    enum outcome_phase phase;
    enum outcome_end end;
    uint16_t from; /* statuses from..to */
    uint16_t to;
    enum look look;
    const char *word;
    enum failover_outcome outcome;
    uint64_t wait_ms;
};

#define ROW(phase, end, from, to, look, word, outcome, wait)                                   \
    {                                                                                          \
        OUTCOME_##phase, OUTCOME_##end, from, to, LOOK_##look, word,                           \
            FAILOVER_OUTCOME_##outcome, wait                                                   \
    }
/* The attempt ended before a whole answer was there; a status does not matter then. */
#define ENDS(phase, end, outcome) ROW(phase, end, 0, UINT16_MAX, ANY, "", outcome, 0)
/* A whole answer with one of these statuses. */
#define STATUS(from, to, outcome) ROW(ANSWER, WHOLE, from, to, ANY, "", outcome, 0)
#define SAYS(status, look, word, outcome)                                                      \
    ROW(ANSWER, WHOLE, status, status, look, word, outcome, 0)
/* An error event. */
#define EVENT(look, word, outcome)                                                             \
    ROW(STREAM, ERROR_EVENT, 0, UINT16_MAX, look, word, outcome, 0)
/* What is wrong with an account is said in three places with the same words. */
#define ACCOUNT(word, outcome, wait)                                                           \
    ROW(ANSWER, WHOLE, 403, 403, CODE, word, outcome, wait),                                   \
        ROW(ANSWER, WHOLE, 429, 429, CODE, word, outcome, wait),                               \
        ROW(STREAM, ERROR_EVENT, 0, UINT16_MAX, CODE, word, outcome, wait)

static const struct row rows[] = {
    STATUS(100, 399, OK), /* nearly all of them, so that the search ends here */
    ENDS(STREAM, WHOLE, OK),
    ENDS(CONNECT, BROKE, CONNECT),
    ENDS(CONNECT, SILENT, CONNECT),
    ENDS(HEAD, BROKE, RESET),
    ENDS(HEAD, SILENT, TIMEOUT),
    ENDS(HEAD, GARBAGE, BROKEN),
    ENDS(BODY, BROKE, RESET), /* copilot-api never hangs up in an answer, unless it dies */
    ENDS(BODY, SILENT, TIMEOUT),
    ENDS(BODY, GARBAGE, BROKEN),
    ENDS(STREAM, BROKE, BROKEN),
    ENDS(STREAM, SILENT, TIMEOUT),
    ENDS(STREAM, GARBAGE, BROKEN),

    /* GitHub's words for an empty account and for throttles, short ones and walls. */
    ACCOUNT("quota_exceeded", QUOTA, 0),
    ACCOUNT("free_quota_exceeded", QUOTA, 0),
    ACCOUNT("overage_limit_reached", QUOTA, 0),
    ACCOUNT("additional_spend_limit_reached", QUOTA, 0),
    ACCOUNT("session_quota_exceeded", QUOTA, 0),
    ACCOUNT("billing_not_configured", QUOTA, 0),
    ACCOUNT("rate_limited", RATE, 0),
    ACCOUNT("user_model_rate_limited", RATE, 0),
    ACCOUNT("integration_rate_limited", RATE, 0),
    ACCOUNT("agent_mode_limit_exceeded", RATE, 0),
    ACCOUNT("model_overloaded", RATE, 0),
    ACCOUNT("user_global_rate_limited", RATE, 5 * HOUR_MS),
    ACCOUNT("user_weekly_rate_limited", RATE, 24 * HOUR_MS),
    /* Those of the models' makers, which travel through. */
    ACCOUNT("insufficient_quota", QUOTA, 0),
    ACCOUNT("credit_balance_exhausted", QUOTA, 0),
    ACCOUNT("billing_error", QUOTA, 0),
    ACCOUNT("rate_limit_exceeded", RATE, 0),
    ACCOUNT("rate_limit_error", RATE, 0),
    ACCOUNT("overloaded_error", RATE, 0),
    ACCOUNT("server_is_overloaded", RATE, 0),
    ACCOUNT("slow_down", RATE, 0),

    STATUS(401, 401, TOKEN),
    STATUS(402, 402, QUOTA),
    SAYS(403, IN_MESSAGE, "rate limit", RATE),
    SAYS(403, IN_MESSAGE, "quota", QUOTA),
    STATUS(403, 403, FORBIDDEN),
    STATUS(421, 421, ACCOUNT_TYPE),
    /* The node's own --rate-limit has no code, only this sentence; GitHub's begin otherwise. */
    SAYS(429, MESSAGE_START, "Rate limit exceeded", BRAKE),
    STATUS(429, 429, RATE),
    STATUS(400, 499, REQUEST_FAULT),
    /* GitHub's side, or a node that says 500 to everything: `fetch failed`, `terminated`, JSON
     * that it could not read (FACTS 2). */
    STATUS(500, 599, SERVER),

    EVENT(CODE, "authentication_error", TOKEN),
    EVENT(CODE, "invalid_api_key", TOKEN),
    EVENT(CODE, "permission_error", FORBIDDEN),
    EVENT(CODE, "context_length_exceeded", REQUEST_FAULT),
    EVENT(CODE, "model_max_prompt_tokens_exceeded", REQUEST_FAULT),
    EVENT(CODE, "request_too_large", REQUEST_FAULT),
    EVENT(CODE, "bad_request", REQUEST_FAULT),
    EVENT(CODE, "cyber_policy", REQUEST_FAULT),
    EVENT(CODE, "not_found", REQUEST_FAULT),
    EVENT(CODE, "not_found_error", REQUEST_FAULT),
    EVENT(CODE, "model_not_found", REQUEST_FAULT),
    EVENT(CODE, "model_not_supported", REQUEST_FAULT),
    EVENT(CODE, "previous_response_not_found", REQUEST_FAULT),
    EVENT(CODE, "empty_image_file", REQUEST_FAULT),
    EVENT(CODE, "failed_to_download_image", REQUEST_FAULT),
    /* invalid_request_error, invalid_prompt, invalid_image_url, content_filter, ... */
    EVENT(CODE_START, "invalid_", REQUEST_FAULT),
    EVENT(CODE_START, "unsupported_", REQUEST_FAULT),
    EVENT(CODE_START, "content_", REQUEST_FAULT),
    EVENT(CODE_START, "image_", REQUEST_FAULT),
    /* server_error, api_error, `fetch failed`, or no code at all. */
    EVENT(ANY, "", BROKEN),
};

/* GitHub puts the plan behind some codes: user_global_rate_limited:pro_plus. */
static struct slice without_plan(struct slice code)
{
    size_t colon = slice_find(code, SLICE(":"));

    return colon == SIZE_MAX ? code : (struct slice){code.at, colon};
}

static bool row_matches(const struct row *row, const struct outcome_answer *answer)
{
    if (row->phase != answer->phase || row->end != answer->end || answer->status < row->from ||
        answer->status > row->to)
        return false;
    struct slice word = slice_of(row->word);
    switch (row->look) {
    case LOOK_ANY:
        return true;
    case LOOK_CODE:
        return slice_equal(without_plan(answer->code), word);
    case LOOK_CODE_START:
        return slice_starts_with(answer->code, word);
    case LOOK_IN_MESSAGE:
        return answer->code.len == 0 && slice_find(answer->message, word) != SIZE_MAX;
    case LOOK_MESSAGE_START:
        return answer->code.len == 0 && slice_starts_with(answer->message, word);
    }
    return false;
}

static uint64_t wait_of(const struct row *row, const struct outcome_answer *answer)
{
    if (answer->retry_after_ms == 0)
        return row->wait_ms;
    return answer->retry_after_ms < WAIT_MS_MAX ? answer->retry_after_ms : WAIT_MS_MAX;
}

enum failover_outcome outcome_classify(const struct outcome_answer *answer,
                                       uint64_t *ret_wait_ms)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!row_matches(&rows[i], answer))
            continue;
        *ret_wait_ms = wait_of(&rows[i], answer);
        return rows[i].outcome;
    }
    /* Not a status of HTTP: the node is talking nonsense. */
    *ret_wait_ms = 0;
    return FAILOVER_OUTCOME_BROKEN;
}
