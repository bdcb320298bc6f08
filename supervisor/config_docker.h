/* config_docker.h - [docker]: where the engine is, and whether it is asked at all.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_DOCKER_H
#define CONFIG_DOCKER_H

#include <stdbool.h>

#include "config.h"
#include "error.h"

/* "/path", "unix:///path" or "tcp://HOST:PORT", as a copy that is a path or "http://HOST:PORT".
 * -EINVAL with "must be ...", -ENOMEM. */
int config_docker_socket(const char *text, char **ret_socket,
                         struct error *ret_error) MUST_CHECK;

/* Is what DOCKER_HOST says one that we speak to? ssh:// and npipe:// are for other programs. */
bool config_docker_speaks(const char *docker_host);

/* Does somebody take connections there? Asks now; a local socket answers at once, and others
 * are taken at their word. */
bool config_docker_answers(const struct config_docker *docker);

/* Are containers looked for? `enabled = auto`: when no node is configured and the socket is
 * there. */
bool config_docker_is_on(const struct config *c);

#endif
