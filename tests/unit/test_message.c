/* test_message - the bench's own reader of HTTP messages: a tool that counts must not miscount.
 *
 * Every input is read at once, byte by byte, and in two parts cut at every byte; all must say
 * the same.
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

#include "tests/bench/message.h"

/* What was seen, in short: H a head, E an end, ! refused; and all payloads joined. */
struct seen {
    char steps[16];
    char payload[256];
    unsigned status;
};

struct row {
    const char *input;
    bool is_answer;
    const char *steps;
    const char *payload;
    unsigned status;
};

static void note(struct seen *seen, char step)
{
    size_t len = strlen(seen->steps);

    assert_true(len + 1 < sizeof seen->steps);
    seen->steps[len] = step;
}

static void feed(struct message *m, struct slice input, struct seen *seen)
{
    struct slice payload;

    while (strchr(seen->steps, '!') == NULL) {
        switch (message_next(m, &input, &payload)) {
        case MESSAGE_MORE:
            assert_int_equal(input.len, 0);
            return;
        case MESSAGE_HEAD:
            note(seen, 'H');
            seen->status = m->status;
            break;
        case MESSAGE_PAYLOAD:
            assert_true(strlen(seen->payload) + payload.len < sizeof seen->payload);
            strncat(seen->payload, payload.at, payload.len);
            break;
        case MESSAGE_END:
            note(seen, 'E');
            break;
        case MESSAGE_BAD:
            note(seen, '!');
            break;
        }
    }
}

static void compare(const struct row *row, const struct seen *seen, size_t cut)
{
    if (strcmp(seen->steps, row->steps) != 0 || strcmp(seen->payload, row->payload) != 0 ||
        seen->status != row->status)
        fail_msg("%s\ncut at %zu: %s, expected %s, payload '%s', status %u", row->input, cut,
                 seen->steps, row->steps, seen->payload, seen->status);
}

static void check(const struct row *row)
{
    struct slice whole = slice_of(row->input);
    struct message m;

    for (size_t cut = 0; cut <= whole.len; cut++) {
        struct seen seen = {0};
        message_init(&m, row->is_answer);
        feed(&m, (struct slice){whole.at, cut}, &seen);
        feed(&m, slice_skip(whole, cut), &seen);
        compare(row, &seen, cut);
    }
    struct seen seen = {0};
    message_init(&m, row->is_answer);
    for (size_t i = 0; i < whole.len; i++)
        feed(&m, (struct slice){whole.at + i, 1}, &seen);
    compare(row, &seen, SIZE_MAX);
}

static void messages_are_read_however_they_are_cut(void **state)
{
    static const struct row rows[] = {
        {"HTTP/1.1 200 \r\ncontent-type: x\r\nContent-Length: 5\r\n\r\nhello", true, "HE",
         "hello", 200},
        {"HTTP/1.1 503 Busy\r\nContent-Length:0\r\n\r\n", true, "HE", "", 503},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n"
         "0\r\n\r\n",
         true, "HE", "abc0123456789", 200},
        {"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n0\r\nx: y\r\n\r\n", true, "HE",
         "", 200},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 201 OK\r\n"
         "Content-Length: 1\r\n\r\nb",
         true, "HEHE", "ab", 201},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nxy",
         false, "HEHE", "xy", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true, "H", "hel", 200},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(&rows[i]);
}

static void what_would_be_miscounted_is_refused(void **state)
{
    static const struct row rows[] = {
        {"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", true, "!", "", 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", true, "!", "", 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", true, "H!", "ab",
         200},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", true, "H!", "", 200},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", true, "H!", "", 200},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n123456789\r\n", true, "H!", "",
         200},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(&rows[i]);
}

static void a_head_that_does_not_fit_is_refused(void **state)
{
    static char text[MESSAGE_HEAD_MAX + 1];
    struct seen seen = {0};
    struct message m;

    (void)state;
    memset(text, 'a', sizeof text);
    message_init(&m, true);
    feed(&m, (struct slice){text, sizeof text}, &seen);
    assert_string_equal(seen.steps, "!");
}

static void numbers_are_found_in_a_target(void **state)
{
    struct slice input = SLICE("POST /v1/x?hz=50&chunks=7 HTTP/1.1\r\n\r\n"), payload;
    struct message m;

    (void)state;
    message_init(&m, false);
    assert_int_equal(message_next(&m, &input, &payload), MESSAGE_HEAD);
    struct slice target = message_target(&m);
    assert_true(slice_equal(target, SLICE("/v1/x?hz=50&chunks=7")));
    assert_int_equal(message_number(target, SLICE("hz="), 1), 50);
    assert_int_equal(message_number(target, SLICE("chunks="), 1), 7);
    assert_int_equal(message_number(target, SLICE("none="), 9), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_read_however_they_are_cut),
        cmocka_unit_test(what_would_be_miscounted_is_refused),
        cmocka_unit_test(a_head_that_does_not_fit_is_refused),
        cmocka_unit_test(numbers_are_found_in_a_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
