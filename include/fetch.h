/* fetch.h - one bounded control-plane HTTP call, then a callback.
 *
 * For everything that is not a client's request: /usage polls, probes, the Docker Engine. Built
 * on libcurl's multi interface; proxy/fetch.c is its only user. Never follows redirects, never
 * uses a proxy from the environment (nodes are on loopback), speaks http only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FETCH_H
#define FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "error.h"
#include "slice.h"

struct fetch;
struct fetch_pool;

struct fetch_request {
    const char *url;
    const char *bearer;    /* Authorization: Bearer ..., or NULL */
    uint64_t timeout_ms;   /* for all of it; 0 = none but FETCH_CONNECT_MS for connecting */
    const char *unix_path; /* of a socket to connect to instead of the url's host, or NULL */
    const char *header;    /* name of the answer's header that is wanted, or NULL */
    size_t body_bytes_max; /* 0 = FETCH_BODY_BYTES_MAX */
    bool is_post;          /* with an empty body; else GET */
    /* For an answer that does not end soon; both or none. on_head comes once, with a status
     * below 300; then the body comes in pieces, borrowed for the call, instead of in the
     * result. They may start and cancel any fetch, this one too. */
    void (*on_head)(void *data);
    void (*on_piece)(void *data, struct slice piece);
};

struct fetch_result {
    int error;              /* 0, or -ECONNREFUSED, -ETIMEDOUT, -EMSGSIZE (more than
                               FETCH_BODY_BYTES_MAX), -EIO */
    int status;             /* when error is 0 */
    struct slice body;      /* borrowed for the callback */
    const char *header;     /* value of the wanted one, "" = it had none; likewise borrowed */
    const char *error_text; /* for people; borrowed for the callback */
};

typedef void (*fetch_done)(void *data, const struct fetch_result *result);

/* -ENOMEM. */
int fetch_pool_new(uv_loop_t *loop, struct fetch_pool **ret_pool) MUST_CHECK;

/* Cancels what is under way; frees the pool and calls on_closed from the loop when its handles
 * are closed. */
void fetch_pool_close(struct fetch_pool *pool, void (*on_closed)(void *data), void *data);

/* Copies the request. `done` is called exactly once, from the loop, never inside this call,
 * unless fetch_cancel comes first. -ENOMEM. */
int fetch_start(struct fetch_pool *pool, const struct fetch_request *request, fetch_done done,
                void *data, struct fetch **ret_fetch) MUST_CHECK;

/* `done` is not called any more; the fetch is gone. */
void fetch_cancel(struct fetch *f);

#endif
