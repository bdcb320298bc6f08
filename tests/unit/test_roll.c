/* test_roll - which node a reload takes up next.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/roll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct roll_node nodes[NODES_MAX];

static int clear(void **state)
{
    (void)state;
    memset(nodes, 0, sizeof nodes);
    return 0;
}

/* Three nodes that are up, of which the last one serves, and all have something to do. */
static void all_restart(void)
{
    for (unsigned i = 0; i < 3; i++)
        nodes[i] = (struct roll_node){
            .task = ROLL_RESTART, .is_up = true, .is_active = i == 2, .rank = i};
}

static void next_is(unsigned slot)
{
    unsigned held_by;

    assert_int_equal(roll_next(nodes, &held_by), slot);
    assert_int_equal(held_by, NODES_MAX);
}

static void without_work_nobody_is_next(void **state)
{
    (void)state;
    nodes[1] = (struct roll_node){.is_up = true, .is_active = true};
    next_is(NODES_MAX);
    assert_true(roll_is_over(nodes));
}

static void standbys_go_first_by_rank_and_the_active_one_last(void **state)
{
    (void)state;
    all_restart();
    nodes[0].rank = 5;
    next_is(1);
    nodes[1].task = ROLL_NOTHING;
    next_is(0);
    nodes[0].task = ROLL_NOTHING;
    next_is(2);
    assert_false(roll_is_over(nodes));
}

static void who_becomes_active_meanwhile_goes_last(void **state)
{
    (void)state;
    all_restart();
    nodes[2].is_active = false;
    nodes[0].is_active = true;
    next_is(1);
    nodes[1].task = ROLL_NOTHING;
    next_is(2);
}

static void nodes_that_are_down_go_before_all(void **state)
{
    (void)state;
    all_restart();
    nodes[7] = (struct roll_node){.task = ROLL_RESTART, .rank = 9};
    next_is(7);
}

static void nobody_is_next_while_a_turn_is_not_over(void **state)
{
    (void)state;
    all_restart();
    nodes[1].is_taken_up = true;
    next_is(NODES_MAX);
    nodes[1].task = ROLL_NOTHING; /* started anew, and not up yet */
    next_is(NODES_MAX);
    nodes[0].task = nodes[2].task = ROLL_NOTHING;
    assert_false(roll_is_over(nodes));
}

static void a_node_that_does_not_come_up_again_keeps_those_that_work(void **state)
{
    unsigned held_by;

    (void)state;
    all_restart();
    nodes[0] = (struct roll_node){.has_failed = true};
    assert_int_equal(roll_next(nodes, &held_by), NODES_MAX);
    assert_int_equal(held_by, 0);
    nodes[5] = (struct roll_node){.task = ROLL_RESTART};
    next_is(5); /* it is down anyway */
    nodes[5].task = ROLL_NOTHING;
    nodes[0].has_failed = false;
    next_is(1);
}

static void a_node_that_failed_can_itself_be_taken_up_again(void **state)
{
    (void)state;
    all_restart();
    nodes[0].has_failed = true;
    nodes[0].is_up = false;
    next_is(0);
}

static void a_node_that_failed_and_is_to_go_keeps_nobody(void **state)
{
    (void)state;
    all_restart();
    nodes[0] = (struct roll_node){.task = ROLL_REMOVE, .has_failed = true, .is_taken_up = true};
    next_is(NODES_MAX);
    nodes[0].is_taken_up = false;
    next_is(0);
}

static void the_active_one_may_be_the_only_one(void **state)
{
    (void)state;
    nodes[3] = (struct roll_node){.task = ROLL_REMOVE, .is_up = true, .is_active = true};
    next_is(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_work_nobody_is_next, clear),
        cmocka_unit_test_setup(standbys_go_first_by_rank_and_the_active_one_last, clear),
        cmocka_unit_test_setup(who_becomes_active_meanwhile_goes_last, clear),
        cmocka_unit_test_setup(nodes_that_are_down_go_before_all, clear),
        cmocka_unit_test_setup(nobody_is_next_while_a_turn_is_not_over, clear),
        cmocka_unit_test_setup(a_node_that_does_not_come_up_again_keeps_those_that_work, clear),
        cmocka_unit_test_setup(a_node_that_failed_can_itself_be_taken_up_again, clear),
        cmocka_unit_test_setup(a_node_that_failed_and_is_to_go_keeps_nobody, clear),
        cmocka_unit_test_setup(the_active_one_may_be_the_only_one, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
