/* fields - collects the header fields of one message from llhttp's spans.
 *
 * Offsets while it grows, slices when it is complete.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fields.h"

#include <errno.h>

#include "mem.h"

struct fields *fields_new(size_t bytes_max)
{
    struct fields *f = mem_resize(NULL, 1, sizeof *f); /* as it is: 5 KB, mostly not used */
    if (f == NULL)
        return NULL;
    buf_init(&f->text, bytes_max);
    fields_clear(f);
    return f;
}

void fields_free(struct fields *f)
{
    if (f == NULL)
        return;
    buf_done(&f->text);
    mem_free(f);
}

void fields_clear(struct fields *f)
{
    buf_clear(&f->text);
    f->count = 0;
    f->is_in_value = false;
}

int fields_name(struct fields *f, struct slice piece)
{
    if (f->count == 0 || f->is_in_value) {
        if (f->count == HEAD_FIELDS_MAX)
            return -E2BIG;
        f->spans[f->count].name_at = (uint32_t)f->text.len;
        f->spans[f->count].name_len = 0;
        f->spans[f->count].value_at = (uint32_t)f->text.len;
        f->spans[f->count].value_len = 0;
        f->count++;
        f->is_in_value = false;
    }
    f->spans[f->count - 1].name_len += (uint32_t)piece.len;
    return buf_append_slice(&f->text, piece);
}

int fields_value(struct fields *f, struct slice piece)
{
    if (f->count == 0)
        return -EINVAL;
    if (!f->is_in_value) {
        f->spans[f->count - 1].value_at = (uint32_t)f->text.len;
        f->is_in_value = true;
    }
    f->spans[f->count - 1].value_len += (uint32_t)piece.len;
    return buf_append_slice(&f->text, piece);
}

void fields_finish(struct fields *f)
{
    for (size_t i = 0; i < f->count; i++) {
        f->at[i].name =
            (struct slice){f->text.data + f->spans[i].name_at, f->spans[i].name_len};
        f->at[i].value = slice_trim(
            (struct slice){f->text.data + f->spans[i].value_at, f->spans[i].value_len});
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
