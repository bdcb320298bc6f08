/* price - what one user turn with a model takes from the quota.
 *
 * Pure. The longest prefix that matches decides, so that dated names of a model find its row.
 *
 * SPDX-License-Identifier: MIT
 */
#include "price.h"

struct row {
    const char *prefix;
    int32_t milli;
};

static const struct row rows[] = {
    {"gpt-4.1", 0},
    {"gpt-4o", 0},
    {"gpt-5-mini", 0},
    {"claude-haiku", 330},
    {"gemini-2.0-flash", 250},
    {"o3-mini", 330},
    {"o4-mini", 330},
    {"grok-code-fast", 250},
    {"claude-opus", 10000},
};

int32_t price_milli(struct slice model)
{
    const struct row *best = NULL;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice prefix = slice_of(rows[i].prefix);
        if (slice_starts_with(model, prefix) &&
            (best == NULL || prefix.len > slice_of(best->prefix).len))
            best = &rows[i];
    }
    return best == NULL ? 1000 : best->milli;
}
