/* test_config_ini - what inih does in silence, cured (FACTS 5).
 *
 * SPDX-License-Identifier: MIT
 */
#include "config_fixture.h"

#include "supervisor/config_ini.h"

/* The value of [node:x] env.V for what stands after "env.V =". */
static void check_value(const char *written, const char *expected)
{
    struct buf text;

    buf_init(&text, 0);
    assert_int_equal(buf_printf(&text, "[node:x]\nenv.V =%s\n", written), 0);
    assert_int_equal(buf_append(&text, "", 1), 0);
    struct config *c = fixture_load(text.data);
    assert_string_equal(c->nodes[0].env[0].value, expected);
    config_free(c);
    buf_done(&text);
}

static void long_values_arrive_whole(void **state)
{
    static const size_t lengths[] = {150, 180, 190, 191, 192, 193, 194,  195,  196,
                                     197, 198, 199, 200, 201, 480, 8000, 16000};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        /* Spaces, tabs, '=' and '#' at every place where a piece may begin. */
        static const char pattern[] = "ab = ;c#[ :\t\t;";
        size_t len = lengths[i];
        char *value = mem_alloc(len + 4, 1);
        assert_non_null(value);
        value[0] = ' ';
        value[1] = '"';
        for (size_t j = 0; j < len - 1; j++)
            value[j + 2] = pattern[(i + j) % (sizeof pattern - 1)];
        value[len + 1] = 'z';
        char *expected = mem_strdup(value + 2);
        value[len + 2] = '"';
        check_value(value, expected);
        mem_free(value);
        mem_free(expected);
    }
}

static void comments_start_with_a_semicolon_after_a_space(void **state)
{
    (void)state;
    check_value(" a ; b", "a");
    check_value(" a\t;b", "a");
    check_value(" a;b", "a;b");
    check_value(" a # b", "a # b");
    check_value(" ; b", "");
    check_value(";b", ";b");
    check_value("", "");
}

static void quotes_hide_semicolons_and_keep_spaces(void **state)
{
    (void)state;
    check_value(" \"a ; b\" ; c", "a ; b");
    check_value(" \" a \"", " a ");
    check_value(" \"\"", "");
    check_value(" \"say \\\"x ; y\\\" \\\\ \\n\"", "say \"x ; y\" \\ \\n");
    check_value(" {\"a\": \"b ; c\"} ; d", "{\"a\": \"b ; c\"}");
    check_value(" \"a\" and \"b\"", "\"a\" and \"b\"");
    check_value(" it\"s", "it\"s");
    check_value(" it's ; x", "it's");
    fixture_refuse("[node:x]\nenv.V = \"a ; b\n",
                   "t.ini:2: a double quote is not closed before ' ;': close it, or write the "
                   "comment on a line of its own\n");
}

static void the_quotes_of_a_command_stay(void **state)
{
    struct config *c = fixture_load("[node:x]\ncommand = sh -c \"a ; b\" ; c\n"
                                    "[node:y]\ncommand = \"/opt/my node/x\"\n");
    (void)state;
    assert_string_equal(c->nodes[0].command, "sh -c \"a ; b\"");
    assert_string_equal(c->nodes[1].command, "\"/opt/my node/x\"");
    config_free(c);
}

static void long_section_names_are_not_cut(void **state)
{
    struct config *c = fixture_load(
        "[node:a234567890123456789012345678901234567890123456789012345678901-x]\n"
        "[node:a234567890123456789012345678901234567890123456789012345678901-y]\n");
    (void)state;
    assert_int_equal(c->node_count, 2);
    assert_string_equal(c->nodes[1].name,
                        "a234567890123456789012345678901234567890123456789012345678901-y");
    config_free(c);
}

static void long_keys_are_not_cut(void **state)
{
    static const char name[] = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE_AND_MORE";
    char text[128];

    (void)state;
    (void)snprintf(text, sizeof text, "[node:x]\nenv.%s = v\n", name);
    struct config *c = fixture_load(text);
    assert_string_equal(c->nodes[0].env[0].name, name);
    config_free(c);
}

static void indented_keys_are_keys(void **state)
{
    struct config *c = fixture_load("[gateway]\nretry_limit = 1\n    queue_max = 2\n"
                                    "  [node:a]\n\t; comment\n\n  # comment\n");
    (void)state;
    assert_int_equal(c->gateway.retry_limit, 1);
    assert_int_equal(c->gateway.queue_max, 2);
    assert_int_equal(c->node_count, 1);
    config_free(c);
}

static void a_byte_order_mark_and_windows_lines_are_accepted(void **state)
{
    struct config *c = fixture_load(
        "\xef\xbb\xbf[gateway]\r\nretry_limit = 1\r\n\r\n[node:a] ; x\r\n[node:b]");
    (void)state;
    assert_int_equal(c->gateway.retry_limit, 1);
    assert_int_equal(c->node_count, 2);
    config_free(c);
}

static void a_colon_may_stand_for_the_equals_sign(void **state)
{
    struct config *c = fixture_load("[gateway]\nlisten: 127.0.0.2:9\n");

    (void)state;
    assert_string_equal(c->gateway.listen.at[0].host, "127.0.0.2");
    config_free(c);
}

