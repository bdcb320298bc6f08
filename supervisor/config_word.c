/* config_word - settings that are one of a few words, or several of them.
 *
 * Pure. Several words may mean one value (yes, true, on); the first of them is the one that is
 * shown. In a set each word is a bit; the row's min are the bits that every set has and no word
 * is needed for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_word.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "slice.h"
#include "supervisor/config_hint.h"

#define GOT_MAX 60 /* how much of an unknown word an error repeats */

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
    bool is_set = row->type == CONFIG_TYPE_WORDS;

    buf_init(&must, 0);
    int r = buf_printf(&must, "%s", is_set ? "nothing, or any of " : "");
    if (r == 0)
        r = config_word_print_all(row, &must);
    if (r == 0)
        r = buf_append(&must, "", 1);
    if (r == 0)
        r = config_text_refuse(ret_error, must.data, text);
    buf_done(&must);
    return r;
}

static const struct config_word *find(const struct config_row *row, struct slice wanted)
{
    for (const struct config_word *w = row->words; w->word != NULL; w++) {
        if (slice_equal_nocase(wanted, slice_of(w->word)))
            return w;
    }
    return NULL;
}

int config_word_parse(const struct config_row *row, const char *text,
                      const struct config_word **ret_word, struct error *ret_error)
{
    const struct config_word *w = find(row, slice_trim(slice_of(text)));

    if (w == NULL)
        return refuse(row, text, ret_error);
    *ret_word = w;
    return 0;
}

/* ---------------------------------------------------------------- sets */

/* Only the one word is shown; but the whole text when it looks like a comment. */
static int refuse_member(const struct config_row *row, struct slice word, const char *text,
                         struct error *ret_error)
{
    char got[GOT_MAX + 1];
    const char *hint = config_hint_word(row, word);

    (void)snprintf(got, sizeof got, "%.*s", (int)(word.len > GOT_MAX ? GOT_MAX : word.len),
                   word.at);
    int r = refuse(row, word.at[0] == '#' ? text : got, ret_error);
    size_t used = strlen(ret_error->text);
    if (r == -EINVAL && hint != NULL)
        (void)snprintf(ret_error->text + used, sizeof ret_error->text - used,
                       "; did you mean '%s'?", hint);
    return r;
}

int config_word_parse_set(const struct config_row *row, const char *text, uint32_t *ret_set,
                          struct error *ret_error)
{
    static const char between[] = " \t,";
    uint32_t set = (uint32_t)row->min;

    for (const char *at = text + strspn(text, between); *at != '\0';
         at += strspn(at, between)) {
        struct slice word = {.at = at, .len = strcspn(at, between)};
        const struct config_word *w = find(row, word);
        if (w == NULL)
            return refuse_member(row, word, text, ret_error);
        set |= (uint32_t)w->value;
        at += word.len;
    }
    *ret_set = set;
    return 0;
}

int config_word_print_set(const struct config_row *row, uint32_t set, struct buf *out)
{
    bool is_first = true;

    for (const struct config_word *w = row->words; w->word != NULL; w++) {
        if ((set & (uint32_t)w->value) == 0)
            continue;
        int r = buf_printf(out, "%s%s", is_first ? "" : " ", w->word);
        if (r < 0)
            return r;
        is_first = false;
    }
    return 0;
}
