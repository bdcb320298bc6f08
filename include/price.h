/* price.h - what one user turn with a model takes from the quota.
 *
 * Freestanding. GitHub bills user-initiated turns times a multiplier of the model (FACTS 3).
 * The figures change often, and accounts that are billed in AI credits pay by tokens: a price
 * is an estimate between two polls of /usage, nothing more. That is why every one of them can
 * be replaced in [multipliers]; the shipped ones are proxy/core/price.c's table.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PRICE_H
#define PRICE_H

#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "slice.h"

/* The model name of the row that counts where no other does. */
#define PRICE_DEFAULT "default"

/* Models whose name begins with `model` cost so much. A value, to be copied. */
struct price {
    char model[CONFIG_KEY_MAX + 1];
    int32_t milli; /* thousandths of a premium request */
};

/* What is in force when [multipliers] says nothing; at most MULTIPLIERS_MAX rows. */
extern const struct price price_shipped[];
extern const size_t price_shipped_count;

/* The row with the longest name that `model` begins with; else that of PRICE_DEFAULT; else
 * 1000. "" is a model that the request did not name. */
int32_t price_milli(const struct price *prices, size_t count, struct slice model);

#endif
