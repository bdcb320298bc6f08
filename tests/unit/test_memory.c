/* test_memory - what survives a restart: there and back, and everything that is no memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS INT64_C(1000)
#define DAY_MS    (24 * 3600 * SECOND_MS)
#define NOW_MS    INT64_C(1764547200000) /* 2025-12-01T00:00:00Z */

static struct memory sample;
static struct memory got;
static struct journal journal;
static struct journal got_journal;
static struct buf text;

/* A node that is drained, one that is throttled, one that was never asked; two entries. */
static int setup(void **state)
{
    (void)state;
    sample = (struct memory){
        .written_ms = NOW_MS,
        .active = "second",
        .node_count = 3,
        .nodes =
            {
                {
                    .name = "first",
                    .is_drained = true,
                    .cause = FAILOVER_CAUSE_QUOTA,
                    .hold_until_ms = NOW_MS + 300 * SECOND_MS,
                    .has_quota = true,
                    .quota = {.usage = {.has_remaining = true,
                                        .remaining_milli = -1500,
                                        .entitlement_milli = 300000,
                                        .is_exhausted = true,
                                        .is_overage_permitted = true},
                              .plan = "individual",
                              .reset_date = "2026-01-01",
                              .percent_remaining = -0.5,
                              .has_percent = true},
                    .quota_wall_ms = NOW_MS - 7 * SECOND_MS,
                    .reset_ms = NOW_MS + 31 * DAY_MS,
                    .estimate_milli = -1500,
                    .estimate_wall_ms = NOW_MS - 3 * SECOND_MS,
                },
                {
                    .name = "second",
                    .cause = FAILOVER_CAUSE_RATE,
                    .limited_until_ms = NOW_MS + 60 * SECOND_MS,
                    .has_quota = true,
                    .quota = {.usage = {.is_unlimited = true}, .percent_remaining = -1},
                    .quota_wall_ms = NOW_MS,
                },
                {.name = "third"},
            },
    };
    journal = (struct journal){0};
    struct journal_entry e = {.at_wall_ms = NOW_MS - 2,
                              .type = JOURNAL_SWITCH,
                              .cause = FAILOVER_CAUSE_QUOTA,
                              .node = "first",
                              .to = "second",
                              .reason = "quota exhausted (refused with 402)",
                              .request_id = "abc",
                              .evidence = "status 402"};
    journal_add(&journal, &e);
    e = (struct journal_entry){.at_wall_ms = NOW_MS - 1,
                               .type = JOURNAL_STATE,
                               .cause = FAILOVER_CAUSE_RATE,
                               .node = "second",
                               .old_state = NODE_READY,
                               .new_state = NODE_RATE_LIMITED,
                               .reason = "rate limited (429)"};
    journal_add(&journal, &e);
    buf_init(&text, 0);
    return memory_print(&sample, &journal, &text);
}

static int teardown(void **state)
{
    (void)state;
    buf_done(&text);
    return 0;
}

/* ---------------------------------------------------------------- there and back */

static void is_read(void)
{
    assert_int_equal(memory_parse(buf_slice(&text), &got, &got_journal), 0);
}

static void it_comes_back_as_it_was_written(void **state)
{
    struct buf again;

    (void)state;
    is_read();
    buf_init(&again, 0);
    assert_int_equal(memory_print(&got, &got_journal, &again), 0);
    assert_true(slice_equal(buf_slice(&again), buf_slice(&text)));
    buf_done(&again);
}

