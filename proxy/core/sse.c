/* sse - follows an event stream: is there content yet, is it whole, did it fail?
 *
 * Pure. Lines are split as the standard says (LF, CR or CRLF; WHATWG HTML section 9.2.6) and
 * looked at one by one. Names decide in the two dialects that have them, those of `event:`
 * lines or, without one, the `type` that the data begins with. Chat completions have data lines
 * only. Only the first kilobyte of a line is looked at. An end marker counts once its data has
 * come: a stream may be cut between the two lines.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sse.h"

#include <string.h>

enum meaning { MEANS_LIFECYCLE, MEANS_CONTENT, MEANS_COMPLETE, MEANS_ERROR };

struct event_name {
    const char *name;
    enum meaning meaning;
};

/* Events that are not listed are content. */
static const struct event_name messages_events[] = {
    {"message_start", MEANS_LIFECYCLE},
    {"ping", MEANS_LIFECYCLE},
    {"message_stop", MEANS_COMPLETE},
    {"error", MEANS_ERROR},
};
static const struct event_name responses_events[] = {
    {"response.created", MEANS_LIFECYCLE},
    {"response.queued", MEANS_LIFECYCLE},
    {"response.in_progress", MEANS_LIFECYCLE},
    {"response.completed", MEANS_COMPLETE},
    {"response.incomplete", MEANS_COMPLETE},
    {"response.failed", MEANS_ERROR},
    {"error", MEANS_ERROR},
};

void sse_init(struct sse *s, enum sse_dialect dialect)
{
    memset(s, 0, sizeof *s);
    s->dialect = dialect;
    s->is_at_boundary = true;
}

static enum meaning look_up(const struct event_name *names, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(name, slice_of(names[i].name)))
            return names[i].meaning;
    }
    return MEANS_CONTENT;
}

static void note(struct sse *s, enum meaning meaning)
{
    s->has_content |= meaning == MEANS_CONTENT;
    s->is_end_event |= meaning == MEANS_COMPLETE;
    s->has_error |= meaning == MEANS_ERROR;
    s->is_error_event |= meaning == MEANS_ERROR;
}

static void keep_error(struct sse *s, struct slice data)
{
    if (s->error_len > 0)
        return;
    s->error_len = (uint16_t)(data.len < SSE_ERROR_MAX ? data.len : SSE_ERROR_MAX);
    memcpy(s->error, data.at, s->error_len);
}

static void on_name(struct sse *s, struct slice name)
{
    switch (s->dialect) {
    case SSE_MESSAGES:
        note(s, look_up(messages_events, sizeof messages_events / sizeof messages_events[0],
                        name));
        break;
    case SSE_RESPONSES:
        note(s, look_up(responses_events, sizeof responses_events / sizeof responses_events[0],
                        name));
        break;
    case SSE_CHAT:
    case SSE_OTHER:
        if (slice_equal(name, SLICE("error")))
            note(s, MEANS_ERROR);
        break;
    }
}

static struct slice skip_spaces(struct slice text)
{
    while (text.len > 0 && text.at[0] == ' ')
        text = slice_skip(text, 1);
    return text;
}

/* What follows `{"key":` when the data is an object that begins with this key, else empty. */
static struct slice first_member(struct slice data, struct slice quoted_key)
{
    struct slice rest = skip_spaces(data);

    if (!slice_starts_with(rest, SLICE("{")))
        return (struct slice){data.at, 0};
    rest = skip_spaces(slice_skip(rest, 1));
    if (!slice_starts_with(rest, quoted_key))
        return (struct slice){data.at, 0};
    rest = skip_spaces(slice_skip(rest, quoted_key.len));
    return rest.len > 0 && rest.at[0] == ':' ? skip_spaces(slice_skip(rest, 1))
                                             : (struct slice){data.at, 0};
}

/* Data of an event without a name: its type says the same. */
static void on_type(struct sse *s, struct slice data)
{
    struct slice type = first_member(data, SLICE("\"type\""));
    size_t end = SIZE_MAX;

    if (type.len > 0 && type.at[0] == '"') {
        type = slice_skip(type, 1);
        end = slice_find(type, SLICE("\""));
    }
    if (end == SIZE_MAX)
        s->has_content = true;
    else
        on_name(s, (struct slice){type.at, end});
}

/* A chunk without choices, such as prompt filter results, says nothing yet. */
static bool is_chat_lifecycle(struct slice data)
{
    return slice_find(data, SLICE("\"choices\":[]")) != SIZE_MAX ||
           slice_find(data, SLICE("\"choices\": []")) != SIZE_MAX;
}

static void on_data(struct sse *s, struct slice data)
{
    if (data.len == 0)
        return;
    if (!s->is_named && (s->dialect == SSE_MESSAGES || s->dialect == SSE_RESPONSES))
        on_type(s, data);
    s->is_complete |= s->is_end_event;
    if (!s->is_error_event && s->dialect == SSE_CHAT) {
        if (slice_equal(data, SLICE("[DONE]")))
            s->is_complete = true;
        else if (first_member(data, SLICE("\"error\"")).len > 0)
            note(s, MEANS_ERROR);
        else if (!is_chat_lifecycle(data))
            s->has_content = true;
    } else if (!s->is_error_event && s->dialect == SSE_OTHER) {
        s->has_content = true;
    }
    if (s->is_error_event)
        keep_error(s, data);
}

static void on_line(struct sse *s)
{
    struct slice line = {s->line, s->line_len};

    s->is_at_boundary = line.len == 0;
    if (line.len == 0) {
        s->is_complete |= s->is_end_event;
        s->is_named = s->is_end_event = s->is_error_event = false;
        return;
    }
    size_t colon = slice_find(line, SLICE(":"));
    if (colon == SIZE_MAX || colon == 0)
        return; /* a comment, or a field without a value */
    struct slice name = {line.at, colon};
    struct slice value = slice_skip(line, colon + 1);
    if (value.len > 0 && value.at[0] == ' ')
        value = slice_skip(value, 1);
    if (slice_equal(name, SLICE("event"))) {
        s->is_named = true;
        on_name(s, value);
    } else if (slice_equal(name, SLICE("data"))) {
        on_data(s, value);
    }
}

void sse_feed(struct sse *s, struct slice bytes)
{
    while (bytes.len > 0) {
        if (s->is_cr && bytes.at[0] == '\n') {
            s->is_cr = false;
            bytes = slice_skip(bytes, 1);
            continue;
        }
        s->is_cr = false;
        size_t len = 0;
        while (len < bytes.len && bytes.at[len] != '\n' && bytes.at[len] != '\r')
            len++;
        size_t room = SSE_LINE_MAX - s->line_len;
        size_t kept = len < room ? len : room;
        memcpy(s->line + s->line_len, bytes.at, kept);
        s->line_len = (uint16_t)(s->line_len + kept);
        if (len > 0)
            s->is_at_boundary = false;
        if (len == bytes.len)
            return;
        s->is_cr = bytes.at[len] == '\r';
        on_line(s);
        s->line_len = 0;
        bytes = slice_skip(bytes, len + 1);
    }
}
