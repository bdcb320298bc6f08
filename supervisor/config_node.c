/* config_node - the settings of one node: defaults, copies, and what only nodes have.
 *
 * A node starts as a copy of [node] (which starts as the table's defaults) and takes what its
 * own section says. The environment is a short unique list: setting a name again replaces its
 * value. Names that would break a node are refused with the reason.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_node.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "slice.h"
#include "supervisor/config_table.h"
#include "supervisor/config_text.h"
#include "supervisor/config_value.h"

/* Variables that are the supervisor's, or that hide the login prompt (FACTS 1). */
static const struct {
    const char *name;
    const char *why;
} refused_variables[] = {
    {"HOME", "each node has a private one in state_dir"},
    {"HOST", "each node listens on a loopback address of its own"},
    {"TEST", "copilot-api would not show its login code"},
    {"CONSOLA_LEVEL", "copilot-api would not show its login code"},
};

/* The strings of a node, for copying and freeing. */
static const size_t string_offsets[] = {
    offsetof(struct config_node, url),          offsetof(struct config_node, url_host),
    offsetof(struct config_node, token),        offsetof(struct config_node, command),
    offsetof(struct config_node, account_type), offsetof(struct config_node, token_file),
    offsetof(struct config_node, user),         offsetof(struct config_node, group),
    offsetof(struct config_node, directory),    offsetof(struct config_node, home),
    offsetof(struct config_node, env_file),     offsetof(struct config_node, github_token_file),
    offsetof(struct config_node, logfile),
};
#define STRINGS (sizeof string_offsets / sizeof string_offsets[0])

static char **string_at(struct config_node *node, size_t i)
{
    return (char **)(void *)((char *)node + string_offsets[i]);
}

/* Copies `from` into the empty `*to`. */
static int copy_string(const char *from, char **to)
{
    *to = mem_strdup(from);
    return from != NULL && *to == NULL ? -ENOMEM : 0;
}

static void set_string(char **field, char *value)
{
    mem_free(*field);
    *field = value;
}

/* ---------------------------------------------------------------- whole nodes */

int config_node_init(struct config_node *ret_node)
{
    struct config_node node = {.source = NODE_SPAWNED};

    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (strcmp(row->section, "node") != 0 || row->default_text == NULL)
            continue;
        int r = config_value_set_default(row, &node);
        if (r < 0) {
            config_node_done(&node);
            return r;
        }
    }
    *ret_node = node;
    return 0;
}

int config_node_copy(const struct config_node *from, struct config_node *ret_node)
{
    int r = 0;

    *ret_node = *from;
    for (size_t i = 0; i < STRINGS; i++)
        *string_at(ret_node, i) = NULL;
    for (size_t i = 0; i < from->env_count; i++)
        ret_node->env[i] = (struct config_env){.name = NULL};

    for (size_t i = 0; r == 0 && i < STRINGS; i++) {
        char *const *source =
            (char *const *)(const void *)((const char *)from + string_offsets[i]);
        r = copy_string(*source, string_at(ret_node, i));
    }
    for (size_t i = 0; r == 0 && i < from->env_count; i++) {
        r = copy_string(from->env[i].name, &ret_node->env[i].name);
        if (r == 0)
            r = copy_string(from->env[i].value, &ret_node->env[i].value);
    }
    if (r < 0)
        config_node_done(ret_node);
    return r;
}

static void drop_env(struct config_node *node)
{
    for (size_t i = 0; i < node->env_count; i++) {
        mem_free(node->env[i].name);
        mem_free(node->env[i].value);
        node->env[i] = (struct config_env){.name = NULL};
    }
    node->env_count = 0;
}

void config_node_done(struct config_node *node)
{
    for (size_t i = 0; i < STRINGS; i++)
        set_string(string_at(node, i), NULL);
    drop_env(node);
    *node = (struct config_node){.env_count = 0};
}

void config_node_drop_process(struct config_node *node)
{
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (strcmp(row->section, "node") != 0 || row->about != CONFIG_ABOUT_SPAWNED)
            continue;
        for (size_t k = 0; k < STRINGS; k++) {
            if (string_offsets[k] == row->offset)
                set_string(string_at(node, k), NULL);
        }
    }
    drop_env(node);
}

/* ---------------------------------------------------------------- names */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (slice_fold(c) >= 'a' && slice_fold(c) <= 'z');
}

bool config_node_name_is_valid(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > NODE_NAME_MAX || !is_alnum(name[0]))
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!is_alnum(name[i]) && strchr("_.-", name[i]) == NULL)
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- environment */

/* POSIX.1-2017 XBD section 8.1, lower case allowed. */
static bool is_variable(struct slice name)
{
    if (name.len == 0 || (name.at[0] >= '0' && name.at[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!is_alnum(name.at[i]) && name.at[i] != '_')
            return false;
    }
    return true;
}

static int check_variable(struct slice name, struct error *ret_error)
{
    int len = (int)(name.len > CONFIG_KEY_MAX ? CONFIG_KEY_MAX : name.len);

    if (!is_variable(name)) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "cannot set '%.*s': a variable's name has letters, digits and '_'", len,
                       name.at);
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof refused_variables / sizeof refused_variables[0]; i++) {
        if (!slice_equal(name, slice_of(refused_variables[i].name)))
            continue;
        (void)snprintf(ret_error->text, sizeof ret_error->text, "cannot set %.*s: %s", len,
                       name.at, refused_variables[i].why);
        return -EINVAL;
    }
    return 0;
}

