/* test_access_line - a request becomes one line, whatever its peers have sent.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "proxy/core/access_line.h"

static const struct access_line full = {
    .wall_ms = INT64_C(1795568523456),
    .client = {"127.0.0.1", 9},
    .method = {"POST", 4},
    .path = {"/v1/chat/completions", 20},
    .status = 200,
    .bytes = 1234,
    .node = {"second", 6},
    .attempts = 1,
    .first_ms = 412,
    .total_ms = 3218,
    .model = {"gpt-5", 5},
    .is_stream = true,
    .is_complete = true,
    .request_id = {"0a1b-2", 6},
    .key = {"laptop", 6},
};

static const char *written(const struct access_line *line, enum access_format format)
{
    static char out[ACCESS_LINE_MAX + 1];

    memset(out, 'x', sizeof out);
    size_t len = access_line_write(line, format, out);
    assert_in_range(len, 1, ACCESS_LINE_MAX);
    assert_int_equal(out[len - 1], '\n');
    assert_null(memchr(out, '\n', len - 1));
    out[len - 1] = '\0';
    return out;
}

/* Takes the reference; the line must be JSON that jansson reads. */
static json_t *parsed(const struct access_line *line)
{
    json_error_t error;
    json_t *root = json_loads(written(line, ACCESS_JSON), JSON_REJECT_DUPLICATES, &error);

    if (root == NULL)
        fail_msg("%s", error.text);
    return root;
}

static void text_has_every_field_in_its_place(void **state)
{
    (void)state;
    assert_string_equal(written(&full, ACCESS_TEXT),
                        "2026-11-25T01:02:03.456Z 127.0.0.1 \"POST /v1/chat/completions\" 200 "
                        "1234b node=second attempts=1 first=0.412 total=3.218 model=gpt-5 "
                        "stream=yes complete=yes request=0a1b-2 key=laptop");
}

static void json_has_every_field_by_name(void **state)
{
    (void)state;
    assert_string_equal(
        written(&full, ACCESS_JSON),
        "{\"time\":\"2026-11-25T01:02:03.456Z\",\"client\":\"127.0.0.1\",\"method\":\"POST\","
        "\"path\":\"/v1/chat/completions\",\"status\":200,\"bytes\":1234,\"node\":\"second\","
        "\"attempts\":1,\"first\":0.412,\"total\":3.218,\"model\":\"gpt-5\",\"stream\":true,"
        "\"complete\":true,\"request\":\"0a1b-2\",\"key\":\"laptop\"}");
    json_decref(parsed(&full));
}

