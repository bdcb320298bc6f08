/* config_files.h - the settings file, and the files that it includes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_FILES_H
#define CONFIG_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bounds.h"
#include "error.h"
#include "supervisor/config_ini.h"
#include "supervisor/config_report.h"

/* The files that were included; zero at first. They lend their names to the sections. */
struct config_files {
    struct {
        char *name;
        dev_t device;
        ino_t inode;
    } list[CONFIG_INCLUDES_MAX + 1]; /* [0] is the main one, its name is the caller's */
    size_t count;
};

/* Reads `path` into the empty `ini`, and behind it what [include] files names. What is wrong is
 * in the report; 0 does not mean that all was well. Errors: -ENOMEM; those of open(2) and
 * read(2) about `path` itself, -EINVAL when it is too large. */
int config_files_read(struct config_files *files, const char *path, bool may_be_missing,
                      struct config_report *report, struct config_ini *ini) MUST_CHECK;

/* After config_ini_done(). */
void config_files_done(struct config_files *files);

#endif
