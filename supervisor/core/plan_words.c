/* plan_words - a command into words, and %(...)s into what it stands for.
 *
 * Pure. The command is read once, from left to right: quotes and backslashes as in POSIX Shell
 * 2.2, nothing else of a shell, and %(name)s replaced wherever it stands, so that a value with
 * spaces stays in its word.
 *
 * What people bring from a shell (pipes, redirections, X=1 in front) would silently become
 * arguments; it is refused with the advice that helps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/plan_internal.h"

#include <string.h>

/* Begins a word: the bytes that follow, up to plan_put_end(), belong to it. */
static bool begin_word(struct plan_builder *b)
{
    struct plan *plan = b->plan;

    if (plan->argc == COMMAND_WORDS_MAX)
        return plan_refuse(b, "command has more than 64 words", NULL);
    plan->argv[plan->argc++] = plan->bytes + plan->used;
    return true;
}

bool plan_add_word(struct plan_builder *b, const char *text)
{
    return begin_word(b) && plan_put(b, slice_of(text)) && plan_put_end(b);
}

/* ---------------------------------------------------------------- %(name)s */

static bool refuse_expansion(struct plan_builder *b, struct slice written, const char *before,
                             const char *what)
{
    char shown[48] = {0};

    memcpy(shown, written.at, written.len < sizeof shown ? written.len : sizeof shown - 1);
    return plan_refuse(b, b->setting, ": ", before, shown, what, NULL);
}

/* %(ENV_X)s: X as the node has it, else as we have it. */
static const char *look_up_variable(const struct plan_builder *b, struct slice name)
{
    const char *entry = plan_find(b->plan->envp, b->plan->env_count, name);

    return entry != NULL ? entry : plan_inherited(b, name);
}

/* Expands the %(name)s at the front of `text`; *ret_len is how much of it that took. */
static bool expand_one(struct plan_builder *b, struct slice text, size_t *ret_len)
{
    const struct {
        struct slice name;
        const char *value; /* NULL: not known here */
    } table[] = {
        {SLICE("port"), b->port[0] == '\0' ? NULL : b->port},
        {SLICE("host"), b->request->address},
        {SLICE("node_name"), b->request->node},
        {SLICE("state_dir"), b->request->state_dir},
        {SLICE("home"), b->request->home},
    };
    size_t end = slice_find(text, SLICE(")"));
    size_t len = end == SIZE_MAX ? text.len : end + 1;
    struct slice name = {text.at + 2, end == SIZE_MAX ? 0 : end - 2};
    const char *value = NULL;

    if (len < text.len && text.at[len] == 's') {
        len++;
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            if (slice_equal(name, table[i].name))
                value = table[i].value;
        }
        if (slice_starts_with(name, SLICE("ENV_"))) {
            value = look_up_variable(b, slice_skip(name, strlen("ENV_")));
            if (value == NULL)
                return refuse_expansion(b, (struct slice){text.at, len}, "",
                                        ": there is no such variable, neither the node's "
                                        "(env.X, env_file, pass_env) nor ours");
        }
    }
    if (value == NULL)
        return refuse_expansion(b, (struct slice){text.at, len}, "unknown ",
                                b->port[0] != '\0'
                                    ? ": there are %(port)s, %(host)s, %(node_name)s, "
                                      "%(state_dir)s, %(home)s and %(ENV_X)s; write %% for a "
                                      "percent sign"
                                    : ": there are %(node_name)s, %(state_dir)s "
                                      "and %(ENV_X)s; write %% for a percent sign");
    *ret_len = len;
    return plan_put(b, slice_of(value));
}

/* One character that no quote or backslash is about, with what it expands to. */
static bool read_percent(struct plan_builder *b, struct slice text, size_t *ret_len)
{
    if (text.len > 1 && text.at[0] == '%' && text.at[1] == '(')
        return expand_one(b, text, ret_len);
    *ret_len = text.len > 1 && text.at[0] == '%' && text.at[1] == '%' ? 2 : 1;
    return plan_put(b, (struct slice){.at = text.at, .len = 1});
}

bool plan_expand(struct plan_builder *b, struct slice text)
{
    while (text.len > 0) {
        size_t len;
        if (!read_percent(b, text, &len))
            return false;
        text = slice_skip(text, len);
    }
    return true;
}

/* ---------------------------------------------------------------- words */

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
static bool read_char(struct plan_builder *b, struct slice text, char quote, size_t *ret_len)
{
    if (is_escape(text, quote)) {
        if (text.len < 2)
            return plan_refuse(b, "command ends in a backslash", NULL);
        *ret_len = 2;
        return plan_put(b, (struct slice){.at = text.at + 1, .len = 1});
    }
    return read_percent(b, text, ret_len);
}

/* Reads the word at the front of the text; *ret_len is its length in the command. */
static bool read_word(struct plan_builder *b, struct slice text, size_t *ret_len)
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
        is_good = plan_refuse(b, "command: a ", quote == '"' ? "double" : "single",
                              " quote is not closed", NULL);
    *ret_len = at;
    return is_good && plan_put_end(b);
}

/* What a shell would have understood. `raw` is the word as it is written. */
static bool is_without_shell(struct plan_builder *b, struct slice raw)
{
    static const char *const operators[] = {
        "|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "2>&1", ">/dev/null", "2>/dev/null",
    };

    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (slice_equal(raw, slice_of(operators[i])))
            return plan_refuse(b, "command: there is no shell, so ", operators[i],
                               " does not work; write sh -c '...' if you need one, or quote it",
                               NULL);
    }
    if (b->plan->argc == 1 && slice_find(raw, SLICE("=")) != SIZE_MAX &&
        slice_find(raw, SLICE("/")) > slice_find(raw, SLICE("=")))
        return plan_refuse(b, "command begins with the assignment ", b->plan->argv[0],
                           "; write it as env.NAME = VALUE", NULL);
    return true;
}

bool plan_split(struct plan_builder *b)
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
        return plan_refuse(b, "command is empty", NULL);
    return true;
}
