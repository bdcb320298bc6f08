/* search_store - states that were seen, and states to look at, of the engine's search.
 *
 * Of a key only 128 bits of hash are kept; a state's number is its place in the order of
 * discovery. The queue holds whole states as their difference from the first one, in words:
 * most of a state is what it was in the beginning.
 *
 * SPDX-License-Identifier: MIT
 */
#include "search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct print {
    uint64_t a;
    uint64_t b;
};

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ h >> 33;
}

/* Two independent chains of one multiplication each, mixed at the end. */
static struct print fingerprint(const struct key *k)
{
    struct print p = {UINT64_C(0x9e3779b97f4a7c15) ^ k->len, UINT64_C(0xc2b2ae3d27d4eb4f)};

    for (size_t i = 0; i < k->len; i += 4) {
        uint64_t v = 0;
        size_t rest = (k->len - i) * sizeof k->at[0];
        memcpy(&v, k->at + i, rest < sizeof v ? rest : sizeof v);
        p.a = (p.a ^ v) * UINT64_C(0xff51afd7ed558ccd);
        p.a ^= p.a >> 32;
        p.b = (p.b + v) * UINT64_C(0xc4ceb9fe1a85ec53);
        p.b ^= p.b >> 29;
    }
    p.a = mix(p.a);
    p.b = mix(p.b);
    p.a |= 1; /* 0 marks an empty place */
    return p;
}

static void *grown(void *old, size_t count, size_t size)
{
    void *bigger = realloc(old, count * size);

    if (bigger == NULL) {
        printf("search: out of memory\n[  FAILED  ] 1 test(s).\n");
        exit(1);
    }
    return bigger;
}

/* ---------------------------------------------------------------- seen */

static struct print *places;
static uint32_t *numbers; /* of the state in the same place */
static size_t places_size;
static uint32_t *nexts; /* by number */
static size_t nexts_size;
static size_t seen;

static size_t place_of(const struct print *p)
{
    size_t at = p->a & (places_size - 1);

    while (places[at].a != 0 && (places[at].a != p->a || places[at].b != p->b))
        at = (at + 1) & (places_size - 1);
    return at;
}

static void grow_places(void)
{
    size_t old_size = places_size;
    struct print *old = places;
    uint32_t *old_numbers = numbers;

    places_size = old_size == 0 ? 1 << 16 : old_size * 2;
    places = grown(NULL, places_size, sizeof *places);
    numbers = grown(NULL, places_size, sizeof *numbers);
    memset(places, 0, places_size * sizeof *places);
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].a == 0)
            continue;
        size_t at = place_of(&old[i]);
        places[at] = old[i];
        numbers[at] = old_numbers[i];
    }
    free(old);
    free(old_numbers);
}

uint32_t search_number(const struct key *k, bool *ret_is_new)
{
    struct print p = fingerprint(k);

    if (seen * 2 >= places_size)
        grow_places();
    size_t at = place_of(&p);
    *ret_is_new = places[at].a == 0;
    if (!*ret_is_new)
        return numbers[at];
    places[at] = p;
    numbers[at] = (uint32_t)seen;
    if (seen == nexts_size) {
        nexts_size = nexts_size == 0 ? 1 << 16 : nexts_size * 2;
        nexts = grown(nexts, nexts_size, sizeof *nexts);
    }
    nexts[seen] = SEARCH_END;
    return (uint32_t)seen++;
}

size_t search_seen(void)
{
    return seen;
}

void search_set_next(uint32_t state, uint32_t next)
{
    nexts[state] = next;
}

/* Every state has one next: paths end or run in a circle. Each pass along a path leaves it
 * marked as ended (next = SEARCH_END), so that no step is made twice. */
uint32_t search_find_endless(void)
{
    for (uint32_t start = 0; start < seen; start++) {
        uint32_t slow = start, fast = start;
        do {
            slow = slow == SEARCH_END ? SEARCH_END : nexts[slow];
            fast = fast == SEARCH_END ? SEARCH_END : nexts[fast];
            fast = fast == SEARCH_END ? SEARCH_END : nexts[fast];
        } while (fast != SEARCH_END && slow != fast);
        if (fast != SEARCH_END)
            return start;
        for (uint32_t at = start; at != SEARCH_END;) {
            uint32_t next = nexts[at];
            nexts[at] = SEARCH_END;
            at = next;
        }
    }
    return SEARCH_END;
}

/* ---------------------------------------------------------------- queue */

#define WORDS       (sizeof(struct world) / sizeof(uint64_t))
#define MASKS       ((WORDS + 63) / 64)
#define BLOCK_WORDS (1 << 18)

_Static_assert(sizeof(struct world) % sizeof(uint64_t) == 0, "a world is whole words");

union words {
    struct world world;
    uint64_t at[WORDS];
};

struct block {
    struct block *next;
    size_t used;
    uint64_t words[BLOCK_WORDS];
};

static union words base;
static struct block *first, *last, *spare;
static size_t read_at;

static void free_blocks(void)
{
    while (first != NULL) {
        struct block *next = first->next;
        free(first);
        first = next;
    }
    last = NULL;
    read_at = 0;
}

static struct block *room_for(size_t words)
{
    if (last != NULL && last->used + words <= BLOCK_WORDS)
        return last;
    struct block *b = spare != NULL ? spare : grown(NULL, 1, sizeof *b);
    spare = NULL;
    b->next = NULL;
    b->used = 0;
    if (last == NULL)
        first = b;
    else
        last->next = b;
    last = b;
    return b;
}

void search_push(const struct world *w, uint32_t number)
{
    union words now;
    struct block *b = room_for(1 + MASKS + WORDS);
    uint64_t *out = b->words + b->used;
    uint64_t *masks = out + 1;
    size_t used = 1 + MASKS;

    memcpy(&now.world, w, sizeof *w);
    out[0] = number;
    memset(masks, 0, MASKS * sizeof *masks);
    for (size_t i = 0; i < WORDS; i++) {
        if (now.at[i] == base.at[i])
            continue;
        masks[i / 64] |= UINT64_C(1) << i % 64;
        out[used++] = now.at[i];
    }
    b->used += used;
}

bool search_pop(struct world *ret_w, uint32_t *ret_number)
{
    union words now = base;

    if (first != NULL && read_at == first->used) {
        struct block *b = first;
        first = b->next;
        last = first == NULL ? NULL : last;
        free(spare);
        spare = b;
        read_at = 0;
    }
    if (first == NULL)
        return false;
    const uint64_t *in = first->words + read_at;
    const uint64_t *masks = in + 1;
    size_t used = 1 + MASKS;
    for (size_t m = 0; m < MASKS; m++) {
        for (uint64_t mask = masks[m]; mask != 0; mask &= mask - 1)
            now.at[m * 64 + (size_t)__builtin_ctzll(mask)] = in[used++];
    }
    read_at += used;
    *ret_number = (uint32_t)in[0];
    memcpy(ret_w, &now.world, sizeof *ret_w);
    return true;
}

void search_start(const struct world *w)
{
    memcpy(&base.world, w, sizeof *w);
    free_blocks();
    seen = 0;
    if (places_size > 0)
        memset(places, 0, places_size * sizeof *places);
}

void search_done(void)
{
    free_blocks();
    free(spare);
    free(places);
    free(numbers);
    free(nexts);
    spare = NULL;
    places = NULL;
    numbers = nexts = NULL;
    places_size = nexts_size = seen = 0;
}
