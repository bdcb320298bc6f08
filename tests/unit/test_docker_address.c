/* test_docker_address - where a container's node answers.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "supervisor/core/docker_address.h"

static const char *const two[] = {"copilot_default", "web"};
static const char *const two_addresses[] = {"172.18.0.3", "172.19.0.7"};
static const char *const no_addresses[] = {"", ""};
static const char *const web[] = {"web"};
static const char *const bridge[] = {"bridge"};

static const struct docker_address_facts base = {
    .name = "node-2",
    .networks = two,
    .addresses = two_addresses,
    .network_count = 2,
    .wanted = "",
};

static void is_at(struct docker_address_facts f, const char *expected)
{
    char reason[REASON_MAX] = "";
    const char *host = docker_address_choose(&f, reason);

    assert_non_null(host);
    assert_string_equal(host, expected);
}

static void is_nowhere(struct docker_address_facts f, const char *expected)
{
    char reason[REASON_MAX] = "";

    assert_null(docker_address_choose(&f, reason));
    assert_string_equal(reason, expected);
}

static void the_only_network_is_the_one(void **state)
{
    struct docker_address_facts f = base;

    (void)state;
    f.network_count = 1;
    is_at(f, "172.18.0.3");
}

static void of_several_the_one_that_the_settings_name(void **state)
{
    struct docker_address_facts f = base;

    (void)state;
    f.wanted = "web";
    is_at(f, "172.19.0.7");
    f.wanted = "default"; /* as compose files call it */
    is_at(f, "172.18.0.3");
    f.wanted = "other";
    is_nowhere(f, "is not on [docker] network other");
    f.wanted = "fault";
    is_nowhere(f, "is not on [docker] network fault");
}

static void of_several_the_one_that_we_share(void **state)
{
    struct docker_address_facts f = base;

    (void)state;
    is_at(f, "172.18.0.3");
    f.our_networks = web;
    f.our_network_count = 1;
    is_at(f, "172.19.0.7");
}

static void a_container_of_the_host_is_on_loopback(void **state)
{
    struct docker_address_facts f = base;

    (void)state;
    f.is_host_network = true;
    f.addresses = no_addresses;
    is_at(f, "127.0.0.1");
}

static void without_an_address_it_is_waited_for(void **state)
{
    struct docker_address_facts f = base;

    (void)state;
    f.addresses = no_addresses;
    is_nowhere(f, "has no address yet on network copilot_default");
    f.network_count = 0;
    is_nowhere(f, "has no network");
    f.is_guest = true;
    is_nowhere(f, "lives in another container's network: give it a label copilot.url");
}

static void its_name_will_do_on_a_network_that_we_share(void **state)
{
    struct docker_address_facts f = base;

    (void)state;
    f.addresses = no_addresses;
    f.our_networks = web;
    f.our_network_count = 1;
    is_at(f, "node-2");
    f.networks = bridge; /* has no DNS */
    f.our_networks = bridge;
    f.network_count = 1;
    is_nowhere(f, "has no address yet on network bridge");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_only_network_is_the_one),
        cmocka_unit_test(of_several_the_one_that_the_settings_name),
        cmocka_unit_test(of_several_the_one_that_we_share),
        cmocka_unit_test(a_container_of_the_host_is_on_loopback),
        cmocka_unit_test(without_an_address_it_is_waited_for),
        cmocka_unit_test(its_name_will_do_on_a_network_that_we_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
