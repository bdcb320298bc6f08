/* cli_internal.h - what cli*.c share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLI_INTERNAL_H
#define CLI_INTERNAL_H

#include <stdbool.h>

#include <jansson.h>

#include "bounds.h"
#include "error.h"
#include "supervisor/cli.h"
#include "supervisor/cli_http.h"

#define EXIT_CODE_NO_DAEMON 69 /* EX_UNAVAILABLE of sysexits(3) */

/* What the words after the command said. */
struct cli {
    const char *command;
    const char *node; /* or NULL */
    const char *file; /* -c */
    char socket[LISTEN_PATH_MAX + 1];
    bool is_json;
    bool is_watch;
    bool is_follow;
    unsigned lines;
    bool is_color; /* stdout is a terminal, and NO_COLOR is not set */
};

/* Asks, and reads the JSON of the answer. Not 0 is an exit code, and what went wrong was told;
 * an answer that refuses is told with its hint. `ret_root` may be NULL, else to be freed. */
int cli_call(const struct cli *cli, const char *method, const char *target, const char *body,
             json_t **ret_root) MUST_CHECK;

/* Tells why the daemon cannot be asked; the exit code. */
int cli_tell_lost(const struct cli *cli, int error);

/* The text of a key, or "". */
const char *cli_text(const json_t *object, const char *key);

/* Waits so long. */
void cli_pause(int ms);

/* cli_status.c, cli_logs.c, cli_login.c */
int cli_status(const struct cli *cli);
int cli_logs(const struct cli *cli);
int cli_login(const struct cli *cli);
int cli_tell_waiting(const json_t *logins, bool is_color);

#endif
