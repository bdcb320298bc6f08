/* test_prompt - every dialect of a login prompt is understood, and nothing else is.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/prompt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the four above */
#include <cmocka.h>

#define DEFAULT_URL "https://github.com/login/device"

static enum prompt_event feed(struct prompt *p, const char *line)
{
    return prompt_line(p, line, strlen(line));
}

/* The lines, one after the other; the last one must bring the code. */
static void prompts(const char *lines, const char *code, const char *url)
{
    struct prompt p;
    enum prompt_event event = PROMPT_NOTHING;

    prompt_init(&p);
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");
        assert_int_equal(event, PROMPT_NOTHING);
        event = prompt_line(&p, lines, len);
        lines += len + (lines[len] == '\n');
    }
    assert_int_equal(event, PROMPT_CODE);
    assert_string_equal(p.code, code);
    assert_string_equal(p.url, url);
}

static void copilot_api_prompt_is_found(void **state)
{
    (void)state;
    prompts(
        "\xe2\x84\xb9 Not logged in, getting new access token\n"
        "\xe2\x84\xb9 Please enter the code \"9D6B-57FB\" in https://github.com/login/device",
        "9D6B-57FB", DEFAULT_URL);
    prompts("[info] Please enter the code \"9D6B-57FB\" in https://github.com/login/device",
            "9D6B-57FB", DEFAULT_URL);
}

static void fork_prompts_are_found(void **state)
{
    (void)state;
    prompts("enter the code \"AAAA-0000\" at https://github.com/login/device", "AAAA-0000",
            DEFAULT_URL);
    prompts("Enter code WXYZ-1234 at https://github.com/login/device", "WXYZ-1234",
            DEFAULT_URL);
    prompts("Enter code: WXYZ-1234", "WXYZ-1234", DEFAULT_URL);
    prompts("Please enter the code in https://github.com/login/device code=AB12-CD34",
            "AB12-CD34", DEFAULT_URL);
    prompts("Please visit https://github.com/login/device\nand enter code: ABCD-EFGH",
            "ABCD-EFGH", DEFAULT_URL);
    prompts("enter this code:\t\"ABCD-EFGH\".", "ABCD-EFGH", DEFAULT_URL);
}

static void enterprise_pages_are_kept(void **state)
{
    (void)state;
    prompts("Please enter the code \"9D6B-57FB\" in https://acme.ghe.com/login/device",
            "9D6B-57FB", "https://acme.ghe.com/login/device");
    prompts("Open https://git.acme-corp.example:8443/login/device now\n\nEnter code ABCD-1234",
            "ABCD-1234", "https://git.acme-corp.example:8443/login/device");
}

static void page_counts_for_five_lines(void **state)
{
    (void)state;
    prompts("https://a.example/login/device\n1\n2\n3\n4\nEnter code ABCD-1234", "ABCD-1234",
            "https://a.example/login/device");
    prompts("https://a.example/login/device\n1\n2\n3\n4\n5\nEnter code ABCD-1234", "ABCD-1234",
            DEFAULT_URL);
}

static void last_code_wins(void **state)
{
    struct prompt p;

    (void)state;
    prompt_init(&p);
    assert_int_equal(feed(&p, "Enter code ABCD-1234 or enter code EFGH-5678"), PROMPT_CODE);
    assert_string_equal(p.code, "EFGH-5678");
    assert_int_equal(feed(&p, "Enter code 0000-0000"), PROMPT_CODE);
    assert_string_equal(p.code, "0000-0000");
}

static void near_misses_are_nothing(void **state)
{
    static const char *const lines[] = {
        "",
        "enter the code",
        "Please enter the code \"9D6B-57F\" in https://github.com/login/device",
        "Please enter the code \"9D6B-57FBX\" in https://github.com/login/device",
        "Please enter the code \"9d6b-57fb\" in https://github.com/login/device",
        "Please enter the code \"9D6B57FB\"",
        "Please enter the code \"9D6B-57FB-1\"",
        "enter your code ABCD-1234",
        "enter codeABCD-1234",
        "enter the  code ABCD-1234",
        "barcode=ABCD-1234",
        "user_code=ABCD-1234",
        "code=ABCD-1234X",
        "code= ABCD-1234",
        "code ABCD-1234",
        "the code is ABCD-1234",
        "ENTER CODE ABCD-1234",
        "Logged in as ",
        "Logged in As alice",
        "Account \"\" added successfully!",
        "Account \"alice\" added",
        "Account alice added successfully!",
        "https://github.com/login/device",
    };
    struct prompt p;

    (void)state;
    prompt_init(&p);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(feed(&p, lines[i]), PROMPT_NOTHING);
    assert_string_equal(p.code, "");
    assert_string_equal(p.account, "");
}

static void digit_before_an_assignment_is_fine(void **state)
{
    (void)state;
    prompts("1code=ABCD-1234", "ABCD-1234", DEFAULT_URL);
    prompts("(code=ABCD-1234)", "ABCD-1234", DEFAULT_URL);
}

static void logins_name_their_account(void **state)
{
    struct prompt p;

    (void)state;
    prompt_init(&p);
    assert_int_equal(feed(&p, "\xe2\x84\xb9 Logged in as alice"), PROMPT_LOGGED_IN);
    assert_string_equal(p.account, "alice");
    assert_int_equal(feed(&p, "Logged in as bob-2 (business)"), PROMPT_LOGGED_IN);
    assert_string_equal(p.account, "bob-2");
    assert_int_equal(feed(&p, "Account \"carol\" added successfully!"), PROMPT_LOGGED_IN);
    assert_string_equal(p.account, "carol");
}

static void overlong_names_and_pages_are_ignored(void **state)
{
    char line[600];
    struct prompt p;

    (void)state;
    prompt_init(&p);
    (void)snprintf(line, sizeof line, "Logged in as %0100d", 1);
    assert_int_equal(feed(&p, line), PROMPT_NOTHING);
    (void)snprintf(line, sizeof line, "Enter code ABCD-1234 at https://%0300d/login/device", 1);
    assert_int_equal(feed(&p, line), PROMPT_CODE);
    assert_string_equal(p.url, DEFAULT_URL);
}

/* A line is whole here by contract; but no prefix of it may be read past its end. */
static void no_prefix_is_mistaken_for_more(void **state)
{
    static const char line[] =
        "Please enter the code \"9D6B-57FB\" in https://x.example/login/device";
    size_t code_end = (size_t)(strstr(line, "57FB") - line) + 4;

    (void)state;
    for (size_t len = 0; len < sizeof line; len++) {
        struct prompt p;
        char copy[sizeof line] = {0};
        memcpy(copy, line, len);
        prompt_init(&p);
        enum prompt_event event = prompt_line(&p, copy, len);
        assert_int_equal(event, len >= code_end ? PROMPT_CODE : PROMPT_NOTHING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copilot_api_prompt_is_found),
        cmocka_unit_test(fork_prompts_are_found),
        cmocka_unit_test(enterprise_pages_are_kept),
        cmocka_unit_test(page_counts_for_five_lines),
        cmocka_unit_test(last_code_wins),
        cmocka_unit_test(near_misses_are_nothing),
        cmocka_unit_test(digit_before_an_assignment_is_fine),
        cmocka_unit_test(logins_name_their_account),
        cmocka_unit_test(overlong_names_and_pages_are_ignored),
        cmocka_unit_test(no_prefix_is_mistaken_for_more),
    };

    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
