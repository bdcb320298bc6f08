/* config_ini - the text of an INI file as sections and entries, with line numbers.
 *
 * inih splits the lines; next_line(), the reader that it calls for each of them, sees the text
 * first and cures what inih does in silence (FACTS 5):
 *
 *   long values are cut             -> they are fed in pieces, "key=piece", and put together
 *   section names are cut at 49     -> headers are read here and never reach inih
 *   sections without keys are lost     (the same)
 *   ` ;` in double quotes           -> comments are found here; what inih sees has no spaces
 *   indented keys continue a value  -> lines are trimmed on the left
 *   no line numbers, NUL, no limits -> counted, refused, checked here
 *
 * Happy path: a line becomes key and value; the spaces of the value become bytes that no file
 * may contain, inih hands each piece to on_piece(), which turns them back. A bad line is
 * reported and skipped; a bad section header makes a section without a name, so that its keys
 * are not reported as well. Too many lines or no memory end the reading.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_ini.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "mem.h"

/* Stand-ins for what inih would trim; control characters are refused in files. */
#define MASKED_SPACE '\x01'
#define MASKED_TAB   '\x02'

struct reader {
    const char *file;
    size_t rank;
    size_t first_section; /* of this file */
    struct config_report *report;
    struct config_ini *ini;
    struct slice rest;  /* of the file */
    size_t line;        /* that was taken last, from 1 */
    struct slice key;   /* of the line that is being fed; its slices point into the file */
    struct slice value; /* what is still to be fed of it */
    bool is_feeding;
    struct buf text;        /* what came back of its value */
    bool is_stray_reported; /* settings before the first section: once is enough */
    int status;
};

#define COMPLAIN(r, ...)                                                                       \
    config_report_add(                                                                         \
        (r)->report,                                                                           \
        &(struct config_place){.file = (r)->file, .rank = (r)->rank, .line = (r)->line},       \
        __VA_ARGS__)

/* A NUL-terminated copy, or NULL. */
static char *copy_slice(struct slice s)
{
    char *copy = mem_alloc(s.len + 1, 1);

    if (copy != NULL && s.len > 0)
        memcpy(copy, s.at, s.len);
    return copy;
}

/* ---------------------------------------------------------------- what a line is */

/* The closing quote for the opening one at `open`, or SIZE_MAX. */
static size_t closing_quote(struct slice s, size_t open)
{
    for (size_t i = open + 1; i < s.len; i++) {
        if (s.at[i] == '"')
            return i;
        if (s.at[i] == '\\')
            i++;
    }
    return SIZE_MAX;
}

/* The value without its comment, which starts at a ';' after a space, outside quotes. A quote
 * that is never closed is an ordinary character, unless a comment seems to follow it. */
static bool cut_comment(struct slice *value)
{
    bool has_open_quote = false;

    for (size_t i = 0; i < value->len; i++) {
        char c = value->at[i];
        if (c == '"' && !has_open_quote) {
            size_t end = closing_quote(*value, i);
            has_open_quote = end == SIZE_MAX;
            i = end == SIZE_MAX ? i : end;
        } else if (c == ';' && i > 0 && (value->at[i - 1] == ' ' || value->at[i - 1] == '\t')) {
            value->len = i;
            return !has_open_quote;
        }
    }
    return true;
}

static const char *byte_problem(struct slice line)
{
    if (line.len > 0 && memchr(line.at, '\0', line.len) != NULL)
        return "the line has a NUL byte: this is not a text file";
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return "the line has a control character";
    }
    return NULL;
}

/* What settings, variables and models (vendor/name) are called. */
static bool is_key(struct slice key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = slice_fold(key.at[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && strchr("_.-/", c) == NULL)
            return false;
    }
    return key.len > 0;
}

/* ---------------------------------------------------------------- sections and entries */

/* Room for one more in an array that doubles: its size is a power of two. */
static int grow(void **array, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0 || count == 1)
        return 0;
    void *more = mem_resize(*array, count == 0 ? 2 : 2 * count, size);
    if (more == NULL)
        return -ENOMEM;
    *array = more;
    return 0;
}

