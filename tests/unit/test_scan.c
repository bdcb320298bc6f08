/* test_scan - model, stream and initiator of a request body.
 *
 * Every body is scanned at once, byte by byte, and in two parts cut at every byte: all must say
 * the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proxy/core/scan.h"

#define MIB ((size_t)1 << 20)

struct row {
    const char *body;
    const char *model;
    bool is_stream;
    bool is_agent;
};

static void compare(const struct scan *s, const struct row *row, size_t cut)
{
    if (strcmp(s->model, row->model) != 0 || s->is_stream != row->is_stream ||
        s->is_agent != row->is_agent)
        fail_msg("%s\ncut at %zu: model '%s' stream %d agent %d", row->body, cut, s->model,
                 s->is_stream, s->is_agent);
}

static void check(const struct row *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct slice body = slice_of(row[i].body);
        struct scan s;
        for (size_t cut = 0; cut <= body.len; cut++) {
            scan_init(&s);
            scan_feed(&s, (struct slice){body.at, cut});
            scan_feed(&s, slice_skip(body, cut));
            compare(&s, &row[i], cut);
        }
        scan_init(&s);
        for (size_t at = 0; at < body.len; at++)
            scan_feed(&s, (struct slice){body.at + at, 1});
        compare(&s, &row[i], SIZE_MAX);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

static void the_keys_may_come_in_any_order(void **state)
{
    static const struct row rows[] = {
        {"{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\"}]}", "m", true, 0},
        {"{\"stream\":true,\"messages\":[{\"role\":\"tool\"}],\"model\":\"m\"}", "m", true, 1},
        {"{\"messages\":[{\"content\":\"x\",\"role\":\"assistant\"}],\"model\":\"m\","
         "\"stream\":false}",
         "m", false, true},
        {" \r\n\t{ \"stream\" :\ttrue , \"model\"\n:\n\"m\" } ", "m", true, false},
        {"{\"model\":\"claude-sonnet-4.5\"}", "claude-sonnet-4.5", false, false},
        {"{}", "", false, false},
    };

    (void)state;
    CHECK(rows);
}

static void look_alikes_deeper_down_do_not_count(void **state)
{
    static const struct row rows[] = {
        {"{\"messages\":[{\"role\":\"user\",\"model\":\"no\",\"stream\":true}]}", "", 0, 0},
        {"{\"tools\":[{\"function\":{\"parameters\":{\"properties\":{\"model\":{\"type\":"
         "\"tool_result\",\"role\":\"assistant\"},\"stream\":true}}}}],\"model\":\"m\"}",
         "m", false, false},
        {"{\"metadata\":{\"model\":\"no\",\"messages\":[{\"role\":\"assistant\"}]}}", "", 0, 0},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"{\\\"role\\\":\\\"assistant\\\","
         "\\\"model\\\":\\\"no\\\"}\"}]}",
         "", false, false},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
         "\"role\"},{\"role\":\"assistant\"}]}]}",
         "", false, false},
        {"{\"messages\":[{\"role\":\"user\",\"x\":{\"y\":{\"z\":[{\"type\":\"tool_result\"}]}}"
         "}]}",
         "", false, false},
        {"{\"x\":\"model\",\"y\":\"stream\",\"z\":true}", "", false, false},
        {"{\"x\":[\"model\",\"no\",\"stream\",true]}", "", false, false},
        {"[{\"model\":\"no\",\"stream\":true}]", "", false, false},
        {"[\"model\",\"no\"]", "", false, false},
        {"{\"messages\":{\"role\":\"assistant\"}}", "", false, false},
        {"{\"messages\":{\"x\":{\"role\":\"assistant\"}}}", "", false, false},
        {"{\"stream\":true,\"stream\":\"no\"}", "", false, false},
        {"{\"messages\":\"assistant\",\"role\":\"assistant\"}", "", false, false},
        {"{\"model\":{\"name\":\"no\"},\"stream\":[true]}", "", false, false},
        {"{\"model\":[\"no\"]}", "", false, false},
        {"{\"modeL\":\"no\",\"Stream\":true,\"models\":\"no\"}", "", false, false},
    };

    (void)state;
    CHECK(rows);
}

static void an_answer_or_a_tool_in_the_messages_makes_an_agent(void **state)
{
    static const struct row rows[] = {
        {"{\"messages\":[{\"role\":\"user\"},{\"role\":\"system\"}]}", "", 0, false},
        {"{\"messages\":[{\"role\":\"user\"},{\"role\":\"assistant\"}]}", "", 0, true},
        {"{\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"1\"}]}", "", 0, true},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
         "\"tool_use_id\":\"1\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]}]}",
         "", 0, true},
        {"{\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"tool_result\"},{\"type\":"
         "\"image_url\",\"image_url\":{\"url\":\"data:\"}}],\"role\":\"user\"}]}",
         "", 0, false},
        {"{\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"1\"}]}", "", 0, true},
        {"{\"input\":[{\"type\":\"message\",\"role\":\"assistant\"}]}", "", 0, true},
        {"{\"input\":[{\"type\":\"message\",\"role\":\"user\"}]}", "", 0, false},
        {"{\"input\":\"assistant\"}", "", 0, false},
        {"{\"messages\":[{\"role\":\"assistantx\"},{\"role\":\"assis\"}]}", "", 0, false},
        {"{\"messages\":[],\"tools\":[{\"type\":\"tool_result\"}]}", "", 0, false},
        {"{\"messages\":[[{\"role\":\"assistant\"}]]}", "", 0, false},
    };

    (void)state;
    CHECK(rows);
}

static void escapes_never_end_a_string_early(void **state)
{
    static const struct row rows[] = {
        {"{\"x\":\"\\\",\\\"model\\\":\\\"no\",\"model\":\"m\"}", "m", 0, 0},
        {"{\"x\":\"\\\\\",\"model\":\"m\"}", "m", 0, 0},
        {"{\"x\":\"\\\\\\\"\",\"model\":\"m\"}", "m", 0, 0},
        {"{\"x\\\"y\":1,\"model\":\"m\"}", "m", 0, 0},
        {"{\"x\":\"\\u0022,\\u005c\",\"model\":\"m\"}", "m", 0, 0},
        {"{\"x\":\"abcdefg\\\\hijklmno\\\"pqrstu\\n\",\"model\":\"m\"}", "m", 0, 0},
    };

    (void)state;
    CHECK(rows);
}

/* A name with escapes is not decoded: the model is unknown then, never another one. */
static void an_escaped_model_is_unknown(void **state)
{
    static const struct row rows[] = {
        {"{\"model\":\"gpt\\u002d4o\"}", "", 0, 0},
        {"{\"model\":\"gpt-4.1\",\"model\":\"claude\\u002dopus\"}", "", 0, 0},
        {"{\"mod\\u0065l\":\"m\"}", "", 0, 0},
    };

    (void)state;
    CHECK(rows);
}

