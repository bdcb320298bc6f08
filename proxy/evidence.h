/* evidence.h - what was last seen of a node's account, in words.
 *
 * Whoever hears something from a node notes it here before the event is posted; the journal
 * copies it into the entry that the event leads to.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include "shell.h"

/* An answer or a connection said so: "status 402, code quota_exceeded". */
void evidence_note(struct proxy_node *n, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same, less telling than what the node has just written to its log, if it has: /usage
 * answers 500 whatever is wrong (FACTS 2). */
void evidence_hint(struct proxy_node *n, const char *format, ...) PRINTF_LIKE(2, 3);

/* The node's log said so. */
void evidence_note_line(struct proxy_node *n, const char *line);

/* What belongs to the event that is being handled now, or NULL: what was noted in this turn of
 * the loop, and what its log said a moment ago. */
const char *evidence_now(const struct proxy_node *n);

#endif