static int add_section(struct reader *r, char *name)
{
    void *array = r->ini->sections;
    int result = grow(&array, r->ini->section_count, sizeof *r->ini->sections);

    if (result < 0) {
        mem_free(name);
        return result;
    }
    r->ini->sections = array;
    r->ini->sections[r->ini->section_count++] =
        (struct config_ini_section){.file = r->file,
                                    .rank = r->rank,
                                    .line = r->line,
                                    .name = name,
                                    .first = r->ini->entry_count};
    return 0;
}

/* The line that has been fed: its key, and the value as it came back from inih. */
static int add_entry(struct reader *r)
{
    void *array = r->ini->entries;
    char *key = copy_slice(r->key);
    char *value = copy_slice(buf_slice(&r->text));

    if (key == NULL || value == NULL ||
        grow(&array, r->ini->entry_count, sizeof *r->ini->entries) < 0) {
        mem_free(key);
        mem_free(value);
        return -ENOMEM;
    }
    r->ini->entries = array;
    r->ini->entries[r->ini->entry_count++] =
        (struct config_ini_entry){.line = r->line, .key = key, .value = value};
    r->ini->sections[r->ini->section_count - 1].count++;
    return 0;
}

/* "[node:first] ; comment" */
static int take_header(struct reader *r, struct slice line)
{
    size_t end = slice_find(line, SLICE("]"));
    char *name = NULL;

    if (r->ini->section_count == CONFIG_SECTIONS_MAX) {
        COMPLAIN(r, "more than %d sections; the rest is not read", CONFIG_SECTIONS_MAX);
        return -E2BIG;
    }
    if (end == SIZE_MAX) {
        COMPLAIN(r, "the section has no ']'");
        return add_section(r, NULL);
    }
    struct slice after = slice_trim(slice_skip(line, end + 1));
    if (after.len > 0 && after.at[0] != ';' && after.at[0] != '#')
        COMPLAIN(r, "something follows the section's ']'; a setting needs a line of its own");
    struct slice inside = slice_trim((struct slice){.at = line.at + 1, .len = end - 1});
    if (inside.len > CONFIG_KEY_MAX) {
        COMPLAIN(r, "the section's name is longer than %d bytes", CONFIG_KEY_MAX);
    } else {
        name = copy_slice(inside);
        if (name == NULL)
            return -ENOMEM;
    }
    return add_section(r, name);
}

/* "key = value ; comment": sets up key and value for feeding. */
static int take_setting(struct reader *r, struct slice line)
{
    size_t equals = 0;

    while (equals < line.len && line.at[equals] != '=' && line.at[equals] != ':')
        equals++;
    struct slice key = slice_trim((struct slice){.at = line.at, .len = equals});
    if (equals == line.len || !is_key(key)) {
        COMPLAIN(r,
                 "expected 'key = value', '[section]' or '; comment'; a value must be on one "
                 "line");
        return 0;
    }
    if (key.len > CONFIG_KEY_MAX) {
        COMPLAIN(r, "the key is longer than %d bytes", CONFIG_KEY_MAX);
        return 0;
    }
    struct slice value = slice_skip(line, equals + 1);
    if (!cut_comment(&value)) {
        COMPLAIN(r, "a double quote is not closed before ' ;': close it, or write the comment "
                    "on a line of its own");
        return 0;
    }
    if (r->ini->section_count == r->first_section) {
        if (!r->is_stray_reported)
            COMPLAIN(r, "a setting stands before the first [section]");
        r->is_stray_reported = true;
        return 0;
    }
    if (r->ini->entry_count == CONFIG_ENTRIES_MAX) {
        COMPLAIN(r, "more than %d settings; the rest is not read", CONFIG_ENTRIES_MAX);
        return -E2BIG;
    }
    r->key = key;
    r->value = slice_trim(value);
    r->is_feeding = true;
    buf_clear(&r->text);
    return 0;
}

