/* test_outcome - each row of the outcome table (FACTS 3), and what lies between the rows.
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
        /* A code speaks louder than a sentence. */
        {403, "model_not_supported", "see the rate limit page", 0, IS(FORBIDDEN), 0},
        /* The whole code, not a part of it. */
        {403, "quota_exceeded_not", "", 0, IS(FORBIDDEN), 0},
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

static void the_nodes_own_rate_limit_is_told_from_githubs(void **state)
{
    static const struct row rows[] = {
        {429, "", "Rate limit exceeded", 0, IS(BRAKE), 0},
        {429, "rate_limited", "Rate limit exceeded", 0, IS(RATE), 0},
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
    };
    return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
