/* plan - what exactly will be executed for a node: words and environment.
 *
 * Pure. The command is read once, from left to right: quotes and backslashes as in POSIX Shell
 * 2.2, nothing else of a shell, and %(name)s replaced wherever it stands, so that a value with
 * spaces stays in its word. All bytes go into plan->bytes; the pointers are set on the way.
 *
 * What people bring from a shell (pipes, redirections, X=1 in front) would silently become
 * arguments; it is refused with the advice that helps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/plan.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "slice.h"

#define NUMBER_TEXT_MAX 21 /* UINT64_MAX and NUL */

/* One build in progress. */
struct builder {
    const struct plan_request *request;
    struct plan *plan;
    struct error *error;
    char port[NUMBER_TEXT_MAX];
};

/* "node NAME: part part part": core has no printf. Ends in NULL. */
static bool refuse(struct builder *b, ...)
{
    const char *part = "node ";
    size_t used = 0;
    va_list parts;

    va_start(parts, b);
    for (int i = 0; part != NULL; i++) {
        size_t len = strlen(part);
        if (len > sizeof b->error->text - 1 - used)
            len = sizeof b->error->text - 1 - used;
        memcpy(b->error->text + used, part, len);
        used += len;
        part = i == 0 ? b->request->node : i == 1 ? ": " : va_arg(parts, const char *);
    }
    va_end(parts);
    b->error->text[used] = '\0';
    return false;
}

static void put_number(uint64_t value, char ret_text[NUMBER_TEXT_MAX])
{
    char digits[NUMBER_TEXT_MAX];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    for (size_t i = 0; i < n; i++)
        ret_text[i] = digits[n - 1 - i];
    ret_text[n] = '\0';
}

static bool put(struct builder *b, struct slice text)
{
    struct plan *plan = b->plan;

    if (text.len > sizeof plan->bytes - plan->used)
        return refuse(b, "its command and environment are longer than 64 KiB", NULL);
    if (text.len > 0)
        memcpy(plan->bytes + plan->used, text.at, text.len);
    plan->used += text.len;
    return true;
}

static bool put_end(struct builder *b)
{
    return put(b, (struct slice){.at = "", .len = 1});
}

/* Begins a word: the bytes that follow, up to put_end(), belong to it. */
static bool begin_word(struct builder *b)
{
    struct plan *plan = b->plan;

    if (plan->argc == COMMAND_WORDS_MAX)
        return refuse(b, "command has more than 64 words", NULL);
    plan->argv[plan->argc++] = plan->bytes + plan->used;
    return true;
}

static bool add_word(struct builder *b, const char *text)
{
    return begin_word(b) && put(b, slice_of(text)) && put_end(b);
}

/* Expands the %(name)s at the front of `text`; *ret_len is how much of it that took. */
static bool expand(struct builder *b, struct slice text, size_t *ret_len)
{
    const struct {
        struct slice name;
        const char *value;
    } table[] = {
        {SLICE("%(port)s"), b->port},
        {SLICE("%(host)s"), b->request->address},
        {SLICE("%(node_name)s"), b->request->node},
        {SLICE("%(state_dir)s"), b->request->state_dir},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!slice_starts_with(text, table[i].name))
            continue;
        *ret_len = table[i].name.len;
        return put(b, slice_of(table[i].value));
    }
    char shown[32] = {0};
    size_t len = slice_find(text, SLICE(")"));
    len = len == SIZE_MAX ? text.len : len + 1;
    memcpy(shown, text.at, len < sizeof shown ? len : sizeof shown - 1);
    return refuse(b, "command: unknown ", shown,
                  ": there are %(port)s, %(host)s, %(node_name)s and %(state_dir)s; write %% "
                  "for a percent sign",
                  NULL);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Does the backslash at the front escape the next character? POSIX Shell 2.2.1 and 2.2.3. */
static bool is_escape(struct slice text, char quote)
{
    if (text.at[0] != '\\' || quote == '\'')
        return false;
    return quote == '\0' || (text.len > 1 && strchr("$`\"\\", text.at[1]) != NULL);
}

