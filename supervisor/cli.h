/* cli.h - the commands that speak to a running copilot-cluster.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

/* Runs `word` if it is one of them; `argv` is what follows it. False when it is none. The exit
 * code: 0 done, 1 refused or failed, 2 not understood, 69 no daemon, 78 the settings, which
 * name the socket, cannot be read. */
bool cli_run(const char *word, int argc, char **argv, config_getenv env, int *ret_code);

/* A line a command. */
void cli_usage(FILE *out);

#endif
