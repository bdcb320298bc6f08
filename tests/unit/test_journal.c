/* test_journal - the ring of switches and state changes, and its entries as JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/journal.h"

static const struct journal_entry switched = {
    .at_wall_ms = 1000,
    .type = JOURNAL_SWITCH,
    .cause = FAILOVER_CAUSE_RATE,
    .node = "second",
    .to = "first",
    .reason = "rate limited (429)",
    .request_id = "1a2b3c4d-7",
    .evidence = "status 429, code \"rate_limited\"",
};
static const struct journal_entry changed = {
    .at_wall_ms = 2000,
    .type = JOURNAL_STATE,
    .cause = FAILOVER_CAUSE_CHECKED,
    .node = "first",
    .old_state = NODE_STARTING,
    .new_state = NODE_READY,
    .reason = "quota checked",
};

static struct journal journal;

static int setup(void **state)
{
    (void)state;
    journal = (struct journal){0};
    return 0;
}

static void add_numbered(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct journal_entry e = changed;
        e.at_wall_ms = (int64_t)journal.count;
        journal_add(&journal, &e);
    }
}

static void it_begins_empty(void **state)
{
    (void)state;
    assert_int_equal(journal_len(&journal), 0);
}

static void entries_come_back_oldest_first(void **state)
{
    (void)state;
    add_numbered(3);
    assert_int_equal(journal_len(&journal), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(journal_at(&journal, i)->at_wall_ms, i);
}

static void a_full_one_keeps_the_newest(void **state)
{
    (void)state;
    add_numbered(JOURNAL_MAX + 7);
    assert_int_equal(journal_len(&journal), JOURNAL_MAX);
    assert_int_equal(journal_at(&journal, 0)->at_wall_ms, 7);
    assert_int_equal(journal_at(&journal, JOURNAL_MAX - 1)->at_wall_ms, JOURNAL_MAX + 6);
}

static void an_entry_is_a_copy(void **state)
{
    struct journal_entry e = changed;

    (void)state;
    journal_add(&journal, &e);
    e.node[0] = 'x';
    assert_string_equal(journal_at(&journal, 0)->node, "first");
}

static void is_written_as(const struct journal_entry *e, const char *expected)
{
    json_t *object = journal_entry_to_json(e, json_integer(e->at_wall_ms));

    assert_non_null(object);
    char *text = json_dumps(object, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(object);
}

static void a_switch_tells_whence_whither_and_why(void **state)
{
    (void)state;
    is_written_as(&switched, "{\"at\":1000,\"type\":\"switch\",\"from\":\"second\",\"to\":"
                             "\"first\",\"cause\":\"rate\",\"reason\":\"rate limited (429)\","
                             "\"requestId\":\"1a2b3c4d-7\",\"evidence\":\"status 429, code "
                             "\\\"rate_limited\\\"\"}");
}

static void a_state_change_tells_both_states_and_null_for_what_is_not_known(void **state)
{
    (void)state;
    is_written_as(&changed, "{\"at\":2000,\"type\":\"state\",\"node\":\"first\",\"from\":"
                            "\"STARTING\",\"to\":\"READY\",\"cause\":\"checked\",\"reason\":"
                            "\"quota checked\",\"requestId\":null,\"evidence\":null}");
}

static void comes_back(const struct journal_entry *e)
{
    struct journal_entry got;
    json_t *object = journal_entry_to_json(e, json_null());

    assert_int_equal(journal_entry_from_json(object, &got), 0);
    json_t *again = journal_entry_to_json(&got, json_null());
    assert_true(json_equal(object, again));
    json_decref(again);
    json_decref(object);
}

static void both_kinds_come_back_as_they_were_written(void **state)
{
    (void)state;
    comes_back(&switched);
    comes_back(&changed);
}

static void every_state_and_every_cause_comes_back(void **state)
{
    struct journal_entry e = changed;

    (void)state;
    for (int i = 0; i < NODE_STATE_COUNT; i++) {
        e.old_state = (enum node_state)i;
        e.new_state = (enum node_state)(NODE_STATE_COUNT - 1 - i);
        comes_back(&e);
    }
    for (int i = 0; i < FAILOVER_CAUSE_COUNT; i++) {
        e.cause = (enum failover_cause)i;
        comes_back(&e);
    }
}

static void a_cause_of_another_program_keeps_its_sentence(void **state)
{
    struct journal_entry got;
    json_t *object = journal_entry_to_json(&switched, json_null());

    (void)state;
    json_object_set_new(object, "cause", json_string("boredom"));
    json_object_set_new(object, "more", json_true());
    assert_int_equal(journal_entry_from_json(object, &got), 0);
    assert_int_equal(got.cause, FAILOVER_CAUSE_NONE);
    assert_string_equal(got.reason, "rate limited (429)");
    json_decref(object);
}

/* Each field once missing, of a wrong type, unknown, or too long. */
static void whatever_is_not_an_entry_is_refused(void **state)
{
    static const char *const keys[] = {"type",  "node",   "from",      "to",
                                       "cause", "reason", "requestId", "evidence"};
    static const char *const may_be_null[] = {"requestId", "evidence"};
    char text[REASON_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *const bad[] = {NULL, json_integer(1), json_null(), json_string(text)};
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            struct journal_entry got;
            json_t *object = journal_entry_to_json(&changed, json_null());
            bool may_pass = k == 2 && (strcmp(keys[i], may_be_null[0]) == 0 ||
                                       strcmp(keys[i], may_be_null[1]) == 0);
            may_pass = may_pass || (k == 3 && strcmp(keys[i], "cause") == 0);
            if (bad[k] == NULL)
                json_object_del(object, keys[i]);
            else
                json_object_set_new(object, keys[i], bad[k]);
            int r = journal_entry_from_json(object, &got);
            if (r != (may_pass ? 0 : -EINVAL))
                fail_msg("%s, case %zu: %d", keys[i], k, r);
            json_decref(object);
        }
    }
    struct journal_entry got;
    assert_int_equal(journal_entry_from_json(NULL, &got), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_begins_empty, setup),
        cmocka_unit_test_setup(entries_come_back_oldest_first, setup),
        cmocka_unit_test_setup(a_full_one_keeps_the_newest, setup),
        cmocka_unit_test_setup(an_entry_is_a_copy, setup),
        cmocka_unit_test(a_switch_tells_whence_whither_and_why),
        cmocka_unit_test(a_state_change_tells_both_states_and_null_for_what_is_not_known),
        cmocka_unit_test(both_kinds_come_back_as_they_were_written),
        cmocka_unit_test(every_state_and_every_cause_comes_back),
        cmocka_unit_test(a_cause_of_another_program_keeps_its_sentence),
        cmocka_unit_test(whatever_is_not_an_entry_is_refused),
    };

    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