static void every_fact_about_a_node_comes_back(void **state)
{
    (void)state;
    is_read();
    assert_int_equal(got.written_ms, NOW_MS);
    assert_string_equal(got.active, "second");
    assert_int_equal(got.node_count, 3);
    const struct memory_node *n = memory_find(&got, "first");
    assert_non_null(n);
    assert_true(n->is_drained && n->has_quota);
    assert_int_equal(n->cause, FAILOVER_CAUSE_QUOTA);
    assert_int_equal(n->limited_until_ms, 0);
    assert_int_equal(n->hold_until_ms, NOW_MS + 300 * SECOND_MS);
    assert_int_equal(n->quota_wall_ms, NOW_MS - 7 * SECOND_MS);
    assert_int_equal(n->reset_ms, NOW_MS + 31 * DAY_MS);
    assert_int_equal(n->estimate_milli, -1500);
    assert_int_equal(n->estimate_wall_ms, NOW_MS - 3 * SECOND_MS);
    assert_string_equal(n->quota.plan, "individual");
    assert_string_equal(n->quota.reset_date, "2026-01-01");
    assert_true(n->quota.percent_remaining == -0.5);
    assert_true(n->quota.usage.has_remaining && n->quota.usage.is_exhausted);
    assert_true(n->quota.usage.is_overage_permitted && n->quota.has_percent);
    assert_int_equal(n->quota.usage.remaining_milli, -1500);
    assert_int_equal(n->quota.usage.entitlement_milli, 300000);
    n = memory_find(&got, "second");
    assert_true(n->quota.usage.is_unlimited && !n->quota.usage.has_remaining);
    assert_int_equal(n->limited_until_ms, NOW_MS + 60 * SECOND_MS);
    assert_false(memory_find(&got, "third")->has_quota);
    assert_null(memory_find(&got, "fourth"));
    assert_null(memory_find(NULL, "first"));
}

static void the_journal_comes_back_with_its_times(void **state)
{
    (void)state;
    is_read();
    assert_int_equal(journal_len(&got_journal), 2);
    assert_int_equal(journal_at(&got_journal, 0)->at_wall_ms, NOW_MS - 2);
    assert_string_equal(journal_at(&got_journal, 0)->evidence, "status 402");
    assert_int_equal(journal_at(&got_journal, 1)->new_state, NODE_RATE_LIMITED);
}

static void the_text_is_one_line(void **state)
{
    (void)state;
    assert_ptr_equal(memchr(text.data, '\n', text.len), text.data + text.len - 1);
}

static void the_longest_memory_fits_into_the_file(void **state)
{
    struct journal_entry e = {.at_wall_ms = NOW_MS, .type = JOURNAL_SWITCH};
    char *const texts[] = {e.node, e.to, e.reason, e.request_id, e.evidence};
    const size_t sizes[] = {sizeof e.node, sizeof e.to, sizeof e.reason, sizeof e.request_id,
                            sizeof e.evidence};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        memset(texts[i], '"', sizes[i] - 1); /* takes two bytes in JSON */
    for (unsigned i = 0; i < JOURNAL_MAX; i++)
        journal_add(&journal, &e);
    sample.node_count = NODES_MAX;
    for (unsigned i = 0; i < NODES_MAX; i++) {
        sample.nodes[i] = sample.nodes[0];
        memset(sample.nodes[i].name, '"', NODE_NAME_MAX);
    }
    buf_clear(&text);
    assert_int_equal(memory_print(&sample, &journal, &text), 0);
    assert_in_range(text.len, 250000, STATE_FILE_BYTES_MAX / 2);
    is_read();
    assert_int_equal(got.node_count, NODES_MAX);
    assert_int_equal(journal_len(&got_journal), JOURNAL_MAX);
}

/* ---------------------------------------------------------------- what is no memory */

static void every_cut_of_it_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len < text.len - 1; len++)
        assert_int_equal(memory_parse((struct slice){text.data, len}, &got, &got_journal),
                         -EINVAL);
}

static void no_changed_byte_is_a_crash(void **state)
{
    (void)state;
    for (size_t i = 0; i < text.len; i++) {
        char kept = text.data[i];
        for (int bit = 0; bit < 8; bit++) {
            text.data[i] = (char)(kept ^ (1 << bit));
            int r = memory_parse(buf_slice(&text), &got, &got_journal);
            assert_true(r == 0 || r == -EINVAL || r == -ENOTSUP);
        }
        text.data[i] = kept;
    }
}

