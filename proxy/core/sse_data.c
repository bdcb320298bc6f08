/* sse_data - what the JSON in one event of a stream says.
 *
 * Pure. The interesting objects lie inside each other, each one level below the one around it:
 *
 *     {"type", "code", "error": ERROR, "response": {"error": ERROR}, "choices": [CHOICE]}
 *     ERROR = {"code", "type", "retry_after", "retry_after_ms"}
 *     CHOICE = {"finish_reason", "text", "delta": DELTA, "message": DELTA}
 *
 * so that the scope (the innermost of them that is open) and its depth are all there is to
 * remember of the way. What is opened elsewhere is passed over until its level closes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sse_data.h"

#include <string.h>

enum scope {
    SCOPE_OUTSIDE,
    SCOPE_TOP,
    SCOPE_RESPONSE,
    SCOPE_ERROR,
    SCOPE_CHOICES,
    SCOPE_CHOICE,
    SCOPE_DELTA,
};

enum key {
    KEY_OTHER,
    KEY_TYPE, /* of the event */
    KEY_KIND, /* of the error */
    KEY_CODE,
    KEY_ERROR,
    KEY_RESPONSE,
    KEY_CHOICES,
    KEY_DELTA,
    KEY_TELLING, /* any value but an empty one is content */
    KEY_RETRY_S,
    KEY_RETRY_MS,
};

static const struct {
    enum scope scope;
    const char *name;
    enum key key;
} keys[] = {
    {SCOPE_TOP, "type", KEY_TYPE},
    {SCOPE_TOP, "code", KEY_CODE}, /* the `error` event of the responses API is flat */
    {SCOPE_TOP, "error", KEY_ERROR},
    {SCOPE_TOP, "response", KEY_RESPONSE},
    {SCOPE_TOP, "choices", KEY_CHOICES},
    {SCOPE_RESPONSE, "error", KEY_ERROR},
    {SCOPE_ERROR, "code", KEY_CODE},
    {SCOPE_ERROR, "type", KEY_KIND},
    {SCOPE_ERROR, "retry_after", KEY_RETRY_S},
    {SCOPE_ERROR, "retry_after_ms", KEY_RETRY_MS},
    {SCOPE_CHOICE, "finish_reason", KEY_TELLING},
    {SCOPE_CHOICE, "text", KEY_TELLING},
    {SCOPE_CHOICE, "delta", KEY_DELTA},
    {SCOPE_CHOICE, "message", KEY_DELTA},
    {SCOPE_DELTA, "role", KEY_OTHER},
};

void sse_data_init(struct sse_data *d)
{
    memset(d, 0, offsetof(struct sse_data, walk));
    walk_init(&d->walk);
}

static enum key look_up(enum scope scope, struct slice name)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i].scope == scope && slice_equal(name, slice_of(keys[i].name)))
            return keys[i].key;
    }
    return scope == SCOPE_DELTA ? KEY_TELLING : KEY_OTHER;
}

/* Which scope a level opens that begins at this key; SCOPE_OUTSIDE for none. */
static enum scope scope_below(enum scope scope, enum key key)
{
    if (scope == SCOPE_OUTSIDE)
        return SCOPE_TOP;
    if (scope == SCOPE_CHOICES)
        return SCOPE_CHOICE;
    switch (key) {
    case KEY_ERROR:
        return SCOPE_ERROR;
    case KEY_RESPONSE:
        return SCOPE_RESPONSE;
    case KEY_CHOICES:
        return SCOPE_CHOICES;
    case KEY_DELTA:
        return SCOPE_DELTA;
    case KEY_OTHER:
    case KEY_TYPE:
    case KEY_KIND:
    case KEY_CODE:
    case KEY_TELLING:
    case KEY_RETRY_S:
    case KEY_RETRY_MS:
        break;
    }
    return SCOPE_OUTSIDE;
}

static enum scope scope_above(enum scope scope, uint32_t depth)
{
    static const enum scope above[] = {
        [SCOPE_OUTSIDE] = SCOPE_OUTSIDE, [SCOPE_TOP] = SCOPE_OUTSIDE,
        [SCOPE_RESPONSE] = SCOPE_TOP,    [SCOPE_ERROR] = SCOPE_TOP,
        [SCOPE_CHOICES] = SCOPE_TOP,     [SCOPE_CHOICE] = SCOPE_CHOICES,
        [SCOPE_DELTA] = SCOPE_CHOICE,
    };

