/* admin_control.h - what the owner sees and orders: nodes, logs, logins, settings, reload.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_CONTROL_H
#define ADMIN_CONTROL_H

#include "client.h"

/* Answers a request of ROUTE_ADMIN. */
void admin_control_answer(struct client *c, const struct route *route);

#endif
