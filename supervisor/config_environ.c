/* config_environ - what the environment says about the settings.
 *
 * The variables are the ancestor's and keep its meaning (FACTS 6): bare durations are
 * milliseconds, PORT beats GATEWAY_PORT, COPILOT_NODES beats every other source of nodes. A
 * variable that is set to the empty string counts as unset, because compose files write
 * `PORT: ${PORT:-}`. Nodes from here are external: nothing is started for them.
 *
 * Messages never repeat COPILOT_NODES itself, which holds tokens.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_environ.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "slice.h"
#include "supervisor/config_docker.h"
#include "supervisor/config_listen.h"
#include "supervisor/config_node.h"
#include "supervisor/config_table.h"
#include "supervisor/config_text.h"
#include "supervisor/config_value.h"

static const char *look_up(config_getenv env, const char *name)
{
    const char *value = name == NULL ? NULL : env(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

static void complain(struct config_report *report, const char *name, const char *what)
{
    config_report_add(report, &(struct config_place){.file = "environment", .key = name}, "%s",
                      what);
}

/* ---------------------------------------------------------------- settings */

static int set_from(struct config *c, const struct config_row *row, const char *value,
                    struct error *ret_error)
{
    struct config_text from = {.key = row->key, .text = value, .bare_ms = 1};

    assert(strcmp(row->section, "node") != 0);
    if (row->type == CONFIG_TYPE_SOCKET && !config_docker_speaks(value))
        return 0;
    if (row->type == CONFIG_TYPE_LISTEN) /* the ancestor knew only the port */
        return config_listen_set_port(&c->gateway.listen, value, ret_error);
    return config_value_set(row, c, &from, ret_error);
}

int config_environ_settings(struct config *c, config_getenv env, struct config_report *report)
{
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        struct error error;
        const char *name = row->environ_names[0];
        const char *value = look_up(env, name);

        if (value == NULL) {
            name = row->environ_names[1];
            value = look_up(env, name);
        }
        if (value == NULL)
            continue;
        int r = set_from(c, row, value, &error);
        if (r == -ENOMEM)
            return r;
        if (r < 0)
            complain(report, name, error.text);
    }
    return 0;
}

/* ---------------------------------------------------------------- nodes */

/* The list as it grows; `name` of the variable that it comes from. */
struct source {
    struct config *config;
    struct config_report *report;
    const char *variable;
    size_t at; /* which of its nodes, from 1 */
};

static void complain_node(const struct source *s, const char *key, const char *what)
{
    config_report_add(s->report,
                      &(struct config_place){.file = "environment", .key = s->variable},
                      "node %zu: %s %s", s->at, key, what);
}

static bool is_taken(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->node_count; i++) {
        if (strcmp(c->nodes[i].name, name) == 0)
            return true;
    }
    return false;
}

/* `wanted` when it is a name, else node-1, node-2 ... as the ancestor counted them. */
static void name_node(const struct source *s, const char *wanted, struct config_node *node)
{
    bool is_ours = wanted == NULL || !config_node_name_is_valid(wanted);

    if (is_ours)
        (void)snprintf(node->name, sizeof node->name, "node-%zu", s->at);
    else
        (void)snprintf(node->name, sizeof node->name, "%s", wanted);
    if (is_taken(s->config, node->name))
        complain_node(s, "name", "is already taken by another node");
}

static int fill_node(const struct source *s, const char *url, const char *token,
                     struct config_node *node)
{
    struct config_text text = {.text = token, .bare_ms = 1000};
    struct error error;

    int r = config_node_set_url(node, url, &error);
    if (r == -EINVAL)
        complain_node(s, "url", error.text);
    if (r == -ENOMEM || token == NULL)
        return r == -EINVAL ? 0 : r;
    r = config_value_set(config_table_find("node", "token"), node, &text, &error);
    if (r == -EINVAL)
        complain_node(s, "token", error.text);
    return r == -EINVAL ? 0 : r;
}

/* `url` must not be empty; `token` and `wanted` may be NULL. */
static int add_node(struct source *s, const char *url, const char *token, const char *wanted)
{
    struct config_node node;

    if (s->config->node_count == NODES_MAX) {
        config_report_add(
            s->report, &(struct config_place){.file = "environment", .key = s->variable},
            "node %zu: is one too many: there is room for %d nodes", s->at, NODES_MAX);
        return 0;
    }
    int r = config_node_init(&node);
    if (r < 0)
        return r;
    config_node_drop_process(&node);
    r = fill_node(s, url, token, &node);
    if (r < 0) {
        config_node_done(&node);
        return r;
    }
    name_node(s, wanted, &node);
    s->config->nodes[s->config->node_count++] = node; /* owns the strings now */
    return 0;
}

