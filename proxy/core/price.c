/* price - what one user turn with a model takes from the quota.
 *
 * Pure. The longest name that a model's name begins with decides, so that dated and suffixed
 * names (gpt-4.1-2025-04-14, claude-opus-4.6-fast) find their row, and a longer row can make an
 * exception of a shorter one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "price.h"

/* The classes of FACTS 3, with the names and figures of the last table of multipliers that
 * GitHub published (May 2026); conf/cluster.ini lists them in this order. A Sonnet row beside
 * `default`, so that a dearer default does not make Sonnet dear. A row that is too cheap lets
 * the estimate lag behind until the next poll; a wrong 0 would send requests to drained
 * accounts, so that 0 is only for what FACTS names. */
const struct price price_shipped[] = {
    {PRICE_DEFAULT, 1000},
    {"gpt-4.1", 0},
    {"gpt-4o", 0},
    {"gpt-5-mini", 0},
    {"gpt-5.1-codex-mini", 330},
    {"gpt-5.4-mini", 330},
    {"gpt-5.4-nano", 250},
    {"gpt-5.5", 7500},
    {"o3-mini", 330},
    {"o4-mini", 330},
    {"claude-haiku", 330},
    {"claude-sonnet", 1000},
    {"claude-opus", 10000},
    {"claude-opus-4.5", 3000},
    {"claude-opus-4.6", 3000},
    {"claude-opus-4.6-fast", 30000},
    {"claude-opus-4.7", 15000},
    {"gemini-2.0-flash", 250},
    {"gemini-3-flash", 330},
    {"grok-code-fast", 250},
};
const size_t price_shipped_count = sizeof price_shipped / sizeof price_shipped[0];
_Static_assert(sizeof price_shipped / sizeof price_shipped[0] <= MULTIPLIERS_MAX,
               "the shipped rows fit into the settings");

int32_t price_milli(const struct price *prices, size_t count, struct slice model)
{
    const struct price *best = NULL;
    size_t best_len = 0;

    for (size_t i = 0; i < count; i++) {
        struct slice prefix = slice_of(prices[i].model);
        bool is_default = slice_equal(prefix, SLICE(PRICE_DEFAULT));
        size_t len = is_default ? 0 : prefix.len;
        if ((is_default || slice_starts_with(model, prefix)) &&
            (best == NULL || len > best_len)) {
            best = &prices[i];
            best_len = len;
        }
    }
    return best == NULL ? 1000 : best->milli;
}
