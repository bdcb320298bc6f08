/* config_text - a value as somebody wrote it: quotes, and refusing it with an explanation.
 *
 * Pure. A value may stand in double quotes, which keep ` ;` and spaces at its ends; inside them
 * \" and \\ stand for themselves, as in sh(1). Quotes that do not enclose the whole value are
 * part of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define GOT_MAX 60 /* how much of a wrong value an error repeats */

int config_text_refuse(struct error *ret_error, const char *must, const char *text)
{
    char got[GOT_MAX + 1];
    size_t len = strlen(text);
    size_t shown = len > GOT_MAX ? GOT_MAX : len;

    for (size_t i = 0; i < shown; i++)
        got[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    got[shown] = '\0';
    const char *hint =
        strstr(text, " #") == NULL ? "" : "; a comment after a value starts with ' ;'";
    (void)snprintf(ret_error->text, sizeof ret_error->text, "must be %s, got '%s%s'%s", must,
                   got, len > shown ? "..." : "", hint);
    return -EINVAL;
}

void config_text_unquote(char *text)
{
    size_t len = strlen(text);
    size_t to = 0;

    if (len < 2 || text[0] != '"' || text[len - 1] != '"')
        return;
    for (size_t i = 1; i < len - 1; i++) {
        if (text[i] == '"' || (text[i] == '\\' && i + 1 == len - 1))
            return; /* two quoted parts, or the last quote is an escaped one */
        if (text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\'))
            i++;
    }
    for (size_t i = 1; i < len - 1; i++) {
        if (text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\'))
            i++;
        text[to++] = text[i];
    }
    text[to] = '\0';
}

static bool needs_quotes(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && (strchr(" \t;", text[0]) != NULL ||
                       strchr(" \t", text[len - 1]) != NULL || strchr(text, '"') != NULL ||
                       strstr(text, " ;") != NULL || strstr(text, "\t;") != NULL);
}

int config_text_print(const char *text, struct buf *out)
{
    if (!needs_quotes(text))
        return buf_printf(out, "%s", text);
    int r = buf_printf(out, "\"");
    for (; r == 0 && *text != '\0'; text++)
        r = buf_printf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    return r < 0 ? r : buf_printf(out, "\"");
}
