/* ring - the last lines that a node has printed.
 *
 * One block of memory, written round and round. Positions only grow; a position modulo the size
 * is a place. A line is an entry (its facts, then its text) that starts at a multiple of the
 * entry's alignment and is never torn, so that readers get its text as it lies there: when it
 * does not fit before the end of the block, the rest of the block is skipped.
 *
 * Readers have no state of their own but the number of a line. Where the last read ended is
 * kept, so that whoever reads on does not search; anybody else is found from the oldest line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "bounds.h"
#include "mem.h"

#define RING_MAGIC 0x52494e47u

struct entry {
    int64_t at_ms;
    uint32_t len;
    uint8_t stream;
    bool is_skip; /* nothing but the rest of the block */
};

struct ring {
    uint32_t magic;
    uint64_t first;        /* position of the oldest entry */
    uint64_t end;          /* where the next one goes */
    uint64_t first_number; /* of the oldest line */
    uint64_t next_number;
    uint64_t hint; /* position of the line `hint_number`, or of what comes before it */
    uint64_t hint_number;
    alignas(struct entry) char block[RING_BYTES];
};

_Static_assert(RING_BYTES % sizeof(struct entry) == 0, "an entry starts in front of the end");
_Static_assert(RING_BYTES >= 4 * (OUTPUT_LINE_MAX + sizeof(struct entry)),
               "the longest line fits, and not alone");

static size_t entry_size(size_t len)
{
    size_t unit = sizeof(struct entry);

    return unit + (len + unit - 1) / unit * unit;
}

static struct entry get_entry(const struct ring *r, uint64_t at)
{
    struct entry entry;

    memcpy(&entry, r->block + at % RING_BYTES, sizeof entry);
    return entry;
}

/* Where the entry after this one is. */
static uint64_t after(uint64_t at, const struct entry *entry)
{
    return at + (entry->is_skip ? RING_BYTES - at % RING_BYTES : entry_size(entry->len));
}

static void drop_oldest(struct ring *r)
{
    struct entry entry = get_entry(r, r->first);

    r->first = after(r->first, &entry);
    r->first_number += !entry.is_skip;
}

static void make_room(struct ring *r, size_t size)
{
    while (r->end + size - r->first > RING_BYTES)
        drop_oldest(r);
}

static void put_entry(struct ring *r, const struct entry *entry, const char *text)
{
    char *place = r->block + r->end % RING_BYTES;

    memcpy(place, entry, sizeof *entry);
    memcpy(place + sizeof *entry, text, entry->len);
    r->end = after(r->end, entry);
}

int ring_new(struct ring **ret_ring)
{
    struct ring *r = mem_alloc(1, sizeof *r);

    if (r == NULL)
        return -ENOMEM;
    r->magic = RING_MAGIC;
    r->first_number = 1;
    r->next_number = 1;
    r->hint_number = 1;
    *ret_ring = r;
    return 0;
}

void ring_free(struct ring *r)
{
    if (r == NULL)
        return;
    assert(r->magic == RING_MAGIC);
    r->magic = 0;
    mem_free(r);
}

void ring_put(struct ring *r, int64_t at_ms, int stream, const char *text, size_t len)
{
    const struct entry skip = {.is_skip = true};
    const struct entry entry = {
        .at_ms = at_ms, .len = (uint32_t)len, .stream = (uint8_t)stream};

    if (r == NULL)
        return;
    assert(r->magic == RING_MAGIC && len <= OUTPUT_LINE_MAX);
    size_t left = RING_BYTES - r->end % RING_BYTES;
    if (left < entry_size(len)) {
        make_room(r, left);
        put_entry(r, &skip, "");
    }
    make_room(r, entry_size(len));
    put_entry(r, &entry, text);
    r->next_number++;
}

uint64_t ring_tail(const struct ring *r, uint64_t lines)
{
    if (r == NULL)
        return 1;
    assert(r->magic == RING_MAGIC);
    uint64_t held = r->next_number - r->first_number;
    return r->next_number - (lines < held ? lines : held);
}

bool ring_read(struct ring *r, uint64_t number, struct ring_line *ret_line)
{
    if (r == NULL)
        return false;
    assert(r->magic == RING_MAGIC);
    if (number < r->first_number)
        number = r->first_number;
    if (number >= r->next_number)
        return false;
    if (r->hint < r->first || r->hint_number > number) {
        r->hint = r->first;
        r->hint_number = r->first_number;
    }
    struct entry entry = get_entry(r, r->hint);
    while (entry.is_skip || r->hint_number < number) {
        r->hint_number += !entry.is_skip;
        r->hint = after(r->hint, &entry);
        entry = get_entry(r, r->hint);
    }
    *ret_line = (struct ring_line){
        .number = number,
        .at_ms = entry.at_ms,
        .stream = entry.stream,
        .text = r->block + r->hint % RING_BYTES + sizeof entry,
        .len = entry.len,
    };
    return true;
}
