/* config_value - one setting as text, and back.
 *
 * A setter for each type, in a table. A setter writes its field only when the whole text is
 * right; else it leaves the rest of a sentence that says what would have been right and what
 * was there. Numbers, words, addresses and prices have files of their own; what is about nodes
 * only (url, env.NAME, pass_env) is in config_node.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_value.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "supervisor/config_callers.h"
#include "supervisor/config_docker.h"
#include "supervisor/config_exit_codes.h"
#include "supervisor/config_listen.h"
#include "supervisor/config_node.h"
#include "supervisor/config_number.h"
#include "supervisor/config_price.h"
#include "supervisor/config_process.h"
#include "supervisor/config_word.h"

static int set_unsigned(const struct config_row *row, void *field,
                        const struct config_text *from, struct error *ret_error)
{
    return config_number_parse(row, from, field, ret_error);
}

static int set_signed(const struct config_row *row, void *field, const struct config_text *from,
                      struct error *ret_error)
{
    uint64_t value;
    int r = config_number_parse(row, from, &value, ret_error);

    if (r < 0)
        return r;
    if (row->type == CONFIG_TYPE_SECONDS && value % 1000 != 0)
        return config_text_refuse(ret_error, "whole seconds", from->text);
    *(int64_t *)field = (int64_t)(row->type == CONFIG_TYPE_SECONDS ? value / 1000 : value);
    return 0;
}

static int set_word(const struct config_row *row, void *field, const struct config_text *from,
                    struct error *ret_error)
{
    const struct config_word *w;
    int r = config_word_parse(row, from->text, &w, ret_error);

    if (r < 0)
        return r;
    if (row->type == CONFIG_TYPE_BOOL)
        *(bool *)field = w->value != 0;
    else
        *(int64_t *)field = w->value;
    return 0;
}

static int set_words(const struct config_row *row, void *field, const struct config_text *from,
                     struct error *ret_error)
{
    return config_word_parse_set(row, from->text, field, ret_error);
}

static int set_price(const struct config_row *row, void *field, const struct config_text *from,
                     struct error *ret_error)
{
    return config_price_set(row, from, field, ret_error);
}

/* ---------------------------------------------------------------- strings */

/* Replaces a string; empty text is none. */
static int replace(void *field, const char *text, size_t len)
{
    char **string = field;
    char *copy = NULL;

    if (len > 0) {
        copy = mem_alloc(len + 1, 1);
        if (copy == NULL)
            return -ENOMEM;
        memcpy(copy, text, len);
    }
    mem_free(*string);
    *string = copy;
    return 0;
}

static int set_name(const struct config_row *row, void *field, const struct config_text *from,
                    struct error *ret_error)
{
    const struct config_word *w;

    if (from->text[0] == '\0')
        return replace(field, NULL, 0);
    int r = config_word_parse(row, from->text, &w, ret_error);
    return r < 0 ? r : replace(field, w->word, strlen(w->word));
}

static int set_directory(const struct config_row *row, void *field,
                         const struct config_text *from, struct error *ret_error)
{
    size_t len = strlen(from->text);

    if (from->text[0] != '/')
        return config_text_refuse(ret_error, "an absolute path", from->text);
    if (len > row->max)
        return config_text_refuse(ret_error, "shorter than 1024 bytes", from->text);
    while (len > 1 && from->text[len - 1] == '/')
        len--;
    return replace(field, from->text, len);
}

static int set_file(const struct config_row *row, void *field, const struct config_text *from,
                    struct error *ret_error)
{
    if (from->text[0] == '\0')
        return replace(field, NULL, 0);
    return set_directory(row, field, from, ret_error);
}

static bool climbs(const char *path)
{
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return true;
    }
    return false;
}

static int set_home_file(const struct config_row *row, void *field,
                         const struct config_text *from, struct error *ret_error)
{
    size_t len = strlen(from->text);

    if (len == 0 || from->text[0] == '/' || climbs(from->text) || len > row->max)
        return config_text_refuse(ret_error, "a path inside the node's home directory",
                                  from->text);
    return replace(field, from->text, len);
}

/* RFC 9110 section 5.5: what may stand in a field value; spaces would end a bearer token. */
static int set_token(const struct config_row *row, void *field, const struct config_text *from,
                     struct error *ret_error)
{
    size_t len = strlen(from->text);
    bool ok = len <= row->max;

    for (size_t i = 0; i < len; i++)
        ok = ok && from->text[i] > 0x20 && from->text[i] < 0x7f;
    if (!ok) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "must be visible ASCII without spaces, %u bytes at most",
                       (unsigned)row->max);
        return -EINVAL;
    }
    return replace(field, from->text, len);
}

/* A user, a group, a path of a node. */
static int set_checked(const struct config_row *row, void *field,
                       const struct config_text *from, struct error *ret_error)
{
    int r = config_process_check(row, from, ret_error);

    return r < 0 ? r : replace(field, from->text, strlen(from->text));
}

