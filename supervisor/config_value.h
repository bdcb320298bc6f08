/* config_value.h - one setting as text, and back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "supervisor/config_table.h"
#include "supervisor/config_text.h"

/* Checks the text against the row and writes the field in `base`, which is a struct config_node
 * for rows of section "node" and a struct config for the others. Strings that were there are
 * freed. Errors: -ENOMEM, or -EINVAL with the rest of a sentence whose subject is the key, such
 * as "must be 0..100, got 'x'". */
int config_value_set(const struct config_row *row, void *base, const struct config_text *from,
                     struct error *ret_error) MUST_CHECK;

/* The row's default, which must have one. -ENOMEM. */
int config_value_set_default(const struct config_row *row, void *base) MUST_CHECK;

/* A port, 0..65535; errors as config_value_set. */
int config_value_port(const char *text, uint16_t *ret_port, struct error *ret_error) MUST_CHECK;

/* The value as one would write it into a file; secrets masked. Appends nothing for strings that
 * are NULL. -ENOMEM, or -EINVAL for env.NAME, pass_env and MODEL, which have no single value.
 */
int config_value_print(const struct config_row *row, const void *base,
                       struct buf *out) MUST_CHECK;

/* The bounds in words: "100ms..7d", "drain or overlap", "" for free text. -ENOMEM. */
int config_value_print_range(const struct config_row *row, struct buf *out) MUST_CHECK;

#endif
