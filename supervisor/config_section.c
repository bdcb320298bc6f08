/* config_section - the sections of a file on their way into settings.
 *
 * Each entry finds its row, is checked against it and written into its field. What is wrong is
 * put into the report and the rest goes on. A section that stands twice or has a bad name is
 * reported and still read, so that the errors in it show as well; one that nobody knows is not.
 *
 * A [node:NAME] starts as a copy of [node]. With `url` it is external, and a setting of the
 * same section that is about a process is an error; what [node] says about processes is
 * silently not meant for it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_section.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mem.h"
#include "supervisor/config_hint.h"
#include "supervisor/config_node.h"
#include "supervisor/config_number.h"
#include "supervisor/config_table.h"
#include "supervisor/config_value.h"

#define NODE_PREFIX "node:"

/* A section on its way into `base`. */
struct target {
    const struct config_ini_section *section;
    const char *table_section; /* "node" for "node:first" */
    void *base;
    bool is_external; /* it has url */
};

static bool is_node_section(const struct config_ini_section *section)
{
    return strncmp(section->name, NODE_PREFIX, strlen(NODE_PREFIX)) == 0;
}

static struct config_place place_of(const struct config_ini_section *section)
{
    return (struct config_place){.file = section->file,
                                 .rank = section->rank,
                                 .line = section->line,
                                 .section = section->name};
}

static struct config_place place_of_entry(const struct config_ini_section *section,
                                          const struct config_ini_entry *entry)
{
    struct config_place place = place_of(section);

    place.line = entry->line;
    place.key = entry->key;
    return place;
}

/* The first entry of that key, or NULL. */
static const struct config_ini_entry *find_entry(const struct config_file *f,
                                                 const struct config_ini_section *section,
                                                 const char *key)
{
    for (size_t i = section->first; i < section->first + section->count; i++) {
        if (strcmp(f->ini->entries[i].key, key) == 0)
            return &f->ini->entries[i];
    }
    return NULL;
}

/* ---------------------------------------------------------------- entries */

static void complain_unknown_key(const struct config_file *f, const struct target *t,
                                 const struct config_ini_entry *entry)
{
    struct config_place at = place_of_entry(t->section, entry);
    const char *close = config_hint_key(t->table_section, entry->key);
    const char *elsewhere = config_table_section_of(entry->key);

    if (elsewhere != NULL && !config_hint_is_foreign(t->table_section, entry->key))
        config_report_add(f->report, &at,
                          "is not a setting of this section; it belongs in [%s]", elsewhere);
    else if (close != NULL)
        config_report_add(f->report, &at, "is not a setting; did you mean '%s'?", close);
    else
        config_report_add(f->report, &at, "is not a setting");
}

/* Why a setting of the right name has no business in its section, or NULL. */
static const char *misplaced_why(const struct target *t, const struct config_row *row)
{
    bool is_default = strcmp(t->section->name, "node") == 0;

    if (strcmp(t->table_section, "node") != 0 || row->about == CONFIG_ABOUT_ANY)
        return NULL;
    if (is_default)
        return row->type == CONFIG_TYPE_URL ? "belongs in a [node:NAME] section" : NULL;
    if (t->is_external && row->about == CONFIG_ABOUT_SPAWNED)
        return "makes no sense with url: that node is not started from here";
    if (!t->is_external && row->about == CONFIG_ABOUT_EXTERNAL && row->type != CONFIG_TYPE_URL)
        return "makes no sense without url: a node that is started from here logs in by itself";
    return NULL;
}

static int apply_entry(const struct config_file *f, const struct target *t,
                       const struct config_row *row, struct config_ini_entry *entry)
{
    struct config_place at = place_of_entry(t->section, entry);
    struct error error;
    const char *why = misplaced_why(t, row);

    if (why != NULL) {
        config_report_add(f->report, &at, "%s", why);
        return 0;
    }
    if (row->type != CONFIG_TYPE_COMMAND) /* the quotes of a command are its own */
        config_text_unquote(entry->value);
    struct config_text from = {.key = entry->key, .text = entry->value, .bare_ms = 1000};
    int r = config_value_set(row, t->base, &from, &error);
    if (r == -EINVAL) {
        config_report_add(f->report, &at, "%s", error.text);
        return 0;
    }
    return r;
}

