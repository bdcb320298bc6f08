/* cli_http - the command line's side of the control socket.
 *
 * Blocking, one request a connection, HTTP/1.0: the answer then ends with the connection, and
 * there is nothing to decode. libcurl could do it, too, but not with less.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cli_http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bounds.h"

#define READ_BYTES 16384
#define ANSWER_MAX (64 * 1024 * 1024) /* far more than all logs */

static int send_all(int fd, const struct buf *request)
{
    size_t sent = 0;

    while (sent < request->len) {
        ssize_t n = send(fd, request->data + sent, request->len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        sent += (size_t)n;
    }
    return 0;
}

int cli_http_more(struct cli_http *http)
{
    int r = buf_reserve(&http->input, READ_BYTES);
    ssize_t n;

    if (r < 0)
        return r;
    do
        n = read(http->fd, http->input.data + http->input.len, READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    http->input.len += (size_t)n;
    http->is_ended = n == 0;
    return 0;
}

int cli_http_rest(struct cli_http *http)
{
    int r = 0;

    while (r == 0 && !http->is_ended)
        r = cli_http_more(http);
    return r;
}

/* Takes the head off the input. */
static int read_head(struct cli_http *http)
{
    size_t end;
    char line[16] = "";

    while ((end = slice_find(buf_slice(&http->input), SLICE("\r\n\r\n"))) == SIZE_MAX) {
        if (http->is_ended || http->input.len > HEAD_BYTES_MAX)
            return -EPROTO;
        int r = cli_http_more(http);
        if (r < 0)
            return r;
    }
    memcpy(line, http->input.data, end < sizeof line ? end : sizeof line - 1);
    if (sscanf(line, "HTTP/1.%*1u %3u", &http->status) != 1)
        return -EPROTO;
    buf_consume(&http->input, end + 4);
    return 0;
}

static int ask(int fd, const char *method, const char *target, const char *body)
{
    struct buf request;

    buf_init(&request, 0);
    int r = buf_printf(&request, "%s %s HTTP/1.0\r\nHost: localhost\r\n", method, target);
    if (r == 0 && body != NULL)
        r = buf_printf(&request, "Content-Type: application/json\r\n");
    if (r == 0)
        r = buf_printf(&request, "Content-Length: %zu\r\n\r\n%s",
                       body == NULL ? 0 : strlen(body), body == NULL ? "" : body);
    if (r == 0)
        r = send_all(fd, &request);
    buf_done(&request);
    return r;
}

int cli_http_open(const char *path, const char *method, const char *target, const char *body,
                  struct cli_http *ret_http)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct cli_http http = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    int r = http.fd < 0 ? -errno : 0;

    buf_init(&http.input, ANSWER_MAX);
    if (r == 0 && strlen(path) >= sizeof address.sun_path)
        r = -ENAMETOOLONG;
    if (r == 0) {
        memcpy(address.sun_path, path, strlen(path) + 1);
        if (connect(http.fd, (const struct sockaddr *)&address, sizeof address) < 0)
            r = -errno;
    }
    if (r == 0)
        r = ask(http.fd, method, target, body);
    if (r == 0)
        r = read_head(&http);
    if (r < 0) {
        cli_http_close(&http);
        return r;
    }
    *ret_http = http;
    return 0;
}

void cli_http_close(struct cli_http *http)
{
    if (http->fd >= 0)
        (void)close(http->fd);
    http->fd = -1;
    buf_done(&http->input);
}
