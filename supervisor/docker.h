/* docker.h - a Docker Engine that is asked which containers are nodes, and tells when it
 * changes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCKER_H
#define DOCKER_H

#include <stdbool.h>

#include <uv.h>

#include "config.h"
#include "error.h"
#include "fetch.h"
#include "supervisor/docker_list.h"

struct docker;

struct docker_host {
    void *data;
    /* The containers as they are now; borrowed for the call. */
    void (*on_list)(void *data, const struct docker_list *list);
    /* The engine answers no more. What was known of the containers may still be true. */
    void (*on_lost)(void *data);
};

/* Begins to look; nothing that an engine says or does not say is an error here. The config and
 * the pool are borrowed until docker_close(). -ENOMEM. */
int docker_open(uv_loop_t *loop, struct fetch_pool *pool, const struct config_docker *config,
                const struct docker_host *host, struct docker **ret_docker) MUST_CHECK;

/* No callback comes any more, but on_closed, from the loop. Call it before the pool closes. */
void docker_close(struct docker *d, void (*on_closed)(void *data), void *data);

/* The settings have moved to another place in memory; they say the same. */
void docker_reconfigure(struct docker *d, const struct config_docker *config);

/* Looks at the list soon. */
void docker_look(struct docker *d);

/* Networks of the container that we run in; NULL when we do not. Borrowed. */
const struct docker_detail *docker_ourselves(const struct docker *d);

/* One call to the engine, as fetch_start(); `path` is without the version: "/containers/json".
 * -ENOTCONN before the engine has said which version it speaks, -ENOMEM. */
struct docker_call {
    const char *path;
    bool is_post;
    bool is_stream; /* on_head, on_piece; no limit on its time */
    size_t body_bytes_max;
    void (*on_head)(void *data);
    void (*on_piece)(void *data, struct slice piece);
    fetch_done done;
    void *data;
};
int docker_start(struct docker *d, const struct docker_call *call,
                 struct fetch **ret_fetch) MUST_CHECK;

#endif
