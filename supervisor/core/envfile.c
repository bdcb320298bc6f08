/* envfile - the text of an environment file, one NAME=VALUE after the other.
 *
 * Pure. As systemd.exec(5) has it for EnvironmentFile=: comments begin with # or ; at the start
 * of a line; spaces around a value go, those inside stay. A value that begins with a quote ends
 * with it and may span lines: in single quotes everything stands for itself, in double quotes a
 * backslash counts before " \ ` $ only. In any other value a quote is an ordinary character, a
 * backslash takes the next character as it is, and one at the end of a line continues it.
 *
 * Unlike there, a line that is neither an assignment nor a comment is an error: `export X=1`,
 * which a shell would have taken, must not be lost in silence.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/envfile.h"

#include <stdbool.h>
#include <string.h>

/* Where a value goes, and how long it is without the spaces at its end. */
struct target {
    char *at;
    size_t size;
    size_t len;
    size_t kept; /* up to the last character that is not a space, or was escaped */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

_Bool envfile_is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = slice_fold(name.at[i]);
        bool is_digit = c >= '0' && c <= '9';
        if (!(c >= 'a' && c <= 'z') && c != '_' && (!is_digit || i == 0))
            return false;
    }
    return name.len > 0;
}

void envfile_init(struct envfile *file, struct slice text)
{
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        text = slice_skip(text, 3); /* a byte order mark, as Windows editors write it */
    *file = (struct envfile){.rest = text, .next_line = 1};
}

/* The next character, which must be there. */
static char take(struct envfile *file)
{
    char c = file->rest.at[0];

    file->rest = slice_skip(file->rest, 1);
    file->next_line += c == '\n';
    return c;
}

static bool put(struct target *to, char c, bool is_kept)
{
    if (to->len + 1 >= to->size)
        return false;
    to->at[to->len++] = c;
    if (is_kept)
        to->kept = to->len;
    return true;
}

static enum envfile_result read_plain(struct envfile *file, struct target *to)
{
    while (file->rest.len > 0) {
        char c = take(file);
        if (c == '\n')
            break;
        bool is_escape = c == '\\' && file->rest.len > 0;
        if (is_escape) {
            if (slice_starts_with(file->rest, SLICE("\r\n")))
                (void)take(file);
            c = take(file);
            if (c == '\n')
                continue;
        }
        if (!put(to, c, is_escape || !is_space(c)))
            return ENVFILE_TOO_LONG;
    }
    return ENVFILE_VARIABLE;
}

/* What is left of the line after a closing quote must be empty. */
static enum envfile_result end_line(struct envfile *file)
{
    bool is_empty = true;

    while (file->rest.len > 0) {
        char c = take(file);
        if (c == '\n')
            break;
        is_empty = is_empty && is_space(c);
    }
    return is_empty ? ENVFILE_VARIABLE : ENVFILE_AFTER_QUOTE;
}

static enum envfile_result read_quoted(struct envfile *file, struct target *to)
{
    char quote = take(file);

    while (file->rest.len > 0) {
        char c = take(file);
        if (c == quote)
            return end_line(file);
        if (c == '\\' && quote == '"' && file->rest.len > 0 &&
            strchr("\"\\`$\n", file->rest.at[0]) != NULL) {
            c = take(file);
            if (c == '\n')
                continue;
        }
        if (!put(to, c, true))
            return ENVFILE_TOO_LONG;
    }
    return ENVFILE_OPEN_QUOTE;
}

/* Skips empty lines and comments; false at the end of the file. */
static bool find_line(struct envfile *file)
{
    while (file->rest.len > 0) {
        char c = file->rest.at[0];
        if (!is_space(c) && c != '\n' && c != '#' && c != ';')
            return true;
        bool is_comment = c == '#' || c == ';';
        while (is_comment && file->rest.len > 0 && file->rest.at[0] != '\n')
            (void)take(file);
        if (file->rest.len > 0)
            (void)take(file);
    }
    return false;
}

enum envfile_result envfile_next(struct envfile *file, char *value, size_t size,
                                 struct slice *ret_name, size_t *ret_value_len)
{
    struct target to = {.at = value, .size = size};

    bool has_line = find_line(file);
    file->line = file->next_line;
    if (!has_line)
        return ENVFILE_END;
    if (memchr(file->rest.at, '\0', file->rest.len) != NULL)
        return ENVFILE_NUL;
    size_t newline = slice_find(file->rest, SLICE("\n"));
    struct slice line = {file->rest.at, newline == SIZE_MAX ? file->rest.len : newline};
    size_t equals = slice_find(line, SLICE("="));
    if (equals == SIZE_MAX)
        return ENVFILE_NO_ASSIGNMENT;
    struct slice name = slice_trim((struct slice){line.at, equals});
    if (!envfile_is_name(name))
        return ENVFILE_BAD_NAME;
    file->rest = slice_skip(file->rest, equals + 1);
    while (file->rest.len > 0 && is_space(file->rest.at[0]))
        (void)take(file);
    bool is_quoted =
        file->rest.len > 0 && (file->rest.at[0] == '"' || file->rest.at[0] == '\'');
    enum envfile_result result = is_quoted ? read_quoted(file, &to) : read_plain(file, &to);
    if (result != ENVFILE_VARIABLE)
        return result;
    if (size == 0)
        return ENVFILE_TOO_LONG;
    value[to.kept] = '\0';
    *ret_name = name;
    *ret_value_len = to.kept;
    return ENVFILE_VARIABLE;
}
