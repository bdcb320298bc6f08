/* config_hint.h - what somebody may have meant by a word that nobody knows.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_HINT_H
#define CONFIG_HINT_H

#include "supervisor/config_table.h"

/* The closest known word, or NULL when none is close. Borrowed from the table. */
const char *config_hint_key(const char *section, const char *key);
/* Is the key what people of other programs write for one of this section? */
bool config_hint_is_foreign(const char *section, const char *key);
const char *config_hint_section(const char *section);

/* One of the row's words. */
const char *config_hint_word(const struct config_row *row, struct slice word);

#endif
