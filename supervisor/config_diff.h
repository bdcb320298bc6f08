/* config_diff - how two sets of settings differ, row by row of the settings table.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_DIFF_H
#define CONFIG_DIFF_H

#include <stdbool.h>

#include "supervisor/config_table.h"

/* Does the row say something else in `a` than in `b`? Both are a struct config, or both a
 * struct config_node for rows of [node]. Order counts where it has a meaning: in lists of
 * addresses. */
bool config_diff_row(const struct config_row *row, const void *a, const void *b);

/* Does any row of [node] with that effect? */
bool config_diff_node(const struct config_node *a, const struct config_node *b,
                      enum config_effect effect);

/* Exchanges the values of the row, with what they own. Not for [multipliers], env.* and url. */
void config_diff_swap(const struct config_row *row, void *a, void *b);

#endif
