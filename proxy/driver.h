/* driver.h - the engine in the loop: events in, actions carried out, one timer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DRIVER_H
#define DRIVER_H

#include "shell.h"

/* -ENOMEM. */
int driver_new(struct proxy *p, struct driver **ret_driver) MUST_CHECK;

/* Closes the timer; ends in proxy_part_closed(). The engine stays readable until then. */
void driver_close(struct driver *d);

/* Sends one event through the engine and carries out what it wants, now; or, when called while
 * that is going on, right after. The time is filled in. After this call any exchange, client or
 * upstream may be gone: return. */
void driver_post(struct driver *d, const struct failover_event *ev);

/* The same from the next turn of the loop on: for calls from the supervisor, whose callbacks
 * must not be called from inside its own call. */
void driver_post_later(struct driver *d, const struct failover_event *ev);

/* Tells the engine what the proxy's settings say now, if that is new to it. */
void driver_policy_changed(struct driver *d);

/* The engine, to look at. */
const struct failover *driver_engine(const struct driver *d);

/* Frees it after proxy_part_closed(). */
void driver_free(struct driver *d);

#endif
