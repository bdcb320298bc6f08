/* config_fixture.h - for the tests of settings: a file t.ini and an environment of one's own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "mem.h"

#define FIXTURE_VARIABLES_MAX 8

/* As they are told to somebody who has named another one. */
#define ALL_SECTIONS                                                                           \
    "[gateway], [access], [quota], [multipliers], [docker], [supervisor], [auth], [log], "     \
    "[include], [node] and [node:NAME]"

static struct {
    const char *name;
    const char *value;
} fixture_variables[FIXTURE_VARIABLES_MAX];

static inline const char *fixture_getenv(const char *name)
{
    for (size_t i = 0; i < FIXTURE_VARIABLES_MAX; i++) {
        if (fixture_variables[i].name != NULL && strcmp(fixture_variables[i].name, name) == 0)
            return fixture_variables[i].value;
    }
    if (strcmp(name, "DOCKER_HOST") == 0) /* the engine of this machine stays out of it */
        return "unix:///nowhere/docker.sock";
    return strcmp(name, "HOME") == 0 ? "/home/tester" : NULL;
}

static inline void fixture_setenv(const char *name, const char *value)
{
    size_t i = 0;

    while (fixture_variables[i].name != NULL && strcmp(fixture_variables[i].name, name) != 0)
        i++;
    assert_true(i < FIXTURE_VARIABLES_MAX);
    fixture_variables[i].name = name;
    fixture_variables[i].value = value;
}

/* Setup of each test: no variables. */
static inline int fixture_clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < FIXTURE_VARIABLES_MAX; i++)
        fixture_variables[i].name = NULL;
    return 0;
}

/* Setup and teardown of each group: a directory of its own, so that messages say "t.ini". */
static char fixture_directory[] = "/tmp/test_config.XXXXXX";
static char fixture_origin[1024];

static inline int fixture_enter(void **state)
{
    (void)state;
    if (getcwd(fixture_origin, sizeof fixture_origin) == NULL ||
        mkdtemp(fixture_directory) == NULL)
        return -1;
    return chdir(fixture_directory);
}

static inline int fixture_leave(void **state)
{
    (void)state;
    (void)unlink("t.ini");
    return chdir(fixture_origin) != 0 || rmdir(fixture_directory) != 0 ? -1 : 0;
}

static inline void fixture_write(const void *bytes, size_t len)
{
    FILE *file = fopen("t.ini", "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* The config for this text, which must be right. */
static inline struct config *fixture_load(const char *text)
{
    struct config *c = NULL;
    struct buf messages;

    fixture_write(text, strlen(text));
    buf_init(&messages, 0);
    int r = config_load("t.ini", fixture_getenv, &c, &messages);
    if (r != 0)
        print_error("%.*s", (int)messages.len, messages.data);
    buf_done(&messages);
    assert_int_equal(r, 0);
    return c;
}

/* The text must be refused with exactly these lines. */
static inline void fixture_refuse_bytes(const void *bytes, size_t len, const char *expected)
{
    struct config *c = NULL;
    struct buf messages;

    fixture_write(bytes, len);
    buf_init(&messages, 0);
    int r = config_load("t.ini", fixture_getenv, &c, &messages);
    if (r == 0) {
        config_free(c);
        fail_msg("not refused; expected: %s", expected);
    }
    assert_int_equal(r, -22); /* EINVAL */
    assert_null(c);
    assert_int_equal(buf_append(&messages, "", 1), 0);
    char *text = mem_strdup(messages.data);
    buf_done(&messages);
    assert_string_equal(text, expected);
    mem_free(text);
}

static inline void fixture_refuse(const char *text, const char *expected)
{
    fixture_refuse_bytes(text, strlen(text), expected);
}

#define FIXTURE_TEST(behaviour) cmocka_unit_test_setup(behaviour, fixture_clear)

#endif
