/* test_price - which row prices a model, and what the shipped rows say.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "price.h"

static int32_t shipped(const char *model)
{
    return price_milli(price_shipped, price_shipped_count, slice_of(model));
}

static void the_classes_of_models_have_their_multipliers(void **state)
{
    static const struct price expected[] = {
        {"gpt-4.1", 0},
        {"gpt-4o", 0},
        {"gpt-5-mini", 0},
        {"claude-haiku-4.5", 330},
        {"gemini-2.0-flash-001", 250},
        {"o4-mini", 330},
        {"claude-sonnet-4.5", 1000},
        {"claude-opus-4.5", 3000},
        {"claude-opus-41", 10000},
        {"claude-opus-4", 10000},
        {"claude-opus-4.6", 3000},
        {"claude-opus-4.6-fast", 30000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(shipped(expected[i].model), expected[i].milli);
}

static void a_model_that_no_row_names_costs_the_default(void **state)
{
    static const struct price dear[] = {{"gpt-4.1", 0}, {PRICE_DEFAULT, 2500}};

    (void)state;
    assert_int_equal(shipped("gpt-5"), 1000);
    assert_int_equal(shipped(""), 1000);
    assert_int_equal(price_milli(dear, 2, SLICE("gpt-5")), 2500);
    assert_int_equal(price_milli(dear, 2, SLICE("")), 2500);
    assert_int_equal(price_milli(dear, 2, SLICE("gpt-4.1")), 0);
    assert_int_equal(price_milli(dear, 1, SLICE("gpt-5")), 1000);
    assert_int_equal(price_milli(NULL, 0, SLICE("gpt-4.1")), 1000);
}

static void the_longest_name_wins_wherever_it_stands(void **state)
{
    static const struct price rows[] = {{"gpt-5-mini", 1},
                                        {"gpt", 2},
                                        {"gpt-5-mini-high", 3},
                                        {"gpt-5", 4},
                                        {PRICE_DEFAULT, 5}};

    (void)state;
    assert_int_equal(price_milli(rows, 5, SLICE("gpt-5-mini-2026")), 1);
    assert_int_equal(price_milli(rows, 5, SLICE("gpt-4")), 2);
    assert_int_equal(price_milli(rows, 5, SLICE("gpt-5-mini-high-2")), 3);
    assert_int_equal(price_milli(rows, 5, SLICE("gpt-5-min")), 4);
    assert_int_equal(price_milli(rows, 5, SLICE("gp")), 5);
}

static void a_model_named_default_is_not_the_row_of_that_name(void **state)
{
    static const struct price rows[] = {{PRICE_DEFAULT, 5}, {"def", 6}};

    (void)state;
    assert_int_equal(price_milli(rows, 2, SLICE("default-model")), 6);
}

static void no_shipped_row_hides_another(void **state)
{
    (void)state;
    assert_true(price_shipped_count <= MULTIPLIERS_MAX);
    for (size_t i = 0; i < price_shipped_count; i++) {
        assert_true(price_shipped[i].milli >= 0);
        assert_true(strlen(price_shipped[i].model) > 0);
        assert_int_equal(shipped(price_shipped[i].model), price_shipped[i].milli);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(price_shipped[i].model, price_shipped[j].model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_classes_of_models_have_their_multipliers),
        cmocka_unit_test(a_model_that_no_row_names_costs_the_default),
        cmocka_unit_test(the_longest_name_wins_wherever_it_stands),
        cmocka_unit_test(a_model_named_default_is_not_the_row_of_that_name),
        cmocka_unit_test(no_shipped_row_hides_another),
    };
    return cmocka_run_group_tests_name("price", tests, NULL, NULL);
}
