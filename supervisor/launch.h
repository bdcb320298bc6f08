/* launch.h - from the settings of a node to a process: what one start looks up and reads.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "bounds.h"
#include "config.h"
#include "error.h"
#include "supervisor/home.h"
#include "supervisor/identity.h"
#include "supervisor/spawn.h"

/* What is to be started, and where. All borrowed for the call. */
struct launch {
    const struct config_node *config;
    const char *state_dir;
    const char *home;
    const struct identity *identity; /* whom it runs as */
    const char *address;
    uint16_t port;
    const struct rlimit *nofile_before; /* see spawn.h; may be NULL */
};

/* Would it do? Looks up, reads and expands everything, but starts and makes nothing. For
 * `check`; the sentence names the node. */
bool launch_check(const struct config_node *config, const char *state_dir,
                  struct error *ret_error) MUST_CHECK;

/* A setting that is a path, expanded; `ret_path` has HOME_PATH_MAX bytes. -EINVAL,
 * -ENAMETOOLONG, -ENOMEM, with a sentence that names the node. */
int launch_path(const struct config_node *config, const char *state_dir, const char *setting,
                const char *text, char *ret_path, struct error *ret_error) MUST_CHECK;

/* Where its HOME is; `ret_home` has HOME_PATH_MAX bytes. -EINVAL, -ENAMETOOLONG, -ENOMEM, with
 * a sentence that names the node. */
int launch_home(const struct config_node *config, const char *state_dir, char *ret_home,
                struct error *ret_error) MUST_CHECK;

/* Sees to it that github_token_file is the node's login when it has none, or when that file has
 * changed. What goes wrong is told in the log: the node will ask for a login. */
void launch_seed(const struct launch *l);

/* Starts the process. False when there is none; `ret_problem` then says why. What fails after
 * the fork comes later, see spawn_child_failed() and launch_failure(). */
bool launch_start(const struct launch *l, struct spawn_child *ret_child,
                  char ret_problem[REASON_MAX]) MUST_CHECK;

/* "cannot change to user 'x': Operation not permitted" */
void launch_failure(const struct launch *l, const struct spawn_failure *failure,
                    char ret_problem[REASON_MAX]);

#endif
