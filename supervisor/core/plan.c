/* plan - what exactly will be executed for a node: words and environment.
 *
 * Pure. The environment comes first (plan_env), because %(ENV_X)s asks for it; then the command
 * (plan_words), then the options that settings imply. All bytes go into plan->bytes; the
 * pointers are set on the way.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/plan.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "slice.h"
#include "supervisor/core/plan_internal.h"

/* Core has no printf. */
bool plan_refuse(struct plan_builder *b, ...)
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

void plan_put_number(uint64_t value, char ret_text[PLAN_NUMBER_TEXT_MAX])
{
    char digits[PLAN_NUMBER_TEXT_MAX];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    for (size_t i = 0; i < n; i++)
        ret_text[i] = digits[n - 1 - i];
    ret_text[n] = '\0';
}

bool plan_put(struct plan_builder *b, struct slice text)
{
    struct plan *plan = b->plan;

    if (text.len > sizeof plan->bytes - plan->used)
        return plan_refuse(b, "its command and environment are longer than 64 KiB", NULL);
    if (text.len > 0)
        memmove(plan->bytes + plan->used, text.at, text.len); /* may be the plan's own */
    plan->used += text.len;
    return true;
}

bool plan_put_end(struct plan_builder *b)
{
    return plan_put(b, (struct slice){.at = "", .len = 1});
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

static bool add_options(struct plan_builder *b)
{
    const struct plan_request *request = b->request;
    const struct plan *plan = b->plan;

    for (size_t i = 0; i < plan->argc; i++) {
        if (strcmp(plan->argv[i], "--manual") == 0 ||
            strcmp(plan->argv[i], "--claude-code") == 0)
            return plan_refuse(b, "command: ", plan->argv[i],
                               " needs a terminal, and a node has none; leave it out", NULL);
    }
    /* By an expansion, which the check of the setting itself does not see. */
    if (has_option(plan, "--github-token", NULL))
        return plan_refuse(b,
                           "command: everybody can read --github-token in ps; use "
                           "github_token_file",
                           NULL);
    if (request->account_type != NULL && !has_option(plan, "--account-type", "-a") &&
        !(plan_add_word(b, "--account-type") && plan_add_word(b, request->account_type)))
        return false;
    if (request->rate_limit_s > 0 && !has_option(plan, "--rate-limit", "-r")) {
        char seconds[PLAN_NUMBER_TEXT_MAX];
        plan_put_number(request->rate_limit_s, seconds);
        if (!plan_add_word(b, "--rate-limit") || !plan_add_word(b, seconds))
            return false;
    }
    if (request->rate_limit_wait && has_option(plan, "--rate-limit", "-r") &&
        !has_option(plan, "--wait", "-w") && !plan_add_word(b, "--wait"))
        return false;
    bool by_itself = request->proxy_env == PLAN_PROXY_ENV_AUTO && has_proxy(plan) &&
                     has_option(plan, "start", NULL);
    if ((request->proxy_env == PLAN_PROXY_ENV_YES || by_itself) &&
        !has_option(plan, "--proxy-env", NULL))
        return plan_add_word(b, "--proxy-env");
    return true;
}

bool plan_build(const struct plan_request *request, struct plan *plan, struct error *ret_error)
{
    struct plan_builder b = {
        .request = request, .plan = plan, .error = ret_error, .setting = "command"};

    plan->argc = 0;
    plan->env_count = 0;
    plan->used = 0;
    plan_put_number(request->port, b.port);
    if (!plan_build_env(&b) || !plan_split(&b) || !add_options(&b))
        return false;
    plan->argv[plan->argc] = NULL;
    plan->envp[plan->env_count] = NULL;
    return true;
}

bool plan_path(const struct plan_request *request, const char *setting, const char *text,
               struct plan *scratch, struct error *ret_error)
{
    struct plan_builder b = {
        .request = request, .plan = scratch, .error = ret_error, .setting = setting};

    scratch->argc = 0;
    scratch->env_count = 0;
    scratch->used = 0;
    return plan_expand(&b, slice_of(text)) && plan_put_end(&b);
}

const char *plan_getenv(const struct plan *plan, const char *name)
{
    return plan_find(plan->envp, plan->env_count, slice_of(name));
}
