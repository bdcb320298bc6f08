/* config_print - three views of the settings table.
 *
 * The sample file (conf/cluster.ini): each setting on one line, commented out, with its
 * default; the README's table, with bounds; the settings that are in force, for --print-config,
 * in a form that can be read again, secrets masked.
 *
 * What is secret: tokens; in a node's environment, variables that are named so, and the user
 * part of a URL (http://user:password@proxy).
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "config.h"
#include "price.h"
#include "supervisor/config_price.h"
#include "supervisor/config_table.h"
#include "supervisor/config_text.h"
#include "supervisor/config_value.h"

#define MASK        "********"
#define HELP_COLUMN 36

static bool starts_section(size_t i)
{
    return i == 0 ||
           strcmp(config_table_rows[i].section, config_table_rows[i - 1].section) != 0;
}

/* ---------------------------------------------------------------- the sample file */

static const char sample_head[] =
    "; Settings of copilot-cluster. What is commented out is the default, or an (example).\n"
    "; `copilot-cluster check -c FILE` finds mistakes.\n"
    ";\n"
    "; Times: 500ms, 10s, 5m, 1h, 1d (a bare number: seconds). Sizes: KiB, MiB, GiB.\n"
    "; A change is in force after a restart; logins are kept.\n";

static const char sample_nodes[] =
    "\n"
    "; The nodes, one for each GitHub account. The last one is preferred; the others stand "
    "by.\n"
    "; Every setting of [node] may stand here, too, for one node.\n"
    "\n"
    "[node:first]\n"
    "\n"
    "[node:second]\n";

static const char *section_note(const char *section)
{
    static const char *const notes[][2] = {
        {"gateway", "the one endpoint that clients use"},
        {"access", "who may ask for what"},
        {"quota", "what accounts have left, and how often they are asked"},
        {"multipliers", "what a turn with a model takes from the quota"},
        {"supervisor", "the program itself"},
        {"auth", "logins to GitHub"},
        {"log", "what is written to stderr"},
        {"include", "settings in other files"},
        {"node", "defaults for every node"},
    };
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        if (strcmp(notes[i][0], section) == 0)
            return notes[i][1];
    }
    return "";
}

static int pad(struct buf *out, size_t line_start, size_t column)
{
    int r = buf_printf(out, " ");

    while (r == 0 && out->len - line_start < column)
        r = buf_printf(out, " ");
    return r;
}

static int print_sample_row(const struct config_row *row, struct buf *out)
{
    size_t start = out->len;
    const char *value = row->default_text != NULL ? row->default_text : row->example;

    int r = buf_printf(out, ";%s = %s", row->key, value);
    if (r == 0)
        r = pad(out, start, HELP_COLUMN);
    if (r == 0)
        r = buf_printf(out, "; %s%s\n", row->help,
                       row->default_text == NULL ? " (example)" : "");
    return r;
}

static const char sample_prices[] =
    "; A name counts for every model that begins like it; the longest one wins. 0 costs "
    "nothing\n"
    "; and is served by drained accounts, too. Whatever is not named here costs `default`.\n";

static int print_sample_prices(struct buf *out)
{
    int r = buf_printf(out, "%s", sample_prices);

    return r < 0 ? r : config_price_print(price_shipped, price_shipped_count, ";", out);
}

int config_print_sample(struct buf *out)
{
    int r = buf_printf(out, "%s", sample_head);

    for (size_t i = 0; r == 0 && i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (starts_section(i)) {
            size_t start = out->len + 1;
            r = buf_printf(out, "\n[%s]", row->section);
            if (r == 0)
                r = pad(out, start, HELP_COLUMN);
            if (r == 0)
                r = buf_printf(out, "; %s\n", section_note(row->section));
        }
        /* What belongs to external nodes only gets a node of its own below. */
        if (r == 0 && row->type == CONFIG_TYPE_PRICE)
            r = print_sample_prices(out);
        else if (r == 0 && row->about != CONFIG_ABOUT_EXTERNAL)
            r = print_sample_row(row, out);
    }
    if (r == 0)
        r = buf_printf(out, "%s\n;[node:office]\n", sample_nodes);
    for (size_t i = 0; r == 0 && i < config_table_count; i++) {
        if (config_table_rows[i].about == CONFIG_ABOUT_EXTERNAL)
            r = print_sample_row(&config_table_rows[i], out);
    }
    return r;
}

/* ---------------------------------------------------------------- the README's table */

