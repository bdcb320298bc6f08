/* log - lines for people, on stderr.
 *
 * A line is built in one buffer, passes the filter (redactor), and leaves in one write(2), so
 * that lines of several processes do not mix. When stderr is full or gone, the line is dropped
 * and counted, so that nobody can stop the loop by not reading our log; the next line that gets
 * through says how many were lost. Lines of nodes do not wait for room at all: there may be
 * many. Under systemd (JOURNAL_STREAM names our stderr) lines carry journal priorities and no
 * time stamp, see sd-daemon(3). On a terminal the level has a colour.
 *
 * As JSON a line is one object: time, level, message; node and stream for what a node printed.
 * What is not UTF-8 becomes U+FFFD, so that every line can be parsed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STUCK_MS       100 /* a reader that is merely busy gets that long */
#define LINE_MAX_BYTES (OUTPUT_LINE_MAX + 256)

#define JSON_HEAD_MAX  256
/* A byte that is no UTF-8 takes three, nothing takes more. */
#define JSON_MAX_BYTES (3 * LINE_MAX_BYTES + JSON_HEAD_MAX)

static enum log_level current_level = LOG_LEVEL_INFO;
static bool is_json;
static size_t (*line_filter)(char *text, size_t len);
static uint64_t dropped_total;
static uint64_t dropped_unreported;

static const char *const level_words[] = {
    [LOG_LEVEL_SILENT] = "",    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn ",
    [LOG_LEVEL_INFO] = "info ", [LOG_LEVEL_DEBUG] = "debug",
};
static const char *const level_colours[] = {
    [LOG_LEVEL_SILENT] = "",       [LOG_LEVEL_ERROR] = "\x1b[31m",
    [LOG_LEVEL_WARN] = "\x1b[33m", [LOG_LEVEL_INFO] = "\x1b[32m",
    [LOG_LEVEL_DEBUG] = "\x1b[2m",
};
static const char *const json_levels[] = {
    [LOG_LEVEL_SILENT] = "",   [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug",
};
static const char *const journal_prefixes[] = {
    [LOG_LEVEL_SILENT] = "<6>", [LOG_LEVEL_ERROR] = "<3>", [LOG_LEVEL_WARN] = "<4>",
    [LOG_LEVEL_INFO] = "<6>",   [LOG_LEVEL_DEBUG] = "<7>",
};
_Static_assert(sizeof level_words / sizeof level_words[0] == LOG_LEVEL_COUNT, "level words");
_Static_assert(sizeof level_colours / sizeof level_colours[0] == LOG_LEVEL_COUNT, "colours");
_Static_assert(sizeof json_levels / sizeof json_levels[0] == LOG_LEVEL_COUNT, "JSON levels");
_Static_assert(sizeof journal_prefixes / sizeof journal_prefixes[0] == LOG_LEVEL_COUNT,
               "journal prefixes");

void log_set_level(enum log_level level)
{
    current_level = level;
}

void log_set_json(bool wanted)
{
    is_json = wanted;
}

enum log_level log_level(void)
{
    return current_level;
}

void log_set_filter(size_t (*filter)(char *text, size_t len))
{
    line_filter = filter;
}

size_t log_filter(char *text, size_t len)
{
    return line_filter == NULL ? len : line_filter(text, len);
}

uint64_t log_dropped(void)
{
    return dropped_total;
}

/* JOURNAL_STREAM is DEVICE:INODE of what systemd gave us as stdout or stderr (systemd.exec(5));
 * whoever has sent stderr elsewhere since wants no priorities in it. */
static bool is_journal(int fd, const char *stream)
{
    char own[64];
    struct stat st;

    if (stream == NULL || fstat(fd, &st) < 0)
        return false;
    (void)snprintf(own, sizeof own, "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    return strcmp(own, stream) == 0;
}

static bool to_journal(void)
{
    static int answer = -1;

    if (answer < 0)
        answer = is_journal(STDERR_FILENO, getenv("JOURNAL_STREAM"));
    return answer == 1;
}

/* May a line go out now? stderr may be a pipe that nobody reads: the first such line waits a
 * moment, the next ones do not wait at all until the reader is back. */
static bool is_writable(bool may_wait)
{
    static bool is_stuck;
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

    int r = poll(&fd, 1, is_stuck || !may_wait ? 0 : STUCK_MS);
    if (r != 0 || may_wait)
        is_stuck = r == 0;
    return r != 0; /* an error is write's to tell */
}

/* A pipe that poll(2) calls writable takes PIPE_BUF bytes without blocking, and not torn. */
static bool write_all(const char *line, size_t len, bool may_wait)
{
    static bool is_torn; /* the last line ended where there was no more room */

    if (is_torn && is_writable(may_wait))
        is_torn = write(STDERR_FILENO, "\n", 1) != 1;

    while (len > 0) {
        if (!is_writable(may_wait))
            return false;
        ssize_t n = write(STDERR_FILENO, line, len < PIPE_BUF ? len : PIPE_BUF);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        line += n;
        len -= (size_t)n;
        is_torn = len > 0;
    }
    return true;
}

/* ---------------------------------------------------------------- one line */

/* A line on its way: head, then text. */
struct line {
    enum log_level level;
    const char *node; /* whose output it is, or NULL */
    int stream;
    bool may_wait; /* for a reader that is merely busy */
};

/* On a terminal, unless its user wants none (no-color.org). */
static bool has_colour(void)
{
    static int answer = -1;

    if (answer < 0) {
        const char *term = getenv("TERM");
        const char *no = getenv("NO_COLOR");
        answer = isatty(STDERR_FILENO) == 1 && (no == NULL || no[0] == '\0') && term != NULL &&
                 strcmp(term, "dumb") != 0;
    }
    return answer == 1;
}

static size_t put_time(char *text, size_t size)
{
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    return (size_t)snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ",
                            utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                            utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
}

/* Bytes of the UTF-8 character that begins here (RFC 3629 section 4); 0 when none does. */
static size_t utf8_len(const char *at, size_t left)
{
    const unsigned char *c = (const unsigned char *)at;
    size_t len = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

    if (len == 0 || c[0] > 0xf4 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    }
    bool is_wrong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
                    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f);
    return is_wrong ? 0 : len;
}

/* The text holds no control characters but tabs any more. */
static size_t put_json_text(char *out, const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len;) {
        size_t taken = utf8_len(text + i, len - i);
        if (taken == 0) {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            n += 3;
            i++;
            continue;
        }
        if (text[i] == '"' || text[i] == '\\' || text[i] == '\t')
            out[n++] = '\\';
        memcpy(out + n, text + i, taken);
        if (text[i] == '\t')
            out[n] = 't';
        n += taken;
        i += taken;
    }
    return n;
}

