/* spawn.h - makes a process: fork, exec and everything between.
 *
 * The only place that forks. Call it on the main thread: PR_SET_PDEATHSIG follows the thread
 * that forked (prctl(2)).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SPAWN_H
#define SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "config.h"
#include "error.h"
#include "supervisor/identity.h"

/* Where it went wrong; the words go into "words: error", or "words 'what': error". */
#define SPAWN_STAGE_MAP(X)                                                                     \
    X(RESOLVE, "exec") /* the executable was not found, before any fork */                     \
    X(PIPE, "pipe")                                                                            \
    X(FORK, "fork")                                                                            \
    X(SESSION, "setsid")                                                                       \
    X(STDIO, "dup2")                                                                           \
    X(NOFILE, "cannot set limit_nofile")                                                       \
    X(CORE, "cannot set limit_core")                                                           \
    X(NICE, "cannot set nice")                                                                 \
    X(OOM, "cannot set oom_score_adj")                                                         \
    X(GROUPS, "cannot take the groups of user")                                                \
    X(GROUP, "cannot change to group")                                                         \
    X(USER, "cannot change to user")                                                           \
    X(DIRECTORY, "cannot enter directory")                                                     \
    X(PARENT, "prctl")                                                                         \
    X(EXEC, "exec")

enum spawn_stage {
#define X(name, word) SPAWN_STAGE_##name,
    SPAWN_STAGE_MAP(X)
#undef X
        SPAWN_STAGE_COUNT
};

struct spawn_failure {
    enum spawn_stage stage;
    int error; /* a positive errno */
};

struct spawn_request {
    const char *file; /* absolute path, see spawn_resolve() */
    char *const *argv;
    char *const *envp;
    const char *directory;           /* where it starts */
    const struct identity *identity; /* whom it runs as; NULL = as we do */
    struct config_optional umask;    /* 077 when not set; the others: as we have it */
    struct config_optional nice;
    struct config_optional oom_score_adj;
    struct config_optional limit_nofile; /* soft and hard, like limit_core */
    struct config_optional limit_core;
    const struct rlimit
        *nofile_before; /* in place of a limit_nofile that is not set; or NULL */
};

/* A child and the ends of its pipes. Descriptors are -1 when they are not there. */
struct spawn_child {
    pid_t pid;
    int pidfd;
    int status_fd;     /* silent once exec succeeded, else a struct spawn_failure */
    int output_fds[2]; /* its stdout and stderr, to be read */
};

/* Finds the executable as execvp(3) would, but before the fork, so that the error is precise.
 * A relative path with a slash counts from our own directory. Empty elements of the search path
 * are left out. Errors: -ENOENT, -EACCES (it is there, but not executable), -ENAMETOOLONG. */
int spawn_resolve(const char *word, const char *search_path, char *ret_path,
                  size_t size) MUST_CHECK;

/* Starts the process: own session and process group, /dev/null as input, pipes as output, no
 * other descriptor, default signals and an empty mask, and KILL when we die. What is done as
 * the other user, and exec itself, may fail later, see spawn_child_failed().
 * Errors: the errno of the stage in ret_failure, negative. */
int spawn_start(const struct spawn_request *request, struct spawn_child *ret_child,
                struct spawn_failure *ret_failure) MUST_CHECK;

/* For a child that is reaped: did it end before or in exec? Never blocks. */
bool spawn_child_failed(const struct spawn_child *child, struct spawn_failure *ret_failure);

/* Sends a signal to its group; TERM is followed by CONT, so that a stopped process acts on it.
 * A child that is not reaped yet may always be signalled. */
void spawn_child_signal(const struct spawn_child *child, int signum);

/* Closes what is still open. `child` is as after spawn_child_init(). */
void spawn_child_close(struct spawn_child *child);
void spawn_child_init(struct spawn_child *child);

const char *spawn_stage_word(enum spawn_stage stage);

#endif
