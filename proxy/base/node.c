/* node - names of node states and sources.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "node.h"

#include <assert.h>

const char *node_state_name(enum node_state state)
{
    static const char *const names[] = {
#define X(name) [NODE_##name] = #name,
        NODE_STATE_MAP(X)
#undef X
    };
    _Static_assert(sizeof names / sizeof names[0] == NODE_STATE_COUNT, "names");
    assert(state < NODE_STATE_COUNT);
    return names[state];
}

const char *node_evidence_name(enum node_evidence evidence)
{
    static const char *const names[NODE_EVIDENCE_COUNT] = {
#define X(name, word) [NODE_EVIDENCE_##name] = word,
        NODE_EVIDENCE_MAP(X)
#undef X
    };
    assert(evidence < NODE_EVIDENCE_COUNT);
    return names[evidence];
}

const char *node_source_name(enum node_source source)
{
    static const char *const names[] = {
        [NODE_SPAWNED] = "spawned",
        [NODE_EXTERNAL] = "external",
        [NODE_DOCKER] = "docker",
    };
    _Static_assert(sizeof names / sizeof names[0] == NODE_SOURCE_COUNT, "names");
    assert(source < NODE_SOURCE_COUNT);
    return names[source];
}
