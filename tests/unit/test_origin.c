/* test_origin - which Host is ours, and which page is.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/core/origin.h"

static const char hosts[] = "copilot.example.com gateway.lan";
static const char cors[] = "https://chat.example.com app://obsidian.md";

static void only_names_that_nobody_else_can_own_are_ours(void **state)
{
    static const struct {
        const char *host;
        enum origin_host verdict;
    } rows[] = {
        {"127.0.0.1", ORIGIN_HOST_OURS},
        {"127.0.0.1:8080", ORIGIN_HOST_OURS},
        {"203.0.113.9:8080", ORIGIN_HOST_OURS},
        {"[::1]:8080", ORIGIN_HOST_OURS},
        {"[fe80::1]", ORIGIN_HOST_OURS},
        {"localhost:8080", ORIGIN_HOST_OURS},
        {"LocalHost.", ORIGIN_HOST_OURS},
        {"", ORIGIN_HOST_OURS},
        {"COPILOT.example.com:443", ORIGIN_HOST_OURS},
        {"gateway.lan.", ORIGIN_HOST_OURS},
        {"gateway", ORIGIN_HOST_BARE},
        {"gateway:8080", ORIGIN_HOST_BARE},
        {"2130706433", ORIGIN_HOST_BARE},
        {"evil.example", ORIGIN_HOST_FOREIGN},
        {"evil.example:8080", ORIGIN_HOST_FOREIGN},
        {"localhost.evil.example", ORIGIN_HOST_FOREIGN},
        {"evil.localhost", ORIGIN_HOST_FOREIGN},
        {"127.0.0.1.nip.io", ORIGIN_HOST_FOREIGN},
        {"127.1", ORIGIN_HOST_FOREIGN},
        {"0x7f.0.0.1", ORIGIN_HOST_FOREIGN},
        {"example.com", ORIGIN_HOST_FOREIGN},
        {"x.copilot.example.com", ORIGIN_HOST_FOREIGN},
        {"copilot.example.com.evil.example", ORIGIN_HOST_FOREIGN},
        {"copilot.example.com..", ORIGIN_HOST_FOREIGN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum origin_host got = origin_judge_host(slice_of(rows[i].host), hosts);
        if (got != rows[i].verdict)
            fail_msg("Host: %s: %d, expected %d", rows[i].host, got, rows[i].verdict);
    }
    assert_int_equal(origin_judge_host(SLICE("gateway.lan"), NULL), ORIGIN_HOST_FOREIGN);
}

/* One request that arrived at `at`, port 8080. */
static enum origin_page page(const char *at, const char *origin, const char *site,
                             const char *mode, bool is_read)
{
    struct origin_fields fields = {.origin = slice_of(origin),
                                   .fetch_site = slice_of(site),
                                   .fetch_mode = slice_of(mode),
                                   .is_read = is_read};
    struct origin_place place = {.port = 8080, .hosts = hosts, .cors_origins = cors};
    uint8_t address[CIDR_ADDRESS_BYTES];

    if (at != NULL) {
        assert_true(cidr_parse_address(slice_of(at), address));
        place.address = address;
    }
    return origin_judge_page(&fields, &place);
}

