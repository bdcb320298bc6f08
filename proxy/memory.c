/* memory - what survives a restart of the program, as a value and as JSON.
 *
 *   {"version":1, "writtenAt":ms, "activeNode":"second",
 *    "nodes":[{"name":"first", "drained":true, "cause":"quota", "limitedUntil":null,
 *              "believedUntil":ms, "estimateMilli":0,
 *              "quota":{"polledAt":ms, "plan":"individual", "remainingMilli":0, ...}}],
 *    "journal":[{"at":ms, "type":"switch", ...}]}
 *
 * Whoever changes what a field means, or needs a new one to be understood, raises the version;
 * a new field that old programs may ignore needs no new one. A text is taken whole or not at
 * all: half a memory would be harder to explain than none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define DAY_MS       (INT64_C(24) * 3600 * 1000)
#define LIMIT_MAX_MS (31 * DAY_MS)
#define MOMENT_MAX   INT64_C(253402300799999)  /* the end of the year 9999 */
#define AMOUNT_MAX   INT64_C(4000000000000000) /* quota.c lets no figure beyond 1e12 through */

/* ---------------------------------------------------------------- to JSON */

static json_t *moment(int64_t ms)
{
    return ms == 0 ? json_null() : json_integer(ms);
}

static json_t *word(const char *text)
{
    return text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *quota_to_json(const struct memory_node *n)
{
    const struct quota *q = &n->quota;
    const struct failover_usage *u = &q->usage;

    if (!n->has_quota)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:I, s:o, s:b, s:b, s:b, s:o, s:o}", "polledAt",
                     moment(n->quota_wall_ms), "plan", word(q->plan), "remainingMilli",
                     u->has_remaining ? json_integer(u->remaining_milli) : json_null(),
                     "entitlementMilli", (json_int_t)u->entitlement_milli, "percentRemaining",
                     q->has_percent ? json_real(q->percent_remaining) : json_null(),
                     "unlimited", u->is_unlimited, "exhausted", u->is_exhausted,
                     "overagePermitted", u->is_overage_permitted, "resetAt",
                     moment(n->reset_ms), "resetDate", word(q->reset_date));
}

static json_t *node_to_json(const struct memory_node *n)
{
    return json_pack("{s:s, s:b, s:s, s:o, s:o, s:I, s:o, s:o}", "name", n->name, "drained",
                     n->is_drained, "cause", failover_cause_name(n->cause), "limitedUntil",
                     moment(n->limited_until_ms), "believedUntil", moment(n->hold_until_ms),
                     "estimateMilli", (json_int_t)n->estimate_milli, "estimateAt",
                     moment(n->estimate_wall_ms), "quota", quota_to_json(n));
}

