/* config_word.h - settings that are one of a few words, or several of them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_WORD_H
#define CONFIG_WORD_H

#include "supervisor/config_table.h"
#include "supervisor/config_text.h"

/* The row's word that this is, letter case ignored. -ENOMEM, or -EINVAL with
 * "must be drain or overlap, got 'x'". */
int config_word_parse(const struct config_row *row, const char *text,
                      const struct config_word **ret_word, struct error *ret_error) MUST_CHECK;

/* The bits of all words in the text, and those of row->min. Words are separated by blanks and
 * commas; none is fine. -ENOMEM, or -EINVAL with "must be nothing, or any of a, b or c, got
 * 'x'; did you mean 'a'?". */
int config_word_parse_set(const struct config_row *row, const char *text, uint32_t *ret_set,
                          struct error *ret_error) MUST_CHECK;

/* "connect 401": what config_word_parse_set() reads back. -ENOMEM. */
int config_word_print_set(const struct config_row *row, uint32_t set,
                          struct buf *out) MUST_CHECK;

/* The word that is printed for a value. */
const char *config_word_of(const struct config_row *row, int64_t value);

/* "drain or overlap". -ENOMEM. */
int config_word_print_all(const struct config_row *row, struct buf *out) MUST_CHECK;

#endif