static void a_page_is_judged_by_what_it_cannot_choose(void **state)
{
    static const struct {
        const char *at;
        const char *origin;
        const char *site;
        enum origin_page verdict;
    } rows[] = {
        {"127.0.0.1", NULL, NULL, ORIGIN_NO_PAGE},
        /* our own page */
        {"127.0.0.1", "http://127.0.0.1:8080", "same-origin", ORIGIN_OURS},
        {"127.0.0.1", "http://localhost:8080", "same-origin", ORIGIN_OURS},
        {"127.0.0.1", NULL, "same-origin", ORIGIN_OURS},
        {"172.17.0.2", "http://127.0.0.1:9000", "same-origin", ORIGIN_OURS}, /* published */
        /* plain HTTP to another machine: browsers send no Sec-Fetch-Site */
        {"192.168.0.5", "http://192.168.0.5:8080", NULL, ORIGIN_OURS},
        {"::1", "http://[::1]:8080", NULL, ORIGIN_OURS},
        {"192.168.0.5", "http://192.168.0.5", NULL, ORIGIN_FOREIGN},
        {"192.168.0.5", "http://192.168.0.6:8080", NULL, ORIGIN_FOREIGN},
        {"192.168.0.5", "http://localhost:8080", NULL, ORIGIN_FOREIGN},
        {"127.0.0.1", "http://localhost:3000", NULL, ORIGIN_FOREIGN},
        {"127.0.0.1", "http://localhost:3000", "same-site", ORIGIN_FOREIGN},
        {"127.0.0.1", "http://localhost:8080", "same-site", ORIGIN_FOREIGN},
        {NULL, "http://localhost:8080", NULL, ORIGIN_FOREIGN},
        /* by name */
        {"10.0.0.1", "https://copilot.example.com", NULL, ORIGIN_OURS},
        {"10.0.0.1", "http://gateway.lan:8080", NULL, ORIGIN_OURS},
        {"10.0.0.1", "http://gateway.lan:3000", NULL, ORIGIN_FOREIGN},
        {"10.0.0.1", "https://copilot.example.com", "cross-site", ORIGIN_FOREIGN},
        /* listed ones */
        {"127.0.0.1", "https://chat.example.com", "cross-site", ORIGIN_LISTED},
        {"127.0.0.1", "app://obsidian.md", NULL, ORIGIN_LISTED},
        {"127.0.0.1", "http://chat.example.com", "cross-site", ORIGIN_FOREIGN},
        {"127.0.0.1", "https://chat.example.com:444", NULL, ORIGIN_FOREIGN},
        {"127.0.0.1", "https://chat.example.com.evil.example", NULL, ORIGIN_FOREIGN},
        /* strangers */
        {"127.0.0.1", "https://evil.example", "cross-site", ORIGIN_FOREIGN},
        {"127.0.0.1", "https://evil.example", "same-origin", ORIGIN_FOREIGN}, /* rebound */
        {"127.0.0.1", "http://evil.example:8080", NULL, ORIGIN_FOREIGN},
        {"127.0.0.1", "null", NULL, ORIGIN_FOREIGN},
        {"127.0.0.1", "null", "same-origin", ORIGIN_FOREIGN},
        {"127.0.0.1", "", NULL, ORIGIN_FOREIGN},
        {"127.0.0.1", "file://", NULL, ORIGIN_FOREIGN},
        {"127.0.0.1", "http://", NULL, ORIGIN_FOREIGN},
        {"127.0.0.1", "http://127.0.0.1:8080x", NULL, ORIGIN_FOREIGN},
        {"127.0.0.1", NULL, "cross-site", ORIGIN_FOREIGN},
        {"127.0.0.1", NULL, "same-site", ORIGIN_FOREIGN},
        {"127.0.0.1", NULL, "", ORIGIN_FOREIGN},
        {"127.0.0.1", NULL, "none", ORIGIN_TYPED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum origin_page got = page(rows[i].at, rows[i].origin, rows[i].site, NULL, false);
        if (got != rows[i].verdict)
            fail_msg("row %zu, Origin %s, %s: %d", i, rows[i].origin, rows[i].site, got);
    }
}

static void a_link_reads_but_does_not_write(void **state)
{
    (void)state;
    assert_int_equal(page("127.0.0.1", NULL, "cross-site", "navigate", true), ORIGIN_TYPED);
    assert_int_equal(page("127.0.0.1", NULL, "cross-site", "navigate", false), ORIGIN_FOREIGN);
    assert_int_equal(page("127.0.0.1", NULL, "cross-site", "no-cors", true), ORIGIN_FOREIGN);
}

static void settings_take_names_and_origins_and_nothing_else(void **state)
{
    static const char *const names[] = {"a", "copilot.example.com", "my_host", "x-1.lan"};
    static const char *const no_names[] = {"", ".a", "a.", "a:80", "[::1]", "a/b", "*", "a b"};
    static const char *const origins[] = {"http://a", "https://a.b:444", "app://obsidian.md",
                                          "vscode-webview://x1", "http://[::1]:3000"};
    static const char *const no_origins[] = {"",           "a.b",      "http://", "http://a/",
                                             "://a",       "null",     "*",       "http://a:x",
                                             "http://u@a", "ht tp://a"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(origin_is_name(slice_of(names[i])));
    for (size_t i = 0; i < sizeof no_names / sizeof no_names[0]; i++)
        assert_false(origin_is_name(slice_of(no_names[i])));
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++)
        assert_true(origin_is_valid(slice_of(origins[i])));
    for (size_t i = 0; i < sizeof no_origins / sizeof no_origins[0]; i++)
        assert_false(origin_is_valid(slice_of(no_origins[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_that_nobody_else_can_own_are_ours),
        cmocka_unit_test(a_page_is_judged_by_what_it_cannot_choose),
        cmocka_unit_test(a_link_reads_but_does_not_write),
        cmocka_unit_test(settings_take_names_and_origins_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
