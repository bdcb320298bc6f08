/* fields.h - collects the header fields of one message from llhttp's spans.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FIELDS_H
#define FIELDS_H

#include "bounds.h"
#include "buf.h"
#include "core/framing.h"

struct fields {
    struct buf text; /* all names and values, one after the other */
    struct {
        uint32_t name_at;
        uint32_t name_len;
        uint32_t value_at;
        uint32_t value_len;
    } spans[HEAD_FIELDS_MAX];
    size_t count;
    bool is_in_value;
    struct framing_field at[HEAD_FIELDS_MAX]; /* after fields_finish(); borrow from text */
};

/* An empty collection for at most `bytes_max` bytes of names and values. NULL on -ENOMEM. */
struct fields *fields_new(size_t bytes_max) MUST_CHECK;
void fields_free(struct fields *f);

/* Starts over, keeps the memory. */
void fields_clear(struct fields *f);

/* Pieces of a name or a value, in order. -EMSGSIZE beyond the bytes, -E2BIG beyond
 * HEAD_FIELDS_MAX, -ENOMEM. */
int fields_name(struct fields *f, struct slice piece) MUST_CHECK;
int fields_value(struct fields *f, struct slice piece) MUST_CHECK;

/* Fills `at`, values trimmed. */
void fields_finish(struct fields *f);

/* The value of the first field of that name, or a slice with at == NULL. */
struct slice fields_find(const struct fields *f, struct slice name);

#endif
