/* plan.h - what exactly will be executed for a node: words and environment.
 *
 * Pure. POSIX word splitting without a shell, expansion of %(...)s, the options that settings
 * imply, and a clean environment (FACTS 1: NODE_ENV, TEST, CI, DEBUG or CONSOLA_LEVEL would
 * silence or change the login prompt, so nothing is inherited that was not asked for).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PLAN_H
#define PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "error.h"
#include "limits.h"

#define PLAN_BYTES_MAX (64 * 1024) /* words and environment of one node, together */
#define PLAN_ENV_MAX   (NODE_ENV_MAX + 8)

/* Marks every descendant of a node; its value is the node's name. */
#define PLAN_MARK "COPILOT_CLUSTER_NODE"

/* Where the node will live. All strings are borrowed for the call. */
struct plan_place {
    const char *address; /* IP literal it shall listen on */
    uint16_t port;
    const char *home;
    const char *state_dir;
    const char *const *inherit; /* our own environment, "NAME=value", ends in NULL */
};

struct plan {
    char *argv[COMMAND_WORDS_MAX + 1]; /* ends in NULL, like envp */
    size_t argc;
    char *envp[PLAN_ENV_MAX + 1];
    size_t env_count;
    size_t used; /* of bytes */
    char bytes[PLAN_BYTES_MAX];
};

/* Fills `plan`, which is the caller's storage and is garbage after a failure.
 *
 * Errors, each with a sentence in `ret_error` that names the node and says what to do:
 * -EINVAL (quotes, unknown %(...), a name that must not be set), -E2BIG (too many words, too
 * many bytes). */
int plan_build(const struct config_node *node, const struct plan_place *place,
               struct plan *plan, struct error *ret_error) MUST_CHECK;

/* The value of a variable in the plan's environment, or NULL. */
const char *plan_getenv(const struct plan *plan, const char *name);

#endif
