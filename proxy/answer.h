/* answer.h - the error bodies that the gateway itself says, in the endpoint's dialect.
 *
 * Codec: jansson only, no I/O.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "buf.h"
#include "core/route.h"
#include "error.h"

/* The reason phrase of a status (RFC 9110 section 15); "Unknown" for others. */
const char *answer_phrase(unsigned status);

/* Appends a JSON error body. `details` may be NULL. OpenAI's shape has the ancestor's fields
 * (FACTS 6): {"error":{"message","type","code","details"}}. -ENOMEM. */
int answer_error(struct buf *out, enum route_dialect dialect, unsigned status,
                 const char *message, const char *details) MUST_CHECK;

/* Appends an error event for a stream that breaks off after it started. -ENOMEM. */
int answer_error_event(struct buf *out, enum sse_dialect dialect,
                       const char *message) MUST_CHECK;

#endif
