/* test_health_quota - quotaDetail in /health: the figures of a node and how old each is.
 *
 * A proxy without a listener: the driver with its engine, one node, and a poll that never
 * reaches anybody, because the loop does not run before the end.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "proxy/admin_json.h"
#include "proxy/driver.h"

#define HOUR_MS (INT64_C(3600) * 1000)

struct fixture {
    uv_loop_t loop;
    struct config config;
    struct proxy *proxy;
};

static bool no_process(void *host, unsigned slot, struct proxy_process_view *ret_view)
{
    (void)host;
    (void)slot;
    (void)ret_view;
    return false;
}

static void post(struct proxy *p, struct failover_event ev)
{
    driver_post(p->driver, &ev);
}

static int open_proxy(void **state)
{
    struct fixture *f = mem_alloc(1, sizeof *f);
    struct proxy *p = mem_alloc(1, sizeof *p);

    assert_non_null(f);
    assert_non_null(p);
    log_set_level(LOG_LEVEL_SILENT);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    f->config.quota.usage_timeout_ms = 1000;
    f->proxy = p;
    p->loop = &f->loop;
    p->config = &f->config;
    p->host.node_process = no_process;
    assert_int_equal(fetch_pool_new(&f->loop, &p->fetches), 0);
    assert_int_equal(driver_new(p, &p->driver), 0);
    p->node_count = 1;
    p->order_count = 1; /* order[0] = slot 0 */
    struct proxy_node *n = &p->nodes[0];
    n->proxy = p;
    n->is_used = true;
    (void)snprintf(n->name, sizeof n->name, "a");
    (void)snprintf(n->authority, sizeof n->authority, "127.0.0.1:1");
    post(p, (struct failover_event){.type = FAILOVER_NODE_ADDED});
    *state = f;
    return 0;
}

static void on_pool_closed(void *data)
{
    (void)data;
}

static int close_proxy(void **state)
{
    struct fixture *f = *state;

    driver_close(f->proxy->driver);
    fetch_pool_close(f->proxy->fetches, on_pool_closed, NULL);
    assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    driver_free(f->proxy->driver);
    history_done(&f->proxy->history);
    mem_free(f->proxy);
    mem_free(f);
    return 0;
}

/* quotaDetail of the node; the caller owns it. */
static json_t *detail_of(const struct proxy *p)
{
    struct buf out;

    buf_init(&out, 0);
    assert_int_equal(admin_json_health(p, false, &out), 0);
    json_t *root = json_loadb(out.data, out.len, 0, NULL);
    assert_non_null(root);
    json_t *node = json_array_get(json_object_get(root, "nodes"), 0);
    json_t *detail = json_incref(json_object_get(node, "quotaDetail"));
    json_decref(root);
    buf_done(&out);
    return detail;
}

/* -1 for null; what is missing fails. */
static int64_t age_of(const struct proxy *p, const char *figure)
{
    json_t *detail = detail_of(p);
    const json_t *age = json_object_get(json_object_get(detail, "age"), figure);

    assert_non_null(age);
    assert_true(json_is_integer(age) || json_is_null(age));
    int64_t seconds = json_is_null(age) ? -1 : json_integer_value(age);
    json_decref(detail);
    return seconds;
}

/* As the poller does it, when a good answer of so long ago comes in. */
static void take_quota(struct proxy *p, int64_t remaining_milli, int64_t ago_ms)
{
    struct proxy_node *n = &p->nodes[0];

    n->quota.usage = (struct failover_usage){
        .has_remaining = true, .remaining_milli = remaining_milli, .entitlement_milli = 300000};
    n->has_quota = true;
    n->quota_wall_ms = proxy_wall_ms() - ago_ms;
    post(p, (struct failover_event){.type = FAILOVER_USAGE,
                                    .poll_serial = driver_engine(p->driver)->poll_serial,
                                    .usage = n->quota.usage});
}

