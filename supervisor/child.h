/* child.h - the process of one node, as the shell sees it: from the plan to its last words.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include <uv.h>

#include "bounds.h"
#include "config.h"
#include "error.h"
#include "node.h"
#include "supervisor/address.h"
#include "supervisor/core/evidence.h"
#include "supervisor/core/prompt.h"
#include "supervisor/home.h"
#include "supervisor/identity.h"
#include "supervisor/oom.h"
#include "supervisor/output.h"
#include "supervisor/reaper.h"
#include "supervisor/record.h"
#include "supervisor/spawn.h"

struct child;

/* What a child needs from its owner. Callbacks come from the loop, never from inside a child_*
 * call. */
struct child_host {
    uv_loop_t *loop;
    struct reaper *reaper;
    const char *state_dir;
    struct oom *oom;
    struct home_owner ours;             /* of what is not a node's own */
    const struct rlimit *nofile_before; /* the limit before we raised ours; borrowed */
    void (*on_prompt)(void *data, struct child *child);    /* its code and url are new */
    void (*on_logged_in)(void *data, struct child *child); /* its account is new */
    /* A line of its log proves this. `line` is for people: redacted, at most REASON_MAX - 1
     * bytes, borrowed for the call. The same evidence comes at most ten times a second. */
    void (*on_evidence)(void *data, struct child *child, enum node_evidence evidence,
                        const char *line);
    void (*on_exited)(void *data, struct child *child); /* reaped; `problem` says how */
    void *data;
};

/* One for each spawned node, for the life of the daemon. */
struct child {
    uint32_t magic;
    const struct child_host *host;
    const struct config_node *config;
    uint16_t slot;
    struct identity identity;
    char home[HOME_PATH_MAX];
    char address[ADDRESS_TEXT_MAX];       /* chosen once a run */
    uint64_t starts;                      /* so far */
    bool has_new_settings;                /* since its home was prepared */
    char account[PROMPT_ACCOUNT_MAX + 1]; /* who it last said it is, or "" */
    char problem[REASON_MAX];             /* how the last start or process failed, or "" */
    struct record record;                 /* what its processes printed */

    /* Of the present process. */
    uint16_t generation;
    uint16_t port;
    uint64_t started_ms; /* 0 = there is none */
    struct spawn_child process;
    struct reaper_child reaped;
    struct output *outputs[2];
    struct prompt prompt;
    struct evidence evidence;
    uint64_t evidence_ms[NODE_EVIDENCE_COUNT]; /* when the owner was told last; 0 = never */
    bool is_refused;                           /* it said that GitHub refuses its login */
    struct reaper_end end;                     /* of the last process, once it is reaped */
    char why[REASON_MAX];                      /* why we end it, or "" */
    char complaint[REASON_MAX]; /* the last error it printed, in plain words if known, or "" */
    uint64_t complaint_ms;      /* when */
};

/* Looks up its user, prepares the home and the address. `host` and `config` are borrowed for
 * the child's life. Errors: those of identity_find(), home_prepare() and address_random(), in
 * words. */
int child_init(struct child *child, const struct child_host *host,
               const struct config_node *config, unsigned slot,
               struct error *ret_error) MUST_CHECK;

/* Gives back what child_init() took, also when that failed. There is no process any more;
 * the loop has to run on for a moment. Accepts NULL, and what was given back already. */
void child_done(struct child *child);

/* Other settings, borrowed in place of the former ones; for its next start, which also looks up
 * its user and prepares its home anew. */
void child_settings_changed(struct child *child, const struct config_node *config);

/* Starts its process. False when there is none; `problem` then says why, and on_exited is not
 * called. */
bool child_start(struct child *child, uint16_t generation) MUST_CHECK;

/* Signals its group. `why` is for people: it takes the place of "killed by ..."; NULL keeps
 * what was said before. A child without a process is left alone. */
void child_signal(struct child *child, int signum, const char *why);

/* It serves: what only a start can prove does not count any more. */
void child_up(struct child *child);

/* Resident memory of its process and of those that stayed in its session. */
uint64_t child_resident(const struct child *child);

bool child_has_process(const struct child *child);
bool child_has_token(const struct child *child);

/* As home_set_token_aside(). */
int child_set_token_aside(struct child *child, char *ret_path) MUST_CHECK;

#endif