static int add_object(struct source *s, json_t *object)
{
    const char *url = json_string_value(json_object_get(object, "url"));
    json_t *token = json_object_get(object, "token");
    const char *name = json_string_value(json_object_get(object, "name"));

    if (name == NULL)
        name = json_string_value(json_object_get(object, "id"));
    if (url == NULL || url[0] == '\0') {
        complain_node(s, "must be an object with", "\"url\": \"http://HOST:PORT\"");
        return 0;
    }
    if (token != NULL && !json_is_string(token) && !json_is_null(token)) {
        complain_node(s, "token", "must be a string");
        return 0;
    }
    return add_node(s, url, json_string_value(token), name);
}

static int add_json(struct source *s, const char *text)
{
    json_error_t error;
    json_t *list = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    json_t *object;
    size_t i;
    int r = 0;

    if (list == NULL && json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    if (!json_is_array(list)) {
        config_report_add(s->report,
                          &(struct config_place){.file = "environment", .key = s->variable},
                          "must be a JSON array such as [{\"url\":\"http://HOST:PORT\","
                          "\"token\":\"\"}]; it is wrong at byte %d",
                          list == NULL ? error.position : 0);
        json_decref(list);
        return 0;
    }
    json_array_foreach (list, i, object) {
        s->at = i + 1;
        r = add_object(s, object);
        if (r < 0)
            break;
    }
    json_decref(list);
    return r;
}

/* "host:4141, http://other:4141" */
static int add_urls(struct source *s, const char *text)
{
    static const char between[] = ", \t\r\n";

    for (text += strspn(text, between); *text != '\0'; text += strspn(text, between)) {
        struct slice url = {.at = text, .len = strcspn(text, between)};
        bool has_scheme = slice_find(url, SLICE("://")) != SIZE_MAX;
        struct buf whole;

        s->at++;
        buf_init(&whole, 0);
        int r = has_scheme ? 0 : buf_append_slice(&whole, SLICE("http://"));
        if (r == 0)
            r = buf_append_slice(&whole, url);
        if (r == 0)
            r = buf_append(&whole, "", 1);
        if (r == 0)
            r = add_node(s, whole.data, NULL, NULL);
        buf_done(&whole);
        if (r < 0)
            return r;
        text += url.len;
    }
    return 0;
}

/* The ancestor looked at COPILOT_NODES_URLS only when Docker did not answer. */
static bool has_engine(const struct config *c)
{
    return config_docker_is_on(c) && config_docker_answers(&c->docker);
}

int config_environ_nodes(struct config *c, config_getenv env, struct config_report *report)
{
    const char *json = look_up(env, "COPILOT_NODES");
    const char *urls = look_up(env, "COPILOT_NODES_URLS");
    struct source s = {.config = c, .report = report, .variable = "COPILOT_NODES"};

    if (json != NULL) {
        c->nodes_from_env = true;
        c->nodes_ignored = c->node_count;
        for (size_t i = 0; i < c->node_count; i++)
            config_node_done(&c->nodes[i]);
        c->node_count = 0;
        return add_json(&s, json);
    }
    if (urls == NULL || c->node_count > 0 || has_engine(c))
        return 0;
    c->nodes_from_env = true;
    s.variable = "COPILOT_NODES_URLS";
    return add_urls(&s, urls);
}

/* ---------------------------------------------------------------- state_dir */

int config_environ_state_dir(struct config *c, config_getenv env, struct config_report *report)
{
    const char *given = look_up(env, "STATE_DIRECTORY");
    const char *state_home = look_up(env, "XDG_STATE_HOME");
    const char *home = look_up(env, "HOME");
    const struct config_row *row = config_table_find("supervisor", "state_dir");
    const char *name = "HOME";
    struct buf path;
    struct error error;
    int r;

    if (c->supervisor.state_dir != NULL)
        return 0;
    buf_init(&path, 0);
    if (given != NULL) { /* a list when the unit file has several; the first one is ours */
        name = "STATE_DIRECTORY";
        r = buf_append(&path, given, strcspn(given, ":"));
    } else if (geteuid() == 0) {
        r = buf_printf(&path, "/var/lib/copilot-cluster");
    } else if (state_home != NULL &&
               state_home[0] == '/') { /* the specification: else ignore */
        name = "XDG_STATE_HOME";
        r = buf_printf(&path, "%s/copilot-cluster", state_home);
    } else {
        r = home == NULL ? 0 : buf_printf(&path, "%s/.local/state/copilot-cluster", home);
    }
    if (r == 0)
        r = buf_append(&path, "", 1);
    if (r == 0)
        r = config_value_set(row, c, &(struct config_text){.key = row->key, .text = path.data},
                             &error);
    if (r == -EINVAL) {
        config_report_add(report, &(struct config_place){.file = "environment", .key = name},
                          "%s; or set [supervisor] state_dir", error.text);
        r = 0;
    }
    buf_done(&path);
    return r;
}
