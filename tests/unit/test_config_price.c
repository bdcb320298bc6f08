/* test_config_price - [multipliers]: what the file may say, and what is made of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config_fixture.h"

#include "price.h"

/* `out` as a C string; the caller frees it with buf_done(). */
static const char *text_of(struct buf *out)
{
    assert_int_equal(buf_append(out, "", 1), 0);
    return out->data;
}

static int32_t price_in(const struct config *c, const char *model)
{
    return price_milli(c->quota.multipliers, c->quota.multiplier_count, slice_of(model));
}

static void multipliers_replace_the_shipped_ones_or_join_them(void **state)
{
    struct config *c =
        fixture_load("[multipliers]\ngpt-4.1 = 1.5\ngpt-4.1-nano = 0.125\nclaude-opus = 10.00\n"
                     "default = 2\nvendor/model_7.x = 1000\nBIG = 000.5 ; with a comment\n");

    (void)state;
    assert_int_equal(c->quota.multiplier_count, price_shipped_count + 3);
    assert_int_equal(price_in(c, "gpt-4.1"), 1500);
    assert_int_equal(price_in(c, "gpt-4.1-2025-04-14"), 1500);
    assert_int_equal(price_in(c, "gpt-4.1-nano-1"), 125);
    assert_int_equal(price_in(c, "gpt-4o"), 0);
    assert_int_equal(price_in(c, "claude-opus-4"), 10000);
    assert_int_equal(price_in(c, "claude-opus-4.5"), 3000); /* the shipped name is longer */
    assert_int_equal(price_in(c, "vendor/model_7.x"), 1000000);
    assert_int_equal(price_in(c, "BIG"), 500);
    assert_int_equal(price_in(c, "never-heard-of"), 2000);
    config_free(c);
}

static void multipliers_are_decimals_with_three_places(void **state)
{
    static const struct {
        const char *written;
        const char *told;
    } lines[] = {
        {"-1", "'-1'; 0 is for a model that costs nothing"},
        {"free", "'free'"},
        {"", "''"},
        {"0.3333", "'0.3333'"},
        {"0,33", "'0,33'; decimals follow a point"},
        {".5", "'.5'"},
        {"5.", "'5.'"},
        {"1e3", "'1e3'"},
        {"1000.001", "'1000.001'"},
        {"1001", "'1001'"},
        {"99999999999999999999999", "'99999999999999999999999'"},
    };
    char text[128];
    char expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        (void)snprintf(text, sizeof text, "[multipliers]\ngpt-4.1 = %s\n", lines[i].written);
        (void)snprintf(
            expected, sizeof expected,
            "t.ini:2: [multipliers] gpt-4.1 must be 0..1000 with at most 3 decimals, "
            "such as 0.33, got %s\n",
            lines[i].told);
        fixture_refuse(text, expected);
    }
    fixture_refuse("[multipliers]\nqwen:7b = 1\n",
                   "t.ini:2: [multipliers] qwen must be 0..1000 with at most 3 decimals, such "
                   "as 0.33, got '7b = 1'; a ':' ends the name: write the part before it\n");
}

static void a_multiplier_stands_once_and_is_no_setting(void **state)
{
    (void)state;
    fixture_refuse("[multipliers]\ngpt-4.1 = 0\ngpt-4.1 = 1\n",
                   "t.ini:3: [multipliers] gpt-4.1 is given twice; the first is in line 2\n");
    fixture_refuse(
        "[multipliers]\nretry_limit = 3\nenv.X = 1\n",
        "t.ini:2: [multipliers] retry_limit is a setting, not a model; it belongs in "
        "[gateway]\n"
        "t.ini:3: [multipliers] env.X is a setting, not a model; it belongs in "
        "[node]\n");
    fixture_refuse("[gateway]\ngpt-4.1 = 0\n", "t.ini:2: [gateway] gpt-4.1 is not a setting\n");
}

static void a_multiplier_too_many_is_refused(void **state)
{
    struct buf text;
    size_t room = MULTIPLIERS_MAX - price_shipped_count;
    char expected[256];

    (void)state;
    buf_init(&text, 0);
    assert_int_equal(buf_printf(&text, "[multipliers]\ngpt-4.1 = 1\n"), 0);
    for (size_t i = 0; i < room; i++)
        assert_int_equal(buf_printf(&text, "model-%zu = 1\n", i), 0);
    assert_int_equal(buf_append(&text, "", 1), 0);
    config_free(fixture_load(text.data));
    text.len--;
    assert_int_equal(buf_printf(&text, "straw = 1\n"), 0);
    (void)snprintf(expected, sizeof expected,
                   "t.ini:%zu: [multipliers] straw is one too many: there is room for 128 "
                   "models, %zu of them built in\n",
                   room + 3, price_shipped_count);
    fixture_refuse_bytes(text.data, text.len, expected);
    buf_done(&text);
}

static void a_full_list_of_multipliers_can_be_read_again(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 0);
    assert_int_equal(buf_printf(&text, "[multipliers]\n"), 0);
    for (size_t i = price_shipped_count; i < MULTIPLIERS_MAX; i++)
        assert_int_equal(buf_printf(&text, "model-%zu = 0.%03zu\n", i, i), 0);
    struct config *c = fixture_load(text_of(&text));
    buf_clear(&text);
    assert_int_equal(config_print_effective(c, &text), 0);
    struct config *again = fixture_load(text_of(&text));
    assert_int_equal(c->quota.multiplier_count, MULTIPLIERS_MAX);
    assert_int_equal(again->quota.multiplier_count, MULTIPLIERS_MAX);
    assert_memory_equal(c->quota.multipliers, again->quota.multipliers,
                        sizeof c->quota.multipliers);
    config_free(c);
    config_free(again);
    buf_done(&text);
}

/* One table of multipliers: what the sample shows is what the program ships. */
static void the_sample_lists_the_shipped_multipliers(void **state)
{
    struct buf sample;
    char line[64];

    (void)state;
    buf_init(&sample, 0);
    assert_int_equal(config_print_sample(&sample), 0);
    const char *at = strstr(text_of(&sample), "\n[multipliers] ");
    assert_non_null(at);
    for (size_t i = 0; i < price_shipped_count; i++) {
        (void)snprintf(line, sizeof line, "\n;%s = %g\n", price_shipped[i].model,
                       (double)price_shipped[i].milli / 1000);
        at = strstr(at, line);
        if (at == NULL)
            fail_msg("not in the sample, or not in this order:%s", line);
    }
    buf_done(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(multipliers_replace_the_shipped_ones_or_join_them),
        FIXTURE_TEST(multipliers_are_decimals_with_three_places),
        FIXTURE_TEST(a_multiplier_stands_once_and_is_no_setting),
        FIXTURE_TEST(a_multiplier_too_many_is_refused),
        FIXTURE_TEST(a_full_list_of_multipliers_can_be_read_again),
        FIXTURE_TEST(the_sample_lists_the_shipped_multipliers),
    };
    return cmocka_run_group_tests_name("config_price", tests, fixture_enter, fixture_leave);
}
