/* fleet_internal.h - what the files of fleet share; nobody else includes it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FLEET_INTERNAL_H
#define FLEET_INTERNAL_H

#include "supervisor/core/fleet.h"

/* Appends an action; NODES_MAX = about no node. */
struct fleet_action *fleet_put(struct fleet *f, struct fleet_actions *out,
                               enum fleet_action_type type, unsigned slot);

/* Does `slot` go before `other`, to a start or to a login? */
bool fleet_is_before(const struct fleet *f, unsigned slot, unsigned other);

/* Tells the outside what is different from what it was told last. */
void fleet_tell(struct fleet *f, const struct fleet_event *ev, struct fleet_actions *out);

/* Who has given up, so that the whole shall end; NODES_MAX = go on. */
unsigned fleet_quitter(const struct fleet *f);

#endif
