/* sse - follows an event stream: is there content yet, is it whole, did it fail?
 *
 * Pure. Lines are split as the standard says (LF, CR or CRLF; WHATWG HTML section 9.2.6) and
 * never kept: of a line only its field's name, the name of the event and a possible [DONE] are
 * remembered, and data goes byte for byte into sse_data.
 *
 * An event is judged at the end of the data line with which its JSON is whole, at the latest at
 * the empty line behind it. Names decide in the two dialects that have them, those of `event:`
 * lines or, without one, the `type` in the data. Chat completions have data lines only. What
 * follows an error is not content any more: clients stop reading there.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sse.h"

#include <string.h>

enum part { PART_NAME, PART_EVENT, PART_DATA, PART_IGNORED };

enum meaning { MEANS_LIFECYCLE, MEANS_CONTENT, MEANS_COMPLETE, MEANS_FAILED, MEANS_ERROR };

/* Events that are not listed are content. */
static const struct {
    enum sse_dialect dialect;
    const char *name;
    enum meaning meaning;
} names[] = {
    {SSE_CHAT, "error", MEANS_ERROR},
    {SSE_MESSAGES, "message_start", MEANS_LIFECYCLE},
    {SSE_MESSAGES, "ping", MEANS_LIFECYCLE},
    {SSE_MESSAGES, "message_stop", MEANS_COMPLETE},
    {SSE_MESSAGES, "error", MEANS_ERROR},
    {SSE_RESPONSES, "response.created", MEANS_LIFECYCLE},
    {SSE_RESPONSES, "response.queued", MEANS_LIFECYCLE},
    {SSE_RESPONSES, "response.in_progress", MEANS_LIFECYCLE},
    {SSE_RESPONSES, "keepalive", MEANS_LIFECYCLE},
    {SSE_RESPONSES, "response.completed", MEANS_COMPLETE},
    {SSE_RESPONSES, "response.incomplete", MEANS_COMPLETE},
    {SSE_RESPONSES, "response.failed", MEANS_FAILED},
    {SSE_RESPONSES, "error", MEANS_ERROR},
    {SSE_OTHER, "error", MEANS_ERROR},
};

static const char bom[] = {'\xef', '\xbb', '\xbf'};

void sse_init(struct sse *s, enum sse_dialect dialect)
{
    memset(s, 0, sizeof *s);
    s->dialect = dialect;
    s->is_at_boundary = true;
    sse_data_init(&s->data);
}

struct slice sse_error_code(const struct sse *s)
{
    return (struct slice){s->data.code, s->is_code_kept ? s->data.code_len : 0};
}

uint64_t sse_retry_after_ms(const struct sse *s)
{
    return s->is_code_kept ? s->data.retry_after_ms : 0;
}

const char *sse_dialect_name(enum sse_dialect dialect)
{
    static const char *const words[] = {
        [SSE_CHAT] = "chat",
        [SSE_MESSAGES] = "messages",
        [SSE_RESPONSES] = "responses",
        [SSE_OTHER] = "other",
    };

    return words[dialect];
}

/* ---------------------------------------------------------------- judgement */

static bool has_names(const struct sse *s)
{
    return s->dialect == SSE_MESSAGES || s->dialect == SSE_RESPONSES;
}

static enum meaning look_up(enum sse_dialect dialect, struct slice name)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].dialect == dialect && slice_equal(name, slice_of(names[i].name)))
            return names[i].meaning;
    }
    return MEANS_CONTENT;
}

static struct slice word_of(const struct sse *s)
{
    return (struct slice){s->word, s->word_len};
}

/* Is the data line that ends here the end mark of chat completions? Some nodes put it behind
 * the events of the other dialects, too, where it means nothing. */
static bool is_done_mark(const struct sse *s)
{
    return s->part == PART_DATA && slice_equal(word_of(s), SLICE("[DONE]"));
}

