/* config_ini.h - the text of an INI file as sections and entries, with line numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include <stddef.h>

#include "error.h"
#include "slice.h"
#include "supervisor/config_report.h"

struct config_ini_entry {
    size_t line;
    char *key;
    char *value; /* trimmed, without comment, with its quotes */
};

struct config_ini_section {
    size_t line;
    char *name;   /* "node:first"; NULL when the header was wrong and has been reported */
    size_t first; /* its entries are entries[first .. first + count - 1] */
    size_t count;
};

/* Sections and entries in the order of the file. Owned. */
struct config_ini {
    struct config_ini_section *sections;
    size_t section_count;
    struct config_ini_entry *entries;
    size_t entry_count;
};

/* Reads `text`; `file` is its name in the messages. What is wrong goes to the report and the
 * rest is still read: 0 does not mean that all was well. -ENOMEM; the result then needs no
 * config_ini_done(). */
int config_ini_parse(const char *file, struct slice text, struct config_report *report,
                     struct config_ini *ret_ini) MUST_CHECK;

void config_ini_done(struct config_ini *ini);

#endif