/* The node's name needs no escapes: a word of the settings. */
static size_t put_json(char *out, const struct line *l, const char *text, size_t len)
{
    char time[96];
    size_t n;

    (void)put_time(time, sizeof time);
    n = (size_t)snprintf(out, JSON_HEAD_MAX, "%s{\"time\":\"%s\",\"level\":\"%s\"",
                         to_journal() ? journal_prefixes[l->level] : "", time,
                         json_levels[l->level]);
    if (l->node != NULL)
        n +=
            (size_t)snprintf(out + n, JSON_HEAD_MAX - n, ",\"node\":\"%.*s\",\"stream\":\"%s\"",
                             NODE_NAME_MAX, l->node, l->stream == 2 ? "stderr" : "stdout");
    n += (size_t)snprintf(out + n, JSON_HEAD_MAX - n, ",\"message\":\"");
    n += put_json_text(out + n, text, len);
    memcpy(out + n, "\"}\n", 3);
    return n + 3;
}

/* Writes a line that is as it shall be read: `line` has its head up to `start`. */
static bool send_line(const struct line *l, char *line, size_t start, size_t len)
{
    static char json[JSON_MAX_BYTES]; /* all logging is done on one thread */

    if (is_json)
        return write_all(json, put_json(json, l, line + start, len - start), l->may_wait);
    line[len++] = '\n';
    return write_all(line, len, l->may_wait);
}

static void emit(const struct line *l, char *line, size_t start, size_t len)
{
    const struct line about = {.level = LOG_LEVEL_WARN, .may_wait = l->may_wait};
    char note[96];

    if (!send_line(l, line, start, len)) {
        dropped_total++;
        dropped_unreported++;
        return;
    }
    if (dropped_unreported == 0)
        return;
    int note_len = snprintf(note, sizeof note - 1,
                            "log lines were dropped because stderr was full dropped=%llu",
                            (unsigned long long)dropped_unreported);
    if (send_line(&about, note, 0, (size_t)note_len))
        dropped_unreported = 0;
}

static size_t put_prefix(char *line, size_t size, enum log_level level)
{
    if (is_json)
        return 0; /* it comes with the rest */
    if (to_journal())
        return (size_t)snprintf(line, size, "%s", journal_prefixes[level]);
    size_t n = put_time(line, size);
    return n + (size_t)snprintf(line + n, size - n, " %s%s%s ",
                                has_colour() ? level_colours[level] : "", level_words[level],
                                has_colour() ? "\x1b[0m" : "");
}

static void finish(const struct line *l, char *line, size_t start, size_t len)
{
    /* A line is one line: what a peer sent must not start a second one. */
    for (size_t i = start; i < len; i++) {
        if ((unsigned char)line[i] < 0x20 && line[i] != '\t')
            line[i] = ' ';
    }
    len = start + log_filter(line + start, len - start);
    emit(l, line, start, len);
}

void log_write(enum log_level level, const char *format, ...)
{
    const struct line l = {.level = level, .may_wait = true};
    char line[LINE_MAX_BYTES];
    va_list args;

    if (level > current_level || level == LOG_LEVEL_SILENT)
        return;
    size_t start = put_prefix(line, sizeof line, level);
    va_start(args, format);
    int n = vsnprintf(line + start, sizeof line - start - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    size_t len = start + (size_t)n;
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    finish(&l, line, start, len);
}

void log_banner(const char *text)
{
    const struct line l = {.level = LOG_LEVEL_INFO, .may_wait = true};

    if (current_level == LOG_LEVEL_SILENT)
        return;
    while (*text != '\0') {
        char line[1024];
        const char *end = strchr(text, '\n');
        size_t len = end == NULL ? strlen(text) : (size_t)(end - text);
        int n = snprintf(line, sizeof line - 1, "%s%.*s", to_journal() && !is_json ? "<5>" : "",
                         (int)(len > 900 ? 900 : len), text);
        size_t used = log_filter(line, (size_t)n);
        if (used > 0 || !is_json) /* an empty line parts what people see */
            emit(&l, line, 0, used);
        text += len + (end != NULL);
    }
}

void log_node_line(const char *node, int stream, const char *text, size_t len)
{
    const struct line l = {.level = LOG_LEVEL_INFO, .node = node, .stream = stream};
    char line[LINE_MAX_BYTES];

    if (current_level < LOG_LEVEL_INFO)
        return;
    size_t start = put_prefix(line, sizeof line, LOG_LEVEL_INFO);
    size_t at = start;
    if (!is_json)
        at += (size_t)snprintf(line + start, sizeof line - start - 1, "[%s]%s ", node,
                               stream == 2 ? "!" : "");
    if (len > sizeof line - at - 2)
        len = sizeof line - at - 2;
    memcpy(line + at, text, len);
    finish(&l, line, start, at + len);
}
