/* test_config_listen - [gateway] listen: lists of addresses, and what is wrong with them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config_fixture.h"

#include "supervisor/config_listen.h"
#include "supervisor/config_table.h"

#define SHAPE "ADDRESS:PORT such as 127.0.0.1:8080 or [::1]:8080, unix:/PATH, or systemd"

/* What the text is, written again; it must be right. */
static void reads_as(const char *text, const char *expected)
{
    const struct config_row *row = config_table_find("gateway", "listen");
    struct config_listens listens;
    struct error error = {""};
    struct buf out;

    buf_init(&out, 0);
    int r = config_listen_parse(row, text, &listens, &error);
    if (r < 0)
        fail_msg("'%s': %s", text, error.text);
    assert_int_equal(config_listen_print(&listens, &out), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    assert_string_equal(out.data, expected);
    buf_done(&out);
}

/* The text is refused with this sentence, and what was there stays. */
static void is_refused(const char *text, const char *expected)
{
    const struct config_row *row = config_table_find("gateway", "listen");
    struct config_listens listens = {.count = 7};
    struct error error = {""};

    assert_int_equal(config_listen_parse(row, text, &listens, &error), -22);
    assert_string_equal(error.text, expected);
    assert_int_equal(listens.count, 7);
}

static void one_address_is_a_list(void **state)
{
    (void)state;
    reads_as("127.0.0.1:8080", "127.0.0.1:8080");
    reads_as("0.0.0.0:0", "0.0.0.0:0");
    reads_as("[::1]:65535", "[::1]:65535");
    reads_as("unix:/run/x.sock", "unix:/run/x.sock");
    reads_as("systemd", "systemd");
    reads_as("SystemD", "systemd");
}

static void blanks_and_commas_part_the_addresses(void **state)
{
    static const char all[] = "127.0.0.1:8080 [::1]:8080 unix:/run/x.sock systemd";

    (void)state;
    reads_as(all, all);
    reads_as("127.0.0.1:8080,[::1]:8080,unix:/run/x.sock,systemd", all);
    reads_as("  127.0.0.1:8080 ,\t[::1]:8080,, unix:/run/x.sock systemd, ", all);
}

static void an_ipv6_address_has_one_spelling(void **state)
{
    (void)state;
    reads_as("[0:0::0001]:80", "[::1]:80");
    reads_as("[2001:DB8:0:0:0:0:0:A]:80", "[2001:db8::a]:80");
}

static void each_address_has_its_kind(void **state)
{
    (void)state;
    struct config *c = fixture_load("[gateway]\nlisten = [::]:9 unix:/a/b systemd\n");
    const struct config_listens *listens = &c->gateway.listen;
    assert_int_equal(listens->count, 3);
    assert_int_equal(listens->at[0].kind, CONFIG_LISTEN_TCP);
    assert_string_equal(listens->at[0].host, "::");
    assert_int_equal(listens->at[0].port, 9);
    assert_int_equal(listens->at[1].kind, CONFIG_LISTEN_UNIX);
    assert_string_equal(listens->at[1].host, "/a/b");
    assert_int_equal(listens->at[2].kind, CONFIG_LISTEN_SYSTEMD);
    config_free(c);
}

static void what_is_no_address_is_named(void **state)
{
    static const char *const wrong[] = {"8080",       "::1:8080", "[127.0.0.1]:80",
                                        "[]:80",      "1.2.3:80", "http://1.2.3.4:80",
                                        "/run/x.sock"};
    char text[128];
    char expected[256];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(text, sizeof text, "127.0.0.1:80 %s [::1]:80", wrong[i]);
        (void)snprintf(expected, sizeof expected, "must be " SHAPE ", got '%s'", wrong[i]);
        is_refused(text, expected);
    }
    is_refused("", "must be " SHAPE ", got ''");
    is_refused(" , ", "must be " SHAPE ", got ' , '");
}

static void a_name_in_place_of_an_address_is_translated(void **state)
{
    (void)state;
    is_refused("localhost:8080", "must be " SHAPE ", got 'localhost:8080'; the address would "
                                 "be 127.0.0.1, and [::1] for IPv6");
    is_refused("*:8080", "must be " SHAPE ", got '*:8080'; the address would be 0.0.0.0 for "
                         "every interface, and [::] for IPv6");
    is_refused(":8080", "must be " SHAPE ", got ':8080'; the address would be 127.0.0.1, or "
                        "0.0.0.0 for every interface");
}

static void ports_have_bounds(void **state)
{
    (void)state;
    is_refused("0.0.0.0:65536", "port must be 0..65535, got '65536'");
    is_refused("[::]:-1", "port must be 0..65535, got '-1'");
    is_refused("127.0.0.1:", "port must be 0..65535, got ''");
}

