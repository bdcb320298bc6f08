/* fuzz_sse - an event stream says the same however it is cut, and of its JSON what jansson
 * says.
 *
 * Input: a byte that chooses the dialect, one that chooses the pieces, then the stream. It is
 * fed whole and in pieces; every result must agree, and no result may ever be taken back. Then
 * the same bytes are taken for the JSON of one chat event, and if they are JSON, jansson is
 * asked as well.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "proxy/core/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define CHECK(claim)                                                                           \
    do {                                                                                       \
        if (!(claim))                                                                          \
            abort();                                                                           \
    } while (0)

/* ---------------------------------------------------------------- pieces */

static void check_bounds(const struct sse *s)
{
    CHECK(s->word_len <= SSE_WORD_MAX);
    CHECK(s->data.code_len <= SSE_CODE_MAX && s->data.type_len <= SSE_TYPE_MAX);
    CHECK(s->data.walk.word_len <= WALK_WORD_MAX);
    CHECK(s->data.scope_depth <= s->data.walk.depth);
    CHECK(sse_error_code(s).len == 0 || s->has_error);
}

static void check_nothing_is_taken_back(const struct sse *before, const struct sse *now)
{
    CHECK(!before->has_content || now->has_content);
    CHECK(!before->is_complete || now->is_complete);
    CHECK(!before->has_error || now->has_error);
    CHECK(!before->has_error || before->has_content || !now->has_content);
    CHECK(!before->is_code_kept || slice_equal(sse_error_code(before), sse_error_code(now)));
}

/* What nobody reads any more: words that are over, of events that need not be read again. */
static void forget_words(struct sse *s)
{
    memset(s->word + s->word_len, 0, sizeof s->word - s->word_len);
    memset(s->data.walk.word, 0, sizeof s->data.walk.word);
}

static void check_pieces(enum sse_dialect dialect, uint8_t choice, struct slice stream)
{
    static struct sse whole;
    static struct sse pieces;
    uint32_t random = choice;

    sse_init(&whole, dialect);
    sse_feed(&whole, stream);
    check_bounds(&whole);
    sse_init(&pieces, dialect);
    while (stream.len > 0) {
        struct sse before = pieces;
        random = random * 1664525 + 1013904223;
        size_t len = choice == 0 ? 1 : 1 + (random >> 16) % choice;
        if (len > stream.len)
            len = stream.len;
        sse_feed(&pieces, (struct slice){stream.at, len});
        stream = slice_skip(stream, len);
        check_bounds(&pieces);
        check_nothing_is_taken_back(&before, &pieces);
    }
    forget_words(&whole);
    forget_words(&pieces);
    CHECK(memcmp(&whole, &pieces, sizeof whole) == 0);
}

/* ---------------------------------------------------------------- jansson's opinion */

static bool is_something(const json_t *value)
{
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return value != NULL && !json_is_null(value) && !json_is_false(value);
}

static const char *word_of(const json_t *error, const char *key)
{
    const char *word = json_string_value(json_object_get(error, key));

    return word != NULL && word[0] != '\0' && strlen(word) <= SSE_CODE_MAX ? word : NULL;
}

static void check_code(const json_t *error, struct slice code)
{
    const char *word = word_of(error, "code");

    if (word == NULL)
        word = word_of(error, "type");
    if (word != NULL && word_of(error, "code") == NULL && strcmp(word, "error") == 0)
        word = NULL;
    CHECK(slice_equal(code, slice_of(word)));
}

static void check_json(const char *text, size_t len)
{
    static struct sse s;
    json_error_t ignored;

    /* Our words have no escapes, and of a key that stands twice each of us takes another. */
    if (memchr(text, '\\', len) != NULL)
        return;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &ignored);
    if (!json_is_object(root)) {
        json_decref(root);
        return;
    }
    sse_init(&s, SSE_CHAT);
    sse_feed(&s, SLICE("data: "));
    sse_feed(&s, (struct slice){text, len});
    sse_feed(&s, SLICE("\n\n"));
    const json_t *error = json_object_get(root, "error");
    const json_t *response = json_object_get(root, "response");
    const json_t *choices = json_object_get(root, "choices");
    bool is_nested = is_something(json_object_get(response, "error"));
    CHECK(s.has_error == (is_something(error) || is_nested));
    if (!s.has_error && choices == NULL)
        CHECK(s.has_content);
    if (!s.has_error && json_is_array(choices) && json_array_size(choices) == 0)
        CHECK(!s.has_content);
    if (json_is_object(error) && !is_nested && json_object_get(root, "code") == NULL)
        check_code(error, sse_error_code(&s));
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char text[65536];

    if (size < 2)
        return 0;
    struct slice stream = {(const char *)bytes + 2, size - 2};
    check_pieces((enum sse_dialect)(bytes[0] % 4), bytes[1], stream);
    if (stream.len > sizeof text)
        return 0;
    for (size_t i = 0; i < stream.len; i++) /* JSON in one line */
        text[i] = stream.at[i] == '\n' || stream.at[i] == '\r' ? ' ' : stream.at[i];
    check_json(text, stream.len);
    return 0;
}
