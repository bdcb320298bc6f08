/* test_body - request bodies: on the heap, in a mapping, within their limits.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "config.h"
#include "mem.h"
#include "proxy/body.h"

#define MIB ((size_t)1024 * 1024)

static const struct config_gateway limits = {
    .body_max_bytes = 5 * MIB + 1,
    .body_memory_max_bytes = 8 * MIB,
};

/* Bytes whose place can be told from their value. */
static char *pattern(size_t len)
{
    char *bytes = malloc(len);

    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 4096);
    return bytes;
}

static void add(struct body *b, const char *bytes, size_t len)
{
    assert_int_equal(body_append(b, (struct slice){bytes, len}, &limits), 0);
}

static void a_body_keeps_its_bytes_while_it_outgrows_the_heap(void **state)
{
    char *bytes = pattern(limits.body_max_bytes);
    uint64_t used = 0;
    struct body *b = body_new(&used);

    (void)state;
    for (size_t at = 0; at < limits.body_max_bytes;) {
        size_t rest = limits.body_max_bytes - at;
        size_t len = rest < 50000 ? rest : 50000;
        add(b, bytes + at, len);
        at += len;
        assert_int_equal(used, at);
        assert_int_equal(b->is_mapped, at > BODY_HEAP_BYTES);
    }
    assert_int_equal(b->len, limits.body_max_bytes);
    assert_memory_equal(b->data, bytes, b->len);
    assert_int_equal((uintptr_t)b->data % (2 * MIB), 0);
    body_unref(b);
    assert_int_equal(used, 0);
    free(bytes);
}

static void one_append_may_be_large(void **state)
{
    char *bytes = pattern(3 * MIB);
    uint64_t used = 0;
    struct body *b = body_new(&used);

    (void)state;
    add(b, bytes, 3 * MIB);
    add(b, bytes, 0);
    assert_memory_equal(b->data, bytes, 3 * MIB);
    body_unref(b);
    free(bytes);
}

static void a_body_lives_as_long_as_its_last_hold(void **state)
{
    uint64_t used = 0;
    struct body *b = body_new(&used);

    (void)state;
    add(b, "body", 4);
    assert_ptr_equal(body_ref(b), b);
    body_unref(b);
    assert_int_equal(used, 4);
    assert_memory_equal(b->data, "body", 4);
    body_unref(b);
    assert_int_equal(used, 0);
    body_unref(NULL);
}

static void a_body_keeps_to_its_own_limit_and_to_that_of_all(void **state)
{
    char *bytes = pattern(limits.body_max_bytes + 1);
    uint64_t used = 0;
    struct body *a = body_new(&used), *b = body_new(&used);
    struct slice all = {bytes, limits.body_max_bytes + 1};

    (void)state;
    assert_int_equal(body_append(a, all, &limits), -EMSGSIZE);
    assert_int_equal(used, 0);
    add(a, bytes, 5 * MIB);
    assert_int_equal(body_append(a, (struct slice){bytes, 2}, &limits), -EMSGSIZE);
    assert_int_equal(body_append(b, (struct slice){bytes, 3 * MIB + 1}, &limits), -ENOBUFS);
    add(b, bytes, 3 * MIB);
    assert_int_equal(body_append(b, (struct slice){bytes, 1}, &limits), -ENOBUFS);
    assert_int_equal(used, 8 * MIB);
    body_unref(a);
    add(b, bytes, 1);
    body_unref(b);
    assert_int_equal(used, 0);
    free(bytes);
}

static void limits_may_change_under_a_body(void **state)
{
    char *bytes = pattern(6 * MIB);
    struct config_gateway other = limits;
    uint64_t used = 0;
    struct body *b = body_new(&used);

    (void)state;
    add(b, bytes, 2 * MIB);
    other.body_max_bytes = MIB;
    assert_int_equal(body_append(b, (struct slice){bytes, 1}, &other), -EMSGSIZE);
    other.body_max_bytes = 7 * MIB;
    assert_int_equal(body_append(b, (struct slice){bytes + 2 * MIB, 4 * MIB}, &other), 0);
    assert_memory_equal(b->data, bytes, 6 * MIB);
    body_unref(b);
    free(bytes);
}

static void without_address_space_a_body_grows_on_the_heap(void **state)
{
    char *bytes = pattern(2 * MIB);
    uint64_t used = 0;
    struct body *b = body_new(&used);

    (void)state;
    add(b, bytes, MIB);
    mem_fail_after(1);
    add(b, bytes + MIB, MIB / 2);
    mem_fail_after(0);
    assert_false(b->is_mapped);
    assert_memory_equal(b->data, bytes, MIB + MIB / 2);
    add(b, bytes + MIB + MIB / 2, MIB / 2); /* within what the heap gave */
    assert_memory_equal(b->data, bytes, 2 * MIB);
    body_unref(b);
    assert_int_equal(used, 0);
    free(bytes);
}

static void without_memory_a_body_is_as_it_was(void **state)
{
    uint64_t used = 0;
    struct body *b;

    (void)state;
    mem_fail_after(1);
    assert_null(body_new(&used));
    b = body_new(&used);
    add(b, "body", 4);
    char *bytes = pattern(1000);
    mem_fail_after(1);
    assert_int_equal(body_append(b, (struct slice){bytes, 1000}, &limits), -ENOMEM);
    mem_fail_after(0);
    assert_int_equal(b->len, 4);
    assert_int_equal(used, 4);
    assert_memory_equal(b->data, "body", 4);
    body_unref(b);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_keeps_its_bytes_while_it_outgrows_the_heap),
        cmocka_unit_test(one_append_may_be_large),
        cmocka_unit_test(a_body_lives_as_long_as_its_last_hold),
        cmocka_unit_test(a_body_keeps_to_its_own_limit_and_to_that_of_all),
        cmocka_unit_test(limits_may_change_under_a_body),
        cmocka_unit_test(without_address_space_a_body_grows_on_the_heap),
        cmocka_unit_test(without_memory_a_body_is_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
