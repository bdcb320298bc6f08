/* test_config_files - included files are found, read in order, and named in errors.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "supervisor/config_files.h"

static char made[160][64];
static size_t made_count;

static void put(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_true(made_count < sizeof made / sizeof made[0]);
    (void)snprintf(made[made_count++], sizeof made[0], "%s", name);
}

static void make(const char *directory)
{
    assert_int_equal(mkdir(directory, 0700), 0);
    (void)snprintf(made[made_count++], sizeof made[0], "%s", directory);
}

static int teardown(void **state)
{
    (void)state;
    while (made_count > 0)
        (void)remove(made[--made_count]);
    return 0;
}

/* The names of the nodes in their order, as "a b c". */
static void nodes_are(const char *text, const char *expected)
{
    struct config *c = fixture_load(text);
    char names[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < c->node_count; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : " ",
                                 c->nodes[i].name);
    assert_string_equal(names, expected);
    config_free(c);
}

static void included_nodes_come_behind_those_of_the_file_by_name(void **state)
{
    (void)state;
    make("conf.d");
    put("conf.d/20-b.ini", "[node:b]\n");
    put("conf.d/10-a.ini", "[node:a]\n");
    put("conf.d/not-this.txt", "nonsense\n");
    put("more.ini", "[node:more]\n");
    nodes_are("[include]\nfiles = conf.d/*.ini more.ini\n[node:main]\n", "main a b more");
    nodes_are("[include]\nfiles = more.ini conf.d/1*.ini\n[node:main]\n", "main more a");
}

static void settings_of_every_section_may_be_included(void **state)
{
    (void)state;
    put("common.ini", "\n[gateway]\nretry_limit = 7\n[node]\naccount_type = business\n");
    struct config *c = fixture_load("[include]\nfiles = \"common.ini\"\n[node:a]\n");
    assert_int_equal(c->gateway.retry_limit, 7);
    assert_string_equal(c->nodes[0].account_type, "business");
    config_free(c);
}

static void a_pattern_may_match_nothing_and_a_name_may_not(void **state)
{
    (void)state;
    nodes_are("[include]\nfiles = nowhere/*.ini x?.ini [ab].ini\n", "");
    nodes_are("[include]\nfiles =\n", "");
    nodes_are("[include]\n", "");
    fixture_refuse("[include]\nfiles = nowhere/x.ini y.ini\n",
                   "t.ini:2: [include] files names 'nowhere/x.ini', which is not there\n"
                   "t.ini:2: [include] files names 'y.ini', which is not there\n");
}

static void errors_name_the_included_file_and_its_line(void **state)
{
    (void)state;
    put("a.ini", "[node:a]\n\nnice = 99\n[gateway]\nretry_limt = 1\n");
    put("b.ini", "stray = 1\n[node:b]\ncolour = red\n");
    fixture_refuse("[include]\nfiles = a.ini b.ini\n[quota]\nreserve = x\n",
                   "t.ini:4: [quota] reserve must be 0..1000000, got 'x'\n"
                   "a.ini:3: [node:a] nice must be inherit or -20..19, got '99'\n"
                   "a.ini:5: [gateway] retry_limt is not a setting; did you mean "
                   "'retry_limit'?\n"
                   "b.ini:1: a setting stands before the first [section]\n"
                   "b.ini:3: [node:b] colour is not a setting\n");
}

static void a_section_that_stands_in_two_files_is_named_with_both(void **state)
{
    (void)state;
    put("a.ini", "[node:x]\n[node:y]\n");
    put("b.ini", "\n[node:y]\n");
    fixture_refuse("[include]\nfiles = ?.ini\n[node:x]\n",
                   "a.ini:1: [node:x] stands twice; the first is in t.ini:3\n"
                   "b.ini:2: [node:y] stands twice; the first is in a.ini:2\n");
}

static void an_included_file_must_not_include(void **state)
{
    (void)state;
    put("a.ini", "[node:a]\n[include]\nfiles = a.ini\n");
    fixture_refuse("[include]\nfiles = a.ini\n",
                   "a.ini:2: [include] is for the main file; a file that is included must not "
                   "include\n");
}

static void a_file_is_read_once_and_the_main_one_never_again(void **state)
{
    (void)state;
    put("a.ini", "[node:a]\n");
    nodes_are("[include]\nfiles = *.ini a.ini ./a.ini t.ini\n[node:main]\n", "main a");
}

static void only_plain_files_are_included(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("pipe.ini", 0600), 0);
    (void)snprintf(made[made_count++], sizeof made[0], "pipe.ini");
    make("dir.ini");
    fixture_refuse("[include]\nfiles = pipe.ini dir.ini\n",
                   "t.ini:2: [include] files names 'pipe.ini', which cannot be read: Invalid "
                   "argument\n"
                   "t.ini:2: [include] files names 'dir.ini', which cannot be read: Is a "
                   "directory\n");
}

static void names_are_relative_to_the_including_file(void **state)
{
    struct config *c = NULL;
    struct buf messages;

    (void)state;
    make("d[1]*");
    put("d[1]*/main.ini", "[include]\nfiles = n?.ini\n");
    put("d[1]*/n1.ini", "[node:right]\n");
    put("n2.ini", "[node:wrong]\n");
    buf_init(&messages, 0);
    assert_int_equal(config_load("d[1]*/main.ini", fixture_getenv, &c, &messages), 0);
    assert_int_equal(c->node_count, 1);
    assert_string_equal(c->nodes[0].name, "right");
    config_free(c);
    buf_done(&messages);
}

static void too_many_files_are_an_error(void **state)
{
    char name[32];

    (void)state;
    make("many");
    for (unsigned i = 0; i <= CONFIG_INCLUDES_MAX; i++) {
        (void)snprintf(name, sizeof name, "many/%03u.ini", i);
        put(name, "; nothing\n");
    }
    fixture_refuse("[include]\nfiles = many/*.ini\n",
                   "t.ini:2: [include] files names more than 128 files; 'many/128.ini' is not "
                   "read\n");
}

static void a_second_list_is_an_error(void **state)
{
    (void)state;
    put("a.ini", "");
    fixture_refuse("[include]\nfiles = a.ini\nfiles = a.ini\n",
                   "t.ini:3: [include] files is given twice; the first is in line 2\n");
}

#define FILES_TEST(behaviour)                                                                  \
    cmocka_unit_test_setup_teardown(behaviour, fixture_clear, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILES_TEST(included_nodes_come_behind_those_of_the_file_by_name),
        FILES_TEST(settings_of_every_section_may_be_included),
        FILES_TEST(a_pattern_may_match_nothing_and_a_name_may_not),
        FILES_TEST(errors_name_the_included_file_and_its_line),
        FILES_TEST(a_section_that_stands_in_two_files_is_named_with_both),
        FILES_TEST(an_included_file_must_not_include),
        FILES_TEST(a_file_is_read_once_and_the_main_one_never_again),
        FILES_TEST(only_plain_files_are_included),
        FILES_TEST(names_are_relative_to_the_including_file),
        FILES_TEST(too_many_files_are_an_error),
        FILES_TEST(a_second_list_is_an_error),
    };

    return cmocka_run_group_tests_name("config_files", tests, fixture_enter, fixture_leave);
}
