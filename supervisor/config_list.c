/* config_list - the settings in force, one after the other.
 *
 * Rows that have more than one value (env.NAME, pass_env, MODEL) are left out; a secret is
 * shown as stars. A value that is not the table's default was set by somebody.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_list.h"

#include <string.h>

#include "supervisor/config_diff.h"
#include "supervisor/config_table.h"
#include "supervisor/config_value.h"

static bool is_listed(const struct config_row *row)
{
    return row->type != CONFIG_TYPE_ENV && row->type != CONFIG_TYPE_PASS_ENV &&
           row->type != CONFIG_TYPE_PRICE;
}

static bool is_of_node(const struct config_row *row, const struct config_node *n)
{
    return row->about == CONFIG_ABOUT_ANY ||
           (row->about == CONFIG_ABOUT_SPAWNED) == (n->source == NODE_SPAWNED);
}

/* Numbers are compared as numbers: 60s is 1m. */
static bool is_default(const struct config_row *row, const void *base, const char *value)
{
    static union {
        struct config config;
        struct config_node node;
    } scratch;
    bool is_number = row->type == CONFIG_TYPE_DURATION || row->type == CONFIG_TYPE_SECONDS ||
                     row->type == CONFIG_TYPE_BYTES || row->type == CONFIG_TYPE_INTEGER;

    if (!is_number || row->default_text == NULL)
        return strcmp(value, row->default_text == NULL ? "" : row->default_text) == 0;
    return config_value_set_default(row, &scratch) == 0 &&
           !config_diff_row(row, base, &scratch);
}

/* "section\0value" in `text`. */
static bool show(const struct config_row *row, const void *base, const char *node,
                 struct buf *text, struct proxy_setting_view *ret_view)
{
    buf_clear(text);
    int r = buf_printf(text, "%s%s", row->section, node == NULL ? "" : ":");
    if (r == 0 && node != NULL)
        r = buf_printf(text, "%s", node);
    if (r == 0)
        r = buf_append(text, "", 1);
    size_t at = text->len;
    if (r == 0)
        r = config_value_print(row, base, text);
    if (r == 0)
        r = buf_append(text, "", 1);
    if (r < 0)
        return false;
    const char *value = text->data + at;
    *ret_view = (struct proxy_setting_view){
        .section = text->data,
        .key = row->key,
        .value = value,
        .origin = is_default(row, base, value) ? "default" : "set",
    };
    return true;
}

bool config_list_at(const struct config *config, unsigned i, struct buf *text,
                    struct proxy_setting_view *ret_view)
{
    for (size_t at = 0; at < config_table_count; at++) {
        const struct config_row *row = &config_table_rows[at];
        if (!is_listed(row) || strcmp(row->section, "node") == 0)
            continue;
        if (i-- == 0)
            return show(row, config, NULL, text, ret_view);
    }
    for (size_t n = 0; n < config->node_count; n++) {
        const struct config_node *node = &config->nodes[n];
        for (size_t at = 0; at < config_table_count; at++) {
            const struct config_row *row = &config_table_rows[at];
            if (!is_listed(row) || strcmp(row->section, "node") != 0 || !is_of_node(row, node))
                continue;
            if (i-- == 0)
                return show(row, node, node->name, text, ret_view);
        }
    }
    return false;
}
