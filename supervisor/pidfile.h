/* pidfile.h - a file that says which process we are, as long as we are.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PIDFILE_H
#define PIDFILE_H

#include "error.h"

struct pidfile {
    const char *path; /* borrowed; NULL = there is none */
    int fd;
};

/* Writes our pid, whole or not at all, and holds the file until pidfile_close(). One that a
 * dead process has left is replaced. On failure nothing was changed and `ret_error` says what
 * to do. Errors: -EBUSY (a live one holds it), -EINVAL (it is something else than a pid file),
 * those of open(2), link(2), rename(2). */
int pidfile_open(const char *path, struct pidfile *ret_pidfile,
                 struct error *ret_error) MUST_CHECK;

/* Removes it. Where we may not any more, having changed our user, it is left empty. A pidfile
 * that is all zero bytes is fine. */
void pidfile_close(struct pidfile *pidfile);

#endif
