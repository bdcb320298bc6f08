/* scan - reads model, stream and initiator from a request body while it arrives.
 *
 * Pure. Long strings are skipped eight bytes at a time, so that a 20 MiB body with images costs
 * little, and code full of escapes not much more. Keys that matter: at depth 1 `model` and
 * `stream`; inside `messages` (or `input` of the responses API) `role` of an item, `type` of an
 * item or of its content. Of a key that stands twice the last one counts, as in JSON.parse.
 * Nesting deeper than 63 levels is followed but not looked at.
 *
 * SPDX-License-Identifier: MIT
 */
#include "scan.h"

#include <string.h>

enum key { KEY_OTHER, KEY_MODEL, KEY_STREAM, KEY_MESSAGES, KEY_ROLE, KEY_TYPE };

void scan_init(struct scan *s)
{
    memset(s, 0, sizeof *s);
}

static bool is_object_at(const struct scan *s, uint32_t depth)
{
    return depth < 64 && (s->is_object >> depth & 1) != 0;
}

static enum key name_key(const struct scan *s)
{
    struct slice word = {s->word, s->word_len};

    if (s->depth == 1) {
        if (slice_equal(word, SLICE("model")))
            return KEY_MODEL;
        if (slice_equal(word, SLICE("stream")))
            return KEY_STREAM;
        if (slice_equal(word, SLICE("messages")) || slice_equal(word, SLICE("input")))
            return KEY_MESSAGES;
    } else if (s->messages_depth != 0) {
        /* The message objects themselves are one level below the array. */
        if (s->depth == s->messages_depth + 1 && slice_equal(word, SLICE("role")))
            return KEY_ROLE;
        bool is_item = s->depth == s->messages_depth + 1;
        bool is_content = s->depth == s->messages_depth + 3;
        if ((is_item || is_content) && slice_equal(word, SLICE("type")))
            return KEY_TYPE;
    }
    return KEY_OTHER;
}

static void take_value(struct scan *s)
{
    struct slice word = {s->word, s->word_len};

    switch ((enum key)s->key) {
    case KEY_MODEL:
        memcpy(s->model, s->word, s->word_len);
        s->model[s->word_len] = '\0';
        break;
    case KEY_ROLE:
        s->is_agent |=
            slice_equal(word, SLICE("assistant")) || slice_equal(word, SLICE("tool"));
        break;
    case KEY_TYPE:
        s->is_agent |= slice_equal(word, SLICE("tool_result")) ||
                       slice_equal(word, SLICE("function_call_output"));
        break;
    case KEY_OTHER:
    case KEY_STREAM:
    case KEY_MESSAGES:
        break;
    }
}

static void begin_string(struct scan *s)
{
    s->is_in_string = true;
    s->is_escaped = false;
    s->is_key = s->expects_key && is_object_at(s, s->depth);
    s->is_value_kept =
        s->is_key || s->key == KEY_MODEL || s->key == KEY_ROLE || s->key == KEY_TYPE;
    s->word_len = 0;
}

static void end_string(struct scan *s)
{
    s->is_in_string = false;
    if (s->is_key) {
        s->key = (uint8_t)(s->is_value_kept ? name_key(s) : KEY_OTHER);
        s->expects_key = false;
        if (s->key == KEY_MODEL)
            s->model[0] = '\0';
        else if (s->key == KEY_STREAM)
            s->is_stream = false;
    } else if (s->is_value_kept) {
        take_value(s);
    }
}

static void keep_byte(struct scan *s, char c)
{
    if (s->word_len == SCAN_MODEL_MAX)
        s->is_value_kept = false; /* too long to be any word of ours */
    else
        s->word[s->word_len++] = c;
}

static void open_level(struct scan *s, bool is_object)
{
    if (s->depth == 1 && s->key == KEY_MESSAGES && !is_object)
        s->messages_depth = 2;
    s->depth++;
    if (s->depth < 64) {
        s->is_object &= ~(UINT64_C(1) << s->depth);
        s->is_object |= (uint64_t)is_object << s->depth;
    }
    s->expects_key = is_object;
    s->key = KEY_OTHER;
}

static void close_level(struct scan *s)
{
    if (s->depth > 0)
        s->depth--;
    if (s->messages_depth > s->depth)
        s->messages_depth = 0;
    s->expects_key = false;
    s->key = KEY_OTHER;
}

/* Outside strings. The rest, most of it numbers and spaces, is passed over. */
static const bool has_meaning[256] = {
    ['"'] = true, ['{'] = true, ['['] = true, ['}'] = true,
    [']'] = true, [','] = true, ['t'] = true,
};

static void structural(struct scan *s, char c)
{
    switch (c) {
    case '"':
        begin_string(s);
        break;
    case '{':
        open_level(s, true);
        break;
    case '[':
        open_level(s, false);
        break;
    case '}':
    case ']':
        close_level(s);
        break;
    case ',':
        s->expects_key = is_object_at(s, s->depth);
        s->key = KEY_OTHER;
        break;
    case 't': /* of `true`: the only bare word with that letter first */
        if (s->depth == 1 && s->key == KEY_STREAM)
            s->is_stream = true;
        s->key = KEY_OTHER;
        break;
    default:
        break;
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

void scan_feed(struct scan *s, struct slice bytes)
{
    size_t i = 0;

    while (i < bytes.len) {
        char c = bytes.at[i];
        if (!s->is_in_string) {
            if (has_meaning[(unsigned char)c])
                structural(s, c);
            i++;
        } else if (s->is_escaped) {
            s->is_escaped = false;
            s->is_value_kept = false; /* our words have no escapes */
            i++;
        } else if (c == '\\') {
            s->is_escaped = true;
            i++;
        } else if (c == '"') {
            end_string(s);
            i++;
        } else if (s->is_value_kept) {
            keep_byte(s, c);
            i++;
        } else {
            i += skip_string(slice_skip(bytes, i));
        }
    }
}
