/* relay.h - brings a login code to the human it waits for.
 *
 * For now: a block in the log that a tired person cannot miss.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RELAY_H
#define RELAY_H

#include <stddef.h>
#include <stdint.h>

struct relay_login {
    const char *node;
    const char *url;
    const char *code;
    uint64_t good_for_ms;
    unsigned waiting; /* further nodes that will ask after this one */
};

/* Shows the code, at once. All strings are borrowed for the call. */
void relay_show(const struct relay_login *login);

/* It logged in; `account` may be "" when the node did not say. */
void relay_used(const char *node, const char *account);

/* Nobody used it in time; a fresh one will come. */
void relay_expired(const char *node);

/* The process behind it ended. */
void relay_gone(const char *node);

/* "15 min", "90 s", "3.0 s": a duration for people. */
void relay_duration(uint64_t duration_ms, char *ret_text, size_t size);

#endif
