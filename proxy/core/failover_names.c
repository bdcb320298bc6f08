/* failover_names - words and sentences for outcomes and causes.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include "failover.h"

const char *failover_outcome_name(enum failover_outcome outcome)
{
    static const char *const names[FAILOVER_OUTCOME_COUNT] = {
#define X(name, word) [FAILOVER_OUTCOME_##name] = word,
        FAILOVER_OUTCOME_MAP(X)
#undef X
    };
    assert(outcome < FAILOVER_OUTCOME_COUNT);
    return names[outcome];
}

const char *failover_cause_name(enum failover_cause cause)
{
    static const char *const names[FAILOVER_CAUSE_COUNT] = {
#define X(name, word, sentence) [FAILOVER_CAUSE_##name] = word,
        FAILOVER_CAUSE_MAP(X)
#undef X
    };
    assert(cause < FAILOVER_CAUSE_COUNT);
    return names[cause];
}

const char *failover_cause_sentence(enum failover_cause cause)
{
    static const char *const sentences[FAILOVER_CAUSE_COUNT] = {
#define X(name, word, sentence) [FAILOVER_CAUSE_##name] = sentence,
        FAILOVER_CAUSE_MAP(X)
#undef X
    };
    assert(cause < FAILOVER_CAUSE_COUNT);
    return sentences[cause];
}
