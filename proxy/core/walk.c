/* walk - goes through JSON text that comes in pieces.
 *
 * Pure. Long strings are skipped eight bytes at a time, so that a body with images costs
 * little, and code full of escapes not much more. Nesting deeper than 63 levels is followed,
 * but keys in there are not told from values.
 *
 * SPDX-License-Identifier: MIT
 */
#include "walk.h"

#include <string.h>

enum kind { KIND_WORD, KIND_SPACE, KIND_STRUCTURE };

static const uint8_t kinds[256] = {
    [' '] = KIND_SPACE,     ['\t'] = KIND_SPACE,    ['\n'] = KIND_SPACE,
    ['\r'] = KIND_SPACE,    ['"'] = KIND_STRUCTURE, ['{'] = KIND_STRUCTURE,
    ['}'] = KIND_STRUCTURE, ['['] = KIND_STRUCTURE, [']'] = KIND_STRUCTURE,
    [','] = KIND_STRUCTURE, [':'] = KIND_STRUCTURE,
};

void walk_init(struct walk *w)
{
    /* The word needs no cleaning. */
    memset(w, 0, offsetof(struct walk, word));
}

struct slice walk_word(const struct walk *w)
{
    return (struct slice){w->word, w->is_cut ? 0 : w->word_len};
}

static bool is_object_at(const struct walk *w, uint32_t depth)
{
    return depth < 64 && (w->is_object >> depth & 1) != 0;
}

static void begin_word(struct walk *w)
{
    w->word_len = 0;
    w->is_cut = false;
}

static void keep_byte(struct walk *w, char c)
{
    if (w->word_len == WALK_WORD_MAX)
        w->is_cut = true;
    else
        w->word[w->word_len++] = c;
}

static void open_level(struct walk *w, bool is_object)
{
    if (w->depth < UINT32_MAX)
        w->depth++;
    if (w->depth < 64) {
        w->is_object &= ~(UINT64_C(1) << w->depth);
        w->is_object |= (uint64_t)is_object << w->depth;
    }
    w->expects_key = is_object;
}

/* WALK_END: the byte alone is no token. */
static enum walk_token structure(struct walk *w, char c)
{
    switch (c) {
    case '"':
        w->is_in_string = true;
        w->is_key = w->expects_key && is_object_at(w, w->depth);
        begin_word(w);
        return WALK_END;
    case '{':
    case '[':
        open_level(w, c == '{');
        return WALK_OPEN;
    case '}':
    case ']':
        if (w->depth > 0)
            w->depth--;
        w->expects_key = false;
        return WALK_CLOSE;
    case ',':
        w->expects_key = is_object_at(w, w->depth);
        return WALK_END;
    default:
        return WALK_END;
    }
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (uint8_t)(c))

/* Has the word a zero byte? (Hacker's Delight 6-1) */
static bool has_zero_byte(uint64_t word)
{
    return ((word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80)) != 0;
}

/* How far the inside of a string that nobody keeps goes: to a quote, an escape or the end. Two
 * memchr would read on to a far quote again after each escape. */
static size_t skip_string(struct slice bytes)
{
    size_t i = 0;
    uint64_t word;

    for (; i + sizeof word <= bytes.len; i += sizeof word) {
        memcpy(&word, bytes.at + i, sizeof word);
        if (has_zero_byte(word ^ EACH_BYTE('"')) || has_zero_byte(word ^ EACH_BYTE('\\')))
            break;
    }
    while (i < bytes.len && bytes.at[i] != '"' && bytes.at[i] != '\\')
        i++;
    return i;
}

/* True when the string has ended. */
static bool read_string(struct walk *w, struct slice *bytes)
{
    while (bytes->len > 0) {
        char c = bytes->at[0];
        size_t taken = 1;
        if (w->is_escaped) {
            w->is_escaped = false;
        } else if (c == '"') {
            w->is_in_string = false;
        } else if (c == '\\') {
            w->is_escaped = true;
            w->is_cut = true; /* nobody asks for words with escapes */
        } else if (w->is_cut) {
            taken = skip_string(*bytes);
        } else {
            keep_byte(w, c);
        }
        *bytes = slice_skip(*bytes, taken);
        if (!w->is_in_string)
            return true;
    }
    return false;
}

enum walk_token walk_next(struct walk *w, struct slice *bytes)
{
    while (bytes->len > 0) {
        if (w->is_in_string) {
            if (!read_string(w, bytes))
                break;
            w->expects_key = w->expects_key && !w->is_key;
            return w->is_key ? WALK_KEY : WALK_STRING;
        }
        char c = bytes->at[0];
        enum kind kind = (enum kind)kinds[(unsigned char)c];
        if (w->is_in_bare && kind != KIND_WORD) {
            w->is_in_bare = false;
            return WALK_BARE;
        }
        *bytes = slice_skip(*bytes, 1);
        if (kind == KIND_STRUCTURE) {
            enum walk_token token = structure(w, c);
            if (token != WALK_END)
                return token;
        } else if (kind == KIND_WORD) {
            if (!w->is_in_bare)
                begin_word(w);
            w->is_in_bare = true;
            keep_byte(w, c);
        }
    }
    return WALK_END;
}
