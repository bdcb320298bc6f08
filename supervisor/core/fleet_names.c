/* fleet_names - events and actions of the fleet by name.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/fleet.h"

#include <assert.h>

const char *fleet_event_name(enum fleet_event_type type)
{
    static const char *const names[] = {
#define X(name) [FLEET_EVENT_##name] = #name,
        FLEET_EVENT_MAP(X)
#undef X
    };
    _Static_assert(sizeof names / sizeof names[0] == FLEET_EVENT_COUNT, "a name each");
    assert(type < FLEET_EVENT_COUNT);
    return names[type];
}

const char *fleet_action_name(enum fleet_action_type type)
{
    static const char *const names[] = {
#define X(name) [FLEET_ACTION_##name] = #name,
        FLEET_ACTION_MAP(X)
#undef X
    };
    _Static_assert(sizeof names / sizeof names[0] == FLEET_ACTION_COUNT, "a name each");
    assert(type < FLEET_ACTION_COUNT);
    return names[type];
}
