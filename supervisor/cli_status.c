/* cli_status - the table of nodes: who is active, what is left, what waits for a human.
 *
 * Cells are made first, so that each column is as wide as its widest cell. On a terminal a
 * state has a colour.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cli_internal.h"

#include <stdlib.h>
#include <string.h>

#define WATCH_MS 2000
#define BAR_MAX  10
#define CELL_MAX 256

enum column {
    MARK,
    INDEX,
    NODE,
    ACCOUNT,
    STATE,
    QUOTA,
    PROCESS,
    UP,
    RESTARTS,
    REASON,
    COLUMNS
};

static const char *const titles[COLUMNS] = {"",      "#",       "NODE", "ACCOUNT",  "STATE",
                                            "QUOTA", "PROCESS", "UP",   "RESTARTS", "REASON"};

struct row {
    char cells[COLUMNS][CELL_MAX];
    const char *color;
};

static const char *color_of(const char *state)
{
    static const struct {
        const char *state;
        const char *color;
    } table[] = {
        {"READY", "\033[32m"},   {"STARTING", "\033[33m"},     {"LOGIN", "\033[33m"},
        {"DRAINED", "\033[33m"}, {"RATE_LIMITED", "\033[33m"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].state, state) == 0)
            return table[i].color;
    }
    return "\033[31m";
}

static void put_duration(json_int_t seconds, char *out)
{
    if (seconds < 60)
        (void)snprintf(out, CELL_MAX, "%lld s", (long long)seconds);
    else if (seconds < 3600)
        (void)snprintf(out, CELL_MAX, "%lld min", (long long)seconds / 60);
    else if (seconds < 48 * 3600)
        (void)snprintf(out, CELL_MAX, "%lld h", (long long)seconds / 3600);
    else
        (void)snprintf(out, CELL_MAX, "%lld d", (long long)seconds / 86400);
}

/* "######.... 180/300" */
static void put_quota(const json_t *quota, char *out)
{
    double left = json_number_value(json_object_get(quota, "estimate"));
    double all = json_number_value(json_object_get(quota, "entitlement"));
    char bar[BAR_MAX + 1];

    if (json_is_true(json_object_get(quota, "unlimited"))) {
        (void)snprintf(out, CELL_MAX, "unlimited");
        return;
    }
    if (!json_is_number(json_object_get(quota, "estimate")) || all <= 0) {
        (void)snprintf(out, CELL_MAX, "?");
        return;
    }
    double share = left < 0 ? 0 : left > all ? 1 : left / all;
    int full = (int)(share * BAR_MAX + 0.5);
    for (int i = 0; i < BAR_MAX; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_MAX] = '\0';
    (void)snprintf(out, CELL_MAX, "%s %.6g/%.6g", bar, left, all);
}

static void put_text(const json_t *node, const char *key, char *out)
{
    const char *text = cli_text(node, key);

    (void)snprintf(out, CELL_MAX, "%s", text[0] == '\0' ? "-" : text);
}

static void fill(const json_t *node, struct row *row)
{
    const json_t *uptime = json_object_get(node, "uptime");
    const json_t *restarts = json_object_get(node, "restarts");
    const char *order = cli_text(node, "order");

    *row = (struct row){.color = color_of(cli_text(node, "status"))};
    (void)snprintf(row->cells[MARK], CELL_MAX, "%s",
                   json_is_true(json_object_get(node, "isActive")) ? "*" : "");
    (void)snprintf(row->cells[INDEX], CELL_MAX, "%lld",
                   (long long)json_integer_value(json_object_get(node, "index")));
    put_text(node, "id", row->cells[NODE]);
    put_text(node, "account", row->cells[ACCOUNT]);
    put_text(node, "status", row->cells[STATE]);
    put_quota(json_object_get(node, "quotaDetail"), row->cells[QUOTA]);
    put_text(node, order[0] == '\0' ? "process" : "order", row->cells[PROCESS]);
    put_text(node, "", row->cells[UP]);
    if (json_is_integer(uptime))
        put_duration(json_integer_value(uptime), row->cells[UP]);
    put_text(node, "", row->cells[RESTARTS]);
    if (json_is_integer(restarts))
        (void)snprintf(row->cells[RESTARTS], CELL_MAX, "%lld",
                       (long long)json_integer_value(restarts));
    put_text(node, "reason", row->cells[REASON]);
}

static void print_row(const struct row *row, const size_t *widths, bool is_color)
{
    for (int i = 0; i < COLUMNS; i++) {
        bool is_state = i == STATE && is_color && row->color != NULL;
        bool is_last = i == COLUMNS - 1;
        (void)printf("%s%-*s%s%s", is_state ? row->color : "", is_last ? 0 : (int)widths[i],
                     row->cells[i], is_state ? "\033[0m" : "", is_last ? "\n" : "  ");
    }
}

static void print_table(const json_t *nodes, bool is_color)
{
    static struct row rows[NODES_MAX + 1];
    size_t widths[COLUMNS] = {0};
    size_t count = 1;
    const json_t *node;
    size_t i;

    rows[0] = (struct row){.color = NULL};
    for (int c = 0; c < COLUMNS; c++)
        (void)snprintf(rows[0].cells[c], CELL_MAX, "%s", titles[c]);
    json_array_foreach (nodes, i, node) {
        if (count <= NODES_MAX)
            fill(node, &rows[count++]);
    }
    for (i = 0; i < count; i++) {
        for (int c = 0; c < COLUMNS; c++) {
            size_t len = strlen(rows[i].cells[c]);
            widths[c] = len > widths[c] ? len : widths[c];
        }
    }
    for (i = 0; i < count; i++)
        print_row(&rows[i], widths, is_color);
}

static int show(const struct cli *cli)
{
    json_t *root;

    int code = cli_call(cli, "GET", "/admin/nodes", NULL, &root);
    if (code != EXIT_CODE_OK)
        return code;
    if (cli->is_watch && cli->is_color)
        (void)printf("\033[H\033[J");
    if (cli->is_json) {
        char *text = json_dumps(root, JSON_INDENT(2));
        (void)printf("%s\n", text == NULL ? "" : text);
        free(text);
    } else {
        if (cli_tell_waiting(json_object_get(root, "logins"), cli->is_color) > 0)
            (void)printf("\n");
        print_table(json_object_get(root, "nodes"), cli->is_color);
        if (json_is_null(json_object_get(root, "activeNodeId")))
            (void)printf("\nno node can serve now\n");
    }
    (void)fflush(stdout);
    json_decref(root);
    return EXIT_CODE_OK;
}

int cli_status(const struct cli *cli)
{
    int code = show(cli);

    while (cli->is_watch && code == EXIT_CODE_OK && ferror(stdout) == 0) {
        cli_pause(WATCH_MS);
        code = show(cli);
    }
    return code;
}
