/* fields.h - the header fields of one head, as slices of its bytes.
 *
 * Nothing is copied: the bytes of the head must lie together and outlive the fields.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FIELDS_H
#define FIELDS_H

#include "bounds.h"
#include "core/framing.h"
#include "error.h"

struct fields {
    struct framing_field *at; /* values trimmed after fields_finish() */
    size_t count;
    size_t count_max;
    size_t capacity;
    size_t hop_at;    /* all Connection fields are among `hop_count` ones from here on; */
    size_t hop_count; /* known after fields_finish() */
    struct framing_field room[HEAD_FIELDS_MAX]; /* `at`, as long as they fit in */
};

/* An empty collection of at most `count_max` fields. */
void fields_init(struct fields *f, size_t count_max);
void fields_done(struct fields *f);

/* A new field, its value empty. -E2BIG beyond count_max, -ENOMEM. */
int fields_add(struct fields *f, struct slice name) MUST_CHECK;

/* The value of the field that was added last, or its next piece, which must lie behind the
 * first one. */
void fields_set_value(struct fields *f, struct slice piece);

/* Takes white space off the values, and finds the Connection fields. */
void fields_finish(struct fields *f);

/* The value of the first field of that name, or a slice with at == NULL. */
struct slice fields_find(const struct fields *f, struct slice name);

#endif
