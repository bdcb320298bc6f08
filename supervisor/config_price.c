/* config_price - [multipliers]: what a turn with a model takes from the quota.
 *
 * Pure. The section's keys are names of models, so that no key is unknown; but one that is a
 * setting of another section got here by mistake. The settings start with the shipped rows
 * (proxy/core/price.c), and the file changes or adds some: what is in force is one list, which
 * printed and read again is the same list.
 *
 * Decimals are read by hand and kept in thousandths: strtod() would ask the locale.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_price.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "price.h"
#include "slice.h"

#define DECIMALS_MAX 3 /* thousandths */

void config_price_init(struct config_quota *quota)
{
    memcpy(quota->multipliers, price_shipped, price_shipped_count * sizeof price_shipped[0]);
    quota->multiplier_count = price_shipped_count;
}

/* "0", "0.33", "10": digits, and up to three more after a point. False for anything else. */
static bool parse_decimal(struct slice text, uint64_t max_milli, uint64_t *ret_milli)
{
    size_t point = slice_find(text, SLICE("."));
    struct slice whole = {.at = text.at, .len = point == SIZE_MAX ? text.len : point};
    uint64_t value;
    uint64_t rest = 0;

    if (!slice_to_u64(whole, max_milli / 1000, &value))
        return false;
    if (point != SIZE_MAX) {
        struct slice digits = slice_skip(text, point + 1);
        if (digits.len > DECIMALS_MAX || !slice_to_u64(digits, 999, &rest))
            return false;
        for (size_t i = digits.len; i < DECIMALS_MAX; i++)
            rest *= 10;
    }
    if (value * 1000 + rest > max_milli)
        return false;
    *ret_milli = value * 1000 + rest;
    return true;
}

/* What people mean when they write something else. */
static const char *hint_of(struct slice text)
{
    if (slice_find(text, SLICE("=")) != SIZE_MAX)
        return "; a ':' ends the name: write the part before it";
    if (text.len > 0 && text.at[0] == '-')
        return "; 0 is for a model that costs nothing";
    if (slice_find(text, SLICE(",")) != SIZE_MAX)
        return "; decimals follow a point";
    return "";
}

static int refuse(const struct config_row *row, const char *text, struct error *ret_error)
{
    char must[80];

    (void)snprintf(must, sizeof must, "%u..%u with at most %d decimals, such as 0.33",
                   (unsigned)(row->min / 1000), (unsigned)(row->max / 1000), DECIMALS_MAX);
    int r = config_text_refuse(ret_error, must, text);
    size_t used = strlen(ret_error->text);
    (void)snprintf(ret_error->text + used, sizeof ret_error->text - used, "%s",
                   hint_of(slice_of(text)));
    return r;
}

int config_price_set(const struct config_row *row, const struct config_text *from,
                     struct config_quota *quota, struct error *ret_error)
{
    const char *section = config_table_section_of(from->key);
    uint64_t milli;
    size_t i = 0;

    if (section != NULL) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "is a setting, not a model; it belongs in [%s]", section);
        return -EINVAL;
    }
    if (!parse_decimal(slice_trim(slice_of(from->text)), row->max, &milli) || milli < row->min)
        return refuse(row, from->text, ret_error);
    while (i < quota->multiplier_count && strcmp(quota->multipliers[i].model, from->key) != 0)
        i++;
    if (i == MULTIPLIERS_MAX) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "is one too many: there is room for %d models, %zu of them built in",
                       MULTIPLIERS_MAX, price_shipped_count);
        return -EINVAL;
    }
    struct price *p = &quota->multipliers[i];
    (void)snprintf(p->model, sizeof p->model, "%s", from->key);
    p->milli = (int32_t)milli;
    if (i == quota->multiplier_count)
        quota->multiplier_count++;
    return 0;
}

/* Without zeros at its end. */
static int print_decimal(int32_t milli, struct buf *out)
{
    int whole = milli / 1000;
    int rest = milli % 1000;
    int digits = DECIMALS_MAX;

    if (rest == 0)
        return buf_printf(out, "%d", whole);
    for (; rest % 10 == 0; digits--)
        rest /= 10;
    return buf_printf(out, "%d.%0*d", whole, digits, rest);
}

int config_price_print(const struct price *prices, size_t count, const char *prefix,
                       struct buf *out)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        r = buf_printf(out, "%s%s = ", prefix, prices[i].model);
        if (r == 0)
            r = print_decimal(prices[i].milli, out);
        if (r == 0)
            r = buf_printf(out, "\n");
    }
    return r;
}

int config_price_print_range(const struct config_row *row, struct buf *out)
{
    return buf_printf(out, "%u..%u", (unsigned)(row->min / 1000), (unsigned)(row->max / 1000));
}