static int set_optional(const struct config_row *row, void *field,
                        const struct config_text *from, struct error *ret_error)
{
    return config_process_parse(row, from, field, ret_error);
}

/* Options of copilot-api that cannot work under a supervisor (FACTS 1). */
static const struct {
    const char *option;
    const char *why;
} refused_options[] = {
    {"--manual", "it asks a terminal about every request, and a node has none"},
    {"--claude-code", "it asks a terminal for models, and a node has none"},
    {"--github-token", "everybody can read it in ps; log in, or put the token into token_file"},
    {"-g", "everybody can read it in ps; log in, or put the token into token_file"},
};
/* Where a word of a command ends, near enough to find an option; core/plan splits for real. */
static const char word_ends[] = " \t=\"'";

static int set_command(const struct config_row *row, void *field,
                       const struct config_text *from, struct error *ret_error)
{
    struct slice text = slice_trim(slice_of(from->text));
    struct slice rest = text;

    if (text.len == 0 || text.len > row->max)
        return config_text_refuse(ret_error, "a program and its options", from->text);
    while (rest.len > 0) {
        struct slice word = {.at = rest.at, .len = 0};
        while (word.len < rest.len && strchr(word_ends, rest.at[word.len]) == NULL)
            word.len++;
        rest = slice_skip(rest, word.len == 0 ? 1 : word.len);
        for (size_t i = 0; i < sizeof refused_options / sizeof refused_options[0]; i++) {
            if (!slice_equal(word, slice_of(refused_options[i].option)))
                continue;
            (void)snprintf(ret_error->text, sizeof ret_error->text, "must not have %s: %s",
                           refused_options[i].option, refused_options[i].why);
            return -EINVAL;
        }
    }
    return replace(field, text.at, text.len);
}

static int set_socket(const struct config_row *row, void *field, const struct config_text *from,
                      struct error *ret_error)
{
    (void)row;
    return config_docker_socket(from->text, field, ret_error);
}

static int set_listen(const struct config_row *row, void *field, const struct config_text *from,
                      struct error *ret_error)
{
    return config_listen_parse(row, from->text, field, ret_error);
}

static int set_exit_codes(const struct config_row *row, void *field,
                          const struct config_text *from, struct error *ret_error)
{
    (void)row;
    return config_exit_codes_parse(from->text, field, ret_error);
}

static int set_cidrs(const struct config_row *row, void *field, const struct config_text *from,
                     struct error *ret_error)
{
    return config_callers_parse_cidrs(row, from->text, field, ret_error);
}

static int set_names(const struct config_row *row, void *field, const struct config_text *from,
                     struct error *ret_error)
{
    struct buf names;

    buf_init(&names, 0);
    int r = config_callers_parse_names(row, from->text, &names, ret_error);
    if (r == 0)
        r = replace(field, names.data, names.len);
    buf_done(&names);
    return r;
}

/* ---------------------------------------------------------------- the table of types */

typedef int setter(const struct config_row *row, void *field, const struct config_text *from,
                   struct error *ret_error);

int config_value_set(const struct config_row *row, void *base, const struct config_text *from,
                     struct error *ret_error)
{
    /* The types that are not here belong to nodes, see config_node. */
    static setter *const setters[CONFIG_TYPE_COUNT] = {
        [CONFIG_TYPE_DURATION] = set_unsigned,
        [CONFIG_TYPE_SECONDS] = set_signed,
        [CONFIG_TYPE_BYTES] = set_unsigned,
        [CONFIG_TYPE_INTEGER] = set_signed,
        [CONFIG_TYPE_BOOL] = set_word,
        [CONFIG_TYPE_WORD] = set_word,
        [CONFIG_TYPE_NAME] = set_name,
        [CONFIG_TYPE_DIRECTORY] = set_directory,
        [CONFIG_TYPE_HOME_FILE] = set_home_file,
        [CONFIG_TYPE_TOKEN] = set_token,
        [CONFIG_TYPE_COMMAND] = set_command,
        [CONFIG_TYPE_LISTEN] = set_listen,
        [CONFIG_TYPE_SOCKET] = set_socket,
        [CONFIG_TYPE_WORDS] = set_words,
        [CONFIG_TYPE_PRICE] = set_price,
        [CONFIG_TYPE_FILE] = set_file,
        [CONFIG_TYPE_NODE_PATH] = set_checked,
        [CONFIG_TYPE_NODE_FILE] = set_checked,
        [CONFIG_TYPE_USER] = set_checked,
        [CONFIG_TYPE_GROUP] = set_checked,
        [CONFIG_TYPE_ADJUST] = set_optional,
        [CONFIG_TYPE_LIMIT] = set_optional,
        [CONFIG_TYPE_SIZE_LIMIT] = set_optional,
        [CONFIG_TYPE_UMASK] = set_optional,
        [CONFIG_TYPE_EXIT_CODES] = set_exit_codes,
        [CONFIG_TYPE_CIDRS] = set_cidrs,
        [CONFIG_TYPE_HOSTS] = set_names,
        [CONFIG_TYPE_ORIGINS] = set_names,
    };
    assert(row->type < CONFIG_TYPE_COUNT);
    if (row->type == CONFIG_TYPE_INCLUDE)
        return 0;
    if (row->type == CONFIG_TYPE_URL)
        return config_node_set_url(base, from->text, ret_error);
    if (row->type == CONFIG_TYPE_ENV)
        return config_node_set_env(base, from->key + strlen("env."), from->text, ret_error);
    if (row->type == CONFIG_TYPE_PASS_ENV)
        return config_node_pass_env(base, from->text, ret_error);
    assert(setters[row->type] != NULL);
    return setters[row->type](row, (char *)base + row->offset, from, ret_error);
}

