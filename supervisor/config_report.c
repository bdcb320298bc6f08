/* config_report - all that is wrong with the settings, collected for one print.
 *
 * A bounded list that is sorted as it grows: a new error goes behind all those of an earlier
 * file, and of the same or an earlier line. Errors without a line (environment, a conflict of
 * defaults) come last.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "mem.h"

void config_report_init(struct config_report *r)
{
    *r = (struct config_report){.count = 0};
}

void config_report_done(struct config_report *r)
{
    for (size_t i = 0; i < r->count; i++)
        mem_free(r->errors[i].text);
    config_report_init(r);
}

static int print_place(struct buf *out, const struct config_place *at)
{
    int r = buf_printf(out, "%s:", at->file);

    if (r == 0 && at->line != 0)
        r = buf_printf(out, "%zu:", at->line);
    if (r == 0 && at->section != NULL)
        r = buf_printf(out, " [%s]", at->section);
    if (r == 0 && at->key != NULL)
        r = buf_printf(out, " %s", at->key);
    return r;
}

void config_report_add(struct config_report *r, const struct config_place *at,
                       const char *format, ...)
{
    char what[ERROR_TEXT_MAX];
    struct buf text;
    va_list args;

    if (r->count == CONFIG_ERRORS_MAX) {
        r->more++;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    buf_init(&text, 0);
    if (print_place(&text, at) < 0 || buf_printf(&text, " %s", what) < 0 ||
        buf_append(&text, "", 1) < 0) {
        buf_done(&text);
        r->status = -ENOMEM;
        return;
    }
    size_t rank = at->line == 0 ? SIZE_MAX : at->rank;
    size_t i = r->count++;
    for (; i > 0 && (r->errors[i - 1].rank > rank ||
                     (r->errors[i - 1].rank == rank && r->errors[i - 1].line > at->line));
         i--)
        r->errors[i] = r->errors[i - 1];
    r->errors[i].rank = rank;
    r->errors[i].line = at->line;
    r->errors[i].text = text.data; /* the buffer's memory is the report's now */
}

int config_report_print(const struct config_report *r, struct buf *out)
{
    for (size_t i = 0; i < r->count; i++) {
        int result = buf_printf(out, "%s\n", r->errors[i].text);
        if (result < 0)
            return result;
    }
    if (r->more > 0)
        return buf_printf(out, "and %zu more errors\n", r->more);
    return 0;
}
