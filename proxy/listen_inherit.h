/* listen_inherit.h - the listening sockets that systemd hands over (LISTEN_FDS).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LISTEN_INHERIT_H
#define LISTEN_INHERIT_H

#include "bounds.h"
#include "error.h"

/* What sd_listen_fds(3) does: the descriptors that are meant for this process, closed on exec
 * from now on; the variables are removed, so that no child takes them for its own. All are
 * listening stream sockets of TCP or unix(7). Call it once.
 *
 * Returns how many there are, 0 when none are meant for us. -EINVAL, with a sentence, when one
 * is something else or the variables are wrong; -E2BIG when there are too many. */
int listen_inherit(int ret_fds[LISTENERS_MAX], struct error *ret_error) MUST_CHECK;

#endif
