/* report.h - what a step of the engine changed, told twice: a log line and a journal entry.
 *
 * The actions of a step do not say which request or which answer led to them, and the request
 * may be answered and gone before the change is told. So the event is looked at first.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REPORT_H
#define REPORT_H

#include "shell.h"

/* What the event in hand is about. */
struct report {
    struct proxy *proxy;
    uint16_t node; /* FAILOVER_NONE = no node in particular */
    char request_id[REQUEST_ID_MAX + 1];
};

/* To be called before the event goes through the engine. */
void report_begin(struct report *r, struct proxy *p, const struct failover_event *ev);

/* NODE_CHANGED and SWITCHED of that step. */
void report_node_changed(const struct report *r, const struct failover_action *action);
void report_request(const struct proxy *p, const struct exchange *x,
                    const struct failover_action *action);
void report_switched(const struct report *r, const struct failover_action *action);

#endif
