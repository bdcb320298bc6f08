/* test_home - homes are private, belong to us, and serve one daemon at a time.
 *
 * Also the loopback addresses of supervisor/address.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/home.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka needs four of the above */
#include <cmocka.h>

#include "log.h"
#include "supervisor/address.h"

static char base[64];
static char state_dir[128];
static char home[HOME_PATH_MAX];
static struct error error;
static int lock_fd;
static struct home_owner us;

static int setup(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_SILENT);
    (void)snprintf(base, sizeof base, "/tmp/test_home.XXXXXX");
    if (mkdtemp(base) == NULL)
        return -1;
    (void)snprintf(state_dir, sizeof state_dir, "%s/a/b/state", base);
    lock_fd = -1;
    us = (struct home_owner){.uid = geteuid(), .gid = getegid()};
    return 0;
}

/* Removes what the tests make, deepest first. */
static int teardown(void **state)
{
    static const char *const made[] = {
        "a/b/state/nodes/first/token",
        "a/b/state/nodes/first/token.refused",
        "a/b/state/nodes/first",
        "a/b/state/nodes/second",
        "a/b/state/nodes",
        "a/b/state/lock",
        "a/b/state",
        "a/b",
        "a",
        "link",
        "elsewhere/lock",
        "elsewhere",
        "",
    };
    char path[256];

    (void)state;
    if (lock_fd >= 0)
        close(lock_fd);
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", base, made[i]);
        (void)remove(path);
    }
    return 0;
}

static unsigned mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777u;
}

static void directories_are_made_and_private(void **state)
{
    (void)state;
    assert_int_equal(home_open_state(state_dir, &us, &lock_fd, &error), 0);
    assert_int_equal(mode_of(state_dir), 0700);
    assert_int_equal(home_prepare(state_dir, &us, "first", &us, home, &error), 0);
    assert_int_equal(mode_of(home), 0700);
    assert_memory_equal(home, state_dir, strlen(state_dir));
    assert_string_equal(home + strlen(state_dir), "/nodes/first");
    assert_int_equal(home_prepare(state_dir, &us, "first", &us, home, &error), 0);
}

static void home_that_is_open_to_others_is_closed(void **state)
{
    (void)state;
    assert_int_equal(home_open_state(state_dir, &us, &lock_fd, &error), 0);
    assert_int_equal(home_prepare(state_dir, &us, "first", &us, home, &error), 0);
    assert_int_equal(chmod(home, 0755), 0);
    assert_int_equal(home_prepare(state_dir, &us, "first", &us, home, &error), 0);
    assert_int_equal(mode_of(home), 0700);
}

static void state_directory_of_others_keeps_its_mode(void **state)
{
    char shared[128];

    (void)state;
    (void)snprintf(shared, sizeof shared, "%s/elsewhere", base);
    assert_int_equal(mkdir(shared, 0755), 0);
    assert_int_equal(chmod(shared, 0755), 0);
    assert_int_equal(home_open_state(shared, &us, &lock_fd, &error), 0);
    assert_int_equal(mode_of(shared), 0755);
}

static void second_daemon_is_refused_by_name(void **state)
{
    int second = -1;
    char pid[32];

    (void)state;
    assert_int_equal(home_open_state(state_dir, &us, &lock_fd, &error), 0);
    assert_int_equal(home_open_state(state_dir, &us, &second, &error), -EBUSY);
    assert_int_equal(second, -1);
    (void)snprintf(pid, sizeof pid, "(pid %d)", (int)getpid());
    assert_non_null(strstr(error.text, pid));
    assert_non_null(strstr(error.text, "state_dir"));
    close(lock_fd);
    assert_int_equal(home_open_state(state_dir, &us, &lock_fd, &error), 0);
}

static void link_in_place_of_a_home_is_refused(void **state)
{
    char nodes[160];
    char link[256];

    (void)state;
    assert_int_equal(home_open_state(state_dir, &us, &lock_fd, &error), 0);
    assert_int_equal(home_prepare(state_dir, &us, "second", &us, home, &error), 0);
    (void)snprintf(nodes, sizeof nodes, "%s/nodes", state_dir);
    (void)snprintf(link, sizeof link, "%s/first", nodes);
    assert_int_equal(symlink("/tmp", link), 0);
    assert_true(home_prepare(state_dir, &us, "first", &us, home, &error) < 0);
    assert_non_null(strstr(error.text, "/nodes/first"));
    unlink(link);
}

