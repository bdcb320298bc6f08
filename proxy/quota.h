/* quota.h - reads copilot-api's answer to GET /usage.
 *
 * Codec: jansson only, no I/O.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "failover.h"
#include "slice.h"

#define QUOTA_WORD_MAX 40

/* What people see of a node's quota. The words are valid UTF-8. */
struct quota {
    struct failover_usage usage;
    char plan[QUOTA_WORD_MAX];       /* copilot_plan, "" = not told */
    char reset_date[QUOTA_WORD_MAX]; /* as GitHub wrote it, "" = not told */
    double percent_remaining;        /* finite; may be negative */
    bool has_percent;
};

/* Parses the body. `wall_ms` is the wall clock (ms since 1970), to turn the reset date into a
 * distance. Facts only: an account is exhausted when percent_remaining <= 0 and the plan is not
 * unlimited (FACTS 3); whether it may go on for money is a fact of its own, and what to make of
 * both is the engine's.
 * Errors: -EINVAL when it is not an object as GitHub sends it, -ENOMEM; ret_quota is untouched
 * then. */
int quota_parse(struct slice body, int64_t wall_ms, struct quota *ret_quota) MUST_CHECK;

/* "2026-12-01", or "2026-12-01T00:00:00" with fractions (ignored) and a zone ("Z", "+02:00";
 * none is UTC), to ms since 1970. -EINVAL for anything else. */
int quota_parse_date(struct slice text, int64_t *ret_ms) MUST_CHECK;

#endif