static void what_is_not_known_is_a_dash_or_null(void **state)
{
    struct access_line line = {.status = 400, .first_ms = ACCESS_NEVER};

    (void)state;
    assert_string_equal(written(&line, ACCESS_TEXT),
                        "1970-01-01T00:00:00.000Z - \"- -\" 400 0b node=- attempts=0 first=- "
                        "total=0.000 model=- stream=no complete=no request=- key=-");
    json_t *root = parsed(&line);
    const char *const names[] = {"client", "method", "path",    "node",
                                 "first",  "model",  "request", "key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_true(json_is_null(json_object_get(root, names[i])));
    json_decref(root);
}

static void a_quote_in_a_path_ends_neither_text_nor_json(void **state)
{
    struct access_line line = full;

    (void)state;
    line.path = slice_of("/a\"b\\c d");
    assert_non_null(strstr(written(&line, ACCESS_TEXT), "\"POST /a\\\"b\\\\c d\" 200"));
    json_t *root = parsed(&line);
    assert_string_equal(json_string_value(json_object_get(root, "path")), "/a\"b\\c d");
    json_decref(root);
}

static void a_model_cannot_begin_a_field_or_a_line(void **state)
{
    struct access_line line = full;

    (void)state;
    line.model = slice_of("x key=root\n2026");
    assert_non_null(strstr(written(&line, ACCESS_TEXT), " model=x_key=root_2026 stream="));
    json_t *root = parsed(&line);
    assert_string_equal(json_string_value(json_object_get(root, "model")), "x key=root 2026");
    json_decref(root);
}

static void bytes_that_are_no_utf8_leave_json_readable(void **state)
{
    struct access_line line = full;

    (void)state;
    line.path = slice_of("/\xff\x1b[2J\xe4\xb8\xbb\xe4");
    json_t *root = parsed(&line);
    assert_string_equal(json_string_value(json_object_get(root, "path")),
                        "/? [2J\xe4\xb8\xbb?");
    json_decref(root);
}

static void the_longest_texts_fit_and_are_cut_to_their_bounds(void **state)
{
    static char quotes[8192];
    struct slice long_text = {quotes, sizeof quotes};
    struct access_line line = {.wall_ms = INT64_MAX,
                               .client = long_text,
                               .method = long_text,
                               .path = long_text,
                               .status = INT64_MAX,
                               .bytes = INT64_MAX,
                               .node = long_text,
                               .attempts = INT64_MAX,
                               .first_ms = UINT64_MAX - 1,
                               .total_ms = UINT64_MAX,
                               .model = long_text,
                               .request_id = long_text,
                               .key = long_text};

    (void)state;
    memset(quotes, '"', sizeof quotes);
    (void)written(&line, ACCESS_TEXT);
    json_t *root = parsed(&line);
    assert_int_equal(json_string_length(json_object_get(root, "path")), ACCESS_PATH_MAX);
    assert_int_equal(json_string_length(json_object_get(root, "model")), ACCESS_WORD_MAX);
    json_decref(root);
}

static void dates_are_those_of_gmtime(void **state)
{
    static const int64_t edges[] = {0, 951782399, 951782400, 951868800, 1709164800, 4107542399};

    (void)state;
    for (int64_t day = 0; day < 366 * 140; day++) {
        size_t i = (size_t)day;
        int64_t second = i < sizeof edges / sizeof edges[0] ? edges[i] : day * 86400 + day;
        struct access_line line = {.wall_ms = second * 1000 + 7};
        time_t at = (time_t)second;
        struct tm utc;
        char expected[40];
        gmtime_r(&at, &utc);
        (void)strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.007Z ", &utc);
        assert_memory_equal(written(&line, ACCESS_TEXT), expected, strlen(expected));
    }
}

static void path_is(const char *target, const char *expected)
{
    struct slice path = access_line_path(slice_of(target));

    assert_int_equal(path.len, strlen(expected));
    assert_memory_equal(path.at, expected, path.len);
}

static void a_path_has_neither_query_nor_authority(void **state)
{
    (void)state;
    path_is("/v1/models", "/v1/models");
    path_is("/v1/models?key=secret", "/v1/models");
    path_is("/v1/models#a", "/v1/models");
    path_is("?key=secret", "");
    path_is("", "");
    path_is("*", "*");
    path_is("http://user:secret@host:1/v1/models?x", "/v1/models");
    path_is("http://user:secret@host", "/");
    path_is("http://host?key=secret", "/");
    path_is("user:secret@host:443", "host:443");
    path_is("host:443", "host:443");
    path_is("/a://b/c@d", "/a://b/c@d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_every_field_in_its_place),
        cmocka_unit_test(json_has_every_field_by_name),
        cmocka_unit_test(what_is_not_known_is_a_dash_or_null),
        cmocka_unit_test(a_quote_in_a_path_ends_neither_text_nor_json),
        cmocka_unit_test(a_model_cannot_begin_a_field_or_a_line),
        cmocka_unit_test(bytes_that_are_no_utf8_leave_json_readable),
        cmocka_unit_test(the_longest_texts_fit_and_are_cut_to_their_bounds),
        cmocka_unit_test(dates_are_those_of_gmtime),
        cmocka_unit_test(a_path_has_neither_query_nor_authority),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
