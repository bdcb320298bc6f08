/* test_config_print - the sample file, the README's table and the effective settings.
 *
 * SPDX-License-Identifier: MIT
 */
#include "config_fixture.h"

#include <errno.h>

#include "supervisor/config_table.h"

/* `out` as a C string; the caller frees it with buf_done(). */
static const char *text_of(struct buf *out)
{
    assert_int_equal(buf_append(out, "", 1), 0);
    return out->data;
}

static char *read_whole(const char *directory, const char *name)
{
    char path[1200];
    char *text = mem_alloc(CONFIG_FILE_BYTES_MAX, 1);

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail_msg("%s cannot be opened; tests run from the top of the tree", path);
    assert_true(fread(text, 1, CONFIG_FILE_BYTES_MAX - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void the_committed_sample_is_what_the_table_says(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    assert_int_equal(config_print_sample(&out), 0);
    char *committed = read_whole(fixture_origin, "conf/cluster.ini");
    assert_string_equal(committed, text_of(&out));
    mem_free(committed);
    buf_done(&out);
}

static void the_readme_has_the_table(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    assert_int_equal(config_print_table(&out), 0);
    char *readme = read_whole(fixture_origin, "README.md");
    if (strstr(readme, text_of(&out)) == NULL)
        fail_msg("README.md differs from `copilot-cluster check --print-table`");
    mem_free(readme);
    buf_done(&out);
}

static void the_sample_is_the_defaults_and_two_nodes(void **state)
{
    struct buf sample;
    struct buf defaults_text;
    struct buf sample_text;

    (void)state;
    buf_init(&sample, 0);
    buf_init(&defaults_text, 0);
    buf_init(&sample_text, 0);
    assert_int_equal(config_print_sample(&sample), 0);
    struct config *defaults = fixture_load("[node:first]\n[node:second]\n");
    struct config *c = fixture_load(text_of(&sample));
    assert_int_equal(config_print_effective(defaults, &defaults_text), 0);
    assert_int_equal(config_print_effective(c, &sample_text), 0);
    assert_string_equal(text_of(&sample_text), text_of(&defaults_text));
    config_free(defaults);
    config_free(c);
    buf_done(&sample);
    buf_done(&defaults_text);
    buf_done(&sample_text);
}

/* What [node] gives to all of them each has for itself. */
static void check_own_strings(const struct config_node *a, const struct config_node *b)
{
    unsigned count = 0;

    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (strcmp(row->section, "node") != 0)
            continue;
        switch (row->type) {
        case CONFIG_TYPE_NAME:
        case CONFIG_TYPE_HOME_FILE:
        case CONFIG_TYPE_NODE_PATH:
        case CONFIG_TYPE_NODE_FILE:
        case CONFIG_TYPE_USER:
        case CONFIG_TYPE_GROUP:
        case CONFIG_TYPE_COMMAND: {
            const char *ours = *(char *const *)(const void *)((const char *)a + row->offset);
            const char *theirs = *(char *const *)(const void *)((const char *)b + row->offset);
            if (ours == theirs && ours != NULL)
                fail_msg("[node] %s is shared by two nodes", row->key);
            count += ours != NULL;
            break;
        }
        default:
            break;
        }
    }
    assert_true(count > 7);
}

static void every_line_of_the_sample_works_when_its_semicolon_goes(void **state)
{
    struct buf sample;
    size_t settings = 0;

    (void)state;
    buf_init(&sample, 0);
    assert_int_equal(config_print_sample(&sample), 0);
    for (size_t i = 0; i + 1 < sample.len; i++) {
        bool starts_line = i == 0 || sample.data[i - 1] == '\n';
        if (!starts_line || sample.data[i] != ';' || strchr(" \n", sample.data[i + 1]) != NULL)
            continue;
        settings += sample.data[i + 1] != '[';
        /* The user of the whole and that of a node exclude one another. */
        if (strncmp(sample.data + i, ";user = nobody ", 15) == 0)
            continue;
        sample.data[i] = ' ';
    }
    struct config *c = fixture_load(text_of(&sample));
    /* The row of the models is a line for each shipped one. */
    assert_int_equal(settings, config_table_count - 1 + price_shipped_count);
    assert_int_equal(c->gateway.retry_limit, 3);
    assert_int_equal(c->quota.drained_poll_interval_ms, 3600000);
    assert_string_equal(c->supervisor.state_dir, "/var/lib/copilot-cluster");
    assert_int_equal(c->node_count, 3);
    assert_string_equal(c->nodes[1].account_type, "individual");
    assert_int_equal(c->nodes[1].env_count, 2);
    assert_string_equal(c->nodes[2].url, "http://10.0.0.5:4141");
    assert_string_equal(c->nodes[2].token, "secret");
    check_own_strings(&c->nodes[0], &c->nodes[1]);
    config_free(c);
    buf_done(&sample);
}

static void no_line_of_the_sample_is_too_long_to_read(void **state)
{
    struct buf sample;
    size_t width = 0;

    (void)state;
    buf_init(&sample, 0);
    assert_int_equal(config_print_sample(&sample), 0);
    for (size_t i = 0; i < sample.len; i++) {
        width = sample.data[i] == '\n' ? 0 : width + 1;
        assert_true(width <= 100);
    }
    buf_done(&sample);
}

static void the_table_has_a_line_for_each_setting(void **state)
{
    struct buf out;
    size_t lines = 0;

    (void)state;
    buf_init(&out, 0);
    assert_int_equal(config_print_table(&out), 0);
    for (size_t i = 0; i < out.len; i++)
        lines += out.data[i] == '\n';
    assert_int_equal(lines, config_table_count + 2);
    assert_non_null(strstr(text_of(&out),
                           "| [gateway] listen | `127.0.0.1:8080` | 1 to 16 of them | "
                           "PORT, GATEWAY_PORT | ADDRESS:PORT unix:/PATH systemd; 0.0.0.0 = "
                           "every interface |\n"));
    assert_non_null(strstr(out.data, "| [gateway] handoff | `drain` | drain or overlap |  | "
                                     "drain: never two accounts"));
    assert_non_null(strstr(out.data, "| [node] restart_delay | `1s` | 0s..1h |  | before "));
    buf_done(&out);
}

static void the_table_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        assert_true(row->type < CONFIG_TYPE_COUNT);
        assert_true(row->effect < CONFIG_EFFECT_COUNT);
        assert_non_null(row->help);
        assert_true((row->default_text == NULL) != (row->example == NULL));
        if (row->type == CONFIG_TYPE_ADJUST)
            assert_true((int64_t)row->min <= (int64_t)row->max);
        else
            assert_true(row->min <= row->max);
        for (size_t j = 0; j < i; j++)
            assert_false(strcmp(row->section, config_table_rows[j].section) == 0 &&
                         strcmp(row->key, config_table_rows[j].key) == 0);
    }
}

