/* config_files - the settings file, and the files that it includes.
 *
 * [include] files is a list of names and patterns (glob(7)), relative to the directory of the
 * file that they stand in. Included files are read behind the including one, pattern by
 * pattern, in the order of their names, as if they were its end; a file that two patterns match
 * is read once, and the including one never again. One level is enough for conf.d: a file that
 * is included must not include.
 *
 * A pattern without a match is nothing; a plain name without a file is an error.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_files.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"
#include "mem.h"
#include "supervisor/config_text.h"
#include "supervisor/file_text.h"

/* One load in progress. */
struct reader {
    struct config_files *files;
    struct config_report *report;
    struct config_ini *ini;
    struct config_place at; /* [include] files */
    const char *path;
};

static bool is_pattern(struct slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (strchr("*?[", word.at[i]) != NULL)
            return true;
    }
    return false;
}

/* The word as glob(3) wants it: behind the directory of the including file, in which nothing
 * is a pattern. */
static int make_pattern(const char *path, struct slice word, struct buf *pattern)
{
    const char *slash = strrchr(path, '/');
    int r = 0;

    if (word.at[0] != '/' && slash != NULL) {
        for (const char *at = path; r == 0 && at <= slash; at++) {
            if (strchr("*?[\\", *at) != NULL)
                r = buf_append(pattern, "\\", 1);
            if (r == 0)
                r = buf_append(pattern, at, 1);
        }
    }
    if (r == 0)
        r = buf_append_slice(pattern, word);
    return r < 0 ? r : buf_append(pattern, "", 1);
}

/* ---------------------------------------------------------------- one file */

static bool is_known(const struct config_files *files, const struct stat *st)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->list[i].device == st->st_dev && files->list[i].inode == st->st_ino)
            return true;
    }
    return false;
}

/* What an included file must not have; a section without a name is passed over later. */
static void refuse_nesting(struct reader *r, size_t first)
{
    for (size_t i = first; i < r->ini->section_count; i++) {
        struct config_ini_section *section = &r->ini->sections[i];
        struct config_place at = {.file = section->file,
                                  .rank = section->rank,
                                  .line = section->line,
                                  .section = section->name};
        if (section->name == NULL || strcmp(section->name, "include") != 0)
            continue;
        config_report_add(r->report, &at,
                          "is for the main file; a file that is included must not include");
        mem_free(section->name);
        section->name = NULL;
    }
}

/* Keeps the name: sections borrow it. */
static int remember(struct reader *r, const char *name, const struct stat *st)
{
    struct config_files *files = r->files;

    files->list[files->count].name = mem_strdup(name);
    if (files->list[files->count].name == NULL)
        return -ENOMEM;
    files->list[files->count].device = st->st_dev;
    files->list[files->count].inode = st->st_ino;
    files->count++;
    return 0;
}

static int include_file(struct reader *r, const char *name)
{
    size_t first = r->ini->section_count;
    struct stat st;
    struct buf text;

    buf_init(&text, 0);
    int result = stat(name, &st) < 0 ? -errno : 0;
    if (result == 0 && is_known(r->files, &st))
        return 0;
    if (result == 0 && r->files->count > CONFIG_INCLUDES_MAX) {
        config_report_add(r->report, &r->at, "names more than %d files; '%.200s' is not read",
                          CONFIG_INCLUDES_MAX, name);
        return 0;
    }
    if (result == 0)
        result = file_text_read(name, FILE_TEXT_PLAIN, CONFIG_FILE_BYTES_MAX, &text);
    if (result == -E2BIG)
        config_report_add(r->report, &r->at, "names '%.300s', which is larger than %d bytes",
                          name, CONFIG_FILE_BYTES_MAX);
    else if (result < 0 && result != -ENOMEM)
        config_report_add(r->report, &r->at, "names '%.300s', which cannot be read: %s", name,
                          strerror(-result));
    if (result == 0)
        result = remember(r, name, &st);
    if (result == 0) {
        size_t rank = r->files->count - 1;
        result = config_ini_append(r->files->list[rank].name, rank, buf_slice(&text), r->report,
                                   r->ini);
        refuse_nesting(r, first);
    }
    buf_done(&text);
    return result == -ENOMEM ? -ENOMEM : 0;
}

