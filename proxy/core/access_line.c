/* access_line - one line of the access log, as text or as JSON.
 *
 * Pure. One table says which fields there are. JSON has all of them by name; text begins with
 * those that people know from nginx, and goes on with key=value. A line has room for all texts
 * at their longest, so nothing but the texts is ever cut.
 *
 * SPDX-License-Identifier: MIT
 */
#include "access_line.h"

#include <assert.h>
#include <stddef.h>

#include "printable.h"

#define DAY_MS     (INT64_C(24) * 60 * 60 * 1000)
#define DIGITS_MAX 20 /* of UINT64_MAX */

enum kind { WORD, PATH, COUNT, SECONDS, FLAG };

struct field {
    struct slice name;
    enum kind kind;
    size_t offset;
};

#define FIELD(name_, kind_, member_)                                                           \
    {                                                                                          \
        .name = {name_, sizeof(name_) - 1}, .kind = kind_,                                     \
        .offset = offsetof(struct access_line, member_)                                        \
    }

/* The first ones have a place of their own in the text form. */
enum { AT_CLIENT, AT_METHOD, AT_PATH, AT_STATUS, AT_BYTES, AT_NAMED };

static const struct field fields[] = {
    [AT_CLIENT] = FIELD("client", WORD, client),
    [AT_METHOD] = FIELD("method", WORD, method),
    [AT_PATH] = FIELD("path", PATH, path),
    [AT_STATUS] = FIELD("status", COUNT, status),
    [AT_BYTES] = FIELD("bytes", COUNT, bytes),
    [AT_NAMED] = FIELD("node", WORD, node),
    FIELD("attempts", COUNT, attempts),
    FIELD("first", SECONDS, first_ms),
    FIELD("total", SECONDS, total_ms),
    FIELD("model", WORD, model),
    FIELD("stream", FLAG, is_stream),
    FIELD("complete", FLAG, is_complete),
    FIELD("request", WORD, request_id),
    FIELD("key", WORD, key),
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])
/* Names, punctuation and numbers of a field take 32 bytes at most, the time 40. */
_Static_assert(40 + FIELD_COUNT * 32 + 6 * 2 * ACCESS_WORD_MAX + 2 * ACCESS_PATH_MAX <=
                   ACCESS_LINE_MAX,
               "a line has room for everything");

/* ---------------------------------------------------------------- pieces */

struct writer {
    char *at;
    char *end;
    enum access_format format;
};

static void put(struct writer *w, struct slice text)
{
    assert(text.len <= (size_t)(w->end - w->at));
    memcpy(w->at, text.at, text.len);
    w->at += text.len;
}

static void put_char(struct writer *w, char c)
{
    assert(w->at < w->end);
    *w->at++ = c;
}

/* With zeros in front up to `width`. */
static void put_number(struct writer *w, uint64_t value, unsigned width)
{
    char digits[DIGITS_MAX];
    size_t first = sizeof digits;

    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || sizeof digits - first < width);
    put(w, (struct slice){digits + first, sizeof digits - first});
}

static void put_seconds(struct writer *w, uint64_t ms)
{
    put_number(w, ms / 1000, 1);
    put_char(w, '.');
    put_number(w, ms % 1000, 3);
}

/* 2026-11-25T01:02:03.456Z. Years are counted from March, so that the leap day is their last,
 * in eras of 400 years, which all have the same days. */
static void put_time(struct writer *w, int64_t wall_ms)
{
    uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    uint64_t days = ms / DAY_MS + 719468; /* since 1 March of the year 0 */
    uint64_t of_day = ms % DAY_MS;
    uint64_t era = days / 146097;
    uint64_t day = days % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    uint64_t month = (5 * day + 2) / 153; /* 0 is March */
    uint64_t is_next_year = month >= 10;

    put_number(w, year + era * 400 + is_next_year, 4);
    put_char(w, '-');
    put_number(w, is_next_year ? month - 9 : month + 3, 2);
    put_char(w, '-');
    put_number(w, day - (153 * month + 2) / 5 + 1, 2);
    put_char(w, 'T');
    put_number(w, of_day / 3600000, 2);
    put_char(w, ':');
    put_number(w, of_day / 60000 % 60, 2);
    put_char(w, ':');
    put_number(w, of_day / 1000 % 60, 2);
    put_char(w, '.');
    put_number(w, of_day % 1000, 3);
    put_char(w, 'Z');
}

/* What JSON escapes is escaped in text as well, which has paths in quotes; a space there would
 * end a word. Control characters are gone already. */
