/* roll - which node a reload takes up next: one at a time, standbys first, the active one last.
 *
 * Pure. Nodes that are down have nothing to lose and go first; then those that stand by; then
 * the one that serves. When a node that was up does not come up again, the new settings may
 * well be the reason: nodes that are up wait until it does, or until other settings are read.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/roll.h"

/* Lower ones first. */
static unsigned class_of(const struct roll_node *n)
{
    if (n->is_active)
        return 2;
    return n->is_up ? 1 : 0;
}

static bool is_before(const struct roll_node *a, const struct roll_node *b)
{
    unsigned left = class_of(a);
    unsigned right = class_of(b);

    return left != right ? left < right : a->rank < b->rank;
}

unsigned roll_next(const struct roll_node nodes[NODES_MAX], unsigned *ret_held_by)
{
    unsigned best = NODES_MAX;
    unsigned failed = NODES_MAX;

    *ret_held_by = NODES_MAX;
    for (unsigned i = 0; i < NODES_MAX; i++) {
        const struct roll_node *n = &nodes[i];
        if (n->is_taken_up)
            return NODES_MAX;
        if (n->has_failed && n->task != ROLL_REMOVE)
            failed = i;
        if (n->task != ROLL_NOTHING && (best == NODES_MAX || is_before(n, &nodes[best])))
            best = i;
    }
    if (best == NODES_MAX || failed == NODES_MAX || class_of(&nodes[best]) == 0)
        return best;
    *ret_held_by = failed;
    return NODES_MAX;
}

bool roll_is_over(const struct roll_node nodes[NODES_MAX])
{
    for (unsigned i = 0; i < NODES_MAX; i++) {
        if (nodes[i].task != ROLL_NOTHING || nodes[i].is_taken_up)
            return false;
    }
    return true;
}
