/* test_admit - who may ask for what.
 *
 * The rule is small enough to be asked all of its questions: every_question_has_a_safe_answer
 * walks through all facts and checks what must never be.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proxy/core/admit.h"

/* curl on this machine, with the settings as shipped. */
static struct admit_facts local(enum admit_area area)
{
    return (struct admit_facts){.area = area,
                                .is_allowed = true,
                                .is_local = true,
                                .key = ADMIT_KEYS_OFF,
                                .host = ORIGIN_HOST_OURS,
                                .page = ORIGIN_NO_PAGE};
}

static void the_defaults_let_the_ancestors_users_in(void **state)
{
    (void)state;
    for (int area = 0; area < ADMIT_AREA_COUNT; area++) {
        struct admit_facts facts = local((enum admit_area)area);
        assert_int_equal(admit_judge(&facts), ADMIT_YES);
        facts.is_local = false; /* a machine of the local network, another container */
        facts.host = ORIGIN_HOST_BARE;
        assert_int_equal(admit_judge(&facts),
                         area == ADMIT_ADMIN ? ADMIT_NOT_LOCAL : ADMIT_YES);
    }
}

static void every_question_has_a_safe_answer(void **state)
{
    unsigned asked = 0;

    (void)state;
    for (unsigned n = 0; n < ADMIT_AREA_COUNT * 16u * 5 * 3 * 5; n++) {
        unsigned rest = n;
        struct admit_facts f = {.area = (enum admit_area)(rest % ADMIT_AREA_COUNT)};
        rest /= ADMIT_AREA_COUNT;
        f.is_read = rest & 1, f.is_allowed = rest >> 1 & 1, f.is_local = rest >> 2 & 1;
        f.has_token = rest >> 3 & 1;
        rest /= 16;
        f.key = (enum admit_key)(rest % 5);
        f.host = (enum origin_host)(rest / 5 % 3);
        f.page = (enum origin_page)(rest / 15);
        bool is_in = admit_judge(&f) == ADMIT_YES;
        bool has_secret = f.has_token || f.key == ADMIT_KEY_GOOD;
        bool is_owner = f.has_token || f.is_local;
        asked++;
        /* Quota: an allowed address, and a key where there are keys. */
        if (f.area == ADMIT_API && is_in)
            assert_true(f.is_allowed && (f.key == ADMIT_KEYS_OFF || f.key == ADMIT_KEY_GOOD));
        /* What is the owner's: this machine or the token, whatever key is shown. */
        if (f.area == ADMIT_ADMIN)
            assert_true(!is_in || is_owner);
        if (admit_is_owner(&f))
            assert_true(is_owner);
        if (f.area == ADMIT_RESET && is_in && !is_owner)
            assert_true(f.is_allowed && (f.key == ADMIT_KEYS_OFF || f.key == ADMIT_KEY_GOOD));
        /* A rebound name and a foreign page never do anything without a secret. */
        if (is_in && f.area != ADMIT_NOWHERE && !has_secret) {
            assert_int_not_equal(f.host, ORIGIN_HOST_FOREIGN);
            assert_int_not_equal(f.page, ORIGIN_FOREIGN);
            assert_true(f.page != ORIGIN_TYPED || f.is_read);
        }
        /* Nor is a page let into the owner's because it may chat, or has a key. */
        if (is_in && f.area == ADMIT_ADMIN && !f.has_token)
            assert_true(f.page != ORIGIN_LISTED && f.host == ORIGIN_HOST_OURS);
        /* Strangers get nothing but what the token opens, and the owner's at the machine. */
        if (is_in && !f.is_allowed)
            assert_true(is_owner);
        if (!is_in)
            assert_true(admit_status(admit_judge(&f)) >= 401 &&
                        strlen(admit_sentence(admit_judge(&f))) > 20);
    }
    assert_int_equal(asked, 7200);
}

