/* config - from a file and the environment to checked settings.
 *
 * Order: the table's defaults; the sections of the file and of those that it includes over
 * them, [node] before every [node:NAME] wherever it stands; the environment over that. An error
 * in a setting does not stop this: it is put into the report, and the rest goes on, so that one
 * run shows all of them. Only when the report is empty does the caller get a config. A file
 * that cannot be read ends the load.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "mem.h"
#include "supervisor/config_callers.h"
#include "supervisor/config_environ.h"
#include "supervisor/config_files.h"
#include "supervisor/config_ini.h"
#include "supervisor/config_node.h"
#include "supervisor/config_price.h"
#include "supervisor/config_report.h"
#include "supervisor/config_section.h"
#include "supervisor/config_table.h"
#include "supervisor/config_value.h"

struct loader {
    const char *path;
    struct config *config;
    struct config_node node_defaults;
    struct config_files files;
    struct config_ini ini;
    struct config_report report;
};

static int set_defaults(struct config *c)
{
    config_price_init(&c->quota);
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (strcmp(row->section, "node") == 0 || row->default_text == NULL)
            continue;
        int r = config_value_set_default(row, c);
        if (r < 0)
            return r;
    }
    return 0;
}

static int load(struct loader *l, bool may_be_missing, config_getenv env)
{
    struct config_file file = {.ini = &l->ini, .report = &l->report};
    int r = config_files_read(&l->files, l->path, may_be_missing, &l->report, &l->ini);

    if (r == 0)
        r = set_defaults(l->config);
    if (r == 0)
        r = config_node_init(&l->node_defaults);
    if (r < 0)
        return r;
    config_section_check(&file);
    for (size_t i = 0; r == 0 && i < config_table_count; i++) {
        const char *section = config_table_rows[i].section;
        bool is_first = i == 0 || strcmp(config_table_rows[i - 1].section, section) != 0;
        bool is_node = strcmp(section, "node") == 0;
        if (is_first)
            r = config_section_apply(&file, section,
                                     is_node ? (void *)&l->node_defaults : l->config);
    }
    if (r == 0)
        r = config_section_apply_nodes(&file, &l->node_defaults, l->config);
    config_section_check_users(&file, l->config);
    if (r == 0)
        r = config_environ_settings(l->config, env, &l->report);
    if (r == 0)
        r = config_environ_nodes(l->config, env, &l->report);
    if (r == 0)
        r = config_environ_state_dir(l->config, env, &l->report);
    if (r == 0)
        config_callers_check(l->path, l->config, &l->report);
    if (r == 0 && l->report.status == 0 && l->report.count > 0)
        r = -EINVAL;
    return r;
}

int config_load(const char *path, config_getenv env, struct config **ret_config,
                struct buf *messages)
{
    struct loader l = {.path = path == NULL ? CONFIG_PATH_DEFAULT : path};

    assert(env != NULL && messages != NULL);
    config_report_init(&l.report);
    l.config = mem_alloc(1, sizeof *l.config);
    int r = l.config == NULL ? -ENOMEM : load(&l, path == NULL, env);
    if (l.report.status < 0)
        r = l.report.status;
    if (r < 0 && r != -ENOMEM && config_report_print(&l.report, messages) == -ENOMEM)
        r = -ENOMEM;
    config_report_done(&l.report);
    config_ini_done(&l.ini);
    config_files_done(&l.files);
    config_node_done(&l.node_defaults);
    if (r < 0) {
        config_free(l.config);
        return r;
    }
    *ret_config = l.config;
    return 0;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    mem_free(c->supervisor.state_dir);
    mem_free(c->supervisor.user);
    mem_free(c->supervisor.pidfile);
    mem_free(c->supervisor.control_socket);
    mem_free(c->log.access_file);
    mem_free(c->docker.socket);
    mem_free(c->docker.label);
    mem_free(c->docker.network);
    config_callers_done(&c->callers);
    for (size_t i = 0; i < c->node_count; i++)
        config_node_done(&c->nodes[i]);
    mem_free(c);
}
