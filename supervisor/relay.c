/* relay - brings a login code to the human it waits for.
 *
 * A box of ASCII, as wide as its longest line: it survives every terminal, journal and pager.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/relay.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "log.h"

#define BOX_LINES 10
#define BOX_WIDTH 400 /* a line; a URL has at most PROMPT_URL_MAX */

struct box {
    char lines[BOX_LINES][BOX_WIDTH];
    unsigned count;
};

static void add_line(struct box *box, const char *format, ...) PRINTF_LIKE(2, 3);
static void add_line(struct box *box, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(box->lines[box->count++], BOX_WIDTH, format, args);
    va_end(args);
}

/* ASCII only, so that bytes are columns. */
static void show_box(const struct box *box)
{
    char text[(BOX_LINES + 4) * (BOX_WIDTH + 8)];
    char rule[BOX_WIDTH + 8];
    size_t width = 0;
    size_t used = 0;

    for (unsigned i = 0; i < box->count; i++) {
        if (strlen(box->lines[i]) > width)
            width = strlen(box->lines[i]);
    }
    memset(rule, '=', width + 6);
    rule[width + 6] = '\0';
    used += (size_t)snprintf(text + used, sizeof text - used, "\n%s\n", rule);
    for (unsigned i = 0; i < box->count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "|  %-*s  |\n", (int)width,
                                 box->lines[i]);
    (void)snprintf(text + used, sizeof text - used, "%s\n\n", rule);
    log_banner(text);
}

void relay_duration(uint64_t duration_ms, char *ret_text, size_t size)
{
    if (duration_ms >= 120000)
        (void)snprintf(ret_text, size, "%" PRIu64 " min", duration_ms / 60000);
    else if (duration_ms >= 10000)
        (void)snprintf(ret_text, size, "%" PRIu64 " s", duration_ms / 1000);
    else
        (void)snprintf(ret_text, size, "%" PRIu64 ".%" PRIu64 " s", duration_ms / 1000,
                       duration_ms % 1000 / 100);
}

void relay_show(const struct relay_login *login)
{
    struct box box = {.count = 0};
    char left[32];

    relay_duration(login->good_for_ms, left, sizeof left);
    add_line(&box, "LOGIN NEEDED for node \"%s\"", login->node);
    add_line(&box, "%s", "");
    add_line(&box, "  1. open   %s", login->url);
    add_line(&box, "  2. log in with the GitHub account of this node");
    add_line(&box, "  3. enter  %s", login->code);
    add_line(&box, "%s", "");
    add_line(&box, "The code is good for %s; then a fresh one comes here.", left);
    if (login->waiting > 0)
        add_line(&box, "%u more %s its turn after this.", login->waiting,
                 login->waiting == 1 ? "node waits for" : "nodes wait, each for");
    show_box(&box);
}

void relay_used(const char *node, const char *account)
{
    if (account[0] == '\0')
        log_info("login code was used node=%s", node);
    else
        log_info("login code was used node=%s account=%s", node, account);
}

void relay_expired(const char *node)
{
    log_warn(
        "nobody used the login code in time, the node is restarted for a fresh one node=%s",
        node);
}

void relay_gone(const char *node)
{
    log_warn("login code is void, its process ended node=%s", node);
}
