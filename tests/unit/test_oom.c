/* test_oom - a kill that the kernel counts explains one death.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/oom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka needs four of the above */
#include <cmocka.h>

static char path[] = "/tmp/test-oom-XXXXXX";

static void count_is(unsigned kills)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    /* As in memory.events; the second line must not be taken for it. */
    (void)fprintf(f, "oom 9\noom_group_kill 5\nnot_oom_kill 7\noom_kill %u\n", kills);
    (void)fclose(f);
}

static int setup(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void kill_since_the_last_look_explains_one_death(void **state)
{
    struct oom o;

    (void)state;
    count_is(3);
    oom_init_at(&o, path);
    assert_false(oom_explains_death(&o));
    count_is(5);
    assert_true(oom_explains_death(&o));
    assert_true(oom_explains_death(&o));
    assert_false(oom_explains_death(&o));
}

static void file_without_a_count_explains_nothing(void **state)
{
    struct oom o;

    (void)state;
    oom_init_at(&o, "/proc/self/status");
    assert_string_equal(o.path, "");
    assert_false(oom_explains_death(&o));
    oom_init_at(&o, "/nonexistent");
    assert_false(oom_explains_death(&o));
}

static void this_machine_has_a_counter(void **state)
{
    struct oom o;

    (void)state;
    oom_init(&o);
    if (access("/proc/vmstat", R_OK) == 0)
        assert_string_not_equal(o.path, "");
    assert_false(oom_explains_death(&o));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kill_since_the_last_look_explains_one_death),
        cmocka_unit_test(file_without_a_count_explains_nothing),
        cmocka_unit_test(this_machine_has_a_counter),
    };

    return cmocka_run_group_tests_name("oom", tests, setup, teardown);
}
