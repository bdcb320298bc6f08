/* test_cidr - IP addresses and ranges: what is one, and who is in it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "cidr.h"

static bool parse(const char *text, uint8_t *ret_address)
{
    return cidr_parse_address(slice_of(text), ret_address);
}

/* What inet_pton(3) makes of it, IPv4 mapped. */
static bool expect(const char *text, uint8_t *ret_address)
{
    memset(ret_address, 0, CIDR_ADDRESS_BYTES);
    if (inet_pton(AF_INET, text, ret_address + 12) == 1) {
        memset(ret_address + 10, 0xff, 2);
        return true;
    }
    return inet_pton(AF_INET6, text, ret_address) == 1;
}

static void addresses_are_read_as_inet_pton_reads_them(void **state)
{
    static const char *const texts[] = {
        "0.0.0.0",
        "127.0.0.1",
        "255.255.255.255",
        "1.2.3.4",
        "::",
        "::1",
        "1::",
        "fe80::1:2",
        "2001:db8::8:800:200c:417a",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1::3:4:5:6:7:8",
        "::ffff:1.2.3.4",
        "::1.2.3.4",
        "1:2:3:4:5:6:1.2.3.4",
        "64:ff9b::192.0.2.33",
        "ABCD:ef01::",
        "0001::0002",
        /* and what is none */
        "",
        ".",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.04",
        "1..2.3",
        "1.2.3.4.",
        ".1.2.3.4",
        "1.2.3.-4",
        "0x7f.0.0.1",
        "127.1",
        "2130706433",
        " 1.2.3.4",
        "1.2.3.4 ",
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        ":1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:",
        "12345::",
        "g::",
        "1.2.3.4::",
        "::1.2.3",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "[::1]",
        "fe80::1%eth0",
        "::1/128",
        "1:2:3:4:5:6:7:8:1.2.3.4",
        "::ffff:1.2.3.256",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint8_t wanted[CIDR_ADDRESS_BYTES];
        uint8_t got[CIDR_ADDRESS_BYTES];
        bool is_one = expect(texts[i], wanted);
        if (parse(texts[i], got) != is_one)
            fail_msg("%s: %s", texts[i], is_one ? "not read" : "read");
        if (is_one)
            assert_memory_equal(got, wanted, sizeof got);
    }
}

static void a_refused_address_writes_nothing(void **state)
{
    uint8_t address[CIDR_ADDRESS_BYTES];
    uint8_t before[CIDR_ADDRESS_BYTES];

    (void)state;
    memset(address, 0x5a, sizeof address);
    memcpy(before, address, sizeof address);
    assert_false(parse("1.2.3", address));
    assert_false(parse("1:2", address));
    assert_memory_equal(address, before, sizeof address);
}