static json_t *root_of_sample(void)
{
    json_error_t error;

    return json_loadb(text.data, text.len, 0, &error);
}

static int parse_json(json_t *root)
{
    char *dump = json_dumps(root, 0);
    int r = memory_parse(slice_of(dump), &got, &got_journal);

    free(dump);
    json_decref(root);
    return r;
}

/* Walks to "nodes[0].quota" and the like; digits index arrays. */
static json_t *walk(json_t *root, const char *path)
{
    char part[32];

    while (*path != '\0') {
        size_t len = strcspn(path, ".");
        (void)snprintf(part, sizeof part, "%.*s", (int)len, path);
        root = part[0] == '0' ? json_array_get(root, 0) : json_object_get(root, part);
        path += len + (path[len] == '.');
    }
    return root;
}

static const struct field {
    const char *object;
    const char *key;
    bool may_be_null;
} fields[] = {
    {"", "version", false},
    {"", "writtenAt", true},
    {"", "activeNode", true},
    {"", "nodes", false},
    {"", "journal", false},
    {"nodes.0", "name", false},
    {"nodes.0", "drained", false},
    {"nodes.0", "cause", false},
    {"nodes.0", "limitedUntil", true},
    {"nodes.0", "believedUntil", true},
    {"nodes.0", "estimateMilli", false},
    {"nodes.0", "estimateAt", true},
    {"nodes.0", "quota", true},
    {"nodes.0.quota", "polledAt", true},
    {"nodes.0.quota", "plan", true},
    {"nodes.0.quota", "remainingMilli", true},
    {"nodes.0.quota", "entitlementMilli", false},
    {"nodes.0.quota", "percentRemaining", true},
    {"nodes.0.quota", "unlimited", false},
    {"nodes.0.quota", "exhausted", false},
    {"nodes.0.quota", "overagePermitted", false},
    {"nodes.0.quota", "resetAt", true},
    {"nodes.0.quota", "resetDate", true},
    {"journal.0", "at", true},
};

/* The table must not fall behind what is written. */
static void every_field_is_in_the_table(void **state)
{
    static const char *const objects[] = {"", "nodes.0", "nodes.0.quota"};
    json_t *root = root_of_sample();

    (void)state;
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        size_t rows = 0;
        for (size_t k = 0; k < sizeof fields / sizeof fields[0]; k++)
            rows += strcmp(fields[k].object, objects[i]) == 0;
        assert_int_equal(json_object_size(walk(root, objects[i])), rows);
    }
    json_decref(root);
}

static void a_field_that_is_missing_or_of_another_type_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const struct field *f = &fields[i];
        for (int k = 0; k < 3; k++) {
            json_t *root = root_of_sample();
            json_t *object = walk(root, f->object);
            assert_non_null(json_object_get(object, f->key));
            if (k == 0)
                json_object_del(object, f->key);
            else if (k == 1)
                json_object_set_new(object, f->key, json_null());
            else
                json_object_set_new(object, f->key, json_pack("[[]]"));
            int r = parse_json(root);
            if (r != (k == 1 && f->may_be_null ? 0 : -EINVAL))
                fail_msg("%s %s, case %d: %d", f->object, f->key, k, r);
        }
    }
}

static void a_number_beyond_all_bounds_is_refused(void **state)
{
    static const char *const keys[] = {"limitedUntil", "believedUntil", "estimateMilli"};
    const json_int_t values[] = {INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 2; k++) {
            json_t *root = root_of_sample();
            json_object_set_new(walk(root, "nodes.0"), keys[i], json_integer(values[k]));
            assert_int_equal(parse_json(root), -EINVAL);
        }
    }
}

