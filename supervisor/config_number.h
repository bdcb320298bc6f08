/* config_number.h - durations, sizes and counts: text to number within the row's bounds.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_NUMBER_H
#define CONFIG_NUMBER_H

#include <stdint.h>

#include "supervisor/config_table.h"
#include "supervisor/config_text.h"

/* For rows of type DURATION and SECONDS (value in ms), BYTES, INTEGER. -ENOMEM, or -EINVAL
 * with "must be 1s..1h (ms, s, m, h, d), got 'x'". */
int config_number_parse(const struct config_row *row, const struct config_text *from,
                        uint64_t *ret_value, struct error *ret_error) MUST_CHECK;

/* With the largest unit that leaves a whole number: 300000 ms is "5m". -ENOMEM. */
int config_number_print(const struct config_row *row, uint64_t value,
                        struct buf *out) MUST_CHECK;

/* "100ms..7d". -ENOMEM. */
int config_number_print_range(const struct config_row *row, struct buf *out) MUST_CHECK;

#endif
