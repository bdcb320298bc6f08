/* roll - which node a reload takes up next: one at a time, standbys first, the active one last.
 *
 * Pure: facts in, a slot out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ROLL_H
#define ROLL_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"

enum roll_task {
    ROLL_NOTHING, /* it is as the settings say, or its slot is empty */
    ROLL_RESTART, /* its process runs with former settings */
    ROLL_REMOVE,  /* it is not in the settings any more */
};

struct roll_node {
    enum roll_task task;
    bool is_taken_up; /* its turn has begun and is not over */
    bool has_failed;  /* was up before its turn, and has not come up since */
    bool is_up;       /* its process answers */
    bool is_active;   /* requests go there */
    uint32_t rank;    /* lower ones go first among equals */
};

/* The slot whose turn it is now; NODES_MAX for none: a turn is not over, or nothing is left to
 * do, or *ret_held_by, the slot of a node that does not come up with its new settings, keeps
 * the nodes that work from sharing its fate. NODES_MAX in *ret_held_by when there is none. */
unsigned roll_next(const struct roll_node nodes[NODES_MAX], unsigned *ret_held_by);

/* Is anything left to do, or under way? */
bool roll_is_over(const struct roll_node nodes[NODES_MAX]);

#endif
