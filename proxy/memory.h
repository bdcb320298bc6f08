/* memory.h - what survives a restart of the program, as a value and as JSON.
 *
 * Codec: jansson only, no I/O, no clock. Moments are wall-clock milliseconds since 1970, as the
 * monotonic clock starts anew with the machine; amounts are thousandths of a premium request.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "buf.h"
#include "failover.h"
#include "journal.h"
#include "quota.h"
#include "slice.h"

#define MEMORY_VERSION 1

/* What is known of a node, by its name. quota.usage.reset_in_ms is not used: see reset_ms. */
struct memory_node {
    char name[NODE_NAME_MAX + 1];
    bool is_drained;
    enum failover_cause cause; /* of the drain or of the limit */
    int64_t limited_until_ms;  /* 0 = not limited */
    int64_t hold_until_ms;     /* a 402 is believed until then; 0 = not */
    bool has_quota;
    struct quota quota;    /* the last good answer of /usage */
    int64_t quota_wall_ms; /* when it came */
    int64_t reset_ms;      /* quota_reset_date; 0 = unknown */
    int64_t estimate_milli;
    int64_t estimate_wall_ms; /* when that was new; 0 = with the poll */
    /* Not in the JSON: for whoever takes the memory back. */
    bool is_taken;
    struct failover_memory facts;
};

struct memory {
    int64_t written_ms;
    char active[NODE_NAME_MAX + 1]; /* "" = none yet */
    unsigned node_count;
    struct memory_node nodes[NODES_MAX];
};

/* Appends both as one line of JSON. -ENOMEM. */
int memory_print(const struct memory *m, const struct journal *journal,
                 struct buf *out) MUST_CHECK;

/* Reads such a text; fields that it does not know are ignored. What is returned is big (40 and
 * 110 KiB: on the heap, please), and undefined after a failure. -EINVAL: not JSON, or not as
 * memory_print() writes it; -ENOTSUP: of a newer version; -ENOMEM. */
int memory_parse(struct slice json, struct memory *ret_memory,
                 struct journal *ret_journal) MUST_CHECK;

/* The version that a text says it has; 0 when it says none. */
int64_t memory_version(struct slice json);

/* The node of that name, or NULL; `m` may be NULL. */
struct memory_node *memory_find(struct memory *m, const char *name);

/* What the engine is told at `now_ms` of the wall clock: moments become distances. A distance
 * is never longer than it was when the text was written: the clock may have been set back. A
 * limit that is still more than 31 days away is no limit of GitHub's and is dropped; a reset
 * date that has passed is 0, "ask". */
void memory_facts(const struct memory *m, const struct memory_node *node, int64_t now_ms,
                  struct failover_memory *ret_facts);

#endif
