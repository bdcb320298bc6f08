/* test_outcome - each row of the outcome table (FACTS 3), and what lies between the rows.
 *
 * Whole answers are told by status, code and message; attempts that ended otherwise by how far
 * they came and what was seen; error events by their code.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "proxy/core/outcome.h"

#define HOUR_MS (UINT64_C(3600) * 1000)

struct row {
    unsigned status;
    const char *code;
    const char *message;
    uint64_t retry_after_ms;
    enum failover_outcome outcome;
    uint64_t wait_ms;
};

static void check(const struct row *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct outcome_answer answer = {.status = row[i].status,
                                              .code = slice_of(row[i].code),
                                              .message = slice_of(row[i].message),
                                              .retry_after_ms = row[i].retry_after_ms};
        uint64_t wait_ms = 77;
        enum failover_outcome outcome = outcome_classify(&answer, &wait_ms);
        if (outcome != row[i].outcome || wait_ms != row[i].wait_ms)
            fail_msg("%u %s \"%s\": %s, wait %llu, expected %s, wait %llu", row[i].status,
                     row[i].code, row[i].message, failover_outcome_name(outcome),
                     (unsigned long long)wait_ms, failover_outcome_name(row[i].outcome),
                     (unsigned long long)row[i].wait_ms);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])
#define IS(name)    FAILOVER_OUTCOME_##name
#define PLAIN(s, name)                                                                         \
    {                                                                                          \
        s, "", "", 0, IS(name), 0                                                              \
    }

static void success_is_success_whatever_its_number(void **state)
{
    static const struct row rows[] = {PLAIN(200, OK), PLAIN(201, OK), PLAIN(204, OK),
                                      PLAIN(304, OK), PLAIN(100, OK)};

    (void)state;
    CHECK(rows);
}

static void a_401_is_about_the_token(void **state)
{
    static const struct row rows[] = {
        PLAIN(401, TOKEN),
        {401, "", "unauthorized: token expired\n", 0, IS(TOKEN), 0},
        {401, "quota_exceeded", "", 0, IS(TOKEN), 0},
    };

    (void)state;
    CHECK(rows);
}

static void a_402_is_about_quota_whatever_its_code(void **state)
{
    static const struct row rows[] = {
        PLAIN(402, QUOTA),
        {402, "quota_exceeded", "You have no quota", 0, IS(QUOTA), 0},
        {402, "free_quota_exceeded", "", 0, IS(QUOTA), 0},
        {402, "overage_limit_reached", "", 0, IS(QUOTA), 0},
        {402, "something_new", "", 0, IS(QUOTA), 0},
    };

    (void)state;
    CHECK(rows);
}

static void a_403_is_told_apart_by_its_body(void **state)
{
    static const struct row rows[] = {
        PLAIN(403, FORBIDDEN),
        {403, "", "Forbidden", 0, IS(FORBIDDEN), 0},
        {403, "model_not_supported", "", 0, IS(FORBIDDEN), 0},
        {403, "quota_exceeded", "", 0, IS(QUOTA), 0},
        {403, "free_quota_exceeded", "", 0, IS(QUOTA), 0},
        {403, "overage_limit_reached", "", 0, IS(QUOTA), 0},
        {403, "rate_limited", "", 0, IS(RATE), 0},
        {403, "user_model_rate_limited", "", 0, IS(RATE), 0},
        {403, "user_global_rate_limited", "", 0, IS(RATE), 5 * HOUR_MS},
        {403, "user_weekly_rate_limited", "", 0, IS(RATE), 24 * HOUR_MS},
        {403, "", "API rate limit exceeded for user ID 1.", 0, IS(RATE), 0},
        {403, "", "You have exceeded a secondary rate limit", 9000, IS(RATE), 9000},
        {403, "", "You have no quota", 0, IS(QUOTA), 0},
        /* A code speaks louder than a sentence. */
        {403, "model_not_supported", "see the rate limit page", 0, IS(FORBIDDEN), 0},
        /* The whole code, not a part of it. */
        {403, "quota_exceeded_not", "", 0, IS(FORBIDDEN), 0},
        {403, "invalid_request_error", "", 0, IS(FORBIDDEN), 0},
        {403, "quota", "", 0, IS(FORBIDDEN), 0},
    };

    (void)state;
    CHECK(rows);
}

