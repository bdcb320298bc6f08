/* refusal.h - finds GitHub's error code in what a node answered.
 *
 * Codec: jansson only, no I/O.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdint.h>

#include "slice.h"

#define REFUSAL_CODE_MAX    64
#define REFUSAL_MESSAGE_MAX 256

struct refusal {
    char code[REFUSAL_CODE_MAX];       /* or the error's type; "" = none */
    char message[REFUSAL_MESSAGE_MAX]; /* innermost sentence, cut; "" = none */
    uint64_t retry_after_ms;           /* 0 = not told */
};

/* Reads an error body. copilot-api wraps GitHub's body as a string in its own (FACTS 2):
 * {"error":{"message":"{\"error\":{\"code\":...}}","type":"error"}}. What is not JSON becomes
 * the message. A type stands in for a code that is missing, if it tells more than "error".
 * Retry-After is lost in copilot-api; a `retry_after` (seconds) or `retry_after_ms` beside the
 * code says the same. Never fails: what cannot be read is empty. */
void refusal_read(struct slice body, struct refusal *ret_refusal);

#endif
