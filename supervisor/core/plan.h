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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "error.h"
#include "slice.h"

#define PLAN_BYTES_MAX (64 * 1024) /* words and environment of one node, together */
#define PLAN_ENV_MAX   (NODE_ENV_MAX + ENV_FILE_VARIABLES_MAX + 16)

/* Marks every descendant of a node; its value is the node's name. */
#define PLAN_MARK "COPILOT_CLUSTER_NODE"

/* Proxy variables, and --proxy-env, without which copilot-api does not look at them. */
enum plan_proxy_env {
    PLAN_PROXY_ENV_AUTO, /* the option, when it has one and the command has the word start */
    PLAN_PROXY_ENV_YES,  /* ours are passed, and the option is given */
    PLAN_PROXY_ENV_NO,   /* none but those of env.NAME, and no option */
};

/* env.NAME = VALUE, or a name of pass_env with value NULL: take ours, if it is set. */
struct plan_env {
    const char *name;
    const char *value;
};

/* What a node is to be, and where. All strings are borrowed for the call. */
struct plan_request {
    const char *node; /* its name */
    const char *command;
    const char *account_type; /* NULL = not given */
    uint64_t rate_limit_s;    /* 0 = not given */
    bool rate_limit_wait;
    enum plan_proxy_env proxy_env;
    const struct plan_env *env;
    size_t env_count;
    const char *env_file;  /* its name, for errors; NULL = there is none */
    struct slice env_text; /* what is in it */
    const char *address;   /* IP literal it shall listen on */
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

/* Fills `plan`, which is the caller's storage and is garbage after a failure. False when the
 * command or the environment is wrong or too long; `ret_error` then names the node and says
 * what to do. */
bool plan_build(const struct plan_request *request, struct plan *plan,
                struct error *ret_error) MUST_CHECK;

/* Expands a setting that is a path; the result is at the front of scratch->bytes, with a NUL.
 * Whatever is NULL in the request is unknown, and so are port and address. Errors as above. */
bool plan_path(const struct plan_request *request, const char *setting, const char *text,
               struct plan *scratch, struct error *ret_error) MUST_CHECK;

/* The value of a variable in the plan's environment, or NULL. */
const char *plan_getenv(const struct plan *plan, const char *name);

#endif
