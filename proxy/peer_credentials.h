/* peer_credentials.h - which user is at the other end of a unix socket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PEER_CREDENTIALS_H
#define PEER_CREDENTIALS_H

#include <stdbool.h>

/* Is it root, our own user, or a member of `group`, a name or number (NULL = no group)? False
 * as well when the kernel does not tell. Looks into the databases of users and groups only for
 * a group that is given by name. */
bool peer_credentials_are_owner(int fd, const char *group);

#endif