/* Reads one character, quoted or not, with what it expands to; *ret_len is what that took. */
static bool read_char(struct builder *b, struct slice text, char quote, size_t *ret_len)
{
    if (is_escape(text, quote)) {
        if (text.len < 2)
            return refuse(b, "command ends in a backslash", NULL);
        *ret_len = 2;
        return put(b, (struct slice){.at = text.at + 1, .len = 1});
    }
    if (text.len > 1 && text.at[0] == '%' && text.at[1] == '(')
        return expand(b, text, ret_len);
    *ret_len = text.len > 1 && text.at[0] == '%' && text.at[1] == '%' ? 2 : 1;
    return put(b, (struct slice){.at = text.at, .len = 1});
}

/* Reads the word at the front of the text; *ret_len is its length in the command. */
static bool read_word(struct builder *b, struct slice text, size_t *ret_len)
{
    char quote = '\0';
    size_t at = 0;
    bool is_good = begin_word(b);

    while (is_good && at < text.len && (quote != '\0' || !is_blank(text.at[at]))) {
        char c = text.at[at];
        size_t len = 1;
        if (quote == '\0' && (c == '"' || c == '\''))
            quote = c;
        else if (quote != '\0' && c == quote)
            quote = '\0';
        else
            is_good = read_char(b, slice_skip(text, at), quote, &len);
        at += len;
    }
    if (is_good && quote != '\0')
        is_good = refuse(b, "command: a ", quote == '"' ? "double" : "single",
                         " quote is not closed", NULL);
    *ret_len = at;
    return is_good && put_end(b);
}

/* What a shell would have understood. `raw` is the word as it is written. */
static bool is_without_shell(struct builder *b, struct slice raw)
{
    static const char *const operators[] = {
        "|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "2>&1", ">/dev/null", "2>/dev/null",
    };

    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (slice_equal(raw, slice_of(operators[i])))
            return refuse(b, "command: there is no shell, so ", operators[i],
                          " does not work; write sh -c '...' if you need one, or quote it",
                          NULL);
    }
    if (b->plan->argc == 1 && slice_find(raw, SLICE("=")) != SIZE_MAX &&
        slice_find(raw, SLICE("/")) > slice_find(raw, SLICE("=")))
        return refuse(b, "command begins with the assignment ", b->plan->argv[0],
                      "; write it as env.NAME = VALUE", NULL);
    return true;
}

static bool split_command(struct builder *b)
{
    struct slice text = slice_of(b->request->command);

    for (;;) {
        size_t len;
        while (text.len > 0 && is_blank(text.at[0]))
            text = slice_skip(text, 1);
        if (text.len == 0)
            break;
        if (!read_word(b, text, &len) ||
            !is_without_shell(b, (struct slice){.at = text.at, .len = len}))
            return false;
        text = slice_skip(text, len);
    }
    if (b->plan->argc == 0 || b->plan->argv[0][0] == '\0')
        return refuse(b, "command is empty", NULL);
    return true;
}

/* Is the option there as --option, --option=value or by its letter? */
static bool has_option(const struct plan *plan, const char *option, const char *letter)
{
    size_t len = strlen(option);

    for (size_t i = 1; i < plan->argc; i++) {
        const char *word = plan->argv[i];
        if (strncmp(word, option, len) == 0 && (word[len] == '\0' || word[len] == '='))
            return true;
        if (letter != NULL && strcmp(word, letter) == 0)
            return true;
    }
    return false;
}

/* The environment that sends a node through a proxy; copilot-api needs an option to see it. */
static bool has_proxy(const struct plan *plan)
{
    static const char *const names[] = {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
                                        "http_proxy",  "ALL_PROXY",   "all_proxy"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = plan_getenv(plan, names[i]);
        if (value != NULL && value[0] != '\0')
            return true;
    }
    return false;
}

static bool add_options(struct builder *b)
{
    const struct plan_request *request = b->request;
    const struct plan *plan = b->plan;

    for (size_t i = 0; i < plan->argc; i++) {
        if (strcmp(plan->argv[i], "--manual") == 0 ||
            strcmp(plan->argv[i], "--claude-code") == 0)
            return refuse(b, "command: ", plan->argv[i],
                          " needs a terminal, and a node has none; leave it out", NULL);
    }
    if (request->account_type != NULL && !has_option(plan, "--account-type", "-a") &&
        !(add_word(b, "--account-type") && add_word(b, request->account_type)))
        return false;
    if (request->rate_limit_s > 0 && !has_option(plan, "--rate-limit", "-r")) {
        char seconds[NUMBER_TEXT_MAX];
        put_number(request->rate_limit_s, seconds);
        if (!add_word(b, "--rate-limit") || !add_word(b, seconds))
            return false;
    }
    bool by_itself = request->proxy_env == PLAN_PROXY_ENV_AUTO && has_proxy(plan) &&
                     has_option(plan, "start", NULL);
    if ((request->proxy_env == PLAN_PROXY_ENV_YES || by_itself) &&
        !has_option(plan, "--proxy-env", NULL))
        return add_word(b, "--proxy-env");
    return true;
}

