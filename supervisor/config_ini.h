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
    const char *file; /* as it was given, borrowed */
    size_t rank;      /* of the file, for the order of errors */
    size_t line;
    char *name;   /* "node:first"; NULL when the header was wrong and has been reported */
    size_t first; /* its entries are entries[first .. first + count - 1] */
    size_t count;
};

/* Sections and entries in the order of the files. Owned. */
struct config_ini {
    struct config_ini_section *sections;
    size_t section_count;
    struct config_ini_entry *entries;
    size_t entry_count;
};

/* Reads `text` and appends it to `ini`, which is zero at first; `file` is its name in messages
 * and borrowed for the life of `ini`, `rank` its place among several. What is wrong goes to the
 * report and the rest is still read: 0 does not mean that all was well. -ENOMEM; `ini` may then
 * have a part of it. */
int config_ini_append(const char *file, size_t rank, struct slice text,
                      struct config_report *report, struct config_ini *ini) MUST_CHECK;

void config_ini_done(struct config_ini *ini);

#endif
