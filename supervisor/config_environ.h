/* config_environ.h - what the environment says about the settings.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_ENVIRON_H
#define CONFIG_ENVIRON_H

#include "config.h"
#include "error.h"
#include "supervisor/config_report.h"

/* Variables that are named in the settings table, PORT and so on. Wrong values go to the
 * report. -ENOMEM. */
int config_environ_settings(struct config *c, config_getenv env,
                            struct config_report *report) MUST_CHECK;

/* COPILOT_NODES in place of the file's nodes, or COPILOT_NODES_URLS where there are none.
 * Likewise. */
int config_environ_nodes(struct config *c, config_getenv env,
                         struct config_report *report) MUST_CHECK;

/* The directory for state when the file names none: $STATE_DIRECTORY (systemd.exec(5)), else
 * /var/lib for root, else the XDG Base Directory Specification's state home. Likewise. */
int config_environ_state_dir(struct config *c, config_getenv env,
                             struct config_report *report) MUST_CHECK;

#endif