static void a_comment_of_the_wrong_kind_is_seen(void **state)
{
    (void)state;
    is_refused("127.0.0.1:80 # here", "must be " SHAPE ", got '127.0.0.1:80 # here'; a comment "
                                      "after a value starts with ' ;'");
}

static void a_path_is_absolute_and_fits_into_an_address(void **state)
{
    char text[256];
    char path[128];

    (void)state;
    is_refused("unix:x.sock",
               "must be unix: and the absolute path of a socket, got 'unix:x.sock'");
    is_refused("unix:", "must be unix: and the absolute path of a socket, got 'unix:'");
    is_refused("unix:/run/", "must be unix: and the absolute path of a socket, got "
                             "'unix:/run/'");
    memset(path, 'a', sizeof path);
    path[0] = '/';
    (void)snprintf(text, sizeof text, "unix:%.107s", path);
    reads_as(text, text);
    (void)snprintf(text, sizeof text, "unix:%.108s", path);
    is_refused(text, "must be unix: and a path of 107 bytes at most (unix(7)), got "
                     "'unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'");
}

static void nothing_stands_twice(void **state)
{
    (void)state;
    is_refused("127.0.0.1:80 [::1]:80 127.0.0.1:80", "names 127.0.0.1:80 twice");
    is_refused("[::1]:80 [0::1]:80", "names [::1]:80 twice");
    is_refused("unix:/a unix:/b unix:/a", "names unix:/a twice");
    is_refused("systemd systemd", "names systemd twice");
    reads_as("127.0.0.1:0 127.0.0.1:0", "127.0.0.1:0 127.0.0.1:0");
    reads_as("127.0.0.1:80 127.0.0.2:80 127.0.0.1:81",
             "127.0.0.1:80 127.0.0.2:80 127.0.0.1:81");
}

static void there_are_16_at_most(void **state)
{
    char text[512] = "";
    size_t used = 0;

    (void)state;
    for (int i = 1; i <= LISTENERS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s127.0.0.%d:80",
                                 i == 1 ? "" : " ", i);
    reads_as(text, text);
    (void)snprintf(text + used, sizeof text - used, " systemd");
    is_refused(text, "must be 16 addresses at most, got '127.0.0.1:80 127.0.0.2:80 "
                     "127.0.0.3:80 127.0.0.4:80 127.0.0....'");
}

static void port_changes_the_first_address_that_has_one(void **state)
{
    (void)state;
    fixture_setenv("PORT", "9000");
    struct config *c =
        fixture_load("[gateway]\nlisten = unix:/x systemd [::1]:80 127.0.0.1:81\n");
    assert_int_equal(c->gateway.listen.at[2].port, 9000);
    assert_int_equal(c->gateway.listen.at[3].port, 81);
    config_free(c);
}

static void port_without_an_address_to_change_is_refused(void **state)
{
    (void)state;
    fixture_setenv("PORT", "9000");
    fixture_refuse("[gateway]\nlisten = unix:/x systemd\n",
                   "environment: PORT has no address to change: [gateway] listen names none "
                   "with a port; unset it, or add one there\n");
}

static void port_must_not_make_two_addresses_one(void **state)
{
    (void)state;
    fixture_setenv("PORT", "81");
    fixture_refuse("[gateway]\nlisten = 127.0.0.1:80 127.0.0.1:81\n",
                   "environment: PORT names 127.0.0.1:81 twice\n");
}

static void errors_name_the_line(void **state)
{
    (void)state;
    fixture_refuse("[gateway]\nlisten = 127.0.0.1:80 here\n",
                   "t.ini:2: [gateway] listen must be " SHAPE ", got 'here'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(one_address_is_a_list),
        FIXTURE_TEST(blanks_and_commas_part_the_addresses),
        FIXTURE_TEST(an_ipv6_address_has_one_spelling),
        FIXTURE_TEST(each_address_has_its_kind),
        FIXTURE_TEST(what_is_no_address_is_named),
        FIXTURE_TEST(a_name_in_place_of_an_address_is_translated),
        FIXTURE_TEST(ports_have_bounds),
        FIXTURE_TEST(a_comment_of_the_wrong_kind_is_seen),
        FIXTURE_TEST(a_path_is_absolute_and_fits_into_an_address),
        FIXTURE_TEST(nothing_stands_twice),
        FIXTURE_TEST(there_are_16_at_most),
        FIXTURE_TEST(port_changes_the_first_address_that_has_one),
        FIXTURE_TEST(port_without_an_address_to_change_is_refused),
        FIXTURE_TEST(port_must_not_make_two_addresses_one),
        FIXTURE_TEST(errors_name_the_line),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