static void file_in_place_of_a_directory_is_an_error(void **state)
{
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/a", base);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(home_open_state(state_dir, &us, &lock_fd, &error), -ENOTDIR);
    assert_non_null(strstr(error.text, "Not a directory"));
}

static void put_token(const char *text)
{
    char path[HOME_PATH_MAX + 16];

    (void)snprintf(path, sizeof path, "%s/token", home);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void prepare(void)
{
    assert_int_equal(home_open_state(state_dir, &us, &lock_fd, &error), 0);
    assert_int_equal(home_prepare(state_dir, &us, "first", &us, home, &error), 0);
}

static void token_counts_when_something_is_in_the_file(void **state)
{
    (void)state;
    prepare();
    assert_false(home_has_token(home, "token"));
    put_token("");
    assert_false(home_has_token(home, "token"));
    put_token(" \r\n\t");
    assert_false(home_has_token(home, "token"));
    put_token("\nghu_x");
    assert_true(home_has_token(home, "token"));
    assert_false(home_has_token(home, "."));
}

static void token_is_set_aside_over_an_older_one(void **state)
{
    char path[HOME_TOKEN_PATH_MAX] = "untouched";
    char wanted[HOME_PATH_MAX + 32];
    struct stat st;

    (void)state;
    prepare();
    assert_int_equal(home_set_token_aside(home, "token", path), -ENOENT);
    assert_string_equal(path, "untouched");
    for (int i = 0; i < 2; i++) {
        put_token(i == 0 ? "ghu_old" : "ghu_other");
        assert_int_equal(home_set_token_aside(home, "token", path), 0);
        assert_false(home_has_token(home, "token"));
        assert_true(home_has_token(home, "token.refused"));
    }
    (void)snprintf(wanted, sizeof wanted, "%s/token.refused", home);
    assert_string_equal(path, wanted);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, strlen("ghu_other"));
    assert_int_equal(st.st_mode & 0777u, 0600);
}

static void token_that_cannot_be_set_aside_stays(void **state)
{
    char path[HOME_TOKEN_PATH_MAX];
    char in_the_way[HOME_PATH_MAX + 32];
    char long_name[HOME_TOKEN_PATH_MAX];

    (void)state;
    prepare();
    put_token("ghu_old");
    (void)snprintf(in_the_way, sizeof in_the_way, "%s/token.refused", home);
    assert_int_equal(mkdir(in_the_way, 0700), 0);
    assert_int_equal(home_set_token_aside(home, "token", path), -EISDIR);
    assert_true(home_has_token(home, "token"));
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(home_set_token_aside(home, long_name, path), -ENAMETOOLONG);
}

static void addresses_are_loopback_and_differ(void **state)
{
    char seen[100][ADDRESS_TEXT_MAX];

    (void)state;
    for (int i = 0; i < 100; i++) {
        unsigned part[4];
        assert_int_equal(address_random(seen[i]), 0);
        assert_int_equal(sscanf(seen[i], "%u.%u.%u.%u", &part[0], &part[1], &part[2], &part[3]),
                         4);
        assert_int_equal(part[0], 127);
        assert_in_range(part[1], 1, 254);
        assert_in_range(part[3], 1, 254);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(seen[i], seen[k]);
    }
}

static void free_port_is_found_on_each_address(void **state)
{
    char address[ADDRESS_TEXT_MAX];
    uint16_t port = 0;

    (void)state;
    assert_int_equal(address_random(address), 0);
    assert_int_equal(address_free_port(address, &port), 0);
    assert_true(port >= 1024);
    assert_int_equal(address_free_port("192.0.2.1", &port), -EADDRNOTAVAIL);
    assert_int_equal(address_free_port("nonsense", &port), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(directories_are_made_and_private, setup, teardown),
        cmocka_unit_test_setup_teardown(home_that_is_open_to_others_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(state_directory_of_others_keeps_its_mode, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(second_daemon_is_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(link_in_place_of_a_home_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(file_in_place_of_a_directory_is_an_error, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(token_counts_when_something_is_in_the_file, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(token_is_set_aside_over_an_older_one, setup, teardown),
        cmocka_unit_test_setup_teardown(token_that_cannot_be_set_aside_stays, setup, teardown),
        cmocka_unit_test(addresses_are_loopback_and_differ),
        cmocka_unit_test(free_port_is_found_on_each_address),
    };

    return cmocka_run_group_tests_name("home", tests, NULL, NULL);
}