static void texts_that_are_too_long_are_refused(void **state)
{
    char longer[REASON_MAX + 1];

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    json_t *root = root_of_sample();
    json_object_set_new(root, "activeNode", json_string(longer));
    assert_int_equal(parse_json(root), -EINVAL);
    root = root_of_sample();
    json_object_set_new(walk(root, "nodes.0"), "name", json_string(longer));
    assert_int_equal(parse_json(root), -EINVAL);
    root = root_of_sample();
    json_object_set_new(walk(root, "nodes.0"), "name", json_string(""));
    assert_int_equal(parse_json(root), -EINVAL);
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "null",
                                        "[]",
                                        "1",
                                        "\"x\"",
                                        "{}",
                                        "{\"version\":1}",
                                        "{\"version\":1,\"version\":1}",
                                        "\xff",
                                        "{\"version\""};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(memory_parse(slice_of(texts[i]), &got, &got_journal), -EINVAL);
}

static void fields_that_it_does_not_know_are_ignored(void **state)
{
    static const char *const objects[] = {"", "nodes.0", "nodes.0.quota", "journal.0"};
    json_t *root = root_of_sample();

    (void)state;
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
        json_object_set_new(walk(root, objects[i]), "future", json_pack("{s:[i]}", "x", 1));
    assert_int_equal(parse_json(root), 0);
}

static void a_newer_version_is_named_and_not_read(void **state)
{
    const struct slice newer = SLICE("{\"version\":7,\"everything\":\"else\"}");

    (void)state;
    assert_int_equal(memory_parse(newer, &got, &got_journal), -ENOTSUP);
    assert_int_equal(memory_version(newer), 7);
    assert_int_equal(memory_version(buf_slice(&text)), MEMORY_VERSION);
    assert_int_equal(memory_version(SLICE("rubbish")), 0);
    assert_int_equal(memory_version(SLICE("[]")), 0);
    assert_int_equal(memory_parse(SLICE("{\"version\":0}"), &got, &got_journal), -EINVAL);
}

static void a_longer_journal_keeps_its_end(void **state)
{
    json_t *root = root_of_sample();
    json_t *list = json_object_get(root, "journal");

    (void)state;
    for (int i = 0; i < JOURNAL_MAX; i++) {
        json_t *entry = json_deep_copy(json_array_get(list, 1));
        json_object_set_new(entry, "at", json_integer(NOW_MS + i));
        json_array_append_new(list, entry);
    }
    assert_int_equal(parse_json(root), 0);
    assert_int_equal(journal_len(&got_journal), JOURNAL_MAX);
    assert_int_equal(journal_at(&got_journal, 0)->at_wall_ms, NOW_MS);
}

static void more_nodes_than_there_can_be_are_refused(void **state)
{
    json_t *root = root_of_sample();
    json_t *nodes = json_object_get(root, "nodes");

    (void)state;
    while (json_array_size(nodes) <= NODES_MAX)
        json_array_append(nodes, json_array_get(nodes, 0));
    assert_int_equal(parse_json(root), -EINVAL);
}

/* ---------------------------------------------------------------- no memory left */

static unsigned allocations_left;

static void *fail_at_last(size_t size)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return malloc(size);
}

static void every_allocation_may_fail(void **state)
{
    struct buf out;
    int r = -ENOMEM;

    (void)state;
    for (unsigned n = 0; r != 0; n++) {
        allocations_left = n;
        json_set_alloc_funcs(fail_at_last, free);
        buf_init(&out, 0);
        r = memory_print(&sample, &journal, &out);
        json_set_alloc_funcs(malloc, free);
        assert_true(r == 0 || r == -ENOMEM);
        buf_done(&out);
    }
    r = -ENOMEM;
    for (unsigned n = 0; r != 0; n++) {
        allocations_left = n;
        json_set_alloc_funcs(fail_at_last, free);
        r = memory_parse(buf_slice(&text), &got, &got_journal);
        json_set_alloc_funcs(malloc, free);
        /* jansson does not always say why it failed. */
        assert_true(r == 0 || r == -ENOMEM || r == -EINVAL);
    }
}

/* ---------------------------------------------------------------- moments and distances */

