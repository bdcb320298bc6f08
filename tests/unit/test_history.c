/* test_history - the ring of events.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void events_are_numbered_from_1_and_kept_as_they_are_sent(void **state)
{
    static struct history h;

    (void)state;
    assert_null(history_at(&h, 0));
    assert_null(history_at(&h, 1));
    history_add(&h, "switch", json_pack("{s:s}", "to", "b"));
    assert_string_equal(history_at(&h, 1), "event: switch\ndata: {\"to\":\"b\"}\n");
    assert_null(history_at(&h, 2));
    history_done(&h);
}

static void the_oldest_make_room(void **state)
{
    static struct history h;

    (void)state;
    for (int i = 1; i <= EVENTS_KEPT_MAX + 3; i++)
        history_add(&h, "x", json_pack("{s:i}", "n", i));
    assert_null(history_at(&h, 3));
    assert_string_equal(history_at(&h, 4), "event: x\ndata: {\"n\":4}\n");
    assert_non_null(history_at(&h, EVENTS_KEPT_MAX + 3));
    assert_null(history_at(&h, EVENTS_KEPT_MAX + 4));
    history_done(&h);
}

static void an_event_without_memory_is_a_gap(void **state)
{
    static struct history h;

    (void)state;
    history_add(&h, "x", NULL);
    history_add(&h, "x", json_object());
    assert_null(history_at(&h, 1));
    assert_non_null(history_at(&h, 2));
    history_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_numbered_from_1_and_kept_as_they_are_sent),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(an_event_without_memory_is_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
