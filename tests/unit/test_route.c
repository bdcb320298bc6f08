/* test_route - which request goes where, and which never reaches a node.
 *
 * The spellings in every_way_to_another_path_is_refused were resolved with Node 20's
 * `new URL(target, "http://node")` on the way: those that reach /token, /usage or /admin there
 * are marked so in their comment.
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

#include "proxy/core/route.h"

/* A node's target as it is sent; NULL when the request does not go to a node. */
static const char *node_target(const struct route *route)
{
    static char text[512];

    if (route->kind != ROUTE_NODE)
        return NULL;
    (void)snprintf(text, sizeof text, "%s%.*s", route->prefix, (int)route->path.len,
                   route->path.at);
    return text;
}

static struct route find(const char *method, const char *target)
{
    return route_find(slice_of(method), slice_of(target));
}

static void check_node(const char *method, const char *target, const char *expected)
{
    struct route route = find(method, target);
    const char *got = node_target(&route);

    if (got == NULL || strcmp(got, expected) != 0)
        fail_msg("%s %s: kind %d, to %s, expected %s", method, target, route.kind,
                 got == NULL ? "nobody" : got, expected);
}

static void check_kind(const char *method, const char *target, enum route_kind kind)
{
    struct route route = find(method, target);

    if (route.kind != kind)
        fail_msg("%s %s: kind %d, expected %d", method, target, route.kind, kind);
}

/* ---------------------------------------------------------------- what there is */