/* `value` NULL: take ours when the node starts. */
static int put_env(struct config_node *node, struct slice name, const char *value,
                   struct error *ret_error)
{
    size_t i = 0;
    char *value_copy = NULL;

    int r = check_variable(name, ret_error);
    if (r < 0)
        return r;
    while (i < node->env_count && !slice_equal(slice_of(node->env[i].name), name))
        i++;
    if (i == NODE_ENV_MAX) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "is one too many: a node takes %d variables", NODE_ENV_MAX);
        return -EINVAL;
    }
    r = copy_string(value, &value_copy);
    if (r < 0)
        return r;
    if (i == node->env_count) {
        char *name_copy = mem_alloc(name.len + 1, 1);
        if (name_copy == NULL) {
            mem_free(value_copy);
            return -ENOMEM;
        }
        memcpy(name_copy, name.at, name.len);
        node->env[node->env_count++].name = name_copy;
    }
    set_string(&node->env[i].value, value_copy);
    return 0;
}

int config_node_set_env(struct config_node *node, const char *name, const char *value,
                        struct error *ret_error)
{
    assert(value != NULL);
    return put_env(node, slice_of(name), value, ret_error);
}

int config_node_pass_env(struct config_node *node, const char *names, struct error *ret_error)
{
    static const char between[] = " \t,";

    for (names += strspn(names, between); *names != '\0'; names += strspn(names, between)) {
        struct slice name = {.at = names, .len = strcspn(names, between)};
        int r = put_env(node, name, NULL, ret_error);
        if (r < 0)
            return r;
        names += name.len;
    }
    return 0;
}

/* ---------------------------------------------------------------- url */

struct parts {
    struct slice host; /* IPv6 without brackets */
    uint16_t port;
    bool is_v6;
};

/* A name or an IPv4 address; '_' because Docker Compose's names have it. */
static bool is_host(struct slice host)
{
    if (host.len == 0 || host.len > CONFIG_HOST_MAX)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        if (!is_alnum(host.at[i]) && strchr("_.-", host.at[i]) == NULL)
            return false;
    }
    return true;
}

static bool is_v6_address(struct slice host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];

    if (host.len >= sizeof text)
        return false;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET6, text, address) == 1;
}

/* RFC 3986 section 3.2, without userinfo. */
static bool split_authority(struct slice text, struct parts *ret_parts)
{
    struct parts parts = {.port = 80, .is_v6 = text.len > 0 && text.at[0] == '['};
    size_t end = slice_find(text, parts.is_v6 ? SLICE("]") : SLICE(":"));
    uint64_t port = 80;

    if (parts.is_v6) {
        if (end == SIZE_MAX)
            return false;
        parts.host = (struct slice){.at = text.at + 1, .len = end - 1};
        text = slice_skip(text, end + 1);
    } else {
        parts.host = (struct slice){.at = text.at, .len = end == SIZE_MAX ? text.len : end};
        text = slice_skip(text, parts.host.len);
    }
    if (text.len > 0 && (text.at[0] != ':' || !slice_to_u64(slice_skip(text, 1), 65535, &port)))
        return false;
    if (port == 0 || !(parts.is_v6 ? is_v6_address(parts.host) : is_host(parts.host)))
        return false;
    parts.port = (uint16_t)port;
    *ret_parts = parts;
    return true;
}

static int store_url(struct config_node *node, const struct parts *parts)
{
    char text[CONFIG_HOST_MAX + 32];

    (void)snprintf(text, sizeof text, parts->is_v6 ? "http://[%.*s]:%u" : "http://%.*s:%u",
                   (int)parts->host.len, parts->host.at, parts->port);
    char *url = mem_strdup(text);
    char *host = mem_alloc(parts->host.len + 1, 1);
    if (url == NULL || host == NULL) {
        mem_free(url);
        mem_free(host);
        return -ENOMEM;
    }
    memcpy(host, parts->host.at, parts->host.len);
    set_string(&node->url, url);
    set_string(&node->url_host, host);
    node->url_port = parts->port;
    node->source = NODE_EXTERNAL;
    return 0;
}

int config_node_set_url(struct config_node *node, const char *text, struct error *ret_error)
{
    struct slice rest = slice_trim(slice_of(text));
    struct slice scheme = SLICE("http://");
    struct parts parts;

    if (rest.len == 0) {
        set_string(&node->url, NULL);
        set_string(&node->url_host, NULL);
        node->url_port = 0;
        node->source = NODE_SPAWNED;
        return 0;
    }
    /* Before any message repeats the text: what stands before an '@' may be a password. */
    if (slice_find(rest, SLICE("@")) != SIZE_MAX) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "must not have a user or password; use token = ...");
        return -EINVAL;
    }
    if (rest.len < scheme.len ||
        !slice_equal_nocase((struct slice){.at = rest.at, .len = scheme.len}, scheme))
        return config_text_refuse(ret_error, "http://HOST:PORT (only http is spoken)", text);
    rest = slice_skip(rest, scheme.len);
    size_t slash = slice_find(rest, SLICE("/"));
    if (slash != SIZE_MAX && slash + 1 < rest.len)
        return config_text_refuse(
            ret_error, "http://HOST:PORT without a path (requests bring their own)", text);
    rest.len = slash == SIZE_MAX ? rest.len : slash;
    if (!split_authority(rest, &parts))
        return config_text_refuse(ret_error, "http://HOST:PORT", text);
    return store_url(node, &parts);
}