/* ---------------------------------------------------------------- patterns */

/* A directory that is not there has no files; one that is closed to us may have some. */
static int on_glob_error(const char *path, int error)
{
    (void)path;
    return error != ENOENT && error != ENOTDIR;
}

static int include_matches(struct reader *r, struct slice word, const char *pattern)
{
    glob_t found;
    int result = glob(pattern, 0, on_glob_error, &found);

    if (result == GLOB_ABORTED)
        config_report_add(r->report, &r->at, "names '%.*s', whose directory cannot be read",
                          (int)(word.len > 200 ? 200 : word.len), word.at);
    if (result == GLOB_NOMATCH && !is_pattern(word))
        config_report_add(r->report, &r->at, "names '%.*s', which is not there",
                          (int)(word.len > 200 ? 200 : word.len), word.at);
    int status = result == GLOB_NOSPACE ? -ENOMEM : 0;
    for (size_t i = 0; result == 0 && status == 0 && i < found.gl_pathc; i++)
        status = include_file(r, found.gl_pathv[i]);
    globfree(&found);
    return status;
}

static int include_all(struct reader *r, const char *text)
{
    static const char blanks[] = " \t";
    int result = 0;

    for (text += strspn(text, blanks); result == 0 && *text != '\0';
         text += strspn(text, blanks)) {
        struct slice word = {.at = text, .len = strcspn(text, blanks)};
        struct buf pattern;
        buf_init(&pattern, 0);
        result = make_pattern(r->path, word, &pattern);
        if (result == 0)
            result = include_matches(r, word, pattern.data);
        buf_done(&pattern);
        text += word.len;
    }
    return result;
}

/* The first [include] files; a second one is an error, told where all duplicates are. */
static int include(struct reader *r)
{
    const struct config_ini *ini = r->ini;

    for (size_t i = 0; i < ini->section_count; i++) {
        struct config_ini_section section = ini->sections[i];
        if (section.name == NULL || strcmp(section.name, "include") != 0)
            continue;
        for (size_t k = section.first; k < section.first + section.count; k++) {
            struct config_ini_entry entry = ini->entries[k];
            if (strcmp(entry.key, "files") != 0)
                continue;
            r->at = (struct config_place){.file = section.file,
                                          .rank = section.rank,
                                          .line = entry.line,
                                          .section = section.name,
                                          .key = entry.key};
            config_text_unquote(entry.value);
            return include_all(r, entry.value);
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- all together */

static int read_main(struct reader *r, bool may_be_missing)
{
    struct config_place at = {.file = r->path};
    struct stat st = {.st_ino = 0};
    struct buf text;

    buf_init(&text, 0);
    int result = file_text_read(r->path, FILE_TEXT_ANY, CONFIG_FILE_BYTES_MAX, &text);
    if (result == -ENOENT && may_be_missing)
        result = 0;
    else if (result == -E2BIG)
        config_report_add(r->report, &at, "the file is larger than %d bytes",
                          CONFIG_FILE_BYTES_MAX);
    else if (result < 0 && result != -ENOMEM)
        config_report_add(r->report, &at, "cannot be read: %s", strerror(-result));
    if (result == 0)
        result = config_ini_append(r->path, 0, buf_slice(&text), r->report, r->ini);
    buf_done(&text);
    if (result == 0 && stat(r->path, &st) == 0) {
        r->files->list[0].device = st.st_dev;
        r->files->list[0].inode = st.st_ino;
    }
    r->files->count = 1;
    return result == -E2BIG ? -EINVAL : result;
}

int config_files_read(struct config_files *files, const char *path, bool may_be_missing,
                      struct config_report *report, struct config_ini *ini)
{
    struct reader r = {.files = files, .report = report, .ini = ini, .path = path};
    int result = read_main(&r, may_be_missing);

    return result < 0 ? result : include(&r);
}

void config_files_done(struct config_files *files)
{
    for (size_t i = 1; i < files->count; i++)
        mem_free(files->list[i].name);
    *files = (struct config_files){.count = 0};
}
