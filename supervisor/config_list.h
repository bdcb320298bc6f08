/* config_list.h - the settings in force, one after the other.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_LIST_H
#define CONFIG_LIST_H

#include <stdbool.h>

#include "buf.h"
#include "config.h"
#include "proxy.h"

/* The i-th setting: rows of the table in their order, those of [node] once for each node. Texts
 * are in `text`, good until the next call. False when there are not so many, or no memory. */
bool config_list_at(const struct config *config, unsigned i, struct buf *text,
                    struct proxy_setting_view *ret_view);

#endif
