/* test_fetch - bounded HTTP calls against a small server in the same loop.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "fetch.h"

/* A server that says `answer` to whoever connects and keeps what it was sent. */
struct server {
    uv_loop_t loop;
    uv_tcp_t listening;
    uv_tcp_t connection;
    bool has_connection;
    const char *answer;
    char text[256];
    uv_buf_t big; /* what is written, whatever its size */
    uv_write_t write;
    char got[4096];
    size_t got_len;
    char url[64];
    struct fetch_pool *pool;
    unsigned calls;
    int error;
    int status;
    char body[256];
    bool is_closed;
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct server *s = handle->data;

    (void)suggested;
    *ret_buf = uv_buf_init(s->got + s->got_len, (unsigned)(sizeof s->got - s->got_len - 1));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct server *s = stream->data;

    (void)b;
    if (n < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        s->has_connection = false;
        return;
    }
    s->got_len += (size_t)n;
    if (strstr(s->got, "\r\n\r\n") == NULL)
        return;
    if (s->answer != NULL)
        s->big =
            uv_buf_init(s->text, (unsigned)snprintf(s->text, sizeof s->text, "%s", s->answer));
    if (s->big.len > 0)
        assert_int_equal(uv_write(&s->write, stream, &s->big, 1, NULL), 0);
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct server *s = stream->data;

    assert_int_equal(status, 0);
    assert_int_equal(uv_tcp_init(&s->loop, &s->connection), 0);
    s->connection.data = s;
    s->has_connection = true;
    assert_int_equal(uv_accept(stream, (uv_stream_t *)&s->connection), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&s->connection, on_alloc, on_read), 0);
}

static void start(struct server *s, const char *answer)
{
    struct sockaddr_in address;
    int len = sizeof address;

    memset(s, 0, sizeof *s);
    s->answer = answer;
    assert_int_equal(uv_loop_init(&s->loop), 0);
    assert_int_equal(uv_tcp_init(&s->loop, &s->listening), 0);
    s->listening.data = s;
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&s->listening, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&s->listening, 8, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&s->listening, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/usage", ntohs(address.sin_port));
    assert_int_equal(fetch_pool_new(&s->loop, &s->pool), 0);
}

static void on_pool_closed(void *data)
{
    ((struct server *)data)->is_closed = true;
}

static void stop(struct server *s)
{
    if (s->pool != NULL)
        fetch_pool_close(s->pool, on_pool_closed, s);
    if (s->has_connection)
        uv_close((uv_handle_t *)&s->connection, NULL);
    if (!uv_is_closing((uv_handle_t *)&s->listening))
        uv_close((uv_handle_t *)&s->listening, NULL);
    assert_int_equal(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
    assert_true(s->is_closed);
    assert_int_equal(uv_loop_close(&s->loop), 0);
}

static void on_done(void *data, const struct fetch_result *result)
{
    struct server *s = data;

    s->calls++;
    s->error = result->error;
    s->status = result->status;
    (void)snprintf(s->body, sizeof s->body, "%.*s", (int)result->body.len, result->body.at);
    assert_non_null(result->error_text);
}

static struct fetch *begin(struct server *s, const char *bearer, uint64_t timeout_ms)
{
    struct fetch_request request = {.url = s->url, .bearer = bearer, .timeout_ms = timeout_ms};
    struct fetch *f = NULL;

    assert_int_equal(fetch_start(s->pool, &request, on_done, s, &f), 0);
    assert_int_equal(s->calls, 0); /* never inside fetch_start */
    return f;
}

static void wait_done(struct server *s)
{
    while (s->calls == 0)
        (void)uv_run(&s->loop, UV_RUN_ONCE);
}

static void an_answer_comes_with_status_and_body(void **state)
{
    struct server s;

    (void)state;
    start(&s, "HTTP/1.1 500 \r\nContent-Length: 5\r\n\r\nhello");
    (void)begin(&s, "secret", 5000);
    wait_done(&s);
    assert_int_equal(s.error, 0);
    assert_int_equal(s.status, 500);
    assert_string_equal(s.body, "hello");
    assert_non_null(strstr(s.got, "GET /usage HTTP/1.1\r\n"));
    assert_non_null(strstr(s.got, "Authorization: Bearer secret\r\n"));
    stop(&s);
}

static void a_refused_connection_is_told_apart(void **state)
{
    struct server s;

    (void)state;
    start(&s, NULL);
    uv_close((uv_handle_t *)&s.listening, NULL);
    (void)uv_run(&s.loop, UV_RUN_NOWAIT);
    (void)begin(&s, NULL, 5000);
    wait_done(&s);
    assert_int_equal(s.error, -ECONNREFUSED);
    stop(&s);
}

static void silence_ends_at_the_timeout(void **state)
{
    struct server s;

    (void)state;
    start(&s, NULL);
    (void)begin(&s, NULL, 50);
    wait_done(&s);
    assert_int_equal(s.error, -ETIMEDOUT);
    stop(&s);
}

static void an_answer_that_is_too_long_is_given_up(void **state)
{
    struct server s;
    /* Announced is enough: curl hands over what came in pieces, the cap counts them. */
    static char answer[FETCH_BODY_BYTES_MAX + 4096];

    (void)state;
    start(&s, NULL);
    int head = snprintf(answer, sizeof answer, "HTTP/1.1 200 \r\nContent-Length: %zu\r\n\r\n",
                        (size_t)FETCH_BODY_BYTES_MAX + 1);
    memset(answer + head, 'x', FETCH_BODY_BYTES_MAX + 1);
    s.big = (uv_buf_t){.base = answer, .len = (size_t)head + FETCH_BODY_BYTES_MAX + 1};
    (void)begin(&s, NULL, 5000);
    wait_done(&s);
    assert_int_equal(s.error, -EMSGSIZE);
    stop(&s);
}

static void a_redirect_is_not_followed(void **state)
{
    struct server s;

    (void)state;
    start(&s, "HTTP/1.1 302 \r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    (void)begin(&s, NULL, 5000);
    wait_done(&s);
    assert_int_equal(s.status, 302);
    stop(&s);
}

static void a_proxy_of_the_environment_is_not_used(void **state)
{
    struct server s;

    (void)state;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    start(&s, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n");
    (void)begin(&s, NULL, 5000);
    wait_done(&s);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(s.error, 0);
    assert_int_equal(s.status, 200);
    stop(&s);
}

static void a_cancelled_fetch_is_silent(void **state)
{
    struct server s;

    (void)state;
    start(&s, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n");
    fetch_cancel(begin(&s, NULL, 5000));
    stop(&s);
    assert_int_equal(s.calls, 0);
}

static void closing_the_pool_cancels_what_runs(void **state)
{
    struct server s;

    (void)state;
    start(&s, NULL);
    (void)begin(&s, NULL, 60000);
    while (!s.has_connection)
        (void)uv_run(&s.loop, UV_RUN_ONCE);
    stop(&s);
    assert_int_equal(s.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_status_and_body),
        cmocka_unit_test(a_refused_connection_is_told_apart),
        cmocka_unit_test(silence_ends_at_the_timeout),
        cmocka_unit_test(an_answer_that_is_too_long_is_given_up),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(a_proxy_of_the_environment_is_not_used),
        cmocka_unit_test(a_cancelled_fetch_is_silent),
        cmocka_unit_test(closing_the_pool_cancels_what_runs),
    };
    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