static void a_key_is_asked_for_where_quota_is_spent(void **state)
{
    static const struct {
        enum admit_key key;
        enum admit_verdict verdict;
    } rows[] = {
        {ADMIT_KEYS_OFF, ADMIT_YES},          {ADMIT_KEY_GOOD, ADMIT_YES},
        {ADMIT_KEY_MISSING, ADMIT_NO_KEY},    {ADMIT_KEY_UNKNOWN, ADMIT_NO_SUCH_KEY},
        {ADMIT_KEY_EXPIRED, ADMIT_NO_LONGER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct admit_facts facts = local(ADMIT_API);
        facts.key = rows[i].key;
        assert_int_equal(admit_judge(&facts), rows[i].verdict);
        facts.area = ADMIT_OPEN; /* /health needs none */
        assert_int_equal(admit_judge(&facts), ADMIT_YES);
        facts.area = ADMIT_RESET; /* the owner's, too */
        assert_int_equal(admit_judge(&facts), ADMIT_YES);
        facts.is_local = false;
        assert_int_equal(admit_judge(&facts), rows[i].verdict);
    }
}

static void every_path_has_its_area(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        enum admit_area without; /* a body */
        enum admit_area with;
    } rows[] = {
        {"POST", "/admin/reset-active-node", ADMIT_RESET, ADMIT_ADMIN},
        {"GET", "/admin/journal", ADMIT_ADMIN, ADMIT_ADMIN},
        {"GET", "/admin/nodes", ADMIT_ADMIN, ADMIT_ADMIN},
        {"POST", "/admin/reload", ADMIT_ADMIN, ADMIT_ADMIN},
        {"POST", "/admin/nodes/x/stop", ADMIT_ADMIN, ADMIT_ADMIN},
        {"GET", "http://127.0.0.1/admin/config", ADMIT_ADMIN, ADMIT_ADMIN},
        {"GET", "/livez", ADMIT_OPEN, ADMIT_OPEN},
        {"GET", "/readyz", ADMIT_OPEN, ADMIT_OPEN},
        {"GET", "/health", ADMIT_OPEN, ADMIT_OPEN},
        {"POST", "/v1/messages", ADMIT_API, ADMIT_API},
        {"GET", "/models", ADMIT_API, ADMIT_API},
        {"OPTIONS", "/v1/messages", ADMIT_PREFLIGHT, ADMIT_PREFLIGHT},
        {"GET", "/token", ADMIT_NOWHERE, ADMIT_NOWHERE},
        {"GET", "/v1/../admin/nodes", ADMIT_NOWHERE, ADMIT_NOWHERE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct route route = route_find(slice_of(rows[i].method), slice_of(rows[i].target));
        assert_int_equal(admit_area_of(&route, false), rows[i].without);
        assert_int_equal(admit_area_of(&route, true), rows[i].with);
    }
}

static void fields_are_found_in_any_case_and_twice_is_nothing(void **state)
{
    const struct framing_field at[] = {
        {SLICE("HOST"), SLICE("a")},          {SLICE("authorization"), SLICE("bearer   k1 ")},
        {SLICE("X-Api-Key"), SLICE("k2")},    {SLICE("API-Key"), SLICE("k3")},
        {SLICE("origin"), SLICE("http://a")}, {SLICE("Origin"), SLICE("http://b")},
        {SLICE("sec-fetch-site"), SLICE("")}, {SLICE("x-forwarded-for"), SLICE("1.2.3.4")},
    };
    struct admit_fields f;

    (void)state;
    admit_read(at, sizeof at / sizeof at[0], &f);
    assert_true(slice_equal(f.host, SLICE("a")));
    assert_true(slice_equal(f.bearer, SLICE("k1")));
    assert_true(slice_equal(f.keys[0], SLICE("k2")) && slice_equal(f.keys[1], SLICE("k3")));
    assert_true(f.origin.at != NULL && f.origin.len == 0);
    assert_true(f.fetch_site.at != NULL && f.fetch_mode.at == NULL);
    assert_true(f.is_forwarded && !f.is_preflight);
    admit_read(at, 1, &f);
    assert_true(f.origin.at == NULL && f.bearer.at == NULL && !f.is_forwarded);
}

/* Who asks, says X-Forwarded-For: `a` and then `b` (NULL = one line) by trusted 10.0.0.0/8. */
static const char *caller(const char *a, const char *b)
{
    static const char *const known[] = {"6.6.6.6", "10.0.0.1", "127.0.0.1", "2001:db8::1"};
    const struct framing_field at[] = {{SLICE("X-Forwarded-For"), slice_of(a)},
                                       {SLICE("x-other"), SLICE("9.9.9.9")},
                                       {SLICE("X-Forwarded-For"), slice_of(b)}};
    struct cidr_list trusted = {.count = 1};
    uint8_t address[CIDR_ADDRESS_BYTES];
    uint8_t one[CIDR_ADDRESS_BYTES];

    assert_int_equal(cidr_parse(SLICE("10.0.0.0/8"), &trusted.at[0]), CIDR_OK);
    if (!admit_caller(at, b == NULL ? 2 : 3, &trusted, address))
        return "nobody";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_true(cidr_parse_address(slice_of(known[i]), one));
        if (memcmp(one, address, sizeof one) == 0)
            return known[i];
    }
    return "another";
}

static void the_caller_is_the_last_one_that_no_proxy_of_ours_is(void **state)
{
    (void)state;
    assert_string_equal(caller("6.6.6.6", NULL), "6.6.6.6");
    assert_string_equal(caller("127.0.0.1, 6.6.6.6", NULL), "6.6.6.6"); /* the first is a lie */
    assert_string_equal(caller("6.6.6.6, 10.2.3.4", NULL), "6.6.6.6");
    assert_string_equal(caller("127.0.0.1", "6.6.6.6"), "6.6.6.6");
    assert_string_equal(caller("6.6.6.6", "10.2.3.4,10.0.0.1"), "6.6.6.6");
    assert_string_equal(caller("10.0.0.1", NULL), "10.0.0.1");
    assert_string_equal(caller("6.6.6.6:4711", NULL), "6.6.6.6");
    assert_string_equal(caller("[2001:db8::1]:443", NULL), "2001:db8::1");
    assert_string_equal(caller("2001:db8::1", NULL), "2001:db8::1");
    assert_string_equal(caller("6.6.6.6, unknown", NULL), "nobody");
    assert_string_equal(caller("6.6.6.6,", NULL), "nobody");
    assert_string_equal(caller("", NULL), "nobody");
    assert_string_equal(caller("[", NULL), "nobody");
    assert_string_equal(caller("[]", NULL), "nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_let_the_ancestors_users_in),
        cmocka_unit_test(every_question_has_a_safe_answer),
        cmocka_unit_test(a_key_is_asked_for_where_quota_is_spent),
        cmocka_unit_test(every_path_has_its_area),
        cmocka_unit_test(fields_are_found_in_any_case_and_twice_is_nothing),
        cmocka_unit_test(the_caller_is_the_last_one_that_no_proxy_of_ours_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
