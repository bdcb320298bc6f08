/* control.h - where the owner's commands come in.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "bounds.h"
#include "config.h"

/* [supervisor] control_socket, else control.sock in the state directory. -ENAMETOOLONG leaves
 * "": no socket can have such a name (unix(7)). */
int control_path(const struct config *config, char ret_path[LISTEN_PATH_MAX + 1]);

#endif