static void a_429_rests_as_long_as_its_kind_lasts(void **state)
{
    static const struct row rows[] = {
        PLAIN(429, RATE),
        {429, "rate_limited", "", 0, IS(RATE), 0},
        {429, "user_model_rate_limited", "", 0, IS(RATE), 0},
        {429, "model_overloaded", "", 0, IS(RATE), 0},
        {429, "user_global_rate_limited", "", 0, IS(RATE), 5 * HOUR_MS},
        {429, "user_weekly_rate_limited", "", 0, IS(RATE), 24 * HOUR_MS},
        {429, "quota_exceeded", "", 0, IS(QUOTA), 0},
        {429, "free_quota_exceeded", "", 0, IS(QUOTA), 0},
        {429, "overage_limit_reached", "", 0, IS(QUOTA), 0},
        /* What the answer asks for goes before what is known. */
        {429, "rate_limited", "", 5000, IS(RATE), 5000},
        {429, "user_global_rate_limited", "", 7000, IS(RATE), 7000},
    };

    (void)state;
    CHECK(rows);
}

static void the_plan_behind_a_code_does_not_matter(void **state)
{
    static const struct row rows[] = {
        {429, "user_global_rate_limited:pro_plus", "", 0, IS(RATE), 5 * HOUR_MS},
        {429, "user_weekly_rate_limited:edu", "", 0, IS(RATE), 24 * HOUR_MS},
        {429, "quota_exceeded:free", "", 0, IS(QUOTA), 0},
        {403, "rate_limited:", "", 0, IS(RATE), 0},
        {403, ":rate_limited", "", 0, IS(FORBIDDEN), 0},
    };

    (void)state;
    CHECK(rows);
}

static void no_rest_is_longer_than_a_month(void **state)
{
    static const struct row rows[] = {
        {429, "rate_limited", "", 587 * HOUR_MS, IS(RATE), 587 * HOUR_MS},
        {429, "rate_limited", "", 31 * 24 * HOUR_MS, IS(RATE), 31 * 24 * HOUR_MS},
        {429, "rate_limited", "", 31 * 24 * HOUR_MS + 1, IS(RATE), 31 * 24 * HOUR_MS},
        {429, "rate_limited", "", UINT64_MAX, IS(RATE), 31 * 24 * HOUR_MS},
    };

    (void)state;
    CHECK(rows);
}

static void the_nodes_own_rate_limit_is_told_from_githubs(void **state)
{
    static const struct row rows[] = {
        {429, "", "Rate limit exceeded", 0, IS(BRAKE), 0},
        {429, "rate_limited", "Rate limit exceeded", 0, IS(RATE), 0},
        {429, "", "Rate limit exceeded. Need to wait 12 more seconds.", 0, IS(BRAKE), 0},
        {429, "", "Sorry. Rate limit exceeded", 0, IS(RATE), 0},
        {429, "something_new", "Rate limit exceeded", 0, IS(RATE), 0},
        {429, "", "API rate limit exceeded for user ID 1.", 0, IS(RATE), 0},
        {429, "", "Too many requests", 0, IS(RATE), 0},
    };

    (void)state;
    CHECK(rows);
}

static void a_421_is_a_wrong_account_type(void **state)
{
    static const struct row rows[] = {PLAIN(421, ACCOUNT_TYPE)};

    (void)state;
    CHECK(rows);
}

static void other_4xx_are_the_requests_own_problem(void **state)
{
    char code[] = "rate_limited";

    (void)state;
    for (unsigned status = 400; status < 500; status++) {
        bool is_special =
            status == 401 || status == 402 || status == 403 || status == 421 || status == 429;
        const struct row row = {status, status % 2 ? code : "", "", 0, IS(REQUEST_FAULT), 0};
        if (!is_special)
            check(&row, 1);
    }
}

static void every_5xx_is_the_servers(void **state)
{
    (void)state;
    for (unsigned status = 500; status < 600; status++) {
        const struct row row = {status, "", "fetch failed", 0, IS(SERVER), 0};
        check(&row, 1);
    }
}

static void no_status_of_http_is_a_broken_answer(void **state)
{
    static const struct row rows[] = {
        PLAIN(0, BROKEN),
        PLAIN(99, BROKEN),
        PLAIN(600, BROKEN),
        PLAIN(999, BROKEN),
        {99, "quota_exceeded", "Rate limit exceeded", 5, IS(BROKEN), 0},
    };

    (void)state;
    CHECK(rows);
}

