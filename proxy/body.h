/* body.h - the body of a request, kept whole so that it can be sent again byte for byte.
 *
 * Append-only and contiguous. Shared by the exchange and the attempt that sends it: whoever
 * drops the last hold frees it. What all bodies hold together is bounded by
 * [gateway] body_memory_max, one of them by body_max.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BODY_H
#define BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "slice.h"

struct config_gateway;

struct body {
    uint64_t *used; /* bytes of all bodies, this one's included */
    char *data;
    size_t len;
    size_t capacity;
    unsigned refs;
    bool is_mapped;
};

/* An empty body with one hold; NULL on -ENOMEM. `used` counts for all bodies and outlives it.
 */
struct body *body_new(uint64_t *used) MUST_CHECK;

struct body *body_ref(struct body *b);

/* Drops a hold; the last one frees. Accepts NULL. */
void body_unref(struct body *b);

/* -EMSGSIZE beyond body_max, -ENOBUFS beyond body_memory_max, -ENOMEM; the body is as it was
 * then. The limits may be others than those of the last call. */
int body_append(struct body *b, struct slice bytes,
                const struct config_gateway *limits) MUST_CHECK;

#endif