    return scope == SCOPE_ERROR && depth == 2 ? SCOPE_RESPONSE : above[scope];
}

static void on_open(struct sse_data *d)
{
    if (d->walk.depth != d->scope_depth + 1u) {
        d->is_telling |= d->key == KEY_TELLING; /* a list that is not empty */
        return;
    }
    enum scope below = scope_below((enum scope)d->scope, (enum key)d->key);
    if (below == SCOPE_OUTSIDE)
        return;
    d->has_error |= below == SCOPE_ERROR;
    d->has_choices |= below == SCOPE_CHOICES;
    d->scope = (uint8_t)below;
    d->scope_depth++;
    d->key = KEY_OTHER;
}

static void on_close(struct sse_data *d)
{
    if (d->walk.depth >= d->scope_depth)
        return;
    d->scope = (uint8_t)scope_above((enum scope)d->scope, d->walk.depth);
    d->scope_depth = (uint8_t)d->walk.depth;
    d->key = KEY_OTHER;
}

static void keep_code(struct sse_data *d, bool is_code)
{
    struct slice word = walk_word(&d->walk);
    bool is_better = is_code || (!d->has_code && !slice_equal(word, SLICE("error")));

    if (word.len == 0 || word.len > SSE_CODE_MAX || !is_better)
        return;
    d->has_code = is_code;
    d->code_len = (uint8_t)word.len;
    memcpy(d->code, word.at, word.len);
}

static void keep_type(struct sse_data *d)
{
    size_t len = d->walk.word_len < SSE_TYPE_MAX ? d->walk.word_len : SSE_TYPE_MAX;

    d->type_len = (uint8_t)len;
    memcpy(d->type, d->walk.word, len);
}

/* A number with or without a fraction, times `scale`. Longer ones than 12 digits are no time.
 */
static uint64_t read_ms(struct slice word, uint64_t scale)
{
    size_t point = slice_find(word, SLICE("."));
    uint64_t whole = 0;
    uint64_t tenths = 0;

    struct slice digits = {word.at, point == SIZE_MAX ? word.len : point};
    if (!slice_to_u64(digits, UINT64_C(999999999999), &whole))
        return 0;
    if (point != SIZE_MAX && point + 1 < word.len)
        (void)slice_to_u64((struct slice){word.at + point + 1, 1}, 9, &tenths);
    return whole * scale + tenths * scale / 10;
}

static void on_value(struct sse_data *d, bool is_bare)
{
    struct slice word = walk_word(&d->walk);
    bool is_empty = is_bare
                        ? slice_equal(word, SLICE("null")) || slice_equal(word, SLICE("false"))
                        : d->walk.word_len == 0 && !d->walk.is_cut;

    switch ((enum key)d->key) {
    case KEY_TYPE:
        if (!is_bare)
            keep_type(d);
        break;
    case KEY_KIND:
    case KEY_CODE:
        if (!is_bare)
            keep_code(d, d->key == KEY_CODE);
        break;
    case KEY_ERROR:
        d->has_error |= !is_empty;
        break;
    case KEY_TELLING:
        d->is_telling |= !is_empty;
        break;
    case KEY_RETRY_S:
        d->retry_after_ms = read_ms(word, 1000);
        break;
    case KEY_RETRY_MS:
        d->retry_after_ms = read_ms(word, 1);
        break;
    case KEY_OTHER:
    case KEY_RESPONSE:
    case KEY_CHOICES:
    case KEY_DELTA:
        break;
    }
}

void sse_data_feed(struct sse_data *d, struct slice bytes)
{
    enum walk_token token;

    while ((token = walk_next(&d->walk, &bytes)) != WALK_END) {
        bool is_in_scope = d->walk.depth == d->scope_depth;
        switch (token) {
        case WALK_OPEN:
            on_open(d);
            break;
        case WALK_CLOSE:
            on_close(d);
            break;
        case WALK_KEY:
            if (is_in_scope)
                d->key = (uint8_t)look_up((enum scope)d->scope, walk_word(&d->walk));
            break;
        case WALK_STRING:
        case WALK_BARE:
            if (is_in_scope)
                on_value(d, token == WALK_BARE);
            else
                d->is_telling |= d->key == KEY_TELLING;
            break;
        case WALK_END:
            break;
        }
    }
}
