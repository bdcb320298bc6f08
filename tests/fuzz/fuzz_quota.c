/* fuzz_quota - whatever a node says at /usage, the parser stays in its bounds.
 *
 * The answer comes from GitHub through a node, so that anything may stand there. Checked for
 * every input: no figure leaves its range, the words can be shown in /health, unlimited is
 * never exhausted, a failure leaves the result alone, and the same bytes say the same again.
 *
 * seeds: tests/unit/golden/usage
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <jansson.h>

#include "proxy/quota.h"

#define NOW_MS         INT64_C(1764547200000) /* 2025-12-01 */
#define MILLI_MAX      INT64_C(1000000000000000)
#define YEARS_10000_MS (UINT64_C(10000) * 366 * 24 * 3600 * 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_word(const char *word)
{
    json_t *shown = json_string(word);

    assert(memchr(word, '\0', QUOTA_WORD_MAX) != NULL);
    assert(shown != NULL); /* valid UTF-8 */
    json_decref(shown);
}

static void check(const struct quota *q)
{
    const struct failover_usage *u = &q->usage;
    json_t *percent = json_real(q->percent_remaining);

    assert(percent != NULL); /* finite */
    json_decref(percent);
    check_word(q->plan);
    check_word(q->reset_date);
    assert(u->remaining_milli >= -MILLI_MAX && u->remaining_milli <= MILLI_MAX);
    assert(u->entitlement_milli >= 0 && u->entitlement_milli <= MILLI_MAX);
    assert(u->reset_in_ms <= YEARS_10000_MS);
    assert(u->has_remaining || u->remaining_milli == 0);
    assert(!(u->is_unlimited && (u->is_exhausted || u->has_remaining)));
    assert(!u->is_exhausted || (q->has_percent && q->percent_remaining <= 0));
}

static void check_same(const struct quota *a, const struct quota *b)
{
    assert(a->usage.remaining_milli == b->usage.remaining_milli);
    assert(a->usage.entitlement_milli == b->usage.entitlement_milli);
    assert(a->usage.reset_in_ms == b->usage.reset_in_ms);
    assert(a->usage.is_exhausted == b->usage.is_exhausted);
    assert(a->usage.is_overage_permitted == b->usage.is_overage_permitted);
    assert(memcmp(a->plan, b->plan, sizeof a->plan) == 0);
    assert(memcmp(a->reset_date, b->reset_date, sizeof a->reset_date) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {.at = (const char *)data, .len = size};
    struct quota first = {.plan = "untouched"};
    struct quota second;
    int64_t ms = 0;

    int r = quota_parse_date(body, &ms);
    assert(r == 0 || (r == -EINVAL && ms == 0));
    r = quota_parse(body, NOW_MS, &first);
    if (r < 0) {
        assert(r == -EINVAL && strcmp(first.plan, "untouched") == 0);
        return 0;
    }
    check(&first);
    assert(quota_parse(body, NOW_MS, &second) == 0);
    check_same(&first, &second);
    return 0;
}