static int take_line(struct reader *r)
{
    const char *end = memchr(r->rest.at, '\n', r->rest.len);
    size_t len = end == NULL ? r->rest.len : (size_t)(end - r->rest.at);
    struct slice line = {.at = r->rest.at, .len = len};

    r->rest = slice_skip(r->rest, end == NULL ? len : len + 1);
    r->line++;
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (line.len > CONFIG_LINE_BYTES_MAX) {
        COMPLAIN(r, "the line is longer than %d bytes", CONFIG_LINE_BYTES_MAX);
        return 0;
    }
    const char *problem = byte_problem(line);
    if (problem != NULL) {
        COMPLAIN(r, "%s", problem);
        return 0;
    }
    line = slice_trim(line);
    if (line.len == 0 || line.at[0] == ';' || line.at[0] == '#')
        return 0;
    return line.at[0] == '[' ? take_header(r, line) : take_setting(r, line);
}

/* ---------------------------------------------------------------- the two ends of inih */

/* fgets for inih: `size` bytes with the NUL, 200 as Debian builds it. That it is called again
 * after the last piece of a value says that the value is complete. */
static char *next_line(char *line, int size, void *reader)
{
    struct reader *r = reader;
    size_t used = 0;

    assert(size > CONFIG_KEY_MAX + 32);
    if (r->is_feeding && r->value.len == 0) {
        r->is_feeding = false;
        if (r->status == 0)
            r->status = add_entry(r);
    }
    while (r->status == 0 && !r->is_feeding && r->rest.len > 0)
        r->status = take_line(r);
    if (r->status < 0 || !r->is_feeding)
        return NULL;
    memcpy(line, r->key.at, r->key.len);
    used = r->key.len;
    line[used++] = '=';
    while (used + 1 < (size_t)size && r->value.len > 0) {
        char c = r->value.at[0];
        line[used++] = c == ' ' ? MASKED_SPACE : c == '\t' ? MASKED_TAB : c;
        r->value = slice_skip(r->value, 1);
    }
    line[used] = '\0';
    return line;
}

/* inih's callback; it wants nonzero for "go on". */
static int on_piece(void *reader, const char *section, const char *key, const char *piece)
{
    struct reader *r = reader;

    (void)section; /* always "": headers do not reach inih */
    (void)key;     /* cut at 49 by inih in some builds; the reader has it whole */
    for (; r->status == 0 && *piece != '\0'; piece++) {
        char c = *piece == MASKED_SPACE ? ' ' : *piece == MASKED_TAB ? '\t' : *piece;
        r->status = buf_append(&r->text, &c, 1);
    }
    return 1;
}

int config_ini_append(const char *file, size_t rank, struct slice text,
                      struct config_report *report, struct config_ini *ini)
{
    struct reader r = {.file = file,
                       .rank = rank,
                       .first_section = ini->section_count,
                       .report = report,
                       .ini = ini,
                       .rest = text};

    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        r.rest = slice_skip(text, 3); /* a byte order mark, as Windows editors write it */
    buf_init(&r.text, CONFIG_LINE_BYTES_MAX);
    int result = ini_parse_stream(next_line, &r, on_piece, &r);
    buf_done(&r.text);
    if (result > 0) {
        /* Only an inih that is built in some other way could disagree with take_setting(). */
        r.line = 0;
        COMPLAIN(&r, "inih refuses a line that looks well; is the library a special build?");
    }
    return r.status == -ENOMEM || result < 0 ? -ENOMEM : 0;
}

void config_ini_done(struct config_ini *ini)
{
    for (size_t i = 0; i < ini->section_count; i++)
        mem_free(ini->sections[i].name);
    for (size_t i = 0; i < ini->entry_count; i++) {
        mem_free(ini->entries[i].key);
        mem_free(ini->entries[i].value);
    }
    mem_free(ini->sections);
    mem_free(ini->entries);
    *ini = (struct config_ini){.section_count = 0};
}