static int print_table_row(const struct config_row *row, struct buf *out)
{
    const char *value = row->default_text == NULL ? "" : row->default_text;
    const char *tick = row->default_text == NULL ? "" : "`";

    int r = buf_printf(out, "| [%s] %s | %s%s%s | ", row->section, row->key, tick, value, tick);
    if (r == 0)
        r = config_value_print_range(row, out);
    for (size_t i = 0; r == 0 && i < 2 && row->environ_names[i] != NULL; i++)
        r = buf_printf(out, "%s%s", i == 0 ? " | " : ", ", row->environ_names[i]);
    if (r == 0)
        r = buf_printf(out, "%s | %s |\n", row->environ_names[0] == NULL ? " | " : "",
                       row->help);
    return r;
}

int config_print_table(struct buf *out)
{
    int r = buf_printf(out, "| setting | default | values | environment | meaning |\n"
                            "|---|---|---|---|---|\n");

    for (size_t i = 0; r == 0 && i < config_table_count; i++)
        r = print_table_row(&config_table_rows[i], out);
    return r;
}

/* ---------------------------------------------------------------- what is in force */

static bool is_secret_name(const char *name)
{
    static const char *const words[] = {"TOKEN", "SECRET",     "PASSW",
                                        "KEY",   "CREDENTIAL", "AUTH"};
    struct slice text = slice_of(name);

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct slice word = slice_of(words[i]);
        for (size_t at = 0; at + word.len <= text.len; at++) {
            if (slice_equal_nocase((struct slice){.at = text.at + at, .len = word.len}, word))
                return true;
        }
    }
    return false;
}

static int print_env_value(const char *name, const char *value, struct buf *out)
{
    struct slice text = slice_of(value);
    size_t scheme = slice_find(text, SLICE("://"));

    if (is_secret_name(name))
        return buf_printf(out, MASK);
    if (scheme == SIZE_MAX || strrchr(value, '@') == NULL)
        return config_text_print(value, out);
    return buf_printf(out, "%.*s://" MASK "%s", (int)scheme, value, strrchr(value, '@'));
}

/* All variables of a node: env.NAME lines first, then one of pass_env. */
static int print_env(const struct config_node *node, struct buf *out)
{
    int r = 0;
    bool has_passed = false;

    for (size_t i = 0; r == 0 && i < node->env_count; i++) {
        if (node->env[i].value == NULL)
            continue;
        r = buf_printf(out, "env.%s = ", node->env[i].name);
        if (r == 0)
            r = print_env_value(node->env[i].name, node->env[i].value, out);
        if (r == 0)
            r = buf_printf(out, "\n");
    }
    for (size_t i = 0; r == 0 && i < node->env_count; i++) {
        if (node->env[i].value != NULL)
            continue;
        r = buf_printf(out, "%s%s", has_passed ? " " : "pass_env = ", node->env[i].name);
        has_passed = true;
    }
    return r < 0 || !has_passed ? r : buf_printf(out, "\n");
}

static int print_row(const struct config_row *row, const void *base, struct buf *out)
{
    struct buf value;

    buf_init(&value, 0);
    int r = config_value_print(row, base, &value);
    /* An empty set is a value; an empty string is none. */
    bool is_set = row->type == CONFIG_TYPE_WORDS || row->type == CONFIG_TYPE_CIDRS;
    if (r == 0 && (value.len > 0 || is_set))
        r = buf_printf(out, "%s = %.*s\n", row->key, (int)value.len, value.data);
    buf_done(&value);
    return r;
}

static int print_node(const struct config_node *node, struct buf *out)
{
    int r = buf_printf(out, "\n[node:%s]\n", node->name);

    for (size_t i = 0; r == 0 && i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        bool is_about_it = row->about == CONFIG_ABOUT_ANY ||
                           row->about == (node->source == NODE_EXTERNAL ? CONFIG_ABOUT_EXTERNAL
                                                                        : CONFIG_ABOUT_SPAWNED);
        if (strcmp(row->section, "node") != 0 || !is_about_it)
            continue;
        if (row->type == CONFIG_TYPE_ENV)
            r = print_env(node, out);
        else if (row->type != CONFIG_TYPE_PASS_ENV)
            r = print_row(row, node, out);
    }
    return r;
}

int config_print_effective(const struct config *c, struct buf *out)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (strcmp(row->section, "node") == 0 || row->type == CONFIG_TYPE_INCLUDE)
            continue;
        if (starts_section(i))
            r = buf_printf(out, "%s[%s]\n", i == 0 ? "" : "\n", row->section);
        if (r == 0 && row->type == CONFIG_TYPE_PRICE)
            r = config_price_print(c->quota.multipliers, c->quota.multiplier_count, "", out);
        else if (r == 0)
            r = print_row(row, c, out);
    }
    for (size_t i = 0; r == 0 && i < c->node_count; i++)
        r = print_node(&c->nodes[i], out);
    return r;
}