static void put_escaped(struct writer *w, struct slice text, enum kind kind)
{
    char clean[ACCESS_PATH_MAX + 1];
    size_t size = kind == PATH ? sizeof clean : ACCESS_WORD_MAX + 1;
    size_t len = printable_copy(text, clean, size);
    char space = kind == WORD && w->format == ACCESS_TEXT ? '_' : ' ';
    char *at = w->at;

    assert(2 * len <= (size_t)(w->end - at));
    for (size_t i = 0; i < len; i++) {
        char c = clean[i];
        if (c == '"' || c == '\\')
            *at++ = '\\';
        *at++ = c == ' ' ? space : c;
    }
    w->at = at;
}

/* ---------------------------------------------------------------- fields */

static void put_nothing(struct writer *w)
{
    put(w, w->format == ACCESS_JSON ? SLICE("null") : SLICE("-"));
}

static void put_text(struct writer *w, struct slice text, enum kind kind)
{
    bool is_json = w->format == ACCESS_JSON;

    if (text.len == 0) {
        put_nothing(w);
        return;
    }
    if (is_json)
        put_char(w, '"');
    put_escaped(w, text, kind);
    if (is_json)
        put_char(w, '"');
}

static void put_flag(struct writer *w, bool is_set)
{
    if (w->format == ACCESS_JSON)
        put(w, is_set ? SLICE("true") : SLICE("false"));
    else
        put(w, is_set ? SLICE("yes") : SLICE("no"));
}

static void put_value(struct writer *w, const struct access_line *line, const struct field *f)
{
    const void *value = (const char *)line + f->offset;

    switch (f->kind) {
    case WORD:
    case PATH:
        put_text(w, *(const struct slice *)value, f->kind);
        break;
    case COUNT:
        put_number(w, *(const uint64_t *)value, 1);
        break;
    case SECONDS:
        if (*(const uint64_t *)value == ACCESS_NEVER)
            put_nothing(w);
        else
            put_seconds(w, *(const uint64_t *)value);
        break;
    case FLAG:
        put_flag(w, *(const bool *)value);
        break;
    }
}

static void write_text(struct writer *w, const struct access_line *line)
{
    put_time(w, line->wall_ms);
    put_char(w, ' ');
    put_value(w, line, &fields[AT_CLIENT]);
    put(w, SLICE(" \""));
    put_value(w, line, &fields[AT_METHOD]);
    put_char(w, ' ');
    put_value(w, line, &fields[AT_PATH]);
    put(w, SLICE("\" "));
    put_value(w, line, &fields[AT_STATUS]);
    put_char(w, ' ');
    put_value(w, line, &fields[AT_BYTES]);
    put_char(w, 'b');
    for (size_t i = AT_NAMED; i < FIELD_COUNT; i++) {
        put_char(w, ' ');
        put(w, fields[i].name);
        put_char(w, '=');
        put_value(w, line, &fields[i]);
    }
}

static void write_json(struct writer *w, const struct access_line *line)
{
    put(w, SLICE("{\"time\":\""));
    put_time(w, line->wall_ms);
    put_char(w, '"');
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        put(w, SLICE(",\""));
        put(w, fields[i].name);
        put(w, SLICE("\":"));
        put_value(w, line, &fields[i]);
    }
    put_char(w, '}');
}

size_t access_line_write(const struct access_line *line, enum access_format format, char *out)
{
    struct writer w = {.at = out, .end = out + ACCESS_LINE_MAX, .format = format};

    if (format == ACCESS_JSON)
        write_json(&w, line);
    else
        write_text(&w, line);
    put_char(&w, '\n');
    return (size_t)(w.at - out);
}

struct slice access_line_path(struct slice target)
{
    size_t len = 0;

    while (len < target.len && target.at[len] != '?' && target.at[len] != '#')
        len++;
    struct slice path = {target.at, len};
    if (len == 0 || path.at[0] == '/')
        return path;
    size_t scheme = slice_find(path, SLICE("://"));
    if (scheme != SIZE_MAX) { /* absolute form: all up to the path is the authority's */
        path = slice_skip(path, scheme + 3);
        while (path.len > 0 && path.at[0] != '/')
            path = slice_skip(path, 1);
        return path.len > 0 ? path : SLICE("/");
    }
    for (size_t i = path.len; i > 0; i--) { /* authority form: without a user */
        if (path.at[i - 1] == '@')
            return slice_skip(path, i);
    }
    return path;
}
