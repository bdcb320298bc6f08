/* proc_names - states and events of a process by name.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/proc.h"

#include <assert.h>

const char *proc_state_word(enum proc_state state)
{
    static const char *const words[] = {
#define X(name, word) [PROC_##name] = word,
        PROC_STATE_MAP(X)
#undef X
    };
    _Static_assert(sizeof words / sizeof words[0] == PROC_STATE_COUNT, "a word each");
    assert(state < PROC_STATE_COUNT);
    return words[state];
}

const char *proc_state_name(enum proc_state state)
{
    static const char *const names[] = {
#define X(name, word) [PROC_##name] = #name,
        PROC_STATE_MAP(X)
#undef X
    };
    _Static_assert(sizeof names / sizeof names[0] == PROC_STATE_COUNT, "a name each");
    assert(state < PROC_STATE_COUNT);
    return names[state];
}

const char *proc_event_name(enum proc_event_type type)
{
    static const char *const names[] = {
#define X(name) [PROC_EVENT_##name] = #name,
        PROC_EVENT_MAP(X)
#undef X
    };
    _Static_assert(sizeof names / sizeof names[0] == PROC_EVENT_COUNT, "a name each");
    assert(type < PROC_EVENT_COUNT);
    return names[type];
}

const char *proc_cause_words(enum proc_cause cause)
{
    static const char *const words[] = {
#define X(name, text) [PROC_CAUSE_##name] = text,
        PROC_CAUSE_MAP(X)
#undef X
    };
    _Static_assert(sizeof words / sizeof words[0] == PROC_CAUSE_COUNT, "words each");
    assert(cause < PROC_CAUSE_COUNT);
    return words[cause];
}
