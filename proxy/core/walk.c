/* walk - goes through JSON text that comes in pieces.
 *
 * Pure. Strings are looked at eight bytes at a time, so that a body with images costs little,
 * and code full of escapes not much more. Nesting deeper than 63 levels is followed, but keys
 * in there are not told from values.
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

/* Byte by byte: most words are shorter than a call of memcpy. */
static void keep_bytes(struct walk *w, const char *at, const char *end)
{
    size_t len = w->word_len;

    while (at < end && len < WALK_WORD_MAX)
        w->word[len++] = *at++;
    w->word_len = (uint8_t)len;
    w->is_cut |= at < end;
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

/* Where the inside of a string ends: at a quote, an escape or `end`. Two memchr would read on
 * to a far quote again after each escape. */
static const char *string_run(const char *at, const char *end)
{
    uint64_t word;

    for (; (size_t)(end - at) >= sizeof word; at += sizeof word) {
        memcpy(&word, at, sizeof word);
        if (has_zero_byte(word ^ EACH_BYTE('"')) || has_zero_byte(word ^ EACH_BYTE('\\')))
            break;
    }
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

static const char *bare_run(const char *at, const char *end)
{
    while (at < end && kinds[(unsigned char)*at] == KIND_WORD)
        at++;
    return at;
}

/* Returns what follows; is_in_string tells whether the string has ended. */
static const char *read_string(struct walk *w, const char *at, const char *end)
{
    while (at < end) {
        if (w->is_escaped) {
            w->is_escaped = false;
            at++;
            continue;
        }
        const char *run_end = string_run(at, end);
        if (!w->is_cut)
            keep_bytes(w, at, run_end);
        at = run_end;
        if (at == end)
            break;
        if (*at++ == '"') {
            w->is_in_string = false;
            break;
        }
        w->is_escaped = true;
        w->is_cut = true; /* nobody asks for words with escapes */
    }
    return at;
}

/* The next token in at..end; `ret_at` is what follows it. */
static enum walk_token next(struct walk *w, const char *at, const char *end,
                            const char **ret_at)
{
    enum walk_token token = WALK_END;

    while (at < end && token == WALK_END) {
        if (w->is_in_string) {
            at = read_string(w, at, end);
            if (w->is_in_string)
                break;
            token = w->is_key ? WALK_KEY : WALK_STRING;
            w->expects_key = w->expects_key && !w->is_key;
        } else if (kinds[(unsigned char)*at] == KIND_WORD) {
            const char *run_end = bare_run(at, end);
            if (!w->is_in_bare)
                begin_word(w);
            w->is_in_bare = true;
            keep_bytes(w, at, run_end);
            at = run_end;
        } else if (w->is_in_bare) {
            w->is_in_bare = false;
            token = WALK_BARE;
        } else {
            token = structure(w, *at++);
        }
    }
    *ret_at = at;
    return token;
}

enum walk_token walk_next(struct walk *w, struct slice *bytes)
{
    if (bytes->len == 0)
        return WALK_END;
    const char *end = bytes->at + bytes->len;
    enum walk_token token = next(w, bytes->at, end, &bytes->at);

    bytes->len = (size_t)(end - bytes->at);
    return token;
}