static void of_a_key_that_stands_twice_the_last_counts(void **state)
{
    static const struct row rows[] = {
        {"{\"model\":\"a\",\"model\":\"b\",\"stream\":true,\"stream\":false}", "b", 0, 0},
        {"{\"stream\":false,\"stream\":true}", "", 1, 0},
        {"{\"model\":\"gpt-4.1\",\"model\":null}", "", 0, 0},
        {"{\"model\":\"gpt-4.1\",\"model\":{\"a\":1}}", "", 0, 0},
        {"{\"stream\":true,\"stream\":null}", "", 0, 0},
    };

    (void)state;
    CHECK(rows);
}

static void only_true_is_a_stream(void **state)
{
    static const struct row rows[] = {
        {"{\"stream\":\"true\"}", "", 0, 0},
        {"{\"stream\":1}", "", 0, 0},
        {"{\"stream\":null}", "", 0, 0},
        {"{\"stream\":false,\"x\":true}", "", 0, 0},
        {"{\"stream\":{\"include\":true}}", "", 0, 0},
        {"{\"x\":true}", "", 0, 0},
    };

    (void)state;
    CHECK(rows);
}

static void unicode_passes_untouched(void **state)
{
    static const struct row rows[] = {
        {"{\"x\":\"\xe4\xb8\xbb\xe5\xa4\x87\xe6\xa8\xa1\xe5\xbc\x8f \xf0\x9f\x98\x80\","
         "\"model\":\"\xc3\xa9-1\"}",
         "\xc3\xa9-1", 0, 0},
        {"\xef\xbb\xbf{\"model\":\"m\"}", "m", 0, 0},
        {"{\"x\":\"\xff\xfe\x80\",\"model\":\"m\"}", "m", 0, 0},
        {"{\"\xe4\xb8\xbb\":1,\"model\":\"m\"}", "m", 0, 0},
    };

    (void)state;
    CHECK(rows);
}

/* Whatever it says, it must come to an end without harm; the node judges the body. */
static void broken_json_does_no_harm(void **state)
{
    static const struct row rows[] = {
        {"", "", 0, 0},
        {"nonsense", "", 0, 0},
        {"{\"model\":\"m", "", 0, 0},
        {"}}}]]]{\"model\":\"m\"}", "m", 0, 0},
        {"{\"model\"", "", 0, 0},
        {"{\"model\":\"m\"}}}}{\"model\":\"n\"}", "n", 0, 0},
        {"\"model\"", "", 0, 0},
        {"{{{{[[[[", "", 0, 0},
        {"\\\"\\", "", 0, 0},
        {"{\"messages\":[{\"role\":\"user\"]],\"role\":\"assistant\"", "", 0, 0},
    };

    (void)state;
    CHECK(rows);
}

