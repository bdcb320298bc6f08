/* redact - takes secrets out of a line before anybody sees it.
 *
 * Pure. One pass, in place: at each position the table of patterns is tried; a hit keeps the
 * prefix, so that a reader sees what was there, and writes stars for the rest. Too much is
 * taken rather than too little: any tail after a prefix goes, whatever its length, except for
 * prefixes that occur in plain words.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/redact.h"

#include <stdbool.h>
#include <string.h>

#include "slice.h"

#define GLUED_TAIL_MIN 20 /* GitHub tokens have 36 characters and more after the prefix */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9');
}

/* the tail of a GitHub token */
static bool in_word(char c)
{
    return is_alnum(c) || c == '_';
}

/* RFC 6750 section 2.1 b64token, and the ; : of a Copilot token */
static bool in_credential(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("-._~+/=;:%", c) != NULL);
}

static bool in_key(char c)
{
    return is_alnum(c) || c == '-' || c == '_';
}

static const struct pattern {
    struct slice prefix;
    bool (*in_tail)(char c);
    size_t tail_min; /* shorter tails are no secret */
    bool fold;       /* ignore case in the prefix */
} patterns[] = {
    {{"ghp_", 4}, in_word, 1, false},
    {{"gho_", 4}, in_word, 1, false},
    {{"ghu_", 4}, in_word, 1, false},
    {{"ghs_", 4}, in_word, 1, false},
    {{"ghr_", 4}, in_word, 1, false},
    {{"github_pat_", 11}, in_word, 1, false},
    {{"tid=", 4}, in_credential, 1, false},
    {{"bearer ", 7}, in_credential, 1, true},
    {{"bearer%20", 9}, in_credential, 1, true},
    {{"sk-", 3}, in_key, 16, false}, /* "sk-" ends words such as task- */
};

/* Every prefix begins with one of these, and most characters are none of them: one look decides
 * for a line that has no secret. */
static bool may_begin(char c)
{
    return c == 'g' || c == 't' || c == 's' || slice_fold(c) == 'b';
}

/* Does a word begin after these three characters? An escape (\n, %3D) is no part of a word. */
static bool is_boundary(const char before[3])
{
    return !is_alnum(before[2]) || before[1] == '\\' ||
           (before[0] == '%' && is_hex(before[1]) && is_hex(before[2]));
}

/* Length of the tail of a secret that begins at text[0], or 0. */
static size_t match(const struct pattern *p, struct slice text)
{
    struct slice head = {.at = text.at, .len = p->prefix.len};
    size_t tail = p->prefix.len;

    if (text.len <= p->prefix.len || slice_fold(text.at[0]) != p->prefix.at[0])
        return 0;
    if (p->fold ? !slice_equal_nocase(head, p->prefix) : !slice_equal(head, p->prefix))
        return 0;
    while (tail < text.len && p->in_tail(text.at[tail]))
        tail++;
    tail -= p->prefix.len;
    return tail >= p->tail_min ? tail : 0;
}

static const struct pattern *find(const char before[3], struct slice text, size_t *ret_tail)
{
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        const struct pattern *p = &patterns[i];
        size_t tail = match(p, text);
        if (tail == 0)
            continue;
        /* Glued to a word, only what is as long as a real token counts. */
        if (is_boundary(before) || (p->tail_min == 1 && tail >= GLUED_TAIL_MIN)) {
            *ret_tail = tail;
            return p;
        }
    }
    return NULL;
}

size_t redact_line(char *text, size_t len)
{
    char before[3] = {' ', ' ', ' '}; /* the original ones: text[] is being rewritten */
    size_t in = 0;
    size_t out = 0;

    while (in < len) {
        size_t tail = 0;
        struct slice rest = {.at = text + in, .len = len - in};
        const struct pattern *hit = may_begin(text[in]) ? find(before, rest, &tail) : NULL;
        size_t keep = hit == NULL ? 1 : hit->prefix.len;
        before[0] = keep == 1 ? before[1] : ' ';
        before[1] = keep == 1 ? before[2] : ' ';
        before[2] = text[in];
        if (keep == 1)
            text[out] = text[in];
        else
            memmove(text + out, text + in, keep);
        out += keep;
        in += keep + tail;
        for (size_t i = 0; i < 3 && i < tail; i++)
            text[out++] = '*';
    }
    return out;
}
