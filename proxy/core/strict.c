/* strict - the lines of a message's head, before anybody parses them.
 *
 * Pure. One memchr a line finds its end; then a look at its first and last octets is enough,
 * and only the first line is read closely. Octets inside of names and values are llhttp's part:
 * it refuses NUL, bare CR and other control characters there. The bytes of a head always lie
 * together, so no rule here depends on how TCP cut them; what cannot become right any more is
 * refused before its line is whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "strict.h"

#include "bounds.h"
#include "octet.h"

/* A request line beyond this has too long a target, whatever else is in it: method, version
 * and white space get 64 bytes. */
#define REQUEST_LINE_BYTES_MAX (TARGET_BYTES_MAX + 64)

static const struct slice version_mark = {"HTTP/", 5};

static const struct {
    unsigned status;
    const char *sentence; /* to a client */
    const char *reason;   /* of a node, in a log line */
} words[] = {
    [STRICT_MORE] = {0, "", "it goes on"},
    [STRICT_WHOLE] = {0, "", "it is whole"},
    [STRICT_LINE_END] = {400, "Each line of a head ends in CRLF (RFC 9112 section 2.2).",
                         "a line does not end in CRLF"},
    [STRICT_FOLD] = {400, "A header field is folded over two lines (RFC 9112 section 5.2).",
                     "a field is folded"},
    [STRICT_NO_NAME] = {400, "A header field has no name.", "a field has no name"},
    [STRICT_FIRST_LINE] = {400, "The request does not begin with a request line of HTTP/1.1.",
                           "it does not begin with a status line"},
    [STRICT_VERSION] = {505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.",
                        "it is of another version of HTTP"},
    [STRICT_METHOD] = {501, "This method is not known here.", "it is a request"},
    [STRICT_TARGET] = {414, "The request target is longer than 8192 bytes.", "it is a request"},
    [STRICT_BYTES] = {431, "The request's head is longer than 16 KiB.", "its head is too long"},
};
_Static_assert(sizeof words / sizeof words[0] == STRICT_VERDICT_COUNT, "words for a verdict");

/* Those of RFC 9110 section 9.3, and PATCH (RFC 5789). */
static const struct slice methods[] = {
    {"POST", 4},   {"GET", 3},   {"HEAD", 4},    {"OPTIONS", 7}, {"PUT", 3},
    {"DELETE", 6}, {"PATCH", 5}, {"CONNECT", 7}, {"TRACE", 5},
};

static bool is_known_method(struct slice method)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (slice_equal(method, methods[i]))
            return true;
    }
    return false;
}

/* "HTTP/1.x" at the beginning of `text`, which may be longer. HTTP/1.2 and up are 1.1 for us
 * (RFC 9110 section 2.5). */
static enum strict_verdict check_version(struct slice text)
{
    bool is_version = text.len >= 8 && slice_starts_with(text, version_mark) &&
                      octet_is_digit(text.at[5]) && text.at[6] == '.' &&
                      octet_is_digit(text.at[7]);

    if (!is_version)
        return STRICT_FIRST_LINE;
    return text.at[5] == '1' ? STRICT_MORE : STRICT_VERSION;
}

/* method SP request-target SP HTTP-version (RFC 9112 section 3). */
static enum strict_verdict check_request_line(struct slice line)
{
    size_t space = slice_find(line, SLICE(" "));

    if (line.len > REQUEST_LINE_BYTES_MAX)
        return STRICT_TARGET;
    if (space == SIZE_MAX || line.len < space + 1 + 8)
        return STRICT_FIRST_LINE;
    struct slice method = {line.at, space};
    struct slice version = slice_skip(line, line.len - 8);
    struct slice target = {line.at + space, line.len - 8 - space};
    if (!octet_are_token(method) || version.at[-1] != ' ' || slice_trim(target).len == 0)
        return STRICT_FIRST_LINE;
    enum strict_verdict verdict = check_version(version);
    if (verdict != STRICT_MORE)
        return verdict;
    return is_known_method(method) ? STRICT_MORE : STRICT_METHOD;
}

/* HTTP-version SP status-code [SP reason-phrase] (RFC 9112 section 4), the status 100 to 599
 * (RFC 9110 section 15). */
static enum strict_verdict check_status_line(struct slice line)
{
    enum strict_verdict verdict = check_version(line);

