/* config_word - settings that are one of a few words.
 *
 * Pure. Several words may mean one value (yes, true, on); the first of them is the one that is
 * shown.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_word.h"

#include <stddef.h>

#include "slice.h"

const char *config_word_of(const struct config_row *row, int64_t value)
{
    for (const struct config_word *w = row->words; w->word != NULL; w++) {
        if (w->value == value)
            return w->word;
    }
    return "?";
}

/* "drain or overlap", "a, b or c": every word that is the first with its value. */
int config_word_print_all(const struct config_row *row, struct buf *out)
{
    size_t shown = 0;
    size_t total = 0;

    for (const struct config_word *w = row->words; w->word != NULL; w++)
        total += config_word_of(row, w->value) == w->word;
    for (const struct config_word *w = row->words; w->word != NULL; w++) {
        if (config_word_of(row, w->value) != w->word)
            continue;
        const char *joint = shown == 0 ? "" : shown + 1 == total ? " or " : ", ";
        int r = buf_printf(out, "%s%s", joint, w->word);
        if (r < 0)
            return r;
        shown++;
    }
    return 0;
}

static int refuse(const struct config_row *row, const char *text, struct error *ret_error)
{
    struct buf must;

    buf_init(&must, 0);
    int r = config_word_print_all(row, &must);
    if (r == 0)
        r = buf_append(&must, "", 1);
    if (r == 0)
        r = config_text_refuse(ret_error, must.data, text);
    buf_done(&must);
    return r;
}

int config_word_parse(const struct config_row *row, const char *text,
                      const struct config_word **ret_word, struct error *ret_error)
{
    struct slice wanted = slice_trim(slice_of(text));

    for (const struct config_word *w = row->words; w->word != NULL; w++) {
        if (slice_equal_nocase(wanted, slice_of(w->word))) {
            *ret_word = w;
            return 0;
        }
    }
    return refuse(row, text, ret_error);
}