static void a_model_as_long_as_the_buffer_is_kept_and_no_longer_one(void **state)
{
    char body[2 * SCAN_MODEL_MAX];
    char name[SCAN_MODEL_MAX + 2];

    (void)state;
    memset(name, 'm', sizeof name - 1);
    name[SCAN_MODEL_MAX + 1] = '\0';
    (void)snprintf(body, sizeof body, "{\"model\":\"%s\",\"stream\":true}", name);
    check(&(struct row){body, "", true, false}, 1);
    name[SCAN_MODEL_MAX] = '\0';
    (void)snprintf(body, sizeof body, "{\"model\":\"%s\",\"stream\":true}", name);
    check(&(struct row){body, name, true, false}, 1);
}

static void deep_nesting_is_followed(void **state)
{
    static const unsigned depths[] = {1, 61, 62, 63, 64, 65, 127, 128, 1000, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        struct scan s;
        scan_init(&s);
        scan_feed(&s, SLICE("{\"x\":"));
        for (unsigned d = 0; d < depths[i]; d++)
            scan_feed(&s, d % 2 ? SLICE("{\"model\":\"no\",\"role\":") : SLICE("[1,"));
        for (unsigned d = depths[i]; d > 0; d--)
            scan_feed(&s, d % 2 ? SLICE("]") : SLICE("}"));
        scan_feed(&s, SLICE(",\"messages\":[{\"role\":\"tool\"}],\"model\":\"m\"}"));
        assert_string_equal(s.model, "m");
        assert_true(s.is_agent);
    }
}

/* ---------------------------------------------------------------- cost */

/* 20 MiB that repeat `unit` inside `{"x":<before>...<after>,"model":"m"}`. */
static void measure(const char *name, const char *before, const char *unit, const char *after)
{
    const size_t size = 20 * MIB;
    const size_t piece = 64 * 1024; /* as the loop reads */
    char *text = malloc(size + 64);
    size_t unit_len = strlen(unit);
    struct timespec t0, t1;
    struct scan s;

    assert_non_null(text);
    size_t len = (size_t)snprintf(text, 64, "{\"x\":%s", before);
    for (; len + unit_len <= size; len += unit_len)
        memcpy(text + len, unit, unit_len);
    len += (size_t)snprintf(text + len, 64, "%s,\"model\":\"m\"}", after);
    double best_ms = 1e9;
    for (int turn = 0; turn < 3; turn++) {
        scan_init(&s);
        clock_gettime(CLOCK_MONOTONIC, &t0);
        for (size_t at = 0; at < len; at += piece)
            scan_feed(&s, (struct slice){text + at, len - at < piece ? len - at : piece});
        clock_gettime(CLOCK_MONOTONIC, &t1);
        assert_string_equal(s.model, "m");
        double ms =
            (double)(t1.tv_sec - t0.tv_sec) * 1e3 + (double)(t1.tv_nsec - t0.tv_nsec) / 1e6;
        best_ms = ms < best_ms ? ms : best_ms;
    }
    print_message("scan: 20 MiB of %s: %.2f ms per MiB\n", name, best_ms / 20);
    free(text);
}

static void twenty_mebibytes_cost_little(void **state)
{
    (void)state;
    measure("base64", "\"", "iVBORw0KGgoAAAANSUhEUgAA", "\"");
    measure("source code", "\"", "    if (a->b[i] == \\\"x\\\")\\n        return f(c, d);\\n",
            "\"");
    measure("prose", "\"", "Some words, and a line of them.\\n", "\"");
    measure("escapes", "\"", "\\n\\t", "\"");
    measure("numbers", "[1", ",15496", "]");
    measure("messages", "[1", ",{\"role\":\"user\",\"content\":\"What is it? Tell me.\"}", "]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_keys_may_come_in_any_order),
        cmocka_unit_test(look_alikes_deeper_down_do_not_count),
        cmocka_unit_test(an_answer_or_a_tool_in_the_messages_makes_an_agent),
        cmocka_unit_test(escapes_never_end_a_string_early),
        cmocka_unit_test(an_escaped_model_is_unknown),
        cmocka_unit_test(of_a_key_that_stands_twice_the_last_counts),
        cmocka_unit_test(only_true_is_a_stream),
        cmocka_unit_test(unicode_passes_untouched),
        cmocka_unit_test(broken_json_does_no_harm),
        cmocka_unit_test(a_model_as_long_as_the_buffer_is_kept_and_no_longer_one),
        cmocka_unit_test(deep_nesting_is_followed),
        cmocka_unit_test(twenty_mebibytes_cost_little),
    };
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
