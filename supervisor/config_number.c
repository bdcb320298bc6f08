/* config_number - durations, sizes and counts: text to number within the row's bounds.
 *
 * Pure. Numbers are decimal, without sign or fraction; spaces may stand before the unit, and
 * the case of its letters does not matter. A duration without a unit counts seconds in a file
 * and milliseconds in the ancestor's environment variables (FACTS 6).
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_number.h"

#include <stdbool.h>

#include "slice.h"

struct unit {
    const char *word;
    uint64_t factor;
};

/* Largest first: printing takes the first one that divides the value. */
static const struct unit duration_units[] = {
    {"d", 24 * 60 * 60 * 1000}, {"h", 60 * 60 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1},
};
/* K is 1024, as everybody means it; KB and MB are refused because they mean both. */
static const struct unit bytes_units[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
    {"G", 1 << 30},   {"M", 1 << 20},   {"K", 1 << 10},
};
#define DURATION_UNITS (sizeof duration_units / sizeof duration_units[0])
#define BYTES_UNITS    (sizeof bytes_units / sizeof bytes_units[0])

static int print_units(uint64_t value, const struct unit *units, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (value % units[i].factor == 0 && (value != 0 || units[i].factor == 1000))
            return buf_printf(out, "%llu%s", (unsigned long long)(value / units[i].factor),
                              units[i].word);
    }
    return buf_printf(out, "%llu", (unsigned long long)value);
}

int config_number_print(const struct config_row *row, uint64_t value, struct buf *out)
{
    switch (row->type) {
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SECONDS:
        return print_units(value, duration_units, DURATION_UNITS, out);
    case CONFIG_TYPE_BYTES:
        return print_units(value, bytes_units, BYTES_UNITS, out);
    default:
        return buf_printf(out, "%llu", (unsigned long long)value);
    }
}

int config_number_print_range(const struct config_row *row, struct buf *out)
{
    int r = config_number_print(row, row->min, out);

    if (r == 0)
        r = buf_printf(out, "..");
    return r < 0 ? r : config_number_print(row, row->max, out);
}

/* "100ms..7d (ms, s, m, h, d)", or "64KiB..4GiB ...", or "1..4096". */
static int refuse_number(const struct config_row *row, const char *text,
                         struct error *ret_error)
{
    struct buf must;
    bool is_time = row->type == CONFIG_TYPE_DURATION || row->type == CONFIG_TYPE_SECONDS;
    const char *units = is_time                          ? " (ms, s, m, h, d)"
                        : row->type == CONFIG_TYPE_BYTES ? " (B, KiB, MiB, GiB)"
                                                         : "";
    buf_init(&must, 0);
    int r = config_number_print_range(row, &must);
    if (r == 0)
        r = buf_printf(&must, "%s", units);
    if (r == 0)
        r = buf_append(&must, "", 1);
    if (r == 0)
        r = config_text_refuse(ret_error, must.data, text);
    buf_done(&must);
    return r;
}

/* Digits and a unit; `bare` is the factor without one. False for anything else. */
static bool parse_units(const char *text, const struct unit *units, size_t count, uint64_t bare,
                        uint64_t *ret_value)
{
    struct slice rest = slice_trim(slice_of(text));
    struct slice digits = {.at = rest.at, .len = 0};
    uint64_t factor = bare;
    uint64_t value;

    while (digits.len < rest.len && rest.at[digits.len] >= '0' && rest.at[digits.len] <= '9')
        digits.len++;
    struct slice word = slice_trim(slice_skip(rest, digits.len));
    if (word.len > 0) {
        size_t i = 0;
        while (i < count && !slice_equal_nocase(word, slice_of(units[i].word)))
            i++;
        if (i == count)
            return false;
        factor = units[i].factor;
    }
    if (!slice_to_u64(digits, UINT64_MAX / factor, &value))
        return false;
    *ret_value = value * factor;
    return true;
}

int config_number_parse(const struct config_row *row, const struct config_text *from,
                        uint64_t *ret_value, struct error *ret_error)
{
    uint64_t value = 0;
    bool ok;

    switch (row->type) {
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_SECONDS:
        ok = parse_units(from->text, duration_units, DURATION_UNITS, from->bare_ms, &value);
        break;
    case CONFIG_TYPE_BYTES:
        ok = parse_units(from->text, bytes_units, BYTES_UNITS, 1, &value);
        break;
    default:
        ok = slice_to_u64(slice_trim(slice_of(from->text)), UINT64_MAX, &value);
        break;
    }
    if (!ok || value < row->min || value > row->max)
        return refuse_number(row, from->text, ret_error);
    *ret_value = value;
    return 0;
}
