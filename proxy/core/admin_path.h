/* admin_path.h - from a target below /admin/ to what is asked for.
 *
 * Pure. The path is plain already (route.h): no dots, no escapes that mean anything.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIN_PATH_H
#define ADMIN_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

enum admin_endpoint {
    ADMIN_LIVEZ,
    ADMIN_READYZ,
    ADMIN_NODES,
    ADMIN_NODE,  /* `node` */
    ADMIN_LOGS,  /* `node`, `lines`, `is_follow` */
    ADMIN_ORDER, /* `node`, `word` */
    ADMIN_LOGINS,
    ADMIN_EVENTS,
    ADMIN_RELOAD,
    ADMIN_CONFIG,
    ADMIN_BAD_METHOD, /* `allow` */
    ADMIN_UNKNOWN,
};

#define ADMIN_LINES_DEFAULT 100
#define ADMIN_LINES_MAX     100000 /* more than the ring holds */

struct admin_path {
    enum admin_endpoint endpoint;
    struct slice node; /* slices are borrowed from the target */
    struct slice word;
    uint32_t lines;
    bool is_follow;
    const char *allow;
};

/* `target` is path and query. */
struct admin_path admin_path_read(struct slice target, bool is_post);

#endif