/* ---------------------------------------------------------------- codes of error events */

/* The codes that mean the same in a 403, in a 429 and in a stream. */
static const struct row account_codes[] = {
    {0, "quota_exceeded", "", 0, IS(QUOTA), 0},
    {0, "free_quota_exceeded", "", 0, IS(QUOTA), 0},
    {0, "overage_limit_reached", "", 0, IS(QUOTA), 0},
    {0, "additional_spend_limit_reached", "", 0, IS(QUOTA), 0},
    {0, "session_quota_exceeded", "", 0, IS(QUOTA), 0},
    {0, "billing_not_configured", "", 0, IS(QUOTA), 0},
    {0, "insufficient_quota", "", 0, IS(QUOTA), 0},
    {0, "credit_balance_exhausted", "", 0, IS(QUOTA), 0},
    {0, "billing_error", "", 0, IS(QUOTA), 0},
    {0, "rate_limited", "", 0, IS(RATE), 0},
    {0, "user_model_rate_limited", "", 0, IS(RATE), 0},
    {0, "integration_rate_limited", "", 0, IS(RATE), 0},
    {0, "agent_mode_limit_exceeded", "", 0, IS(RATE), 0},
    {0, "model_overloaded", "", 0, IS(RATE), 0},
    {0, "user_global_rate_limited", "", 0, IS(RATE), 5 * HOUR_MS},
    {0, "user_weekly_rate_limited", "", 0, IS(RATE), 24 * HOUR_MS},
    {0, "rate_limit_exceeded", "", 0, IS(RATE), 0},
    {0, "rate_limit_error", "", 0, IS(RATE), 0},
    {0, "overloaded_error", "", 0, IS(RATE), 0},
    {0, "server_is_overloaded", "", 0, IS(RATE), 0},
    {0, "slow_down", "", 0, IS(RATE), 0},
    {0, "slow_down", "", 1500, IS(RATE), 1500},
    {0, "rate_limited:pro", "", 0, IS(RATE), 0},
};

static void check_event(const struct row *row)
{
    const struct outcome_answer answer = {.phase = OUTCOME_STREAM,
                                          .end = OUTCOME_ERROR_EVENT,
                                          .status = 200,
                                          .code = slice_of(row->code),
                                          .message = slice_of(row->message),
                                          .retry_after_ms = row->retry_after_ms};
    uint64_t wait_ms = 77;
    enum failover_outcome outcome = outcome_classify(&answer, &wait_ms);

    if (outcome != row->outcome || wait_ms != row->wait_ms)
        fail_msg("event %s: %s, wait %llu, expected %s", row->code,
                 failover_outcome_name(outcome), (unsigned long long)wait_ms,
                 failover_outcome_name(row->outcome));
}

static void what_is_wrong_with_an_account_means_the_same_in_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof account_codes / sizeof account_codes[0]; i++) {
        struct row row = account_codes[i];
        check_event(&row);
        row.status = 403;
        check(&row, 1);
        row.status = 429;
        check(&row, 1);
    }
}

static void an_error_event_may_be_the_requests_own_fault(void **state)
{
    static const char *const codes[] = {
        "context_length_exceeded",
        "model_max_prompt_tokens_exceeded",
        "request_too_large",
        "bad_request",
        "cyber_policy",
        "not_found",
        "not_found_error",
        "model_not_found",
        "model_not_supported",
        "previous_response_not_found",
        "empty_image_file",
        "failed_to_download_image",
        "invalid_request_error",
        "invalid_prompt",
        "invalid_base64_image",
        "unsupported_value",
        "unsupported_image_media_type",
        "content_filter",
        "content_policy_violation",
        "image_too_large",
    };

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        check_event(&(struct row){0, codes[i], "", 0, IS(REQUEST_FAULT), 0});
}

static void an_error_event_may_be_about_the_token_or_a_permission(void **state)
{
    (void)state;
    check_event(&(struct row){0, "authentication_error", "", 0, IS(TOKEN), 0});
    check_event(&(struct row){0, "invalid_api_key", "", 0, IS(TOKEN), 0});
    check_event(&(struct row){0, "permission_error", "", 0, IS(FORBIDDEN), 0});
}

