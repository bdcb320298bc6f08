/* log - lines for people, on stderr.
 *
 * A line is built in one buffer, passes the filter (redactor), and leaves in one write(2), so
 * that lines of several processes do not mix. When stderr is full or gone, the line is dropped
 * and counted, so that nobody can stop the loop by not reading our log; the next line that gets
 * through says how many were lost. Lines of nodes do not wait for room at all: there may be
 * many. Under systemd (JOURNAL_STREAM names our stderr) lines carry journal priorities and no
 * time stamp, see sd-daemon(3).
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

static enum log_level current_level = LOG_LEVEL_INFO;
static size_t (*line_filter)(char *text, size_t len);
static uint64_t dropped_total;
static uint64_t dropped_unreported;

static const char *const level_words[] = {
    [LOG_LEVEL_SILENT] = "",    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn ",
    [LOG_LEVEL_INFO] = "info ", [LOG_LEVEL_DEBUG] = "debug",
};
static const char *const journal_prefixes[] = {
    [LOG_LEVEL_SILENT] = "<6>", [LOG_LEVEL_ERROR] = "<3>", [LOG_LEVEL_WARN] = "<4>",
    [LOG_LEVEL_INFO] = "<6>",   [LOG_LEVEL_DEBUG] = "<7>",
};
_Static_assert(sizeof level_words / sizeof level_words[0] == LOG_LEVEL_COUNT, "level words");
_Static_assert(sizeof journal_prefixes / sizeof journal_prefixes[0] == LOG_LEVEL_COUNT,
               "journal prefixes");

void log_set_level(enum log_level level)
{
    current_level = level;
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

static void emit(const char *line, size_t len, bool may_wait)
{
    if (!write_all(line, len, may_wait)) {
        dropped_total++;
        dropped_unreported++;
        return;
    }
    if (dropped_unreported == 0)
        return;
    char note[96];
    int note_len = snprintf(note, sizeof note,
                            "log lines were dropped because stderr was full dropped=%llu\n",
                            (unsigned long long)dropped_unreported);
    if (write_all(note, (size_t)note_len, may_wait))
        dropped_unreported = 0;
}

static size_t put_prefix(char *line, size_t size, enum log_level level)
{
    if (to_journal())
        return (size_t)snprintf(line, size, "%s", journal_prefixes[level]);
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    return (size_t)snprintf(line, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s ",
                            utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                            utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000, level_words[level]);
}

static void finish(char *line, size_t start, size_t len, bool may_wait)
{
    /* A line is one line: what a peer sent must not start a second one. */
    for (size_t i = start; i < len; i++) {
        if ((unsigned char)line[i] < 0x20 && line[i] != '\t')
            line[i] = ' ';
    }
    len = start + log_filter(line + start, len - start);
    line[len++] = '\n';
    emit(line, len, may_wait);
}

void log_write(enum log_level level, const char *format, ...)
{
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
    finish(line, start, len, true);
}

void log_banner(const char *text)
{
    if (current_level == LOG_LEVEL_SILENT)
        return;
    while (*text != '\0') {
        char line[1024];
        const char *end = strchr(text, '\n');
        size_t len = end == NULL ? strlen(text) : (size_t)(end - text);
        int n = snprintf(line, sizeof line - 1, "%s%.*s", to_journal() ? "<5>" : "",
                         (int)(len > 900 ? 900 : len), text);
        size_t used = log_filter(line, (size_t)n);
        line[used++] = '\n';
        emit(line, used, true);
        text += len + (end != NULL);
    }
}

void log_node_line(const char *node, int stream, const char *text, size_t len)
{
    char line[LINE_MAX_BYTES];

    if (current_level < LOG_LEVEL_INFO)
        return;
    size_t start = put_prefix(line, sizeof line, LOG_LEVEL_INFO);
    int n = snprintf(line + start, sizeof line - start - 1, "[%s]%s ", node,
                     stream == 2 ? "!" : "");
    size_t at = start + (size_t)n;
    if (len > sizeof line - at - 2)
        len = sizeof line - at - 2;
    memcpy(line + at, text, len);
    finish(line, start, at + len, false);
}
