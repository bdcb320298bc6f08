/* test_walk - tokens of JSON text, however it is cut, and of text that is none.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "proxy/core/walk.h"

/* The tokens as text: `{` `}` for levels, k: s: b: and the word, each with its depth. */
static char story[4096];

static void tell(const struct walk *w, enum walk_token token)
{
    static const char *const marks[] = {
        [WALK_OPEN] = "{",   [WALK_CLOSE] = "}", [WALK_KEY] = "k",
        [WALK_STRING] = "s", [WALK_BARE] = "b",
    };
    bool has_word = token >= WALK_KEY;
    size_t len = strlen(story);
    struct slice word = walk_word(w);

    (void)snprintf(story + len, sizeof story - len, "%s%s%u%s%.*s%s", len > 0 ? " " : "",
                   marks[token], w->depth, has_word ? ":" : "", has_word ? (int)word.len : 0,
                   word.at, has_word && w->is_cut ? "~" : "");
}

static void walk_over(struct walk *w, struct slice bytes)
{
    enum walk_token token;

    while ((token = walk_next(w, &bytes)) != WALK_END)
        tell(w, token);
    assert_int_equal(bytes.len, 0);
}

static void check(const char *text, const char *expected)
{
    struct slice all = slice_of(text);

    for (size_t cut = 0; cut <= all.len + 1; cut++) {
        struct walk w;
        walk_init(&w);
        story[0] = '\0';
        if (cut <= all.len) {
            walk_over(&w, (struct slice){all.at, cut});
            walk_over(&w, slice_skip(all, cut));
        }
        for (size_t i = 0; cut > all.len && i < all.len; i++)
            walk_over(&w, (struct slice){all.at + i, 1});
        if (strcmp(story, expected) != 0)
            fail_msg("%s cut at %zu:\n%s\n%s expected", text, cut, story, expected);
    }
}

static void objects_arrays_and_words_are_told_in_order(void **state)
{
    (void)state;
    check("{\"a\":1}", "{1 k1:a b1:1 }0");
    check("{ \"a\" : \"b\" , \"c\" : [ true, null ] }",
          "{1 k1:a s1:b k1:c {2 b2:true b2:null }1 }0");
    check("[{\"a\":{}},\"b\"]", "{1 {2 k2:a {3 }2 }1 s1:b }0");
    check("[\"a\",{\"b\":\"c\"},\"d\"]", "{1 s1:a {2 k2:b s2:c }1 s1:d }0");
    check("\"top\" -1.5e3 ", "s0:top b0:-1.5e3");
    check("12", "");
}

static void a_word_with_an_escape_is_not_told(void **state)
{
    (void)state;
    check("{\"a\\\"b\":\"\\\\\",\"c\":\"d\"}", "{1 k1:~ s1:~ k1:c s1:d }0");
    check("[\"\\\"}\",\"]\"]", "{1 s1:~ s1:] }0");
    check("[\"\"]", "{1 s1: }0");
}

static void a_word_is_told_up_to_its_limit(void **state)
{
    char text[WALK_WORD_MAX + 8];
    char expected[WALK_WORD_MAX + 16];

    (void)state;
    for (int len = WALK_WORD_MAX - 1; len <= WALK_WORD_MAX + 1; len++) {
        const char *word = len > WALK_WORD_MAX ? "~" : text + 2;
        (void)snprintf(text, sizeof text, "[\"%0*d", len, 7);
        (void)snprintf(expected, sizeof expected, "{1 s1:%s }0", word);
        (void)strncat(text, "\"]", 3);
        check(text, expected);
    }
}

static void text_that_is_no_json_does_no_harm(void **state)
{
    (void)state;
    check("}]}", "}0 }0 }0");
    check("fetch failed\n", "b0:fetch b0:failed");
    check("{\"a\" \"b\" \"c\"", "{1 k1:a s1:b s1:c");
    check("{{:,,", "{1 {2");
    check("[\"a", "{1");
}

static void keys_are_told_from_values_down_to_level_63(void **state)
{
    struct walk w;
    unsigned keys = 0;

    (void)state;
    walk_init(&w);
    for (unsigned depth = 1; depth <= 100; depth++) {
        struct slice text = SLICE("{\"k\":");
        enum walk_token token;
        while ((token = walk_next(&w, &text)) != WALK_END)
            keys += token == WALK_KEY;
        assert_int_equal(w.depth, depth);
    }
    assert_int_equal(keys, 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_arrays_and_words_are_told_in_order),
        cmocka_unit_test(a_word_with_an_escape_is_not_told),
        cmocka_unit_test(a_word_is_told_up_to_its_limit),
        cmocka_unit_test(text_that_is_no_json_does_no_harm),
        cmocka_unit_test(keys_are_told_from_values_down_to_level_63),
    };
    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