static enum meaning judge_unnamed(const struct sse *s)
{
    const struct sse_data *d = &s->data;

    if (d->type_len > 0)
        return look_up(s->dialect, (struct slice){d->type, d->type_len});
    if (d->has_error)
        return MEANS_ERROR;
    return is_done_mark(s) ? MEANS_LIFECYCLE : MEANS_CONTENT;
}

/* A first chunk says whose turn it is and no more; others list no choices at all, only prompt
 * filter results or usage. JSON that broke off says nothing to anybody. */
static enum meaning judge_chat(const struct sse *s)
{
    const struct sse_data *d = &s->data;

    if (is_done_mark(s))
        return MEANS_COMPLETE;
    if (d->has_error)
        return MEANS_ERROR;
    bool is_content = sse_data_is_whole(d) && (!d->has_choices || d->is_telling);
    return is_content ? MEANS_CONTENT : MEANS_LIFECYCLE;
}

static enum meaning judge_event(const struct sse *s)
{
    if (s->is_named && (has_names(s) || s->meaning == MEANS_ERROR))
        return (enum meaning)s->meaning;
    if (!s->has_data)
        return MEANS_LIFECYCLE;
    if (has_names(s))
        return judge_unnamed(s);
    return s->dialect == SSE_CHAT ? judge_chat(s) : MEANS_CONTENT;
}

static void judge(struct sse *s)
{
    enum meaning meaning = judge_event(s);

    s->is_judged = true;
    bool is_error = meaning == MEANS_ERROR || meaning == MEANS_FAILED;
    s->has_content |= meaning == MEANS_CONTENT && !s->has_error;
    s->is_complete |= meaning == MEANS_COMPLETE || meaning == MEANS_FAILED;
    s->has_error |= is_error;
    /* An `error` without a code may have a response.failed with one behind it. */
    s->is_code_kept |= is_error && (s->data.code_len > 0 || s->data.retry_after_ms > 0);
}

/* Only errors are asked for their code, and only events without a name for their type. */
static bool is_data_wanted(const struct sse *s)
{
    if (s->is_judged || s->is_code_kept)
        return false;
    if (s->is_named && (s->meaning == MEANS_ERROR || s->meaning == MEANS_FAILED))
        return true;
    return s->dialect == SSE_CHAT || (has_names(s) && !s->is_named);
}

static void end_event(struct sse *s)
{
    if (!s->is_judged && (s->is_named || s->has_data))
        judge(s);
    s->is_named = s->has_data = s->is_judged = false;
    if (!s->is_code_kept)
        sse_data_init(&s->data);
}

/* ---------------------------------------------------------------- lines */

static void keep_bytes(struct sse *s, struct slice bytes)
{
    size_t room = SSE_WORD_MAX - (size_t)s->word_len;
    size_t kept = bytes.len < room ? bytes.len : room;

    memcpy(s->word + s->word_len, bytes.at, kept);
    s->word_len = (uint8_t)(s->word_len + kept);
}

static void end_name(struct sse *s)
{
    struct slice name = word_of(s);

    s->part = slice_equal(name, SLICE("event"))  ? PART_EVENT
              : slice_equal(name, SLICE("data")) ? PART_DATA
                                                 : PART_IGNORED; /* also a comment */
    s->is_after_colon = true;
    s->word_len = 0;
}

static void end_line(struct sse *s)
{
    s->is_at_boundary = s->part == PART_NAME && s->word_len == 0;
    switch ((enum part)s->part) {
    case PART_NAME: /* a field without a value means nothing to us */
        if (s->word_len == 0)
            end_event(s);
        break;
    case PART_EVENT:
        s->is_named = s->word_len > 0;
        s->meaning = (uint8_t)look_up(s->dialect, word_of(s));
        break;
    case PART_DATA:
        if (s->has_data && !s->is_judged && sse_data_is_whole(&s->data))
            judge(s);
        break;
    case PART_IGNORED:
        break;
    }
    s->part = PART_NAME;
    s->is_after_colon = false;
    s->word_len = 0;
}