    if (verdict != STRICT_MORE)
        return verdict;
    bool is_status = line.len >= 12 && line.at[8] == ' ' && line.at[9] >= '1' &&
                     line.at[9] <= '5' && octet_is_digit(line.at[10]) &&
                     octet_is_digit(line.at[11]) && (line.len == 12 || line.at[12] == ' ');
    return is_status ? STRICT_MORE : STRICT_FIRST_LINE;
}

/* Of a line that may still grow: can it become a right one? */
static enum strict_verdict check_start(const struct strict *s, struct slice line)
{
    if (line.len == 0)
        return STRICT_MORE;
    if (!s->has_first_line) {
        if (s->is_answer) {
            struct slice start = {line.at, line.len < 5 ? line.len : 5};
            return slice_starts_with(version_mark, start) ? STRICT_MORE : STRICT_FIRST_LINE;
        }
        if (line.at[0] != '\r' && !octet_is_token(line.at[0]))
            return line.at[0] == '\n' ? STRICT_LINE_END : STRICT_FIRST_LINE;
        if (line.len > REQUEST_LINE_BYTES_MAX + 2)
            return STRICT_TARGET;
    }
    switch (line.at[0]) {
    case ' ':
    case '\t':
        return STRICT_FOLD;
    case ':':
        return STRICT_NO_NAME;
    case '\r':
        return line.len == 1 || line.at[1] == '\n' ? STRICT_MORE : STRICT_LINE_END;
    default:
        return STRICT_MORE;
    }
}

/* llhttp skips spaces behind a length or coding, but not tabs; both are white space around
 * every value (RFC 9112 section 5). */
static void space_out(char *line, size_t len)
{
    for (size_t i = len; i > 0 && octet_is_space(line[i - 1]); i--)
        line[i - 1] = ' ';
}

/* A whole line without its CRLF, not empty. */
static enum strict_verdict check_line(struct strict *s, char *line, size_t len)
{
    struct slice text = {line, len};

    if (s->has_first_line) {
        if (line[len - 1] == '\t')
            space_out(line, len);
        return STRICT_MORE;
    }
    s->has_first_line = true;
    return s->is_answer ? check_status_line(text) : check_request_line(text);
}

void strict_init(struct strict *s, bool is_answer, size_t bytes_max)
{
    *s = (struct strict){.is_answer = is_answer, .bytes_max = bytes_max};
}

/* The next whole line; STRICT_MORE when there may be another one. */
static enum strict_verdict take_line(struct strict *s, char *head, size_t lf)
{
    char *line = head + s->line_at;
    size_t len = lf - s->line_at; /* with the CR */

    if (len == 0 || line[len - 1] != '\r')
        return STRICT_LINE_END;
    enum strict_verdict verdict = check_start(s, (struct slice){line, len + 1});
    if (verdict != STRICT_MORE)
        return verdict;
    s->line_at = lf + 1;
    s->scanned = lf + 1;
    if (len > 1) {
        s->has_begun = true;
        return check_line(s, line, len - 1);
    }
    if (!s->has_first_line)
        return s->is_answer ? STRICT_FIRST_LINE : STRICT_MORE;
    s->end = lf + 1;
    return s->end > s->bytes_max ? STRICT_BYTES : STRICT_WHOLE;
}

enum strict_verdict strict_read(struct strict *s, char *head, size_t len)
{
    while (s->scanned < len) {
        const char *lf = memchr(head + s->scanned, '\n', len - s->scanned);
        if (lf == NULL)
            break;
        enum strict_verdict verdict = take_line(s, head, (size_t)(lf - head));
        if (verdict != STRICT_MORE)
            return verdict;
    }
    s->scanned = len;
    struct slice rest = {head + s->line_at, len - s->line_at};
    s->has_begun |= rest.len > 0 && rest.at[0] != '\r';
    enum strict_verdict verdict = check_start(s, rest);
    if (verdict != STRICT_MORE)
        return verdict;
    return len > s->bytes_max && s->has_begun ? STRICT_BYTES : STRICT_MORE;
}

unsigned strict_status(enum strict_verdict verdict)
{
    return words[verdict].status;
}

const char *strict_sentence(enum strict_verdict verdict)
{
    return words[verdict].sentence;
}

const char *strict_reason(enum strict_verdict verdict)
{
    return words[verdict].reason;
}
