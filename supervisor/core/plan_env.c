/* plan_env - the environment of a node: what it needs, and what was asked for.
 *
 * Pure. A later source takes the place of an earlier one: what every node has, pass_env, the
 * proxy variables of `proxy_env = yes`, env_file, env.NAME. Nothing else is inherited
 * (FACTS 1). `proxy_env = no` drops proxy variables that were passed or read, but not those
 * that env.NAME names.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/plan_internal.h"

#include <string.h>

#include "supervisor/core/envfile.h"

static const char *const proxy_variables[] = {
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
};
#define PROXY_VARIABLES (sizeof proxy_variables / sizeof proxy_variables[0])

const char *plan_find(char *const *env, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(env[i], name.at, name.len) == 0 && env[i][name.len] == '=')
            return env[i] + name.len + 1;
    }
    return NULL;
}

const char *plan_inherited(const struct plan_builder *b, struct slice name)
{
    for (const char *const *env = b->request->inherit; *env != NULL; env++) {
        if (strncmp(*env, name.at, name.len) == 0 && (*env)[name.len] == '=')
            return *env + name.len + 1;
    }
    return NULL;
}

/* `entry` is NAME=VALUE in the plan's bytes; it takes the place of an older one. */
static bool set_entry(struct plan_builder *b, char *entry)
{
    struct plan *plan = b->plan;
    size_t len = strcspn(entry, "=") + 1;
    size_t at = 0;

    while (at < plan->env_count && strncmp(plan->envp[at], entry, len) != 0)
        at++;
    if (at == PLAN_ENV_MAX)
        return plan_refuse(b, "too many environment variables", NULL);
    plan->envp[at] = entry;
    if (at == plan->env_count)
        plan->env_count++;
    return true;
}

static bool set_env(struct plan_builder *b, const char *name, const char *value)
{
    char *entry = b->plan->bytes + b->plan->used;

    return plan_put(b, slice_of(name)) && plan_put(b, SLICE("=")) &&
           plan_put(b, slice_of(value)) && plan_put_end(b) && set_entry(b, entry);
}

static void drop_env(struct plan_builder *b, const char *name)
{
    struct plan *plan = b->plan;
    size_t len = strlen(name);

    for (size_t i = 0; i < plan->env_count; i++) {
        if (strncmp(plan->envp[i], name, len) == 0 && plan->envp[i][len] == '=')
            plan->envp[i] = plan->envp[--plan->env_count];
    }
}

/* Why the name may not be set, or NULL. */
static const char *reserved_why(struct slice name)
{
    static const struct {
        const char *name;
        const char *why;
    } reserved[] = {
        {"HOME", " is the node's own directory, where its account lives; it cannot be set"},
        {"HOST", " is the node's own address, chosen at each run; it cannot be set"},
        {"TEST", " would hide the login code; it cannot be set"},
        {"CONSOLA_LEVEL", " would hide the login code; it cannot be set"},
        {PLAN_MARK, " marks the processes of a node; it cannot be set"},
    };

    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (slice_equal(name, slice_of(reserved[i].name)))
            return reserved[i].why;
    }
    return NULL;
}

/* pass_env (no value of its own) or env.* entries. */
static bool set_asked(struct plan_builder *b, bool is_passed)
{
    for (size_t i = 0; i < b->request->env_count; i++) {
        const struct plan_env *env = &b->request->env[i];
        if ((env->value == NULL) != is_passed)
            continue;
        struct slice name = slice_of(env->name);
        const char *value = is_passed ? plan_inherited(b, name) : env->value;
        const char *why = reserved_why(name);
        if (why != NULL)
            return plan_refuse(b, "env.", env->name, why, NULL);
        if (value != NULL && !set_env(b, env->name, value))
            return false;
    }
    return true;
}

static bool set_proxies(struct plan_builder *b)
{
    for (size_t i = 0; i < PROXY_VARIABLES; i++) {
        const char *value = plan_inherited(b, slice_of(proxy_variables[i]));
        if (value != NULL && !set_env(b, proxy_variables[i], value))
            return false;
    }
    return true;
}

