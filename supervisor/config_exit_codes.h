/* config_exit_codes - `exitcodes = 0 2`: a set of numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_EXIT_CODES_H
#define CONFIG_EXIT_CODES_H

#include "buf.h"
#include "config.h"
#include "error.h"

/* Numbers from 0 to 255 with spaces or commas between them; none is fine. -EINVAL. */
int config_exit_codes_parse(const char *text, struct config_exit_codes *ret_codes,
                            struct error *ret_error) MUST_CHECK;

bool config_exit_codes_has(const struct config_exit_codes *codes, unsigned code);

/* -ENOMEM. */
int config_exit_codes_print(const struct config_exit_codes *codes, struct buf *out) MUST_CHECK;

#endif
