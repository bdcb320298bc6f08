/* poller.h - asks nodes for /usage, and whether they answer at all.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef POLLER_H
#define POLLER_H

#include "shell.h"

/* POLL: GET /usage; ends in USAGE or USAGE_FAILED with this serial. */
void poller_poll(struct proxy *p, uint16_t node, uint16_t serial);

/* PROBE: GET /; ends in PROBE_DONE. */
void poller_probe(struct proxy *p, uint16_t node);

#endif