static struct failover_memory facts_at(const char *name, int64_t now_ms)
{
    struct failover_memory facts;

    is_read();
    memory_facts(&got, memory_find(&got, name), now_ms, &facts);
    return facts;
}

static void moments_become_distances(void **state)
{
    (void)state;
    struct failover_memory f = facts_at("first", NOW_MS + 10 * SECOND_MS);
    assert_true(f.is_drained && f.has_usage && !f.is_active);
    assert_int_equal(f.cause, FAILOVER_CAUSE_QUOTA);
    assert_int_equal(f.hold_in_ms, 290 * SECOND_MS);
    assert_int_equal(f.limited_in_ms, 0);
    assert_int_equal(f.usage.reset_in_ms, 31 * DAY_MS - 10 * SECOND_MS);
    assert_int_equal(f.usage.remaining_milli, -1500);
    assert_int_equal(f.estimate_milli, -1500);
    f = facts_at("second", NOW_MS + 59 * SECOND_MS);
    assert_true(f.is_active);
    assert_int_equal(f.limited_in_ms, SECOND_MS);
}

static void what_has_passed_meanwhile_is_over(void **state)
{
    (void)state;
    assert_int_equal(facts_at("second", NOW_MS + 60 * SECOND_MS).limited_in_ms, 0);
    struct failover_memory f = facts_at("first", NOW_MS + 40 * DAY_MS);
    assert_int_equal(f.usage.reset_in_ms, 0);
    assert_int_equal(f.hold_in_ms, 0);
    assert_true(f.is_drained);
}

static void a_clock_that_was_set_back_makes_nothing_longer(void **state)
{
    (void)state;
    assert_int_equal(facts_at("second", NOW_MS - 300 * DAY_MS).limited_in_ms, 60 * SECOND_MS);
    struct failover_memory f = facts_at("first", NOW_MS - SECOND_MS);
    assert_int_equal(f.hold_in_ms, 300 * SECOND_MS);
    assert_int_equal(f.usage.reset_in_ms, 31 * DAY_MS);
}

static void a_limit_of_more_than_31_days_is_none(void **state)
{
    (void)state;
    sample.nodes[1].limited_until_ms = NOW_MS + 31 * DAY_MS;
    sample.nodes[0].hold_until_ms = NOW_MS + 31 * DAY_MS + 1;
    sample.nodes[0].reset_ms = NOW_MS + 1000 * DAY_MS;
    buf_clear(&text);
    assert_int_equal(memory_print(&sample, &journal, &text), 0);
    assert_int_equal(facts_at("second", NOW_MS).limited_in_ms, 31 * DAY_MS);
    assert_int_equal(facts_at("first", NOW_MS).hold_in_ms, 0);
    assert_int_equal(facts_at("first", NOW_MS).usage.reset_in_ms, 1000 * DAY_MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_comes_back_as_it_was_written),
        TEST(every_fact_about_a_node_comes_back),
        TEST(the_journal_comes_back_with_its_times),
        TEST(the_text_is_one_line),
        TEST(the_longest_memory_fits_into_the_file),
        TEST(every_cut_of_it_is_refused),
        TEST(no_changed_byte_is_a_crash),
        TEST(every_field_is_in_the_table),
        TEST(a_field_that_is_missing_or_of_another_type_is_refused),
        TEST(a_number_beyond_all_bounds_is_refused),
        TEST(texts_that_are_too_long_are_refused),
        TEST(what_is_no_object_is_refused),
        TEST(fields_that_it_does_not_know_are_ignored),
        TEST(a_newer_version_is_named_and_not_read),
        TEST(a_longer_journal_keeps_its_end),
        TEST(more_nodes_than_there_can_be_are_refused),
        TEST(every_allocation_may_fail),
        TEST(moments_become_distances),
        TEST(what_has_passed_meanwhile_is_over),
        TEST(a_clock_that_was_set_back_makes_nothing_longer),
        TEST(a_limit_of_more_than_31_days_is_none),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
