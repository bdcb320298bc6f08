/* cli_http.h - the command line's side of the control socket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include <stdbool.h>

#include "buf.h"

/* An answer under way; its body ends with the connection. */
struct cli_http {
    int fd; /* -1 = none */
    unsigned status;
    struct buf input; /* what of the body is not taken yet */
    bool is_ended;
};

/* Sends a request to the unix socket `path` and reads the head of the answer. `body` may be
 * NULL. Errors of connect(2); -EPROTO when it is not HTTP; -ENOMEM, -EIO ... */
int cli_http_open(const char *path, const char *method, const char *target, const char *body,
                  struct cli_http *ret_http) MUST_CHECK;

void cli_http_close(struct cli_http *http);

/* Waits for more of the body. 0 at its end too, see is_ended. */
int cli_http_more(struct cli_http *http) MUST_CHECK;

/* The rest of the body, to its end. */
int cli_http_rest(struct cli_http *http) MUST_CHECK;

#endif
