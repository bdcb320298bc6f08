/* scan - reads model, stream and initiator from a request body while it arrives.
 *
 * Pure. Keys that matter: at depth 1 `model` and `stream`; inside `messages` (or `input` of the
 * responses API) `role` of an item, `type` of an item or of its content. Of a key that stands
 * twice the last one counts, as in JSON.parse. Nesting deeper than 63 levels is followed but
 * not looked at.
 *
 * SPDX-License-Identifier: MIT
 */
#include "scan.h"

#include <string.h>

enum key { KEY_OTHER, KEY_MODEL, KEY_STREAM, KEY_MESSAGES, KEY_ROLE, KEY_TYPE };

void scan_init(struct scan *s)
{
    memset(s, 0, sizeof *s);
    walk_init(&s->walk);
}

static enum key name_key(const struct scan *s)
{
    struct slice word = walk_word(&s->walk);
    uint32_t depth = s->walk.depth;

    if (depth == 1) {
        if (slice_equal(word, SLICE("model")))
            return KEY_MODEL;
        if (slice_equal(word, SLICE("stream")))
            return KEY_STREAM;
        if (slice_equal(word, SLICE("messages")) || slice_equal(word, SLICE("input")))
            return KEY_MESSAGES;
    } else if (s->messages_depth != 0) {
        /* The message objects themselves are one level below the array. */
        bool is_item = depth == s->messages_depth + 1;
        bool is_content = depth == s->messages_depth + 3;
        if (is_item && slice_equal(word, SLICE("role")))
            return KEY_ROLE;
        if ((is_item || is_content) && slice_equal(word, SLICE("type")))
            return KEY_TYPE;
    }
    return KEY_OTHER;
}

static void on_key(struct scan *s)
{
    s->key = (uint8_t)name_key(s);
    if (s->key == KEY_MODEL)
        s->model[0] = '\0';
    else if (s->key == KEY_STREAM)
        s->is_stream = false;
}

static void on_string(struct scan *s)
{
    struct slice word = walk_word(&s->walk);

    switch ((enum key)s->key) {
    case KEY_MODEL:
        memcpy(s->model, word.at, word.len);
        s->model[word.len] = '\0';
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

static void on_level(struct scan *s, bool is_open)
{
    bool is_array = is_open && (s->walk.is_object >> 2 & 1) == 0;

    if (s->walk.depth == 2 && s->key == KEY_MESSAGES && is_array)
        s->messages_depth = 2;
    if (s->messages_depth > s->walk.depth)
        s->messages_depth = 0;
}

void scan_feed(struct scan *s, struct slice bytes)
{
    enum walk_token token;

    while ((token = walk_next(&s->walk, &bytes)) != WALK_END) {
        switch (token) {
        case WALK_KEY:
            on_key(s);
            continue; /* its value comes next */
        case WALK_STRING:
            on_string(s);
            break;
        case WALK_BARE:
            if (s->key == KEY_STREAM)
                s->is_stream = slice_equal(walk_word(&s->walk), SLICE("true"));
            break;
        case WALK_OPEN:
        case WALK_CLOSE:
            on_level(s, token == WALK_OPEN);
            break;
        case WALK_END:
            break;
        }
        s->key = KEY_OTHER;
    }
}
