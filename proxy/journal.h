/* journal.h - the last switches and state changes, each with its reason and its evidence.
 *
 * A ring in memory; memory.c carries it over a restart. Entries are copies: a name stays what
 * it was when the entry was made, whatever becomes of the node.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdint.h>

#include <jansson.h>

#include "bounds.h"
#include "error.h"
#include "failover.h"
#include "node.h"

enum journal_type {
    JOURNAL_SWITCH, /* the lead went from `node` to `to` */
    JOURNAL_STATE,  /* `node` went from old_state to new_state */
    JOURNAL_TYPE_COUNT
};

/* Texts are printable (printable_copy()); "" = not known. */
struct journal_entry {
    int64_t at_wall_ms;
    enum journal_type type;
    enum failover_cause cause;
    enum node_state old_state;
    enum node_state new_state;
    char node[NODE_NAME_MAX + 1];
    char to[NODE_NAME_MAX + 1];
    char reason[REASON_MAX]; /* the cause as a sentence */
    char request_id[REQUEST_ID_MAX + 1];
    char evidence[REASON_MAX];
};

/* All zero is an empty one. */
struct journal {
    uint64_t count; /* ever added; the ring index is modulo JOURNAL_MAX */
    struct journal_entry ring[JOURNAL_MAX];
};

/* Copies it in; the oldest one makes room. */
void journal_add(struct journal *j, const struct journal_entry *entry);

/* How many are there, and the i-th of them; 0 is the oldest. */
unsigned journal_len(const struct journal *j);
const struct journal_entry *journal_at(const struct journal *j, unsigned i);

/* The entry as a JSON object, its time as the caller writes it: `at` is taken. NULL when there
 * is no memory. */
json_t *journal_entry_to_json(const struct journal_entry *entry, json_t *at) MUST_CHECK;

/* Reads such an object, all but the time. A cause that this program does not know becomes NONE:
 * its sentence is still there. -EINVAL: something is missing, has another type or no bound. */
int journal_entry_from_json(const json_t *object, struct journal_entry *ret_entry) MUST_CHECK;

/* The cause of that name; NONE when this program does not know it. */
enum failover_cause journal_cause(const char *word);

#endif
