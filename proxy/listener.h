/* listener.h - where clients come in: all listening sockets, and how many may enter.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LISTENER_H
#define LISTENER_H

#include "shell.h"

/* Listens on all addresses of [gateway] listen, or on what systemd has handed over. Errors of
 * bind(2) and listen(2), with a sentence that tells what to do. */
int listener_open(struct proxy *p, struct listener **ret_listener,
                  struct error *ret_error) MUST_CHECK;

/* The i-th place where clients come in; false when there are not so many. */
bool listener_address(const struct listener *l, unsigned i, struct proxy_address *ret_address);

/* A connection has closed: there may be room for one that waits. Accepts NULL. */
void listener_resume(struct listener *l);

/* connections_max may be another one. */
void listener_reconfigure(struct listener *l);

/* Nobody new; whoever is in a queue is still let in, then its socket closes. Sockets of systemd
 * close at once: their queues are for the successor. */
void listener_drain(struct listener *l);

/* How many sockets may still have somebody in their queues, while draining. */
unsigned listener_count_draining(const struct listener *l);

/* Closes all sockets now; ends in proxy_part_closed(). Harmless when closed already; accepts
 * NULL. */
void listener_close(struct listener *l);

bool listener_is_closed(const struct listener *l);
void listener_free(struct listener *l);

#endif
