/* reload - what came of reading the settings again: one structure for log, API and systemd.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reload.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"

#define TEXT_MAX (ERROR_TEXT_MAX + CONFIG_PATH_MAX) /* an error with the path of its file */

const char *reload_list_word(enum reload_list list)
{
    static const char *const words[] = {
#define X(name, word) [RELOAD_##name] = word,
        RELOAD_LIST_MAP(X)
#undef X
    };
    _Static_assert(sizeof words / sizeof words[0] == RELOAD_LIST_COUNT, "a word each");
    assert(list < RELOAD_LIST_COUNT);
    return words[list];
}

void reload_init(struct reload *r)
{
    *r = (struct reload){0};
    for (int i = 0; i < RELOAD_LIST_COUNT; i++)
        buf_init(&r->lists[i], 0);
}

void reload_done(struct reload *r)
{
    for (int i = 0; i < RELOAD_LIST_COUNT; i++)
        buf_done(&r->lists[i]);
}

void reload_add(struct reload *r, enum reload_list list, const char *format, ...)
{
    char text[TEXT_MAX] = "";
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (buf_append(&r->lists[list], text, strlen(text) + 1) < 0)
        r->is_incomplete = true;
}

const char *reload_next(const struct reload *r, enum reload_list list, const char *before)
{
    const struct buf *texts = &r->lists[list];
    const char *next = before == NULL ? texts->data : before + strlen(before) + 1;

    return texts->len == 0 || next == texts->data + texts->len ? NULL : next;
}

bool reload_has(const struct reload *r, enum reload_list list)
{
    return r->lists[list].len > 0;
}

bool reload_is_refused(const struct reload *r)
{
    return reload_has(r, RELOAD_ERRORS);
}

bool reload_is_empty(const struct reload *r)
{
    for (int i = 0; i < RELOAD_LIST_COUNT; i++) {
        if (i != RELOAD_NOTES && r->lists[i].len > 0)
            return false;
    }
    return true;
}

static int print_list(const struct reload *r, enum reload_list list, const char *label,
                      bool *is_first, struct buf *out)
{
    const char *text = reload_next(r, list, NULL);
    int failed = 0;

    if (text == NULL)
        return 0;
    failed = buf_printf(out, "%s%s ", *is_first ? "" : "; ", label);
    for (bool is_one = true; failed == 0 && text != NULL; is_one = false) {
        failed = buf_printf(out, "%s%s", is_one ? "" : ", ", text);
        text = reload_next(r, list, text);
    }
    *is_first = false;
    return failed;
}

int reload_summary(const struct reload *r, struct buf *out)
{
    static const struct {
        enum reload_list list;
        const char *label;
    } parts[] = {
        {RELOAD_APPLIED, "in force:"},
        {RELOAD_ADDED, "added:"},
        {RELOAD_REMOVED, "to be removed:"},
        {RELOAD_RESTARTED, "to be restarted, one at a time:"},
        {RELOAD_NEEDS_RESTART, "not applied, needs a restart of copilot-cluster:"},
    };
    bool is_first = true;
    int failed = 0;

    if (reload_is_refused(r))
        return buf_printf(out, "the settings have errors, the former ones stay in force");
    if (reload_is_empty(r))
        return buf_printf(out, "nothing has changed");
    for (size_t i = 0; failed == 0 && i < sizeof parts / sizeof parts[0]; i++)
        failed = print_list(r, parts[i].list, parts[i].label, &is_first, out);
    return failed;
}