static void any_other_error_event_is_a_broken_answer(void **state)
{
    static const char *const codes[] = {
        "",      "server_error", "api_error", "internal_error", "invalid", "fetch failed",
        "quota", "not_invalid_", "1"};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        check_event(&(struct row){0, codes[i], "Rate limit exceeded", 0, IS(BROKEN), 0});
}

/* ---------------------------------------------------------------- no whole answer */

struct end_row {
    enum outcome_phase phase;
    enum outcome_end end;
    enum failover_outcome outcome;
};

static void without_a_whole_answer_it_counts_how_far_it_came(void **state)
{
    static const struct end_row rows[] = {
        {OUTCOME_CONNECT, OUTCOME_BROKE, IS(CONNECT)},
        {OUTCOME_CONNECT, OUTCOME_SILENT, IS(CONNECT)},
        {OUTCOME_HEAD, OUTCOME_BROKE, IS(RESET)},
        {OUTCOME_HEAD, OUTCOME_SILENT, IS(TIMEOUT)},
        {OUTCOME_HEAD, OUTCOME_GARBAGE, IS(BROKEN)},
        {OUTCOME_BODY, OUTCOME_BROKE, IS(RESET)},
        {OUTCOME_BODY, OUTCOME_SILENT, IS(TIMEOUT)},
        {OUTCOME_BODY, OUTCOME_GARBAGE, IS(BROKEN)},
        {OUTCOME_STREAM, OUTCOME_WHOLE, IS(OK)},
        {OUTCOME_STREAM, OUTCOME_BROKE, IS(BROKEN)},
        {OUTCOME_STREAM, OUTCOME_SILENT, IS(TIMEOUT)},
        {OUTCOME_STREAM, OUTCOME_GARBAGE, IS(BROKEN)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* A status that came before the break, or a code, changes nothing. */
        for (unsigned status = 0; status < 600; status += 67) {
            const struct outcome_answer answer = {.phase = rows[i].phase,
                                                  .end = rows[i].end,
                                                  .status = status,
                                                  .code = SLICE("quota_exceeded"),
                                                  .message = SLICE("")};
            uint64_t wait_ms = 77;
            assert_int_equal(outcome_classify(&answer, &wait_ms), rows[i].outcome);
            assert_int_equal(wait_ms, 0);
        }
    }
}

static void only_a_whole_answer_is_ever_a_success(void **state)
{
    (void)state;
    for (int phase = OUTCOME_ANSWER; phase <= OUTCOME_STREAM; phase++) {
        for (int end = OUTCOME_BROKE; end <= OUTCOME_ERROR_EVENT; end++) {
            const struct outcome_answer answer = {.phase = (enum outcome_phase)phase,
                                                  .end = (enum outcome_end)end,
                                                  .status = 200,
                                                  .code = SLICE(""),
                                                  .message = SLICE("")};
            uint64_t wait_ms = 77;
            assert_int_not_equal(outcome_classify(&answer, &wait_ms), IS(OK));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_is_success_whatever_its_number),
        cmocka_unit_test(a_401_is_about_the_token),
        cmocka_unit_test(a_402_is_about_quota_whatever_its_code),
        cmocka_unit_test(a_403_is_told_apart_by_its_body),
        cmocka_unit_test(a_429_rests_as_long_as_its_kind_lasts),
        cmocka_unit_test(the_nodes_own_rate_limit_is_told_from_githubs),
        cmocka_unit_test(a_421_is_a_wrong_account_type),
        cmocka_unit_test(other_4xx_are_the_requests_own_problem),
        cmocka_unit_test(every_5xx_is_the_servers),
        cmocka_unit_test(no_status_of_http_is_a_broken_answer),
        cmocka_unit_test(the_plan_behind_a_code_does_not_matter),
        cmocka_unit_test(no_rest_is_longer_than_a_month),
        cmocka_unit_test(what_is_wrong_with_an_account_means_the_same_in_every_place),
        cmocka_unit_test(an_error_event_may_be_the_requests_own_fault),
        cmocka_unit_test(an_error_event_may_be_about_the_token_or_a_permission),
        cmocka_unit_test(any_other_error_event_is_a_broken_answer),
        cmocka_unit_test(without_a_whole_answer_it_counts_how_far_it_came),
        cmocka_unit_test(only_a_whole_answer_is_ever_a_success),
    };
    return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
