/* home_seed.h - a login from a file: github_token_file into a node's token file.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOME_SEED_H
#define HOME_SEED_H

#include "error.h"
#include "slice.h"
#include "supervisor/home.h"

#define HOME_SEED_BYTES_MAX 4096 /* of a file with a token of 40 to 255 bytes */

enum home_seed_result {
    HOME_SEED_KEPT,    /* the node has a login, and the seed is the same as before */
    HOME_SEED_PLANTED, /* it had none, or the seed has changed */
    HOME_SEED_REFUSED, /* GitHub has refused just this one: it is not tried again */
};

/* The token in the text of a seed file: without the spaces around it. False when there is none,
 * or something that cannot be a token. */
bool home_seed_parse(struct slice text, struct slice *ret_token);

/* Writes the token to HOME/token_file (0600, the owner's) when there is none, or when the seed
 * is not the one of last time; an older token is then kept with `.before` behind its name.
 * Beside it `.seed` remembers the seed as a digest. Links are not followed in the home of
 * another user. Errors: those of openat(2) and its like, -ENOMEM. */
int home_seed_plant(const char *home, const char *token_file, const struct home_owner *owner,
                    struct slice token, enum home_seed_result *ret_result) MUST_CHECK;

#endif
