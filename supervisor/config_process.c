/* config_process - settings about what a process is: whom it runs as, its limits, its paths.
 *
 * Numbers here may be left alone ("inherit"), so that a node section can undo what [node] says.
 * Users and groups are looked up at once: a name that is not there is an error with its line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_process.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "slice.h"
#include "supervisor/config_number.h"
#include "supervisor/identity.h"

#define UMASK_MAX 0777

static bool is_word(const char *text, const char *word)
{
    return slice_equal_nocase(slice_trim(slice_of(text)), slice_of(word));
}

static bool takes_infinity(const struct config_row *row)
{
    return row->type == CONFIG_TYPE_LIMIT || row->type == CONFIG_TYPE_SIZE_LIMIT;
}

/* ---------------------------------------------------------------- numbers */

/* The row as config_number knows it. */
static struct config_row as_number(const struct config_row *row)
{
    struct config_row number = *row;

    number.type = row->type == CONFIG_TYPE_SIZE_LIMIT ? CONFIG_TYPE_BYTES : CONFIG_TYPE_INTEGER;
    return number;
}

/* A sign, then digits. */
static bool parse_signed(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
    struct slice rest = slice_trim(slice_of(text));
    bool is_negative = slice_starts_with(rest, SLICE("-"));
    uint64_t digits;

    if (is_negative || slice_starts_with(rest, SLICE("+")))
        rest = slice_skip(rest, 1);
    if (!slice_to_u64(rest, INT64_MAX, &digits))
        return false;
    int64_t value = is_negative ? -(int64_t)digits : (int64_t)digits;
    if (value < min || value > max)
        return false;
    *ret_value = value;
    return true;
}

static bool parse_octal(const char *text, int64_t *ret_value)
{
    struct slice rest = slice_trim(slice_of(text));
    int64_t value = 0;

    if (rest.len == 0 || rest.len > 4)
        return false;
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.at[i] < '0' || rest.at[i] > '7')
            return false;
        value = value * 8 + (rest.at[i] - '0');
    }
    *ret_value = value;
    return value <= UMASK_MAX;
}

/* "must be RANGE, got 'x'" */
static int refuse(const struct config_row *row, const char *text, struct error *ret_error)
{
    struct buf must;

    buf_init(&must, 0);
    int r = config_process_print_range(row, &must);
    if (r == 0)
        r = buf_append(&must, "", 1);
    if (r == 0)
        r = config_text_refuse(ret_error, must.data, text);
    buf_done(&must);
    return r;
}

int config_process_parse(const struct config_row *row, const struct config_text *from,
                         struct config_optional *ret_value, struct error *ret_error)
{
    struct config_optional value = {.is_set = true};
    struct config_row number = as_number(row);
    uint64_t count = 0;
    int r = 0;

    if (is_word(from->text, "inherit") && row->type != CONFIG_TYPE_UMASK) {
        value.is_set = false;
    } else if (is_word(from->text, "infinity") && takes_infinity(row)) {
        value.value = CONFIG_INFINITY;
    } else if (takes_infinity(row)) {
        r = config_number_parse(&number, from, &count, ret_error);
        value.value = (int64_t)count;
    } else {
        bool is_good =
            row->type == CONFIG_TYPE_UMASK
                ? parse_octal(from->text, &value.value)
                : parse_signed(from->text, (int64_t)row->min, (int64_t)row->max, &value.value);
        r = is_good ? 0 : -EINVAL;
    }
    if (r == -EINVAL)
        r = refuse(row, from->text, ret_error);
    if (r == 0)
        *ret_value = value;
    return r;
}

int config_process_print(const struct config_row *row, const struct config_optional *value,
                         struct buf *out)
{
    struct config_row number = as_number(row);

    if (!value->is_set)
        return buf_printf(out, "inherit");
    if (value->value == CONFIG_INFINITY)
        return buf_printf(out, "infinity");
    if (row->type == CONFIG_TYPE_UMASK)
        return buf_printf(out, "%03llo", (unsigned long long)value->value);
    if (row->type == CONFIG_TYPE_ADJUST)
        return buf_printf(out, "%lld", (long long)value->value);
    return config_number_print(&number, (uint64_t)value->value, out);
}

int config_process_print_range(const struct config_row *row, struct buf *out)
{
    struct config_row number = as_number(row);

    if (row->type == CONFIG_TYPE_UMASK)
        return buf_printf(out, "000..777 in octal");
    if (row->type == CONFIG_TYPE_ADJUST)
        return buf_printf(out, "inherit or %lld..%lld", (long long)(int64_t)row->min,
                          (long long)(int64_t)row->max);
    int r = buf_printf(out, "inherit, infinity or ");
    return r < 0 ? r : config_number_print_range(&number, out);
}

/* ---------------------------------------------------------------- strings */

/* Expansions are looked at when all of them are known, see supervisor/launch.h. */
static bool is_path(const char *text)
{
    return text[0] == '/' || strncmp(text, "%(", 2) == 0;
}

int config_process_check(const struct config_row *row, const struct config_text *from,
                         struct error *ret_error)
{
    const char *text = from->text;

    if (text[0] == '\0')
        return 0;
    if (strlen(text) > row->max)
        return config_text_refuse(
            ret_error, row->max == CONFIG_PATH_MAX ? "shorter than 1024 bytes" : "a name",
            text);
    if (row->type == CONFIG_TYPE_USER && !identity_user_exists(text))
        return config_text_refuse(ret_error, "a user of this machine, by name or number", text);
    if (row->type == CONFIG_TYPE_GROUP && !identity_group_exists(text))
        return config_text_refuse(ret_error, "a group of this machine, by name or number",
                                  text);
    if (row->type == CONFIG_TYPE_NODE_PATH && !is_path(text))
        return config_text_refuse(ret_error, "an absolute path", text);
    if (row->type == CONFIG_TYPE_NODE_FILE && !is_path(text + (text[0] == '-')))
        return config_text_refuse(
            ret_error, "an absolute path, with - before it if it may be missing", text);
    return 0;
}
