/* test_config_diff - which rows of the settings table differ between two files.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_diff.h"

#include "config_fixture.h"

/* "[gateway] retry_limit" or "command", one after the other; nodes are compared by place. */
static char *differences(const char *before, const char *after)
{
    struct config *a = fixture_load(before);
    struct config *b = fixture_load(after);
    struct buf out;

    buf_init(&out, 0);
    assert_int_equal(a->node_count, b->node_count);
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (strcmp(row->section, "node") != 0 && config_diff_row(row, a, b))
            assert_int_equal(buf_printf(&out, "%s.%s ", row->section, row->key), 0);
        for (size_t n = 0; strcmp(row->section, "node") == 0 && n < a->node_count; n++) {
            if (config_diff_row(row, &a->nodes[n], &b->nodes[n]))
                assert_int_equal(buf_printf(&out, "%s.%s ", a->nodes[n].name, row->key), 0);
        }
    }
    assert_int_equal(buf_append(&out, "", 1), 0);
    config_free(a);
    config_free(b);
    char *text = mem_strdup(out.data);
    buf_done(&out);
    return text;
}

static void check(const char *before, const char *after, const char *expected)
{
    char *found = differences(before, after);

    assert_string_equal(found, expected);
    mem_free(found);
    found = differences(after, before);
    assert_string_equal(found, expected);
    mem_free(found);
}

static void a_file_does_not_differ_from_itself(void **state)
{
    const char *file = "[gateway]\nlisten = 127.0.0.1:1 [::1]:2\n[multipliers]\ngpt-9 = 2\n"
                       "[node]\nenv.A = b\npass_env = C\nnice = 5\n[node:x]\n[node:y]\n"
                       "url = http://h:1\ntoken = t\n";

    (void)state;
    check(file, file, "");
}

static void the_same_value_in_other_words_is_no_difference(void **state)
{
    (void)state;
    check("[gateway]\nnode_wait = 60s\nretry_on = 401 402\n[node]\nenv.A = 1\nenv.B = "
          "2\n[node:x]",
          "[gateway]\nretry_on = 402, 401\nnode_wait=1m\n[node:x]\nenv.B = 2\nenv.A = \"1\"\n",
          "");
}

static void each_sort_of_value_is_compared(void **state)
{
    (void)state;
    check("", "[gateway]\nnode_wait = 11s\n", "gateway.node_wait ");
    check("", "[gateway]\nbody_max = 1MiB\n", "gateway.body_max ");
    check("", "[gateway]\nretry_on = 401\n", "gateway.retry_on ");
    check("", "[gateway]\nlisten = 127.0.0.1:8081\n", "gateway.listen ");
    check("[gateway]\nlisten = 127.0.0.1:1 127.0.0.1:2\n", "[gateway]\nlisten = 127.0.0.1:1\n",
          "gateway.listen ");
    check("", "[quota]\nallow_overage = yes\n", "quota.allow_overage ");
    check("", "[multipliers]\ngpt-9 = 3\n", "multipliers.MODEL ");
    check("[multipliers]\ngpt-9 = 3\n", "[multipliers]\ngpt-9 = 2\n", "multipliers.MODEL ");
    check("", "[log]\naccess_file = /tmp/x\n", "log.access_file ");
    check("[node:x]", "[node:x]\ncommand = y %(port)s", "x.command ");
    check("[node:x]", "[node:x]\naccount_type = business", "x.account_type ");
    check("[node:x]", "[node:x]\nrate_limit = 2s", "x.rate_limit ");
    check("[node:x]", "[node:x]\nnice = 3", "x.nice ");
    check("[node:x]\nnice = 3", "[node:x]\nnice = 4", "x.nice ");
    check("[node:x]\numask = 022", "[node:x]\numask = 077", "x.umask ");
    check("[node:x]\nurl = http://h:1", "[node:x]\nurl = http://h:2", "x.url ");
    check("[node:x]\nurl = http://h:1", "[node:x]\nurl = http://h:1\ntoken = t", "x.token ");
}

static void the_environment_of_a_node_is_two_settings(void **state)
{
    (void)state;
    check("[node:x]", "[node:x]\nenv.A = 1", "x.env.NAME ");
    check("[node:x]\nenv.A = 1", "[node:x]\nenv.A = 2", "x.env.NAME ");
    check("[node:x]\npass_env = A", "[node:x]\npass_env = B", "x.pass_env ");
    check("[node:x]\npass_env = A", "[node:x]\nenv.A = 1", "x.env.NAME x.pass_env ");
}

static void effects_are_told_apart(void **state)
{
    struct config *a =
        fixture_load("[node:x]\n[node:y]\nstart_timeout = 9s\n[node:z]\nnice = 1");

    (void)state;
    assert_false(config_diff_node(&a->nodes[0], &a->nodes[1], CONFIG_EFFECT_RESTART_NODE));
    assert_true(config_diff_node(&a->nodes[0], &a->nodes[1], CONFIG_EFFECT_LIVE));
    assert_true(config_diff_node(&a->nodes[0], &a->nodes[2], CONFIG_EFFECT_RESTART_NODE));
    assert_false(config_diff_node(&a->nodes[0], &a->nodes[2], CONFIG_EFFECT_LIVE));
    config_free(a);
}

/* What a reload must not apply is put back: each such row can be exchanged, and frees well. */
static void what_needs_the_daemon_can_be_exchanged(void **state)
{
    struct config *a = fixture_load("[supervisor]\nstate_dir = /tmp/a\n");
    struct config *b = fixture_load("[supervisor]\nstate_dir = /tmp/b\n[log]\naccess = json\n"
                                    "[gateway]\nlisten = 127.0.0.1:7\n");

    (void)state;
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (row->effect == CONFIG_EFFECT_RESTART_DAEMON)
            config_diff_swap(row, a, b);
    }
    assert_string_equal(a->supervisor.state_dir, "/tmp/b");
    assert_string_equal(b->supervisor.state_dir, "/tmp/a");
    assert_int_equal(a->gateway.listen.at[0].port, 7);
    assert_int_equal(b->log.access, CONFIG_ACCESS_OFF);
    config_free(a);
    config_free(b);
}

/* A new type without a comparison would look like single bytes of size 0: never different. */
static void every_row_of_the_table_has_a_comparison(void **state)
{
    static union {
        struct config config;
        struct config_node node;
        unsigned char bytes[1];
    } zero, other;

    (void)state;
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        bool is_list = row->type == CONFIG_TYPE_ENV || row->type == CONFIG_TYPE_PASS_ENV ||
                       row->type == CONFIG_TYPE_PRICE || row->type == CONFIG_TYPE_LISTEN;
        bool is_text = row->type == CONFIG_TYPE_URL;
        bool is_no_field = row->type == CONFIG_TYPE_INCLUDE; /* what was read is compared */
        if (is_list || is_text || is_no_field)
            continue;
        memset(&other, 0, sizeof other);
        (&other.bytes[0])[row->offset] = 1; /* a pointer is not looked through: NULL differs */
        if (!config_diff_row(row, &other, &zero))
            fail_msg("[%s] %s is never different", row->section, row->key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_file_does_not_differ_from_itself),
        FIXTURE_TEST(the_same_value_in_other_words_is_no_difference),
        FIXTURE_TEST(each_sort_of_value_is_compared),
        FIXTURE_TEST(the_environment_of_a_node_is_two_settings),
        FIXTURE_TEST(effects_are_told_apart),
        FIXTURE_TEST(what_needs_the_daemon_can_be_exchanged),
        FIXTURE_TEST(every_row_of_the_table_has_a_comparison),
    };

    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