static void lines_that_are_nothing_are_refused(void **state)
{
    (void)state;
    fixture_refuse(
        "retry_limit = 1\nqueue_max = 2\n[log]\nlevel\n= info\n[node:a\nx = 1\n"
        "[node:b] enabled = no\ntwo words = 1\n",
        "t.ini:1: a setting stands before the first [section]\n"
        "t.ini:4: expected 'key = value', '[section]' or '; comment'; a value must "
        "be on one line\n"
        "t.ini:5: expected 'key = value', '[section]' or '; comment'; a value must "
        "be on one line\n"
        "t.ini:6: the section has no ']'\n"
        "t.ini:8: something follows the section's ']'; a setting needs a line of its "
        "own\n"
        "t.ini:9: expected 'key = value', '[section]' or '; comment'; a value must "
        "be on one line\n");
}

static void bytes_that_are_not_text_are_refused(void **state)
{
    static const char bytes[] = "[log]\nlevel = info\0\n; \x1b[31m\nlevel = info\n";

    (void)state;
    fixture_refuse_bytes(bytes, sizeof bytes - 1,
                         "t.ini:2: the line has a NUL byte: this is not a text file\n"
                         "t.ini:3: the line has a control character\n");
}

/* `count` bytes of 'x' between two texts. */
static void check_refused(const char *before, size_t count, const char *after,
                          const char *expected)
{
    size_t before_len = strlen(before);
    size_t len = before_len + count + strlen(after);
    char *text = mem_alloc(len + 1, 1);

    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text, before, before_len);
    memcpy(text + before_len + count, after, strlen(after));
    fixture_refuse_bytes(text, len, expected);
    mem_free(text);
}

static void lines_keys_names_and_files_have_bounds(void **state)
{
    (void)state;
    check_refused("[log]\n;", CONFIG_LINE_BYTES_MAX, "\n",
                  "t.ini:2: the line is longer than 16384 bytes\n");
    check_refused("[log]\n", CONFIG_KEY_MAX + 1, " = 1\n",
                  "t.ini:2: the key is longer than 100 bytes\n");
    check_refused("[", CONFIG_KEY_MAX + 1, "]\n",
                  "t.ini:1: the section's name is longer than 100 bytes\n");
    check_refused("", CONFIG_FILE_BYTES_MAX + 1, "",
                  "t.ini: the file is larger than 262144 bytes\n");
}

static void sections_and_settings_have_bounds(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 0);
    for (int i = 0; i < CONFIG_SECTIONS_MAX; i++)
        assert_int_equal(buf_printf(&text, "[node:n%d]\nenabled=no\n", i), 0);
    assert_int_equal(buf_printf(&text, "[node:last]\n[log\n"), 0);
    fixture_refuse_bytes(text.data, text.len,
                         "t.ini:513: more than 256 sections; the rest is not read\n");
    buf_clear(&text);
    assert_int_equal(buf_printf(&text, "[foo]\n"), 0);
    for (int i = 0; i < CONFIG_ENTRIES_MAX + 2; i++)
        assert_int_equal(buf_printf(&text, "k=%d\n", i), 0);
    fixture_refuse_bytes(text.data, text.len,
                         "t.ini:1: [foo] is not a section; there are " ALL_SECTIONS "\n"
                         "t.ini:8194: more than 8192 settings; the rest is not read\n");
    buf_done(&text);
}

/* Whatever the bytes: no crash, and memory is given back. */
static void a_file_may_end_anywhere(void **state)
{
    static const char whole[] = "\xef\xbb\xbf[gateway]\r\n retry_limit = \"1\" ; x\n[node:a]\n"
                                "env.A = \"b ; \\\" c\n[node]\ncommand: x y\n;end";
    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        struct config_report report;
        struct config_ini ini = {.section_count = 0};
        char *exact = mem_alloc(len + 1, 1); /* so that ASan sees a byte too many */
        assert_non_null(exact);
        exact = mem_resize(exact, len == 0 ? 1 : len, 1);
        assert_non_null(exact);
        memcpy(exact, whole, len);
        config_report_init(&report);
        struct slice text = {.at = exact, .len = len};
        assert_int_equal(config_ini_append("f", 0, text, &report, &ini), 0);
        config_ini_done(&ini);
        config_report_done(&report);
        mem_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(long_values_arrive_whole),
        FIXTURE_TEST(comments_start_with_a_semicolon_after_a_space),
        FIXTURE_TEST(quotes_hide_semicolons_and_keep_spaces),
        FIXTURE_TEST(the_quotes_of_a_command_stay),
        FIXTURE_TEST(long_section_names_are_not_cut),
        FIXTURE_TEST(long_keys_are_not_cut),
        FIXTURE_TEST(indented_keys_are_keys),
        FIXTURE_TEST(a_byte_order_mark_and_windows_lines_are_accepted),
        FIXTURE_TEST(a_colon_may_stand_for_the_equals_sign),
        FIXTURE_TEST(lines_that_are_nothing_are_refused),
        FIXTURE_TEST(bytes_that_are_not_text_are_refused),
        FIXTURE_TEST(lines_keys_names_and_files_have_bounds),
        FIXTURE_TEST(sections_and_settings_have_bounds),
        FIXTURE_TEST(a_file_may_end_anywhere),
    };
    return cmocka_run_group_tests_name("config_ini", tests, fixture_enter, fixture_leave);
}
