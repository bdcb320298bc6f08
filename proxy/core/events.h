/* events.h - what each event changes in the facts about nodes and in the requests.
 *
 * Pure. Only the engine's own files include this.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "failover.h"

/* Takes the event in. The consequences for others are failover_step()'s to draw. */
void events_take(struct failover *f, const struct failover_event *ev,
                 struct failover_actions *out);

#endif
