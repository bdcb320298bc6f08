/* journal - the last switches and state changes, each with its reason and its evidence.
 *
 * The ring is full for ever once it was full: the next entry goes where the oldest was. In JSON
 * a switch has the ends `from` and `to` of the lead, a state change those of the state, so that
 * a reader of either sees an arrow.
 *
 * SPDX-License-Identifier: MIT
 */
#include "journal.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char *const type_words[JOURNAL_TYPE_COUNT] = {
    [JOURNAL_SWITCH] = "switch",
    [JOURNAL_STATE] = "state",
};

void journal_add(struct journal *j, const struct journal_entry *entry)
{
    j->ring[j->count++ % JOURNAL_MAX] = *entry;
}

unsigned journal_len(const struct journal *j)
{
    return j->count < JOURNAL_MAX ? (unsigned)j->count : JOURNAL_MAX;
}

const struct journal_entry *journal_at(const struct journal *j, unsigned i)
{
    assert(i < journal_len(j));
    return &j->ring[(j->count - journal_len(j) + i) % JOURNAL_MAX];
}

/* ---------------------------------------------------------------- to JSON */

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

json_t *journal_entry_to_json(const struct journal_entry *e, json_t *at)
{
    json_t *object = NULL;

    switch (e->type) {
    case JOURNAL_SWITCH:
        object = json_pack("{s:o, s:s, s:s, s:s}", "at", at, "type", type_words[e->type],
                           "from", e->node, "to", e->to);
        break;
    case JOURNAL_STATE:
        object = json_pack("{s:o, s:s, s:s, s:s, s:s}", "at", at, "type", type_words[e->type],
                           "node", e->node, "from", node_state_name(e->old_state), "to",
                           node_state_name(e->new_state));
        break;
    case JOURNAL_TYPE_COUNT:
        assert(false);
    }
    json_t *why = json_pack("{s:s, s:s, s:s?, s:s?}", "cause", failover_cause_name(e->cause),
                            "reason", e->reason, "requestId", or_null(e->request_id),
                            "evidence", or_null(e->evidence));
    if (why != NULL && json_object_update(object, why) == 0) {
        json_decref(why);
        return object;
    }
    json_decref(why);
    json_decref(object);
    return NULL;
}

/* ---------------------------------------------------------------- from JSON */

/* A string that fits, or null where that is allowed. */
static bool read_text(const json_t *object, const char *key, bool may_be_null, char *ret_text,
                      size_t size)
{
    const json_t *value = json_object_get(object, key);
    size_t len = json_string_length(value);

    ret_text[0] = '\0';
    if (json_is_null(value))
        return may_be_null;
    if (!json_is_string(value) || len >= size)
        return false;
    memcpy(ret_text, json_string_value(value), len + 1);
    return true;
}

static bool read_state(const json_t *object, const char *key, enum node_state *ret_state)
{
    const char *word = json_string_value(json_object_get(object, key));

    for (int i = 0; word != NULL && i < NODE_STATE_COUNT; i++) {
        if (strcmp(word, node_state_name((enum node_state)i)) != 0)
            continue;
        *ret_state = (enum node_state)i;
        return true;
    }
    return false;
}

static bool read_ends(const json_t *object, struct journal_entry *e)
{
    const char *word = json_string_value(json_object_get(object, "type"));

    if (word != NULL && strcmp(word, type_words[JOURNAL_SWITCH]) == 0) {
        e->type = JOURNAL_SWITCH;
        return read_text(object, "from", false, e->node, sizeof e->node) &&
               read_text(object, "to", false, e->to, sizeof e->to);
    }
    if (word != NULL && strcmp(word, type_words[JOURNAL_STATE]) == 0) {
        e->type = JOURNAL_STATE;
        return read_text(object, "node", false, e->node, sizeof e->node) &&
               read_state(object, "from", &e->old_state) &&
               read_state(object, "to", &e->new_state);
    }
    return false;
}

enum failover_cause journal_cause(const char *word)
{
    for (int i = 0; i < FAILOVER_CAUSE_COUNT; i++) {
        if (strcmp(word, failover_cause_name((enum failover_cause)i)) == 0)
            return (enum failover_cause)i;
    }
    return FAILOVER_CAUSE_NONE;
}

int journal_entry_from_json(const json_t *object, struct journal_entry *ret_entry)
{
    struct journal_entry e = {.cause = FAILOVER_CAUSE_NONE};
    const char *cause = json_string_value(json_object_get(object, "cause"));

    bool is_ours = cause != NULL && read_ends(object, &e) &&
                   read_text(object, "reason", false, e.reason, sizeof e.reason) &&
                   read_text(object, "requestId", true, e.request_id, sizeof e.request_id) &&
                   read_text(object, "evidence", true, e.evidence, sizeof e.evidence);
    if (!is_ours)
        return -EINVAL;
    e.cause = journal_cause(cause);
    *ret_entry = e;
    return 0;
}
