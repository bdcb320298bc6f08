/* fields - the header fields of one head, as slices of its bytes.
 *
 * Requests have room enough in the object itself; a node's answer with more fields than that
 * takes memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fields.h"

#include <errno.h>
#include <string.h>

#include "mem.h"

void fields_init(struct fields *f, size_t count_max)
{
    f->at = f->room;
    f->count = 0;
    f->count_max = count_max;
    f->capacity = HEAD_FIELDS_MAX;
    f->hop_at = 0;
    f->hop_count = 0;
}

void fields_done(struct fields *f)
{
    if (f->at != f->room)
        mem_free(f->at);
    fields_init(f, f->count_max);
}

static int grow(struct fields *f)
{
    size_t capacity = f->capacity * 2;

    struct framing_field *at = mem_alloc(capacity, sizeof *at);
    if (at == NULL)
        return -ENOMEM;
    memcpy(at, f->at, f->count * sizeof *at);
    if (f->at != f->room)
        mem_free(f->at);
    f->at = at;
    f->capacity = capacity;
    return 0;
}

int fields_add(struct fields *f, struct slice name)
{
    if (f->count == f->count_max)
        return -E2BIG;
    int r = f->count == f->capacity ? grow(f) : 0;
    if (r == 0)
        f->at[f->count++] = (struct framing_field){name, {name.at + name.len, 0}};
    return r;
}

void fields_set_value(struct fields *f, struct slice piece)
{
    struct slice *value = &f->at[f->count - 1].value;

    if (value->len == 0)
        *value = piece;
    else
        value->len = (size_t)(piece.at + piece.len - value->at);
}

void fields_finish(struct fields *f)
{
    for (size_t i = 0; i < f->count; i++) {
        f->at[i].value = slice_trim(f->at[i].value);
        if (!slice_equal_nocase(f->at[i].name, SLICE("connection")))
            continue;
        if (f->hop_count == 0)
            f->hop_at = i;
        f->hop_count = i + 1 - f->hop_at;
    }
}

struct slice fields_find(const struct fields *f, struct slice name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (slice_equal_nocase(f->at[i].name, name))
            return f->at[i].value;
    }
    return (struct slice){0};
}
