/* home.h - the directories that belong to us: the state directory and the nodes' homes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOME_H
#define HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "error.h"

/* STATE_DIR/nodes/NAME and something below it; state_dir itself has at most CONFIG_PATH_MAX. */
#define HOME_PATH_MAX 2048

/* A token file with its directory. */
#define HOME_TOKEN_PATH_MAX (2 * HOME_PATH_MAX)

/* Whose directories these shall be. */
struct home_owner {
    uid_t uid;
    gid_t gid;
    bool has_guests; /* other users have homes below it: they may pass through, not look */
};

/* Makes the state directory (0700, parents too) and locks it for the life of ret_lock_fd, so
 * that two daemons do not share it. One that an earlier run of root has used is handed over to
 * the owner. On failure `ret_error` says what to do.
 * Errors: -EBUSY (another one runs there), -EPERM (it belongs to somebody else), those of
 * mkdir(2), open(2), chown(2). */
int home_open_state(const char *state_dir, const struct home_owner *owner, int *ret_lock_fd,
                    struct error *ret_error) MUST_CHECK;

/* Makes STATE_DIR/nodes (for `ours`) and STATE_DIR/nodes/NAME (0700, for `owner`). Access by
 * others is taken away, with a warning in the log: an account lives there. When the node had
 * another user before, its files go to the new one. `ret_path` has HOME_PATH_MAX bytes. Errors
 * as above. */
int home_prepare(const char *state_dir, const struct home_owner *ours, const char *name,
                 const struct home_owner *owner, char *ret_path,
                 struct error *ret_error) MUST_CHECK;

/* A home that the settings name: made (0700) when it is not there, else it must belong to the
 * owner and is left as it is. Errors as above. */
int home_prepare_at(const char *path, const struct home_owner *owner,
                    struct error *ret_error) MUST_CHECK;

/* The token file is there, and something is in it. */
bool home_has_token(const char *home, const char *token_file);

/* GitHub refuses that token: renames the file, with `.refused` behind its name and over an
 * older one of that name, so that the node asks for a login when it starts. `ret_path` has
 * HOME_TOKEN_PATH_MAX bytes and says where it is now. Errors: -ENOENT (there is none),
 * -ENAMETOOLONG, those of rename(2). */
int home_set_token_aside(const char *home, const char *token_file, char *ret_path) MUST_CHECK;

#endif