/* Two rounds, so that env.NAME beats pass_env in whatever order they stand. */
static int apply_section(const struct config_file *f, const struct target *t)
{
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < t->section->count; i++) {
            struct config_ini_entry *entry = &f->ini->entries[t->section->first + i];
            const struct config_row *row = config_table_find(t->table_section, entry->key);
            const struct config_ini_entry *first = find_entry(f, t->section, entry->key);
            struct config_place at = place_of_entry(t->section, entry);

            if (round != (row != NULL && row->type == CONFIG_TYPE_ENV))
                continue;
            if (first != entry) {
                config_report_add(f->report, &at, "is given twice; the first is in line %zu",
                                  first->line);
                continue;
            }
            if (row == NULL) {
                complain_unknown_key(f, t, entry);
                continue;
            }
            int r = apply_entry(f, t, row, entry);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- checks between settings */

/* Pairs of a setting and the one that it must not exceed; both are uint64_t. */
static const struct {
    const char *section;
    const char *smaller;
    const char *larger;
} ordered_pairs[] = {
    {"gateway", "body_max", "body_memory_max"},
    {"node", "restart_delay", "restart_delay_max"},
};

static uint64_t number_at(const void *base, const struct config_row *row)
{
    return *(const uint64_t *)(const void *)((const char *)base + row->offset);
}

/* Looks only at pairs of which the section gives at least one half: the rest is checked where
 * it stands. */
static int check_pairs(const struct config_file *f, const struct target *t)
{
    for (size_t i = 0; i < sizeof ordered_pairs / sizeof ordered_pairs[0]; i++) {
        const char *section = ordered_pairs[i].section;
        const struct config_row *small = config_table_find(section, ordered_pairs[i].smaller);
        const struct config_row *large = config_table_find(section, ordered_pairs[i].larger);
        const struct config_ini_entry *small_entry = find_entry(f, t->section, small->key);
        const struct config_ini_entry *large_entry = find_entry(f, t->section, large->key);
        struct buf numbers;

        if (strcmp(section, t->table_section) != 0 ||
            (small_entry == NULL && large_entry == NULL) ||
            number_at(t->base, small) <= number_at(t->base, large))
            continue;
        struct config_place at = place_of(t->section);
        at.line = small_entry != NULL ? small_entry->line : large_entry->line;
        at.key = small->key;
        buf_init(&numbers, 0);
        int r = config_number_print(small, number_at(t->base, small), &numbers);
        if (r == 0)
            r = buf_printf(&numbers, " > ");
        if (r == 0)
            r = config_number_print(large, number_at(t->base, large), &numbers);
        if (r == 0)
            config_report_add(f->report, &at, "must not exceed %s (%.*s)", large->key,
                              (int)numbers.len, numbers.data);
        buf_done(&numbers);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---------------------------------------------------------------- sections */

static void complain_unknown_section(const struct config_file *f,
                                     const struct config_ini_section *section)
{
    struct config_place at = place_of(section);
    const char *colon = strchr(section->name, ':');
    char kind[NODE_NAME_MAX + 1] = "";

    if (colon != NULL && (size_t)(colon - section->name) < sizeof kind) {
        memcpy(kind, section->name, (size_t)(colon - section->name));
        const char *close = config_hint_section(kind);
        if (close != NULL && strcmp(close, "node") == 0) {
            config_report_add(f->report, &at, "is not a section; did you mean [node%s]?",
                              colon);
            return;
        }
    }
    const char *close = config_hint_section(section->name);
    if (close != NULL)
        config_report_add(f->report, &at, "is not a section; did you mean [%s]?", close);
    else
        config_report_add(f->report, &at,
                          "is not a section; there are [gateway], [access], [quota], "
                          "[multipliers], [docker], [supervisor], [auth], [log], "
                          "[include], [node] and [node:NAME]");
}

/* Names and duplicates. What is wrong here is still read for errors, unless nobody knows it. */
void config_section_check(const struct config_file *f)
{
    for (size_t i = 0; i < f->ini->section_count; i++) {
        const struct config_ini_section *section = &f->ini->sections[i];
        struct config_place at = place_of(section);
        size_t first = 0;

        if (section->name == NULL)
            continue;
        while (f->ini->sections[first].name == NULL ||
               strcmp(f->ini->sections[first].name, section->name) != 0)
            first++;
        if (first != i && f->ini->sections[first].rank != section->rank)
            config_report_add(f->report, &at, "stands twice; the first is in %.300s:%zu",
                              f->ini->sections[first].file, f->ini->sections[first].line);
        else if (first != i)
            config_report_add(f->report, &at, "stands twice; the first is in line %zu",
                              f->ini->sections[first].line);
        else if (is_node_section(section) &&
                 !config_node_name_is_valid(section->name + strlen(NODE_PREFIX)))
            config_report_add(f->report, &at,
                              "must be named with 1 to %d letters, digits, '.', '_' or '-', a "
                              "letter or digit first",
                              NODE_NAME_MAX);
        else if (!is_node_section(section) && !config_table_has_section(section->name))
            complain_unknown_section(f, section);
    }
}

/* All sections of that name into `base`. */
int config_section_apply(const struct config_file *f, const char *name, void *base)
{
    for (size_t i = 0; i < f->ini->section_count; i++) {
        struct target t = {
            .section = &f->ini->sections[i], .table_section = name, .base = base};
        if (t.section->name == NULL || strcmp(t.section->name, name) != 0)
            continue;
        int r = apply_section(f, &t);
        if (r == 0)
            r = check_pairs(f, &t);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Takes the node's strings. */
static void keep_node(const struct config_file *f, const struct config_ini_section *section,
                      struct config_node *node, struct config *c)
{
    const char *name = section->name + strlen(NODE_PREFIX);
    struct config_place at = place_of(section);

    if (node->enabled && c->node_count == NODES_MAX)
        config_report_add(f->report, &at, "is one too many: there is room for %d nodes",
                          NODES_MAX);
    if (!node->enabled || c->node_count == NODES_MAX || !config_node_name_is_valid(name)) {
        config_node_done(node);
        return;
    }
    memcpy(node->name, name, strlen(name) + 1);
    if (node->source == NODE_EXTERNAL) {
        config_node_drop_process(node);
    } else {
        mem_free(node->token);
        node->token = NULL;
    }
    c->nodes[c->node_count++] = *node;
}

int config_section_apply_nodes(const struct config_file *f, const struct config_node *defaults,
                               struct config *c)
{
    for (size_t i = 0; i < f->ini->section_count; i++) {
        const struct config_ini_section *section = &f->ini->sections[i];
        struct config_node node;

        if (section->name == NULL || !is_node_section(section))
            continue;
        const struct config_ini_entry *url = find_entry(f, section, "url");
        struct target t = {.section = section,
                           .table_section = "node",
                           .base = &node,
                           .is_external = url != NULL && url->value[0] != '\0'};
        int r = config_node_copy(defaults, &node);
        if (r < 0)
            return r;
        r = apply_section(f, &t);
        if (r == 0)
            r = check_pairs(f, &t);
        if (r < 0) {
            config_node_done(&node);
            return r;
        }
        keep_node(f, section, &node, c);
    }
    return 0;
}

void config_section_check_users(const struct config_file *f, const struct config *c)
{
    static const char *const keys[] = {"user", "group"};

    for (size_t i = 0; c->supervisor.user != NULL && i < f->ini->section_count; i++) {
        const struct config_ini_section *section = &f->ini->sections[i];
        if (section->name == NULL ||
            (strcmp(section->name, "node") != 0 && !is_node_section(section)))
            continue;
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            const struct config_ini_entry *entry = find_entry(f, section, keys[k]);
            if (entry == NULL || entry->value[0] == '\0')
                continue;
            struct config_place at = place_of_entry(section, entry);
            config_report_add(f->report, &at,
                              "cannot be had together with [supervisor] user: once it runs as "
                              "'%s' it cannot change users any more; leave one of them out",
                              c->supervisor.user);
        }
    }
}
