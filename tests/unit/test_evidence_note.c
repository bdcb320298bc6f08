/* test_evidence_note - what is noted belongs to its event, passes the redactor, and is
 * printable.
 *
 * SPDX-License-Identifier: MIT
 */
#include "proxy/evidence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "log.h"
#include "supervisor/core/redact.h"

static uv_loop_t loop;
static struct proxy proxy;
static struct proxy_node *const node = &proxy.nodes[1];

static int setup(void **state)
{
    (void)state;
    log_set_filter(redact_line);
    proxy.loop = &loop;
    *node = (struct proxy_node){.proxy = &proxy};
    return uv_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    return uv_loop_close(&loop);
}

static void let_pass(uint64_t ms)
{
    node->evidence_ms -= ms; /* the loop's clock cannot be set */
}

static void nothing_is_known_at_first(void **state)
{
    (void)state;
    assert_null(evidence_now(node));
}

static void an_answer_belongs_to_its_own_turn(void **state)
{
    (void)state;
    evidence_note(node, "status %u", 402u);
    assert_string_equal(evidence_now(node), "status 402");
    let_pass(1);
    assert_null(evidence_now(node));
    assert_string_equal(node->evidence, "status 402");
}

static void a_line_of_its_log_belongs_for_ten_seconds(void **state)
{
    (void)state;
    evidence_note_line(node, "Failed to refresh Copilot token");
    let_pass(10000);
    assert_string_equal(evidence_now(node), "Failed to refresh Copilot token");
    let_pass(1);
    assert_null(evidence_now(node));
}

static void a_hint_leaves_a_fresh_line_alone(void **state)
{
    (void)state;
    evidence_note_line(node, "HTTPError status: 401");
    let_pass(9000);
    evidence_hint(node, "/usage answered status %d", 500);
    assert_string_equal(evidence_now(node), "HTTPError status: 401");
    let_pass(2000);
    evidence_hint(node, "/usage answered status %d", 500);
    assert_string_equal(evidence_now(node), "/usage answered status 500");
}

static void an_answer_replaces_a_fresh_line(void **state)
{
    (void)state;
    evidence_note_line(node, "HTTPError status: 429");
    evidence_note(node, "status 402");
    assert_string_equal(evidence_now(node), "status 402");
}

static void secrets_and_control_characters_do_not_get_in(void **state)
{
    (void)state;
    evidence_note(node, "no\r\n%s", "ghu_abcdefghijklmnopqrstuvwxyz0123456789 here");
    assert_string_equal(evidence_now(node), "no  ghu_*** here");
    evidence_note_line(node, "token=tid=abc;exp=1 \xff");
    assert_string_equal(evidence_now(node), "token=tid=*** ?");
}

static void a_long_text_is_cut_after_the_redactor_has_seen_it(void **state)
{
    char text[4000];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text + REASON_MAX - 10, " ghu_abcdefghijklmnopqrstuvwxyz0123456789 ", 42);
    evidence_note(node, "%s", text);
    assert_int_equal(strlen(node->evidence), REASON_MAX - 1);
    assert_string_equal(node->evidence + REASON_MAX - 10, " ghu_*** ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_known_at_first),
        TEST(an_answer_belongs_to_its_own_turn),
        TEST(a_line_of_its_log_belongs_for_ten_seconds),
        TEST(a_hint_leaves_a_fresh_line_alone),
        TEST(an_answer_replaces_a_fresh_line),
        TEST(secrets_and_control_characters_do_not_get_in),
        TEST(a_long_text_is_cut_after_the_redactor_has_seen_it),
    };

    return cmocka_run_group_tests_name("evidence", tests, NULL, NULL);
}
