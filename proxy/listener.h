/* listener.h - the listening socket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LISTENER_H
#define LISTENER_H

#include "shell.h"

/* Binds and listens. Errors of bind(2) and listen(2), with a sentence that tells what to do. */
int listener_open(struct proxy *p, const struct config_listen *where,
                  struct listener **ret_listener, struct error *ret_error) MUST_CHECK;

uint16_t listener_port(const struct listener *l);

/* A connection has closed: there may be room for one that waits. */
void listener_resume(struct listener *l);

/* No more connections; ends in proxy_part_closed(). Harmless when closed already. */
void listener_close(struct listener *l);

bool listener_is_closed(const struct listener *l);
void listener_free(struct listener *l);

#endif