static void every_alias_reaches_the_same_path(void **state)
{
    static const struct {
        const char *target;
        const char *path;
    } rows[] = {
        {"/v1/chat/completions", "/v1/chat/completions"},
        {"/chat/completions", "/v1/chat/completions"},
        {"/v1/v1/chat/completions", "/v1/chat/completions"},
        {"/v1/messages", "/v1/messages"},
        {"/v1/v1/messages", "/v1/messages"},
        {"/v1/v1/messages?beta=true", "/v1/messages?beta=true"},
        {"/v1/messages/count_tokens?beta=true", "/v1/messages/count_tokens?beta=true"},
        {"/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"},
        {"/v1/responses", "/v1/responses"},
        {"/v1/models?limit=1000", "/v1/models?limit=1000"},
        {"/models", "/v1/models"},
        {"/models?a=/../b", "/v1/models?a=/../b"},
        {"/v1/v1/models", "/v1/models"},
        {"/embeddings", "/v1/embeddings"},
        {"/v1/embeddings", "/v1/embeddings"},
        {"/v1/something/new", "/v1/something/new"},
        {"http://gateway:8080/v1/models", "/v1/models"},
        {"HTTP://gateway/chat/completions?x", "/v1/chat/completions?x"},
        {"https://gateway/v1/v1/messages", "/v1/messages"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_node("POST", rows[i].target, rows[i].path);
}

static void each_endpoint_has_its_dialect_and_price(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        enum route_dialect dialect;
        enum sse_dialect sse;
        bool is_bypass, is_billable, is_free;
    } rows[] = {
        {"POST", "/v1/chat/completions", ROUTE_OPENAI, SSE_CHAT, false, true, false},
        {"POST", "/chat/completions?a=b", ROUTE_OPENAI, SSE_CHAT, false, true, false},
        {"POST", "/v1/v1/messages?beta=true", ROUTE_ANTHROPIC, SSE_MESSAGES, false, true,
         false},
        {"POST", "/v1/messages/count_tokens", ROUTE_ANTHROPIC, SSE_OTHER, true, false, false},
        {"POST", "/v1/responses", ROUTE_OPENAI, SSE_RESPONSES, false, true, false},
        {"POST", "/embeddings", ROUTE_OPENAI, SSE_OTHER, false, false, true},
        {"GET", "/v1/models", ROUTE_OPENAI, SSE_OTHER, true, false, false},
        {"GET", "/models?limit=1", ROUTE_OPENAI, SSE_OTHER, true, false, false},
        {"HEAD", "/v1/models", ROUTE_OPENAI, SSE_OTHER, true, false, false},
        {"POST", "/v1/models", ROUTE_OPENAI, SSE_OTHER, false, false, false},
        {"GET", "/v1/messages", ROUTE_ANTHROPIC, SSE_OTHER, false, false, false},
        {"GET", "/v1/models/gpt-4o", ROUTE_OPENAI, SSE_OTHER, false, false, false},
        {"POST", "/v1/unknown", ROUTE_OPENAI, SSE_OTHER, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct route r = find(rows[i].method, rows[i].target);
        if (r.kind != ROUTE_NODE || r.dialect != rows[i].dialect || r.sse != rows[i].sse ||
            r.is_bypass != rows[i].is_bypass || r.is_billable != rows[i].is_billable ||
            r.is_free != rows[i].is_free)
            fail_msg("%s %s is routed otherwise", rows[i].method, rows[i].target);
    }
}

static void each_path_counts_as_one_of_a_few_endpoints(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        const char *endpoint;
    } rows[] = {
        {"POST", "/chat/completions", "chat_completions"},
        {"POST", "/v1/messages", "messages"},
        {"GET", "/v1/messages", "messages"},
        {"POST", "/v1/messages/count_tokens", "count_tokens"},
        {"POST", "/v1/responses?a", "responses"},
        {"POST", "/embeddings", "embeddings"},
        {"HEAD", "/v1/models", "models"},
        {"GET", "/v1/models/gpt-4o", "other"},
        {"POST", "/v1/anything", "other"},
        {"GET", "/nothing", "other"},
        {"GET", "/v1/../token", "other"},
        {"GET", "/", "other"},
        {"GET", "/health", "health"},
        {"DELETE", "/health", "health"},
        {"GET", "/metrics", "metrics"},
        {"GET", "/admin/journal", "admin"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(route_endpoint_name(find(rows[i].method, rows[i].target).endpoint),
                            rows[i].endpoint);
}

static void our_own_paths_answer_their_methods_only(void **state)
{
    (void)state;
    check_kind("GET", "/", ROUTE_ROOT);
    check_kind("HEAD", "/", ROUTE_ROOT);
    check_kind("GET", "/?x=1", ROUTE_ROOT);
    check_kind("POST", "/", ROUTE_BAD_METHOD);
    check_kind("GET", "/health", ROUTE_HEALTH);
    check_kind("HEAD", "/health?verbose", ROUTE_HEALTH);
    check_kind("DELETE", "/health", ROUTE_BAD_METHOD);
    check_kind("POST", "/admin/reset-active-node", ROUTE_RESET_ACTIVE);
    check_kind("GET", "/admin/reset-active-node", ROUTE_BAD_METHOD);
    check_kind("GET", "/metrics", ROUTE_METRICS);
    check_kind("POST", "/metrics", ROUTE_BAD_METHOD);
    check_kind("GET", "/admin/journal", ROUTE_JOURNAL);
    check_kind("HEAD", "/admin/journal?x", ROUTE_JOURNAL);
    check_kind("POST", "/admin/journal", ROUTE_BAD_METHOD);
    check_kind("get", "/health", ROUTE_BAD_METHOD);
    check_kind("OPTIONS", "*", ROUTE_OPTIONS);
    check_kind("OPTIONS", "/v1/models", ROUTE_OPTIONS);
    check_kind("OPTIONS", "http://gateway", ROUTE_OPTIONS);
    check_kind("GET", "http://gateway", ROUTE_ROOT);
    check_kind("CONNECT", "gateway:443", ROUTE_BAD_METHOD);
    check_kind("TRACE", "/v1/models", ROUTE_BAD_METHOD);
    assert_string_equal(find("POST", "/health").allow, "GET, HEAD");
    assert_string_equal(find("GET", "/admin/reset-active-node").allow, "POST");
    assert_string_equal(find("PUT", "/admin/journal").allow, "GET, HEAD");
}

static void what_is_not_ours_and_not_under_v1_is_not_found(void **state)
{
    static const char *const targets[] = {
        "/token",         "/usage",     "/usage?x",     "/admin",
        "/livez/",        "/v1",        "/health/",     "/messages",
        "/responses",     "/api/hello", "/v2/x",        "/V1/models",
        "/v1models",      "/Token",     "/%74oken",     "/%75sage",
        "/token/",        "/models/",   "/token;v1=/x", "/chat/Completions",
        "/%76%31/models",
    };

    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        check_kind("GET", targets[i], ROUTE_NOT_FOUND);
        check_kind("POST", targets[i], ROUTE_NOT_FOUND);
    }
}

/* ---------------------------------------------------------------- what must not get through */

static void every_way_to_another_path_is_refused(void **state)
{
    static const char *const targets[] = {
        /* These reach /token (or /usage, /admin) in Node's URL parser. */
        "/v1/../token",
        "/v1/%2e%2e/token",
        "/v1/%2E%2E/token",
        "/v1/.%2e/token",
        "/v1/%2e./usage",
        "/v1/%2E./usage",
        "/v1/x/../../token",
        "/v1/./../token",
        "/v1/%2e/%2e%2e/token",
        "/v1\\..\\token",
        "/v1/..\\token",
        "/v1/x\\..\\..\\usage",
        "/v1/..\t/token",
        "/v1/.\t./token",
        "/v1/.\n./token",
        "/v1/../admin/reset-active-node",
        "/v1/v1/../../token",

        "/./token",
        "/../token",
        "/../../usage",
        "/v1/../v1/../token",
        "/%2e/token",
        "/v1/chat/completions/../../../token",
        "/models/../token",
        "/v1/..",
        "/v1/%2e%2e",
        "/v1/../token?x=1",
        "/v1/../token#x",
        /* These become a host, or keep double slashes that another router may merge. */
        "//token",
        "//v1/models",
        "/\\token",
        "\\\\token",
        "///token",
        "/v1//token",
        "/v1/..//token",
        "/v1/v1/../token",
        "/v1//",
        "/v1/messages//",
        "/v1/x//../../token",
        /* These are decoded by routers behind it, once or twice. */
        "/v1/%2e%2e%2ftoken",
        "/v1/..%2ftoken",
        "/v1/%2f..%2ftoken",
        "/v1/%5c..%5ctoken",
        "/v1/%252e%252e/token",
        "/v1/%25%32%65/token",
        "/v1/x%00",
        "/v1/%0a",
        "/v1/%7f",
        "/v1/%2f",
        "/%2ftoken",
        "/v1%2f..%2ftoken",
        /* Not paths at all. */
        "",
        "*",
        "token",
        "v1/models",
        "?",
        "/v1/a b",
        "/v1/\x01",
        "/v1/\x7f",
        "/v1/\xc3\xa9",
        "/v1/models#",
        "/v1/models?#x",
        "/v1/models?a b",
        "/v1/%",
        "/v1/%4",
        "/v1/%zz",
        "/v1/%u002e",
        "/v1/models?\xff",
        "ftp://h/v1/models",
        "http:/v1/models",
        "http:token",
        "file:///token",
        "javascript:token",
        /* Absolute forms that parsers cut in different places. */
        "http://",
        "http:///v1/models",
        "http://h/v1/../token",
        "http://u@h/v1/models",
        "http://u:p@h/v1/models",
        "http://h\\@x/v1/models",
        "http://h#@x/v1/models",
        "http://h#/v1/models",
        "http://h\\v1/models",
        "http://h /v1/models",
        "http://h?/v1/models",
        "https://h//v1/models",
        "http://h/v1/%2e%2e/usage",
    };

    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        check_kind("GET", targets[i], ROUTE_BAD_TARGET);
}

/* All words of up to five pieces: whatever is passed on has no piece that moves the path. */
static void no_mixture_of_pieces_leaves_v1(void **state)
{
    static const char *const pieces[] = {"/",  "..",    ".", "%2e", "%2E", "\\", "%2f", "%5c",
                                         "v1", "token", ";", "%25", "?",   "%",  "2e",  "\t"};
    const unsigned count = sizeof pieces / sizeof pieces[0];
    unsigned passed = 0;

    (void)state;
    for (unsigned n = 0; n < count * count * count * count * count; n++) {
        char target[64] = "/v1/";
        size_t len = 4;
        for (unsigned i = 0, rest = n; i < 5; i++, rest /= count)
            len +=
                (size_t)snprintf(target + len, sizeof target - len, "%s", pieces[rest % count]);
        struct route route = find("GET", target);
        if (route.kind == ROUTE_BAD_TARGET || route.kind == ROUTE_NOT_FOUND)
            continue;
        passed++;
        const char *to = node_target(&route);
        char path[64];
        (void)snprintf(path, sizeof path, "%.*s", to ? (int)strcspn(to, "?") : 0, to ? to : "");
        if (strncmp(path, "/v1/", 4) != 0 || strstr(path, "//") || strstr(path, "/../") ||
            strstr(path, "/./") || strstr(path, "%2") || strstr(path, "%5c") ||
            strpbrk(path, "\\\t") || strcmp(path + strlen(path) - 2, "/.") == 0 ||
            strcmp(path + strlen(path) - 3, "/..") == 0)
            fail_msg("%s goes to %s", target, to);
    }
    assert_true(passed > 1000);
}

static void dots_that_move_nothing_pass(void **state)
{
    (void)state;
    check_node("GET", "/v1/models/gpt-4.1", "/v1/models/gpt-4.1");
    check_node("GET", "/v1/...", "/v1/...");
    check_node("GET", "/v1/a..b/.c", "/v1/a..b/.c");
    check_node("GET", "/v1/..;/token", "/v1/..;/token"); /* no dot segment in a WHATWG URL */
    check_node("GET", "/v1/models/%41b", "/v1/models/%41b");
    check_node("GET", "/v1/x?a=%2e%2e/../..\\..", "/v1/x?a=%2e%2e/../..\\..");
    check_node("GET", "/v1/", "/v1/");
    check_node("GET", "/v1/a%20b", "/v1/a%20b");
}

static void no_spelling_of_a_secret_reaches_a_node(void **state)
{
    static const char *const secret[] = {
        "/v1/token",     "/v1/usage",      "/v1/v1/token",   "/v1/token/",
        "/v1/TOKEN",     "/v1/%74oken",    "/v1/t%6fken",    "/v1/t%6Fken",
        "/v1/uSag%45",   "/v1/token?x",    "/v1/token%20",   "/v1/token.",
        "/v1/token...",  "/v1/token;x",    "/v1/token;x/y",  "/v1/%74%6f%6b%65%6e/",
        "/v1/token%3B",  "/v1/usage%3b..", "/v1/v1/%55sage", "http://h/v1/token",
        "/v1/token.;/x",
    };
    static const char *const ordinary[] = {
        "/v1/tokens",  "/v1/token-count", "/v1/toke",       "/v1/token/x",
        "/v1/x/token", "/v1/usage.x",     "/v1/tok%C3%A9n", "/v1/tokens%3B",
    };

    (void)state;
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++) {
        check_kind("GET", secret[i], ROUTE_NOT_FOUND);
        check_kind("POST", secret[i], ROUTE_NOT_FOUND);
    }
    for (size_t i = 0; i < sizeof ordinary / sizeof ordinary[0]; i++)
        check_node("GET", ordinary[i], ordinary[i]);
}

static void the_authority_is_that_of_absolute_targets_only(void **state)
{
    static const struct {
        const char *target;
        const char *authority;
    } rows[] = {
        {"http://h:80/v1", "h:80"},
        {"https://[::1]:8/x", "[::1]:8"},
        {"HTTP://h?x", "h"},
        {"http://h", "h"},
        {"/v1/http://h/", ""},
        {"*", ""},
        {"", ""},
        {"http:/h", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice got = route_authority(slice_of(rows[i].target));
        if (!slice_equal(got, slice_of(rows[i].authority)))
            fail_msg("%s: authority %.*s", rows[i].target, (int)got.len, got.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_alias_reaches_the_same_path),
        cmocka_unit_test(each_endpoint_has_its_dialect_and_price),
        cmocka_unit_test(each_path_counts_as_one_of_a_few_endpoints),
        cmocka_unit_test(our_own_paths_answer_their_methods_only),
        cmocka_unit_test(what_is_not_ours_and_not_under_v1_is_not_found),
        cmocka_unit_test(every_way_to_another_path_is_refused),
        cmocka_unit_test(no_mixture_of_pieces_leaves_v1),
        cmocka_unit_test(dots_that_move_nothing_pass),
        cmocka_unit_test(no_spelling_of_a_secret_reaches_a_node),
        cmocka_unit_test(the_authority_is_that_of_absolute_targets_only),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
