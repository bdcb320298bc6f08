/* config_hint - what somebody may have meant by a word that nobody knows.
 *
 * Pure. The word is compared with all known ones (Levenshtein distance, letter case ignored).
 * Words that people bring from other programs, however far from ours, are a table.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_hint.h"

#include <string.h>

/* What people who come from supervisord, nginx or the ancestor write first. */
struct foreign {
    const char *theirs;
    const char *ours;
};
static const struct foreign foreign_keys[] = {
    {"port", "listen"},
    {"host", "listen"},
    {"address", "listen"},
    {"bind", "listen"},
    {"environment", "env.NAME"},
    {"env", "env.NAME"},
    {"loglevel", "level"},
    {"log_level", "level"},
    {"stdout_logfile", "logfile"},
    {"stderr_logfile", "logfile"},
    {"stdout_logfile_maxbytes", "logfile_maxbytes"},
    {"stdout_logfile_backups", "logfile_backups"},
    {"stderr_logfile_maxbytes", "logfile_maxbytes"},
    {"stderr_logfile_backups", "logfile_backups"},
    {"log_file", "logfile"},
    {"disabled", "enabled"},
    {"stop_timeout", "stopwaitsecs"},
};
/* And for the words of lists. */
static const struct foreign foreign_words[] = {
    {"500", "5xx"},      {"502", "5xx"},      {"503", "5xx"},
    {"504", "5xx"},      {"5**", "5xx"},      {"http_500", "5xx"},
    {"http_502", "5xx"}, {"http_503", "5xx"}, {"http_504", "5xx"},
    {"http_403", "403"}, {"http_429", "429"}, {"connect-failure", "connect"},
};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define WORD_MAX     32 /* longer words are not typing errors of ours */

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, delete or replace until a is b; SIZE_MAX for words that are too long. */
static size_t distance(struct slice a, struct slice b)
{
    size_t row[WORD_MAX + 1];

    if (a.len > WORD_MAX || b.len > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t replaced = diagonal + (slice_fold(a.at[i - 1]) != slice_fold(b.at[j - 1]));
            diagonal = row[j];
            row[j] = min_of(replaced, min_of(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.len];
}

/* The best candidate so far. */
struct guess {
    const char *word;
    size_t wrong;
};

/* A third of the letters may be wrong, three at most. */
static void consider(struct guess *best, struct slice given, const char *known)
{
    size_t wrong = distance(given, slice_of(known));

    if (wrong <= 3 && wrong * 3 <= given.len && (best->word == NULL || wrong < best->wrong))
        *best = (struct guess){.word = known, .wrong = wrong};
}

static const char *translate(const struct foreign *words, size_t count, struct slice theirs)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(slice_of(words[i].theirs), theirs))
            return words[i].ours;
    }
    return NULL;
}

bool config_hint_is_foreign(const char *section, const char *key)
{
    const char *ours = translate(foreign_keys, COUNT(foreign_keys), slice_of(key));

    return ours != NULL && config_table_find(section, ours) != NULL;
}

const char *config_hint_key(const char *section, const char *key)
{
    struct guess best = {.word = NULL};

    if (config_hint_is_foreign(section, key))
        return translate(foreign_keys, COUNT(foreign_keys), slice_of(key));
    for (size_t i = 0; i < config_table_count; i++) {
        if (strcmp(config_table_rows[i].section, section) == 0)
            consider(&best, slice_of(key), config_table_rows[i].key);
    }
    return best.word;
}

const char *config_hint_section(const char *section)
{
    struct guess best = {.word = NULL};

    for (size_t i = 0; i < config_table_count; i++)
        consider(&best, slice_of(section), config_table_rows[i].section);
    return best.word;
}

const char *config_hint_word(const struct config_row *row, struct slice word)
{
    struct guess best = {.word = NULL};
    const char *ours = translate(foreign_words, COUNT(foreign_words), word);

    for (const struct config_word *w = row->words; w->word != NULL; w++) {
        if (ours != NULL && strcmp(w->word, ours) == 0)
            return w->word;
        /* A number that is one digit off is another number, not a typing error. */
        if (w->word[0] < '0' || w->word[0] > '9')
            consider(&best, word, w->word);
    }
    return best.word;
}