static json_t *nodes_to_json(const struct memory *m)
{
    json_t *list = json_array();

    for (unsigned i = 0; list != NULL && i < m->node_count; i++) {
        if (json_array_append_new(list, node_to_json(&m->nodes[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *journal_to_json(const struct journal *j)
{
    json_t *list = json_array();

    for (unsigned i = 0; list != NULL && i < journal_len(j); i++) {
        const struct journal_entry *e = journal_at(j, i);
        if (json_array_append_new(list, journal_entry_to_json(e, json_integer(e->at_wall_ms))) <
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int memory_print(const struct memory *m, const struct journal *journal, struct buf *out)
{
    json_t *root =
        json_pack("{s:i, s:I, s:o, s:o, s:o}", "version", MEMORY_VERSION, "writtenAt",
                  (json_int_t)m->written_ms, "activeNode", word(m->active), "nodes",
                  nodes_to_json(m), "journal", journal_to_json(journal));
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    int r = text == NULL ? -ENOMEM : buf_append_slice(out, slice_of(text));

    if (r == 0)
        r = buf_append_slice(out, SLICE("\n"));
    free(text);
    json_decref(root);
    return r;
}

/* ---------------------------------------------------------------- from JSON */

static bool read_integer(const json_t *value, int64_t min, int64_t max, int64_t *ret_value)
{
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return false;
    *ret_value = json_integer_value(value);
    return true;
}

/* null is 0. */
static bool read_moment(const json_t *object, const char *key, int64_t *ret_ms)
{
    const json_t *value = json_object_get(object, key);

    *ret_ms = 0;
    return json_is_null(value) || read_integer(value, 0, MOMENT_MAX, ret_ms);
}

static bool read_amount(const json_t *object, const char *key, int64_t *ret_milli)
{
    return read_integer(json_object_get(object, key), -AMOUNT_MAX, AMOUNT_MAX, ret_milli);
}

static bool read_bool(const json_t *object, const char *key, bool *ret_value)
{
    const json_t *value = json_object_get(object, key);

    *ret_value = json_is_true(value);
    return json_is_boolean(value);
}

/* null is "". */
static bool read_word(const json_t *object, const char *key, char *ret_text, size_t size)
{
    const json_t *value = json_object_get(object, key);
    size_t len = json_string_length(value);

    ret_text[0] = '\0';
    if (json_is_null(value))
        return true;
    if (!json_is_string(value) || len >= size)
        return false;
    memcpy(ret_text, json_string_value(value), len + 1);
    return true;
}

static bool read_quota(const json_t *object, struct memory_node *n)
{
    struct quota *q = &n->quota;
    struct failover_usage *u = &q->usage;
    const json_t *remaining = json_object_get(object, "remainingMilli");
    const json_t *percent = json_object_get(object, "percentRemaining");

    if (json_is_null(object))
        return true;
    if (!json_is_object(object) || !(json_is_number(percent) || json_is_null(percent)))
        return false;
    n->has_quota = true;
    q->has_percent = json_is_number(percent);
    q->percent_remaining = json_number_value(percent);
    u->has_remaining = !json_is_null(remaining);
    bool is_ours = read_moment(object, "polledAt", &n->quota_wall_ms) &&
                   read_word(object, "plan", q->plan, sizeof q->plan) &&
                   read_amount(object, "entitlementMilli", &u->entitlement_milli) &&
                   read_bool(object, "unlimited", &u->is_unlimited) &&
                   read_bool(object, "exhausted", &u->is_exhausted) &&
                   read_bool(object, "overagePermitted", &u->is_overage_permitted) &&
                   read_moment(object, "resetAt", &n->reset_ms) &&
                   read_word(object, "resetDate", q->reset_date, sizeof q->reset_date);
    return is_ours &&
           (!u->has_remaining || read_amount(object, "remainingMilli", &u->remaining_milli));
}

static bool read_node(const json_t *object, struct memory_node *n)
{
    const char *cause = json_string_value(json_object_get(object, "cause"));

    *n = (struct memory_node){.cause = FAILOVER_CAUSE_NONE};
    if (cause == NULL)
        return false;
    n->cause = journal_cause(cause);
    return read_word(object, "name", n->name, sizeof n->name) && n->name[0] != '\0' &&
           read_bool(object, "drained", &n->is_drained) &&
           read_moment(object, "limitedUntil", &n->limited_until_ms) &&
           read_moment(object, "believedUntil", &n->hold_until_ms) &&
           read_amount(object, "estimateMilli", &n->estimate_milli) &&
           read_moment(object, "estimateAt", &n->estimate_wall_ms) &&
           read_quota(json_object_get(object, "quota"), n);
}

static bool read_nodes(const json_t *list, struct memory *m)
{
    size_t i;
    const json_t *object;

    if (!json_is_array(list) || json_array_size(list) > NODES_MAX)
        return false;
    json_array_foreach (list, i, object) {
        if (!read_node(object, &m->nodes[i]))
            return false;
        m->node_count++;
    }
    return true;
}

static bool read_journal(const json_t *list, struct journal *j)
{
    struct journal_entry e;
    size_t i;
    const json_t *object;

    if (!json_is_array(list))
        return false;
    json_array_foreach (list, i, object) {
        int64_t at_ms;
        if (journal_entry_from_json(object, &e) < 0 || !read_moment(object, "at", &at_ms))
            return false;
        e.at_wall_ms = at_ms;
        journal_add(j, &e);
    }
    return true;
}

static int read_root(const json_t *root, struct memory *m, struct journal *journal)
{
    int64_t version;

    if (!read_integer(json_object_get(root, "version"), 1, INT64_MAX, &version))
        return -EINVAL;
    if (version > MEMORY_VERSION)
        return -ENOTSUP;
    bool is_ours = read_moment(root, "writtenAt", &m->written_ms) &&
                   read_word(root, "activeNode", m->active, sizeof m->active) &&
                   read_nodes(json_object_get(root, "nodes"), m) &&
                   read_journal(json_object_get(root, "journal"), journal);
    return is_ours ? 0 : -EINVAL;
}

int memory_parse(struct slice json, struct memory *ret_memory, struct journal *ret_journal)
{
    json_error_t error;
    json_t *root = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, &error);

    if (root == NULL)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
    memset(ret_memory, 0, sizeof *ret_memory);
    memset(ret_journal, 0, sizeof *ret_journal);
    int r = read_root(root, ret_memory, ret_journal);
    json_decref(root);
    return r;
}

int64_t memory_version(struct slice json)
{
    json_error_t error;
    json_t *root = json_loadb(json.at, json.len, 0, &error);
    int64_t version = json_integer_value(json_object_get(root, "version"));

    json_decref(root);
    return version;
}

/* ---------------------------------------------------------------- use */

struct memory_node *memory_find(struct memory *m, const char *name)
{
    for (unsigned i = 0; m != NULL && i < m->node_count; i++) {
        if (strcmp(m->nodes[i].name, name) == 0)
            return &m->nodes[i];
    }
    return NULL;
}

/* From now until `at_ms`, 0 when that has passed or was never. */
static uint64_t distance(const struct memory *m, int64_t at_ms, int64_t now_ms)
{
    int64_t from_ms = now_ms > m->written_ms ? now_ms : m->written_ms;

    return at_ms > from_ms ? (uint64_t)(at_ms - from_ms) : 0;
}

static uint64_t limit(const struct memory *m, int64_t at_ms, int64_t now_ms)
{
    uint64_t in_ms = distance(m, at_ms, now_ms);

    return in_ms > LIMIT_MAX_MS ? 0 : in_ms;
}

void memory_facts(const struct memory *m, const struct memory_node *node, int64_t now_ms,
                  struct failover_memory *ret_facts)
{
    *ret_facts = (struct failover_memory){
        .is_active = strcmp(m->active, node->name) == 0,
        .is_drained = node->is_drained,
        .cause = node->cause,
        .limited_in_ms = limit(m, node->limited_until_ms, now_ms),
        .hold_in_ms = limit(m, node->hold_until_ms, now_ms),
        .has_usage = node->has_quota,
        .usage = node->quota.usage,
        .estimate_milli = node->estimate_milli,
    };
    ret_facts->usage.reset_in_ms = distance(m, node->reset_ms, now_ms);
}
