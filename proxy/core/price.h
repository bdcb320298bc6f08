/* price.h - what one user turn with a model takes from the quota.
 *
 * Pure data. GitHub bills user-initiated turns times a multiplier of the model (FACTS 3); the
 * figures change often and are an estimate between two polls of /usage, nothing more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PRICE_H
#define PRICE_H

#include <stdint.h>

#include "slice.h"

/* Thousandths of a premium request; 1000 for a model that is not in the table. */
int32_t price_milli(struct slice model);

#endif
