/* evidence - what was last seen of a node's account, in words.
 *
 * An answer belongs to the event that it leads to, so to this turn of the loop. A line of the
 * log may come a little before what it explains (a process says why and dies, /usage answers
 * 500 after the node has logged the real status): it belongs for LINE_MS.
 *
 * The texts go to /admin/journal, to the state file and into log lines: they pass the redactor
 * first (DESIGN D11), and are cut to REASON_MAX.
 *
 * SPDX-License-Identifier: MIT
 */
#include "evidence.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/printable.h"
#include "log.h"

#define LINE_MS   10000
#define DRAFT_MAX 1024 /* so that no secret is cut in two before the redactor has seen it */

static bool has_fresh_line(const struct proxy_node *n)
{
    return n->is_evidence_logged && uv_now(n->proxy->loop) - n->evidence_ms <= LINE_MS;
}

static void note(struct proxy_node *n, bool is_logged, char *draft, size_t len)
{
    len = log_filter(draft, len);
    (void)printable_copy((struct slice){draft, len}, n->evidence, sizeof n->evidence);
    n->evidence_ms = uv_now(n->proxy->loop);
    n->is_evidence_logged = is_logged;
}

static void note_formatted(struct proxy_node *n, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void note_formatted(struct proxy_node *n, const char *format, va_list args)
{
    char draft[DRAFT_MAX];

    int len = vsnprintf(draft, sizeof draft, format, args);
    if (len >= 0)
        note(n, false, draft, (size_t)len < sizeof draft ? (size_t)len : sizeof draft - 1);
}

void evidence_note(struct proxy_node *n, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    note_formatted(n, format, args);
    va_end(args);
}

void evidence_hint(struct proxy_node *n, const char *format, ...)
{
    va_list args;

    if (has_fresh_line(n))
        return;
    va_start(args, format);
    note_formatted(n, format, args);
    va_end(args);
}

void evidence_note_line(struct proxy_node *n, const char *line)
{
    char draft[DRAFT_MAX];

    int len = snprintf(draft, sizeof draft, "%s", line);
    note(n, true, draft, (size_t)len < sizeof draft ? (size_t)len : sizeof draft - 1);
}

const char *evidence_now(const struct proxy_node *n)
{
    bool is_now = n->evidence_ms == uv_now(n->proxy->loop) || has_fresh_line(n);

    return n->evidence[0] != '\0' && is_now ? n->evidence : NULL;
}
