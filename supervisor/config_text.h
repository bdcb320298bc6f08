/* config_text.h - a value as somebody wrote it: quotes, and refusing it with an explanation.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include <stdint.h>

#include "buf.h"
#include "error.h"

/* A value on its way into a field. All borrowed. */
struct config_text {
    const char *key; /* matters for env.NAME only */
    const char *text;
    uint64_t bare_ms; /* what a duration without a unit counts: 1000, or 1 in the environment */
};

/* Writes "must be MUST, got 'TEXT'", cut and made harmless for a terminal. Returns -EINVAL
 * always: for return statements. */
int config_text_refuse(struct error *ret_error, const char *must, const char *text);

/* Takes off the double quotes that enclose a whole value, and the backslash before \" and \\ in
 * it. Any other text stays as it is. */
void config_text_unquote(char *text);

/* The text for a file, in double quotes where the reader needs them. -ENOMEM. */
int config_text_print(const char *text, struct buf *out) MUST_CHECK;

#endif