static void a_range_is_an_address_and_a_length(void **state)
{
    static const struct {
        const char *text;
        enum cidr_verdict verdict;
        unsigned bits;
    } rows[] = {
        {"10.0.0.0/8", CIDR_OK, 104},
        {"10.1.2.3", CIDR_OK, 128},
        {"0.0.0.0/0", CIDR_OK, 96},
        {"::/0", CIDR_OK, 0},
        {"fd00::/8", CIDR_OK, 8},
        {"::1", CIDR_OK, 128},
        {"10.0.0.0/32", CIDR_OK, 128},
        {"::ffff:10.0.0.0/104", CIDR_OK, 104},
        {"192.168.64.0/18", CIDR_OK, 114},
        {"10.0.0.1/8", CIDR_BITS_BEHIND, 0},
        {"10.0.0.0/33", CIDR_NO_LENGTH, 0},
        {"::/129", CIDR_NO_LENGTH, 0},
        {"10.0.0.0/", CIDR_NO_LENGTH, 0},
        {"10.0.0.0/8/8", CIDR_NO_LENGTH, 0},
        {"10.0.0.0/-1", CIDR_NO_LENGTH, 0},
        {"10.0.0.0/ 8", CIDR_NO_LENGTH, 0},
        {"10/8", CIDR_NO_ADDRESS, 0},
        {"/8", CIDR_NO_ADDRESS, 0},
        {"host/8", CIDR_NO_ADDRESS, 0},
        {"192.168.65.0/18", CIDR_BITS_BEHIND, 0},
        {"fd00::1/127", CIDR_BITS_BEHIND, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cidr cidr = {.bits = 0};
        enum cidr_verdict verdict = cidr_parse(slice_of(rows[i].text), &cidr);
        if (verdict != rows[i].verdict || cidr.bits != rows[i].bits)
            fail_msg("%s: verdict %d, %u bits", rows[i].text, verdict, cidr.bits);
    }
}

static bool has(const char *range, const char *text)
{
    struct cidr cidr;
    uint8_t address[CIDR_ADDRESS_BYTES];

    assert_int_equal(cidr_parse(slice_of(range), &cidr), CIDR_OK);
    assert_true(parse(text, address));
    return cidr_has(&cidr, address);
}

static void a_range_ends_where_its_length_says(void **state)
{
    (void)state;
    assert_true(has("172.16.0.0/12", "172.16.0.0"));
    assert_true(has("172.16.0.0/12", "172.31.255.255"));
    assert_false(has("172.16.0.0/12", "172.32.0.0"));
    assert_false(has("172.16.0.0/12", "172.15.255.255"));
    assert_true(has("10.0.0.7", "10.0.0.7"));
    assert_false(has("10.0.0.7", "10.0.0.6"));
    assert_true(has("fc00::/7", "fdff::1"));
    assert_false(has("fc00::/7", "fe00::1"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::"));
}

static void ipv4_and_ipv6_do_not_hold_each_other(void **state)
{
    (void)state;
    assert_true(has("0.0.0.0/0", "::ffff:8.8.8.8")); /* the same peer on a dual-stack socket */
    assert_false(has("::/0", "8.8.8.8"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_false(has("::/0", "::ffff:8.8.8.8"));
}

static struct cidr_list list_of(const char *first, const char *second)
{
    struct cidr_list list = {.count = second == NULL ? 1 : 2};

    assert_int_equal(cidr_parse(slice_of(first), &list.at[0]), CIDR_OK);
    if (second != NULL)
        assert_int_equal(cidr_parse(slice_of(second), &list.at[1]), CIDR_OK);
    return list;
}

static void only_ranges_inside_the_private_ones_are_private(void **state)
{
    static const struct {
        const char *first;
        const char *second;
        bool is_private;
    } rows[] = {
        {"127.0.0.1", "::1", true},       {"192.168.0.0/16", "10.9.0.0/16", true},
        {"172.0.0.0/11", NULL, false},    {"172.16.0.0/13", NULL, true},
        {"0.0.0.0/0", NULL, false},       {"::/0", NULL, false},
        {"10.0.0.0/8", "8.8.8.8", false}, {"fd00::/8", "fe80::/64", true},
        {"::ffff:0:0/96", NULL, false},   {"100.64.0.0/10", NULL, false},
        {"fc00::/6", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cidr_list list = list_of(rows[i].first, rows[i].second);
        if (cidr_list_is_private(&list) != rows[i].is_private)
            fail_msg("%s", rows[i].first);
    }
    assert_true(cidr_list_is_private(&(struct cidr_list){.count = 0})); /* nobody */
}

static void a_word_is_found_by_its_name_and_by_its_ranges(void **state)
{
    static const char *const words[] = {"loopback", "private", "all"};

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const struct cidr_word *word = cidr_find_word(slice_of(words[i]));
        assert_non_null(word);
        assert_ptr_equal(cidr_word_of(word->at, word->count), word);
        assert_null(cidr_word_of(word->at, word->count - 1));
    }
    assert_non_null(cidr_find_word(SLICE("PRIVATE")));
    assert_null(cidr_find_word(SLICE("privat")));
}

static void loopback_is_127_and_1(void **state)
{
    uint8_t address[CIDR_ADDRESS_BYTES];

    (void)state;
    assert_true(parse("127.8.9.1", address) && cidr_is_loopback(address));
    assert_true(parse("::1", address) && cidr_is_loopback(address));
    assert_true(parse("128.0.0.1", address) && !cidr_is_loopback(address));
    assert_true(parse("::2", address) && !cidr_is_loopback(address));
    assert_true(parse("::", address) && !cidr_is_loopback(address));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_as_inet_pton_reads_them),
        cmocka_unit_test(a_refused_address_writes_nothing),
        cmocka_unit_test(a_range_is_an_address_and_a_length),
        cmocka_unit_test(a_range_ends_where_its_length_says),
        cmocka_unit_test(ipv4_and_ipv6_do_not_hold_each_other),
        cmocka_unit_test(only_ranges_inside_the_private_ones_are_private),
        cmocka_unit_test(a_word_is_found_by_its_name_and_by_its_ranges),
        cmocka_unit_test(loopback_is_127_and_1),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