/* The entry of `name` in an environment, or NULL. */
static const char *find_entry(const char *const *env, struct slice name)
{
    for (; *env != NULL; env++) {
        if (strncmp(*env, name.at, name.len) == 0 && (*env)[name.len] == '=')
            return *env;
    }
    return NULL;
}

/* A later value takes the place of an earlier one. */
static bool set_env(struct builder *b, const char *name, const char *value)
{
    struct plan *plan = b->plan;
    size_t at = 0;

    while (at < plan->env_count) {
        size_t len = strlen(name);
        if (strncmp(plan->envp[at], name, len) == 0 && plan->envp[at][len] == '=')
            break;
        at++;
    }
    if (at == PLAN_ENV_MAX)
        return refuse(b, "too many environment variables", NULL);
    char *entry = plan->bytes + plan->used;
    if (!put(b, slice_of(name)) || !put(b, SLICE("=")) || !put(b, slice_of(value)) ||
        !put_end(b))
        return false;
    plan->envp[at] = entry;
    if (at == plan->env_count)
        plan->env_count++;
    return true;
}

/* The value of one of our own variables, or NULL. */
static const char *inherited(const struct builder *b, const char *name)
{
    const char *entry = find_entry(b->request->inherit, slice_of(name));

    return entry == NULL ? NULL : entry + strlen(name) + 1;
}

static bool may_be_set(struct builder *b, const char *name)
{
    static const struct {
        const char *name;
        const char *why;
    } reserved[] = {
        {"HOME", " is the node's own directory, where its account lives; it cannot be set"},
        {"HOST", " is the node's own address, chosen at each run; it cannot be set"},
        {PLAN_MARK, " marks the processes of a node; it cannot be set"},
    };

    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (strcmp(name, reserved[i].name) == 0)
            return refuse(b, "env.", name, reserved[i].why, NULL);
    }
    return true;
}

/* pass_env (no value of its own) or env.* entries. */
static bool set_asked(struct builder *b, bool is_passed)
{
    for (size_t i = 0; i < b->request->env_count; i++) {
        const struct plan_env *env = &b->request->env[i];
        if ((env->value == NULL) != is_passed)
            continue;
        const char *value = is_passed ? inherited(b, env->name) : env->value;
        if (!may_be_set(b, env->name))
            return false;
        if (value != NULL && !set_env(b, env->name, value))
            return false;
    }
    return true;
}

static bool build_env(struct builder *b)
{
    const char *path = inherited(b, "PATH");
    const struct {
        const char *name;
        const char *value;
    } base[] = {
        {"PATH", path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"},
        {"HOME", b->request->home},
        {"HOST", b->request->address},
        {"NO_COLOR", "1"},
        {PLAN_MARK, b->request->node},
        {"LANG", inherited(b, "LANG")},
    };

    for (size_t i = 0; i < sizeof base / sizeof base[0]; i++) {
        if (base[i].value != NULL && !set_env(b, base[i].name, base[i].value))
            return false;
    }
    return set_asked(b, true) && set_asked(b, false);
}

bool plan_build(const struct plan_request *request, struct plan *plan, struct error *ret_error)
{
    struct builder b = {.request = request, .plan = plan, .error = ret_error};

    plan->argc = 0;
    plan->env_count = 0;
    plan->used = 0;
    put_number(request->port, b.port);
    if (!build_env(&b) || !split_command(&b) || !add_options(&b))
        return false;
    plan->argv[plan->argc] = NULL;
    plan->envp[plan->env_count] = NULL;
    return true;
}

const char *plan_getenv(const struct plan *plan, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < plan->env_count; i++) {
        if (strncmp(plan->envp[i], name, len) == 0 && plan->envp[i][len] == '=')
            return plan->envp[i] + len + 1;
    }
    return NULL;
}