static void a_node_that_was_never_asked_has_no_detail(void **state)
{
    struct fixture *f = *state;

    json_t *detail = detail_of(f->proxy);
    assert_true(json_is_null(detail));
    json_decref(detail);
}

static void figures_of_unknown_age_say_so(void **state)
{
    struct fixture *f = *state;
    struct proxy_node *n = &f->proxy->nodes[0];

    n->has_quota = true;
    assert_int_equal(age_of(f->proxy, "remaining"), -1);
    assert_int_equal(age_of(f->proxy, "entitlement"), -1);
    assert_int_equal(age_of(f->proxy, "resetDate"), -1);
    assert_int_equal(age_of(f->proxy, "estimate"), -1);
}

static void polled_figures_are_as_old_as_the_poll(void **state)
{
    struct fixture *f = *state;

    post(f->proxy, (struct failover_event){.type = FAILOVER_NODE_UP});
    take_quota(f->proxy, 120670, 90 * 1000);
    assert_in_range(age_of(f->proxy, "remaining"), 90, 95);
    assert_in_range(age_of(f->proxy, "entitlement"), 90, 95);
    assert_in_range(age_of(f->proxy, "resetDate"), 90, 95);
    json_t *detail = detail_of(f->proxy);
    assert_float_equal(json_number_value(json_object_get(detail, "remaining")), 120.67, 1e-6);
    assert_float_equal(json_number_value(json_object_get(detail, "estimate")), 120.67, 1e-6);
    assert_null(json_object_get(detail, "reserve"));
    json_decref(detail);
}

static void the_estimate_is_as_old_as_its_last_change(void **state)
{
    struct fixture *f = *state;
    struct proxy_node *n = &f->proxy->nodes[0];

    post(f->proxy, (struct failover_event){.type = FAILOVER_NODE_UP});
    take_quota(f->proxy, 7000, 90 * 1000);
    /* The driver saw it change just now. */
    assert_int_equal(n->estimate_milli, 7000);
    assert_in_range(age_of(f->proxy, "estimate"), 0, 5);
    n->estimate_wall_ms -= 60 * 1000;
    assert_in_range(age_of(f->proxy, "estimate"), 60, 65);
    /* Events that leave it alone do not make it younger. */
    post(f->proxy, (struct failover_event){.type = FAILOVER_TIMER});
    assert_in_range(age_of(f->proxy, "estimate"), 60, 65);
    /* A poll that finds the same figure does. */
    n->quota_wall_ms = proxy_wall_ms() - 10 * 1000;
    assert_in_range(age_of(f->proxy, "estimate"), 10, 15);
}

static void an_age_is_not_negative_when_the_clock_is_set_back(void **state)
{
    struct fixture *f = *state;

    post(f->proxy, (struct failover_event){.type = FAILOVER_NODE_UP});
    take_quota(f->proxy, 7000, -HOUR_MS);
    f->proxy->nodes[0].estimate_wall_ms = proxy_wall_ms() + 2 * HOUR_MS;
    assert_int_equal(age_of(f->proxy, "remaining"), 0);
    assert_int_equal(age_of(f->proxy, "estimate"), 0);
}

static void the_reserve_is_shown_when_there_is_one(void **state)
{
    struct fixture *f = *state;

    f->config.quota.reserve = 25;
    f->proxy->nodes[0].has_quota = true;
    json_t *detail = detail_of(f->proxy);
    assert_int_equal(json_integer_value(json_object_get(detail, "reserve")), 25);
    json_decref(detail);
}

#define TEST(behaviour) cmocka_unit_test_setup_teardown(behaviour, open_proxy, close_proxy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_node_that_was_never_asked_has_no_detail),
        TEST(figures_of_unknown_age_say_so),
        TEST(polled_figures_are_as_old_as_the_poll),
        TEST(the_estimate_is_as_old_as_its_last_change),
        TEST(an_age_is_not_negative_when_the_clock_is_set_back),
        TEST(the_reserve_is_shown_when_there_is_one),
    };
    return cmocka_run_group_tests_name("health_quota", tests, NULL, NULL);
}
