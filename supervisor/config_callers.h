/* config_callers.h - [access]: ranges of addresses, names, origins; and open to the world or
 * not.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_CALLERS_H
#define CONFIG_CALLERS_H

#include "buf.h"
#include "config.h"
#include "error.h"
#include "supervisor/config_report.h"
#include "supervisor/config_table.h"

/* Ranges, and the words of cidr_find_word(), with blanks or commas between them. -EINVAL with
 * the rest of a sentence whose subject is the key. */
int config_callers_parse_cidrs(const struct config_row *row, const char *text,
                               struct cidr_list *ret_list, struct error *ret_error) MUST_CHECK;

/* What config_callers_parse_cidrs() reads back: "loopback 10.0.0.0/8 fd00::/8". -ENOMEM. */
int config_callers_print_cidrs(const struct cidr_list *list, struct buf *out) MUST_CHECK;

/* Host names or origins, by the row's type; in lower case, with single blanks. Errors as
 * above, and -ENOMEM. */
int config_callers_parse_names(const struct config_row *row, const char *text, struct buf *out,
                               struct error *ret_error) MUST_CHECK;

/* Refuses settings by which the whole world could spend the quota, unless [access] open says
 * that it may. `file` is for the message. */
void config_callers_check(const char *file, const struct config *config,
                          struct config_report *report);

void config_callers_done(struct config_callers *callers);

#endif
