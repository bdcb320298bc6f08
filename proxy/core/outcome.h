/* outcome.h - what an answer's status and error code mean for its request and its account.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "failover.h"
#include "slice.h"

/* What is known of an answer. `code` and `message` are read from the body by the refusal codec
 * (copilot-api wraps GitHub's error as a string inside its own, FACTS 2); empty = not found. */
struct outcome_answer {
    unsigned status;
    struct slice code;
    struct slice message;
    uint64_t retry_after_ms; /* 0 = not told */
};

/* The class of the answer. `ret_wait_ms` is how long the account should rest: what the answer
 * asked for, else what this kind of limit is known to last; 0 = the policy's cooldown. */
enum failover_outcome outcome_classify(const struct outcome_answer *answer,
                                       uint64_t *ret_wait_ms);

#endif