static void feed_value(struct sse *s, struct slice bytes)
{
    if (s->is_after_colon && bytes.at[0] == ' ')
        bytes = slice_skip(bytes, 1);
    s->is_after_colon = false;
    if (s->part == PART_IGNORED || bytes.len == 0)
        return;
    keep_bytes(s, bytes);
    if (s->part != PART_DATA)
        return;
    s->has_data = true;
    if (is_data_wanted(s))
        sse_data_feed(&s->data, bytes);
}

/* Bytes of one line, without its end. */
static void feed_line(struct sse *s, struct slice bytes)
{
    s->is_at_boundary = false;
    if (s->part == PART_NAME) {
        size_t colon = slice_find_byte(bytes, ':');
        if (colon == SIZE_MAX) {
            keep_bytes(s, bytes);
            return;
        }
        keep_bytes(s, (struct slice){bytes.at, colon});
        end_name(s);
        bytes = slice_skip(bytes, colon + 1);
    }
    if (bytes.len > 0)
        feed_value(s, bytes);
}

/* A byte order mark at the very beginning is no part of the first line. A piece of one is. */
static struct slice skip_bom(struct sse *s, struct slice bytes)
{
    while (s->bom < sizeof bom && bytes.len > 0 && bytes.at[0] == bom[s->bom]) {
        s->bom++;
        bytes = slice_skip(bytes, 1);
    }
    if (s->bom < sizeof bom && bytes.len > 0) {
        if (s->bom > 0)
            feed_line(s, (struct slice){bom, s->bom});
        s->bom = sizeof bom;
    }
    return bytes;
}

/* The length of an event at the beginning of `bytes` that changes nothing, 0 when it has to be
 * read. Behind its first content a chat goes on with thousands of events of one line; what they
 * can still bring is [DONE] or an error, whose key would stand in them as it is (a key with
 * escapes is none of ours). To look for it costs a twelfth of reading the JSON. */
static size_t idle_event_len(const struct sse *s, struct slice bytes)
{
    if (s->dialect != SSE_CHAT || !s->has_content || !s->is_at_boundary ||
        !slice_starts_with(bytes, SLICE("data: {")))
        return 0;
    size_t len = slice_find_byte(bytes, '\n');
    if (len == SIZE_MAX || len + 1 == bytes.len || bytes.at[len + 1] != '\n')
        return 0;
    struct slice line = {bytes.at, len};
    bool is_idle = slice_find_byte(line, '\r') == SIZE_MAX &&
                   memmem(line.at, line.len, "\"error\"", 7) == NULL;
    return is_idle ? len + 2 : 0;
}

/* Bytes without an LF. */
static void feed_run(struct sse *s, struct slice bytes)
{
    while (bytes.len > 0) {
        size_t cr = slice_find_byte(bytes, '\r');
        size_t len = cr == SIZE_MAX ? bytes.len : cr;
        if (len > 0)
            feed_line(s, (struct slice){bytes.at, len});
        s->is_cr = len < bytes.len;
        if (!s->is_cr)
            return;
        end_line(s);
        bytes = slice_skip(bytes, len + 1);
    }
}

void sse_feed(struct sse *s, struct slice bytes)
{
    bytes = skip_bom(s, bytes);
    while (bytes.len > 0) {
        size_t idle = idle_event_len(s, bytes);
        if (idle > 0) {
            s->is_cr = false;
            bytes = slice_skip(bytes, idle);
            continue;
        }
        size_t lf = slice_find_byte(bytes, '\n');
        feed_run(s, (struct slice){bytes.at, lf == SIZE_MAX ? bytes.len : lf});
        if (lf == SIZE_MAX)
            return;
        if (!s->is_cr) /* else it is the other half of a line end */
            end_line(s);
        s->is_cr = false;
        bytes = slice_skip(bytes, lf + 1);
    }
}
