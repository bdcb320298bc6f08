/* config_price.h - [multipliers]: what a turn with a model takes from the quota.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_PRICE_H
#define CONFIG_PRICE_H

#include "buf.h"
#include "config.h"
#include "error.h"
#include "supervisor/config_table.h"
#include "supervisor/config_text.h"

/* The shipped rows, and nothing else. */
void config_price_init(struct config_quota *quota);

/* from->key = from->text: changes the row of that name or adds one. -ENOMEM, or -EINVAL with
 * the rest of a sentence whose subject is the key, such as "must be 0..1000, got '-1'". */
int config_price_set(const struct config_row *row, const struct config_text *from,
                     struct config_quota *quota, struct error *ret_error) MUST_CHECK;

/* Every row as a line "PREFIXmodel = 0.33\n". -ENOMEM. */
int config_price_print(const struct price *prices, size_t count, const char *prefix,
                       struct buf *out) MUST_CHECK;

/* "0..1000". -ENOMEM. */
int config_price_print_range(const struct config_row *row, struct buf *out) MUST_CHECK;

#endif