static const char rich[] =
    "[gateway]\nlisten = [::1]:81, unix:/run/x.sock\nretry_limit = 7\nbody_max = "
    "1536KiB\nretry_on =\n"
    "exhausted_status = 429\n[quota]\npoll_interval = 90s\nallow_overage = on\n"
    "[multipliers]\ngpt-4.1 = 0.125\nvendor/x = 12.50\ndefault = 1.005\n"
    "[log]\nlevel = trace\n"
    "[supervisor]\nstate_dir = \"/srv/a ; b\"\nstart_interval = 250ms\n"
    "[node:a]\ncommand = sh -c \"x ; y\"\nrate_limit = 2m\nproxy_env = yes\n"
    "env.PLAIN = \" a ; \\\"b\\\" \\\\ \"\nenv.NONE =\npass_env = P Q\naccount_type = "
    "business\n"
    "[node:b]\nurl = http://[::1]:9\n";

static void what_is_in_force_can_be_read_again(void **state)
{
    struct buf first;
    struct buf second;

    (void)state;
    buf_init(&first, 0);
    buf_init(&second, 0);
    struct config *c = fixture_load(rich);
    assert_int_equal(config_print_effective(c, &first), 0);
    config_free(c);
    c = fixture_load(text_of(&first));
    assert_int_equal(config_print_effective(c, &second), 0);
    assert_string_equal(c->nodes[0].env[2].value, " a ; \"b\" \\ ");
    assert_string_equal(text_of(&second), first.data);
    assert_non_null(strstr(first.data, "listen = [::1]:81 unix:/run/x.sock\n"));
    assert_non_null(strstr(first.data, "body_max = 1536KiB\n"));
    assert_non_null(strstr(first.data, "\nretry_on = \n"));
    assert_non_null(strstr(first.data, "allow_overage = yes\n"));
    assert_non_null(strstr(first.data, "[multipliers]\ndefault = 1.005\ngpt-4.1 = 0.125\n"
                                       "gpt-4o = 0\n"));
    assert_non_null(strstr(first.data, "vendor/x = 12.5\n"));
    assert_non_null(strstr(first.data, "level = debug\n"));
    assert_non_null(strstr(first.data, "state_dir = \"/srv/a ; b\"\n"));
    assert_non_null(strstr(first.data, "command = sh -c \"x ; y\"\n"));
    assert_non_null(strstr(first.data, "pass_env = P Q\n"));
    config_free(c);
    buf_done(&first);
    buf_done(&second);
}

static void secrets_are_masked(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 0);
    struct config *c = fixture_load(
        "[node:a]\nenv.GH_TOKEN = hush1\nenv.api_key = hush2\n"
        "env.HTTPS_PROXY = http://me:hush3@proxy:3128\nenv.HTTP_PROXY = http://proxy:3128\n"
        "[node:b]\nurl = http://h:1\ntoken = hush4\n");
    assert_int_equal(config_print_effective(c, &out), 0);
    assert_null(strstr(text_of(&out), "hush"));
    assert_non_null(strstr(out.data, "env.GH_TOKEN = ********\n"));
    assert_non_null(strstr(out.data, "env.HTTPS_PROXY = http://********@proxy:3128\n"));
    assert_non_null(strstr(out.data, "env.HTTP_PROXY = http://proxy:3128\n"));
    assert_non_null(strstr(out.data, "token = ********\n"));
    config_free(c);
    buf_done(&out);
}

static void any_allocation_may_fail(void **state)
{
    struct config *c = fixture_load(rich);
    uint64_t n = 1;
    int r;

    (void)state;
    do {
        struct buf out;
        buf_init(&out, 0);
        mem_fail_after(n++);
        r = config_print_effective(c, &out);
        mem_fail_after(0);
        buf_done(&out);
        assert_true(r == 0 || r == -ENOMEM);
    } while (r != 0);
    assert_true(n > 10);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_committed_sample_is_what_the_table_says),
        FIXTURE_TEST(the_readme_has_the_table),
        FIXTURE_TEST(the_sample_is_the_defaults_and_two_nodes),
        FIXTURE_TEST(every_line_of_the_sample_works_when_its_semicolon_goes),
        FIXTURE_TEST(no_line_of_the_sample_is_too_long_to_read),
        FIXTURE_TEST(the_table_has_a_line_for_each_setting),
        FIXTURE_TEST(the_table_is_complete),
        FIXTURE_TEST(what_is_in_force_can_be_read_again),
        FIXTURE_TEST(secrets_are_masked),
        FIXTURE_TEST(any_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("config_print", tests, fixture_enter, fixture_leave);
}
