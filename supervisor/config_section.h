/* config_section.h - the sections of a file on their way into settings.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_SECTION_H
#define CONFIG_SECTION_H

#include "config.h"
#include "error.h"
#include "supervisor/config_ini.h"
#include "supervisor/config_report.h"

/* Files that have been read, and where to put what is wrong with them. All borrowed; values are
 * unquoted in place as they are used, so each section is applied once. */
struct config_file {
    struct config_ini *ini;
    struct config_report *report;
};

/* Unknown and duplicate sections, bad names of nodes. */
void config_section_check(const struct config_file *f);

/* All sections of that name into `base`: a struct config_node for "node", else a struct
 * config. -ENOMEM. */
int config_section_apply(const struct config_file *f, const char *name, void *base) MUST_CHECK;

/* Appends every enabled [node:NAME] to c->nodes, made from `defaults`. -ENOMEM. */
int config_section_apply_nodes(const struct config_file *f, const struct config_node *defaults,
                               struct config *c) MUST_CHECK;

/* [supervisor] user leaves no way to give a node another user or group: says where both are
 * asked for. After the sections were applied. */
void config_section_check_users(const struct config_file *f, const struct config *c);

#endif
