/* docker_log.h - follows what one container prints.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCKER_LOG_H
#define DOCKER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "supervisor/docker.h"

struct docker_log;

struct docker_log_host {
    void *data;
    /* A clean line as lines.h has it. `at_ms` is when it was printed, by the engine's clock
     * (ms since 1970), 0 = unknown; `is_old`: before we began to follow. */
    void (*on_line)(void *data, int stream, const char *text, size_t len, int64_t at_ms,
                    bool is_old);
    /* Nothing more comes: the container has stopped, or the engine. May close it. */
    void (*on_end)(void *data);
};

/* From the container's last start on, at most its last lines. -ENOMEM, -ENOTCONN. */
int docker_log_open(struct docker *d, const char *id, const struct docker_log_host *host,
                    struct docker_log **ret_log) MUST_CHECK;

/* No callback comes any more. Accepts NULL. */
void docker_log_close(struct docker_log *log);

#endif