int config_value_set_default(const struct config_row *row, void *base)
{
    struct config_text from = {.key = row->key, .text = row->default_text, .bare_ms = 1000};
    struct error error;
    int r = config_value_set(row, base, &from, &error);

    assert(r == 0 || r == -ENOMEM);
    return r;
}

static int print_text(const struct config_row *row, const char *text, struct buf *out)
{
    if (text == NULL)
        return 0;
    if (row->is_secret)
        return buf_printf(out, "********");
    if (row->type == CONFIG_TYPE_COMMAND)
        return buf_printf(out, "%s", text);
    return config_text_print(text, out);
}

int config_value_print(const struct config_row *row, const void *base, struct buf *out)
{
    const void *field = (const char *)base + row->offset;

    switch (row->type) {
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_BYTES:
        return config_number_print(row, *(const uint64_t *)field, out);
    case CONFIG_TYPE_SECONDS:
        return config_number_print(row, (uint64_t)(*(const int64_t *)field * 1000), out);
    case CONFIG_TYPE_INTEGER:
        return config_number_print(row, (uint64_t) * (const int64_t *)field, out);
    case CONFIG_TYPE_BOOL:
        return buf_printf(out, "%s", config_word_of(row, *(const bool *)field));
    case CONFIG_TYPE_WORD:
        return buf_printf(out, "%s", config_word_of(row, *(const int64_t *)field));
    case CONFIG_TYPE_WORDS:
        return config_word_print_set(row, *(const uint32_t *)field, out);
    case CONFIG_TYPE_NAME:
    case CONFIG_TYPE_DIRECTORY:
    case CONFIG_TYPE_FILE:
    case CONFIG_TYPE_HOME_FILE:
    case CONFIG_TYPE_TOKEN:
    case CONFIG_TYPE_SOCKET:
    case CONFIG_TYPE_COMMAND:
    case CONFIG_TYPE_URL:
    case CONFIG_TYPE_NODE_PATH:
    case CONFIG_TYPE_NODE_FILE:
    case CONFIG_TYPE_USER:
    case CONFIG_TYPE_GROUP:
    case CONFIG_TYPE_HOSTS:
    case CONFIG_TYPE_ORIGINS:
        return print_text(row, *(char *const *)field, out);
    case CONFIG_TYPE_LISTEN:
        return config_listen_print(field, out);
    case CONFIG_TYPE_EXIT_CODES:
        return config_exit_codes_print(field, out);
    case CONFIG_TYPE_CIDRS:
        return config_callers_print_cidrs(field, out);
    case CONFIG_TYPE_ADJUST:
    case CONFIG_TYPE_LIMIT:
    case CONFIG_TYPE_SIZE_LIMIT:
    case CONFIG_TYPE_UMASK:
        return config_process_print(row, field, out);
    case CONFIG_TYPE_INCLUDE: /* what is in force says it all */
        return 0;
    case CONFIG_TYPE_ENV:
    case CONFIG_TYPE_PASS_ENV:
    case CONFIG_TYPE_PRICE:
    case CONFIG_TYPE_COUNT:
        break;
    }
    return -EINVAL;
}

int config_value_print_range(const struct config_row *row, struct buf *out)
{
    int r;

    switch (row->type) {
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SECONDS:
    case CONFIG_TYPE_BYTES:
    case CONFIG_TYPE_INTEGER:
        return config_number_print_range(row, out);
    case CONFIG_TYPE_BOOL:
    case CONFIG_TYPE_WORD:
    case CONFIG_TYPE_NAME:
        return config_word_print_all(row, out);
    case CONFIG_TYPE_WORDS:
        r = buf_printf(out, "any of ");
        return r < 0 ? r : config_word_print_all(row, out);
    case CONFIG_TYPE_PRICE:
        return config_price_print_range(row, out);
    case CONFIG_TYPE_ADJUST:
    case CONFIG_TYPE_LIMIT:
    case CONFIG_TYPE_SIZE_LIMIT:
    case CONFIG_TYPE_UMASK:
        return config_process_print_range(row, out);
    case CONFIG_TYPE_LISTEN:
        return buf_printf(out, "%d to %d of them", (int)row->min, (int)row->max);
    default:
        return 0;
    }
}
