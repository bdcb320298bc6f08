/* test_redact - secrets do not reach a log; ordinary words do.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the four above */
#include <cmocka.h>

/* In a block of exactly its size, so that ASan sees a byte too far. */
static void becomes(const char *in, const char *expected)
{
    size_t len = strlen(in);
    char *text = malloc(len + 1);

    assert_non_null(text);
    memcpy(text, in, len);
    size_t n = redact_line(text, len);
    text[n] = '\0';
    assert_string_equal(text, expected);
    free(text);
}

static void github_tokens_are_starred(void **state)
{
    (void)state;
    becomes("token ghu_0123456789abcdefABCDEF0123456789abcd end", "token ghu_*** end");
    becomes("ghp_abc gho_abc ghs_abc ghr_abcd", "ghp_*** gho_*** ghs_*** ghr_***");
    becomes("github_pat_11ABC_def0123", "github_pat_***");
    becomes("{\"token\":\"ghu_alice\"}", "{\"token\":\"ghu_***\"}");
    becomes("key=ghu_alice&x=1", "key=ghu_***&x=1");
    becomes("a_ghu_alice", "a_ghu_***");
}

static void escapes_before_a_token_do_not_hide_it(void **state)
{
    (void)state;
    becomes("\\nghu_alice", "\\nghu_***");
    becomes("x%3Dghu_alice", "x%3Dghu_***");
    becomes("wordghu_0123456789abcdefABCDEF0123456789abcd", "wordghu_***");
}

static void copilot_tokens_are_starred(void **state)
{
    (void)state;
    becomes("tid=5f1e;exp=1700;sku=free;8kp=1:abcdef0123 next", "tid=*** next");
    becomes("\"token\": \"tid=5f1e;exp=1\"", "\"token\": \"tid=***\"");
}

static void bearer_credentials_are_starred(void **state)
{
    (void)state;
    becomes("Authorization: Bearer abc.def-ghi==", "Authorization: Bearer ***");
    becomes("authorization: bearer tid=1;exp=2", "authorization: bearer ***");
    becomes("BEARER xyz, next", "BEARER ***, next");
    becomes("Bearer x", "Bearer *");
    becomes("Bearer%20abcdef", "Bearer%20***");
}

static void api_keys_are_starred(void **state)
{
    (void)state;
    becomes("key sk-ant-api03-abcdefghijklmnop done", "key sk-*** done");
    becomes("sk-proj-0123456789abcdef", "sk-***");
}

static void ordinary_words_stay(void **state)
{
    static const char *const lines[] = {
        "",
        "g",
        "gh",
        "ghu_",
        "highs_total 5",
        "lengths_x",
        "task-manager-of-the-whole-team",
        "sk-short",
        "risk-assessment-of-something",
        "Bearer ",
        "untid=",
        "a tid=",
        "sk-",
        "Logged in as alice",
        "Please enter the code \"9D6B-57FB\" in https://github.com",
        "github_pat_",
    };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        becomes(lines[i], lines[i]);
}

static void device_codes_are_left_for_the_banner(void **state)
{
    (void)state;
    becomes("code 9D6B-57FB, token ghu_x", "code 9D6B-57FB, token ghu_*");
}

static void result_is_never_longer(void **state)
{
    static const char *const pieces[] = {
        "ghu_", "a",  "tid=",  "Bearer ",          "sk-", " ", "\\", "%3D", "ab", "_", "=",
        ";",    "\"", "ghp_x", "0123456789abcdef", "."};
    uint32_t random = 7;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        char text[256] = "";
        size_t len = 0;
        for (int k = 0; k < 8; k++) {
            random = random * 1664525u + 1013904223u;
            const char *piece = pieces[random >> 28];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        size_t n = redact_line(text, len);
        assert_true(n <= len);
        assert_int_equal(redact_line(text, n), n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(github_tokens_are_starred),
        cmocka_unit_test(escapes_before_a_token_do_not_hide_it),
        cmocka_unit_test(copilot_tokens_are_starred),
        cmocka_unit_test(bearer_credentials_are_starred),
        cmocka_unit_test(api_keys_are_starred),
        cmocka_unit_test(ordinary_words_stay),
        cmocka_unit_test(device_codes_are_left_for_the_banner),
        cmocka_unit_test(result_is_never_longer),
    };

    return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