static void drop_proxies(struct plan_builder *b)
{
    for (size_t i = 0; i < PROXY_VARIABLES; i++)
        drop_env(b, proxy_variables[i]);
}

/* ---------------------------------------------------------------- env_file */

static bool refuse_line(struct plan_builder *b, uint64_t line, const char *name,
                        const char *what)
{
    char number[PLAN_NUMBER_TEXT_MAX];

    plan_put_number(line, number);
    return plan_refuse(b, "env_file ", b->request->env_file, ":", number, ": ", name, what,
                       NULL);
}

static const char *problem_of(enum envfile_result result)
{
    switch (result) {
    case ENVFILE_NO_ASSIGNMENT:
        return "expected NAME=VALUE, or a comment behind # or ;";
    case ENVFILE_BAD_NAME:
        return "what stands before = is no name of a variable (no 'export', no blanks)";
    case ENVFILE_OPEN_QUOTE:
        return "a quote is not closed";
    case ENVFILE_AFTER_QUOTE:
        return "something follows the closing quote; quote the whole value";
    case ENVFILE_NUL:
        return "there is a NUL byte: this is not a text file";
    case ENVFILE_TOO_LONG:
        return "command and environment are longer than 64 KiB";
    case ENVFILE_VARIABLE:
    case ENVFILE_END:
        break;
    }
    return NULL;
}

static bool set_line(struct plan_builder *b, struct slice name, const char *value,
                     size_t value_len)
{
    char *entry = b->plan->bytes + b->plan->used;

    return plan_put(b, name) && plan_put(b, SLICE("=")) &&
           plan_put(b, (struct slice){value, value_len}) && plan_put_end(b) &&
           set_entry(b, entry);
}

static bool set_from_file(struct plan_builder *b)
{
    struct envfile file;
    unsigned count = 0;

    envfile_init(&file, b->request->env_text);
    for (;;) {
        struct plan *plan = b->plan;
        struct slice name;
        char shown[NODE_NAME_MAX + 1] = {0};
        size_t len;
        /* Into the far half of what is free, so that name and '=' fit before it. */
        size_t room = (sizeof plan->bytes - plan->used) / 2;
        char *value = plan->bytes + sizeof plan->bytes - room;
        enum envfile_result result = envfile_next(&file, value, room, &name, &len);
        if (result == ENVFILE_END)
            return true;
        if (result == ENVFILE_VARIABLE && name.len >= room)
            result = ENVFILE_TOO_LONG;
        if (result != ENVFILE_VARIABLE)
            return refuse_line(b, file.line, "", problem_of(result));
        const char *why = reserved_why(name);
        memcpy(shown, name.at, name.len < sizeof shown ? name.len : sizeof shown - 1);
        if (why != NULL)
            return refuse_line(b, file.line, shown, why);
        if (++count > ENV_FILE_VARIABLES_MAX)
            return refuse_line(b, file.line, shown, " is one too many: a file has 64 at most");
        if (!set_line(b, name, value, len))
            return false;
    }
}

bool plan_build_env(struct plan_builder *b)
{
    const char *path = plan_inherited(b, SLICE("PATH"));
    const struct {
        const char *name;
        const char *value;
    } base[] = {
        {"PATH", path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"},
        {"HOME", b->request->home},
        {"HOST", b->request->address},
        {"NO_COLOR", "1"},
        {PLAN_MARK, b->request->node},
        {"LANG", plan_inherited(b, SLICE("LANG"))},
    };

    for (size_t i = 0; i < sizeof base / sizeof base[0]; i++) {
        if (base[i].value != NULL && !set_env(b, base[i].name, base[i].value))
            return false;
    }
    if (!set_asked(b, true) || (b->request->proxy_env == PLAN_PROXY_ENV_YES && !set_proxies(b)))
        return false;
    if (b->request->env_file != NULL && !set_from_file(b))
        return false;
    if (b->request->proxy_env == PLAN_PROXY_ENV_NO)
        drop_proxies(b);
    return set_asked(b, false);
}
