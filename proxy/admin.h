/* admin.h - what the gateway answers about itself.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_H
#define ADMIN_H

#include "client.h"

/* Answers a request for one of our own endpoints. */
void admin_answer(struct client *c, const struct route *route);

#endif
