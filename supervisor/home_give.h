/* home_give.h - hands the files of a former user over to the new one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HOME_GIVE_H
#define HOME_GIVE_H

#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

/* The directory `path`, and with `is_deep` all that is in it, as far as it belongs to `from`.
 * Needs root; says so in the log. Errors: those of chown(2), with a sentence. */
int home_give(const char *path, uid_t from, uid_t uid, gid_t gid, bool is_deep,
              struct error *ret_error) MUST_CHECK;

#endif
