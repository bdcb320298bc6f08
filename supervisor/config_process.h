/* config_process.h - settings about what a process is: whom it runs as, its limits, its paths.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_PROCESS_H
#define CONFIG_PROCESS_H

#include "config.h"
#include "supervisor/config_table.h"
#include "supervisor/config_text.h"

/* For rows of type ADJUST, LIMIT, SIZE_LIMIT and UMASK: "inherit", "infinity" or a number.
 * -ENOMEM, or -EINVAL with "must be inherit or -20..19, got 'x'". */
int config_process_parse(const struct config_row *row, const struct config_text *from,
                         struct config_optional *ret_value, struct error *ret_error) MUST_CHECK;

/* What config_process_parse() reads back. -ENOMEM. */
int config_process_print(const struct config_row *row, const struct config_optional *value,
                         struct buf *out) MUST_CHECK;

/* "inherit or -20..19". -ENOMEM. */
int config_process_print_range(const struct config_row *row, struct buf *out) MUST_CHECK;

/* For rows of type USER, GROUP, NODE_PATH and NODE_FILE: is the text one? -EINVAL with "must be
 * ...". */
int config_process_check(const struct config_row *row, const struct config_text *from,
                         struct error *ret_error) MUST_CHECK;

#endif
