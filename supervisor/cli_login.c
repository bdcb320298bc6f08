/* cli_login - a fresh login: asks for it, shows URL and code, waits until it is used.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cli_internal.h"

#include <string.h>

#define LOOK_MS 500

int cli_tell_waiting(const json_t *logins, bool is_color)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (logins, i, entry) {
        (void)printf("%sLog in node %s: open %s and enter %s%s\n", is_color ? "\033[1;33m" : "",
                     cli_text(entry, "node"), cli_text(entry, "url"), cli_text(entry, "code"),
                     is_color ? "\033[0m" : "");
    }
    return (int)json_array_size(logins);
}

/* Tells the node's code if it is another one than before. */
static void tell_code(const struct cli *cli, const json_t *logins, char *code, size_t size)
{
    const json_t *entry;
    size_t i;

    json_array_foreach (logins, i, entry) {
        if (strcmp(cli_text(entry, "node"), cli->node) != 0 ||
            strcmp(cli_text(entry, "code"), code) == 0)
            continue;
        (void)snprintf(code, size, "%s", cli_text(entry, "code"));
        (void)printf("%sopen  %s\nenter %s%s\n", cli->is_color ? "\033[1m" : "",
                     cli_text(entry, "url"), code, cli->is_color ? "\033[0m" : "");
        (void)fflush(stdout);
    }
}

/* Asks once: has the login come? Not 0 is an exit code. */
static int look(const struct cli *cli, json_int_t old_pid, char *code, size_t size,
                bool *ret_is_done)
{
    char target[NODE_NAME_MAX + 32];
    json_t *logins;
    json_t *node;

    int failed = cli_call(cli, "GET", "/admin/logins", NULL, &logins);
    if (failed != EXIT_CODE_OK)
        return failed;
    tell_code(cli, json_object_get(logins, "logins"), code, size);
    json_decref(logins);
    (void)snprintf(target, sizeof target, "/admin/nodes/%s", cli->node);
    failed = cli_call(cli, "GET", target, NULL, &node);
    if (failed != EXIT_CODE_OK)
        return failed;
    *ret_is_done = strcmp(cli_text(node, "process"), "up") == 0 &&
                   json_integer_value(json_object_get(node, "pid")) != old_pid;
    if (*ret_is_done)
        (void)printf("%s is logged in%s%s\n", cli->node,
                     cli_text(node, "account")[0] == '\0' ? "" : " as ",
                     cli_text(node, "account"));
    json_decref(node);
    return EXIT_CODE_OK;
}

int cli_login(const struct cli *cli)
{
    char target[NODE_NAME_MAX + 32];
    char code[64] = "";
    bool is_done = false;
    json_t *node;

    (void)snprintf(target, sizeof target, "/admin/nodes/%s", cli->node);
    int failed = cli_call(cli, "GET", target, NULL, &node);
    if (failed != EXIT_CODE_OK)
        return failed;
    json_int_t old_pid = json_integer_value(json_object_get(node, "pid"));
    json_decref(node);
    (void)snprintf(target, sizeof target, "/admin/nodes/%s/login", cli->node);
    failed = cli_call(cli, "POST", target, NULL, NULL);
    if (failed == EXIT_CODE_OK) {
        (void)printf("asking GitHub for a code ...\n");
        (void)fflush(stdout);
    }
    while (failed == EXIT_CODE_OK && !is_done) {
        failed = look(cli, old_pid, code, sizeof code, &is_done);
        if (failed == EXIT_CODE_OK && !is_done)
            cli_pause(LOOK_MS);
    }
    return failed;
}
