/* story - plays a text scenario against the failover engine.
 *
 * Here: lines, expectations and their comparison. Each line is cut at `=>`; its events run one
 * by one (story_events.c) and leave texts in story.got (story_actions.c); then every
 * expectation must find its text, and no text may be left over.
 *
 * SPDX-License-Identifier: MIT
 */
#include "story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "story_internal.h"

struct story story;

void story_wrong(const char *format, ...)
{
    va_list args;

    if (story.is_wrong)
        return;
    story.is_wrong = true;
    fprintf(stderr, "%s:%u: ", story.file, story.line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void story_say(struct texts *list, const char *format, ...)
{
    va_list args;

    if (list->count == TEXTS_MAX) {
        story_wrong("too many actions in one line");
        return;
    }
    va_start(args, format);
    (void)vsnprintf(list->at[list->count++], sizeof list->at[0], format, args);
    va_end(args);
}

/* ---------------------------------------------------------------- words */

uint64_t story_parse_ms(const char *word)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    char *end = NULL;
    unsigned long long value = strtoull(word == NULL ? "" : word, &end, 10);

    for (size_t i = 0; word != NULL && end != word && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0)
            return value * units[i].ms;
    }
    story_wrong("'%s' is not a time", word == NULL ? "" : word);
    return 0;
}

int64_t story_parse_milli(const char *word)
{
    double milli = word == NULL ? 0 : strtod(word, NULL) * 1000;

    return (int64_t)(milli < 0 ? milli - 0.5 : milli + 0.5);
}

uint16_t story_parse_node(const char *word)
{
    unsigned long n = word == NULL ? 0 : strtoul(word, NULL, 10);

    if (n >= 1 && n <= NODES_MAX)
        return (uint16_t)(n - 1);
    story_wrong("'%s' is not a node", word == NULL ? "" : word);
    return 0;
}

/* Cuts `text` at spaces; quoted words keep their quotes and spaces. */
static unsigned split_words(char *text, char **ret_word)
{
    unsigned count = 0;

    while (*(text += strspn(text, " \t")) != '\0') {
        if (count + 1 == WORDS_MAX) {
            story_wrong("too many words");
            break;
        }
        ret_word[count++] = text;
        const char *quote = *text == '"' ? strchr(text + 1, '"') : NULL;
        text += quote != NULL ? (size_t)(quote - text) + 1 : strcspn(text, " \t");
        if (*text != '\0')
            *text++ = '\0';
    }
    ret_word[count] = NULL;
    return count;
}

/* ---------------------------------------------------------------- comparison */

/* What /health shows of the node: its state and, in parentheses, why. */
static void look_at_state(uint16_t node, const char *state, const char *cause)
{
    const struct failover_node *n = &story.engine.nodes[node];
    const char *name = node_state_name(failover_node_state(&story.engine, node));
    char why[32];

    (void)snprintf(why, sizeof why, "(%s)", failover_cause_name(n->cause));
    if (state == NULL || strcmp(state, name) != 0 || (cause && strcmp(cause, why) != 0))
        story_wrong("node %u is %s %s, not %s %s", node + 1u, name, why, state ? state : "",
                    cause ? cause : "");
}

/* Expectations that are looked up in the engine. Returns false when it is not one. */
static bool look(char **word)
{
    if (strcmp(word[0], "active") == 0) {
        uint16_t active = failover_active(&story.engine);
        uint16_t wanted = word[1] != NULL && strcmp(word[1], "none") == 0
                              ? FAILOVER_NONE
                              : story_parse_node(word[1]);
        if (active != wanted)
            story_wrong("active is %d, not %s", active == FAILOVER_NONE ? 0 : active + 1,
                        word[1]);
        return true;
    }
    if (strcmp(word[0], "estimate") == 0) {
        int64_t estimate = story.engine.nodes[story_parse_node(word[1])].estimate_milli;
        if (estimate != story_parse_milli(word[2]))
            story_wrong("the estimate is %lld milli, not %s", (long long)estimate, word[2]);
        return true;
    }
    if (strcmp(word[0], "state") == 0) {
        look_at_state(story_parse_node(word[1]), word[2], word[2] == NULL ? NULL : word[3]);
        return true;
    }
    return strcmp(word[0], "no-poll") == 0 || strcmp(word[0], "no-probe") == 0 ||
           strcmp(word[0], "nothing") == 0;
}

/* Reads one expectation: looks, or notes the text with single spaces. */
static void expect(char *text)
{
    char *word[WORDS_MAX];
    char line[96] = "";
    size_t len = 0;
    unsigned count = split_words(text, word);

    if (count == 0 || look(word))
        return;
    for (unsigned i = 0; i < count && len < sizeof line; i++)
        len +=
            (size_t)snprintf(line + len, sizeof line - len, "%s%s", i > 0 ? " " : "", word[i]);
    story_say(&story.expected, "%s", line);
}

static bool is_kind(const char *text, const char *kind)
{
    size_t len = strlen(kind);

    return strncmp(text, kind, len) == 0 && (text[len] == ' ' || text[len] == '\0');
}

static bool is_same_kind(const char *a, const char *b)
{
    size_t len = strcspn(a, " ");

    return len == strcspn(b, " ") && strncmp(a, b, len) == 0;
}

/* Parentheses may be left out of the expectation. */
static bool is_match(const char *expected, const char *got)
{
    size_t len = strlen(expected);

    if (strcmp(expected, got) == 0)
        return true;
    return strchr(expected, '(') == NULL && strncmp(expected, got, len) == 0 &&
           strncmp(got + len, " (", 2) == 0;
}

static void drop_kind(const char *kind)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < story.got.count; i++) {
        if (!is_kind(story.got.at[i], kind))
            memmove(story.got.at[kept++], story.got.at[i], sizeof story.got.at[0]);
    }
    story.got.count = kept;
}

static void show(const char *title, const struct texts *list)
{
    fprintf(stderr, "  %s", title);
    for (unsigned i = 0; i < list->count; i++)
        fprintf(stderr, "%s%s", i > 0 ? "; " : "", list->at[i]);
    fputc('\n', stderr);
}

static void compare(void)
{
    bool is_taken[TEXTS_MAX] = {false};
    bool is_same = story.got.count == story.expected.count;

    for (unsigned i = 0; is_same && i < story.expected.count; i++) {
        unsigned g = 0;
        while (g < story.got.count &&
               (is_taken[g] || !is_same_kind(story.expected.at[i], story.got.at[g])))
            g++;
        is_same = g < story.got.count && is_match(story.expected.at[i], story.got.at[g]);
        if (is_same)
            is_taken[g] = true;
    }
    if (is_same || story.is_wrong)
        return;
    story_wrong("the engine did something else");
    show("expected: ", &story.expected);
    show("got:      ", &story.got);
}

/* ---------------------------------------------------------------- lines */

static const struct failover_policy usual = {
    .node_wait_ms = 10000,
    .handoff_timeout_ms = 60000,
    .offline_check_ms = 30000,
    .cooldown_ms = 60000,
    .drain_hold_ms = 300000,
    .poll_gap_ms = 30000,
    .token_restart_gap_ms = 3600000,
    .retry_mask = FAILOVER_RETRY_DEFAULT,
    .retry_limit = 3,
    .queue_max = 100,
    .exhausted_status = 503,
};

/* `nodes`, `external` and `policy` before the first moment. */
static bool is_preface(char *line)
{
    char copy[256];
    char *word[WORDS_MAX];

    (void)snprintf(copy, sizeof copy, "%s", line);
    if (story.is_begun || strchr(line, '@') != NULL || split_words(copy, word) == 0)
        return false;
    if (strcmp(word[0], "nodes") == 0)
        story.nodes = (unsigned)strtoul(word[1], NULL, 10);
    else if (strcmp(word[0], "external") == 0)
        story.external |= UINT64_C(1) << story_parse_node(word[1]);
    else if (strcmp(word[0], "policy") == 0)
        story_policy(word);
    else
        return false;
    return true;
}

static void begin(void)
{
    story.is_begun = true;
    failover_init(&story.engine, &story.policy, 0);
    for (uint16_t i = 0; i < story.nodes; i++)
        story_add_node(i, i + 1u);
}

/* Runs `each` on the parts of text between semicolons. */
static void for_parts(char *text, void (*each)(char *part))
{
    while (text != NULL && !story.is_wrong) {
        char *next = strchr(text, ';');
        if (next != NULL)
            *next++ = '\0';
        each(text);
        text = next;
    }
}

static void run_event(char *part)
{
    char *word[WORDS_MAX];

    if (split_words(part, word) > 0 && !story_event(word))
        story_wrong("nothing is called '%s'", word[0]);
}

static void play_line(char *line)
{
    char *expectations = strstr(line, "=>");
    const char *wanted = expectations == NULL ? "" : expectations + 2;
    bool has_polls = strstr(wanted, "poll") != NULL;
    bool has_probes = strstr(wanted, "probe") != NULL;
    bool is_summary = strstr(wanted, "active ") != NULL;

    story.got.count = 0;
    story.expected.count = 0;
    if (expectations != NULL)
        *expectations = '\0';
    line += strspn(line, " \t");
    if (*line == '@') {
        char *stamp = line + 1;
        line = stamp + strcspn(stamp, " \t");
        if (*line != '\0')
            *line++ = '\0';
        story_pass_time(story_parse_ms(stamp));
    }
    for_parts(line, run_event);
    if (!has_polls)
        drop_kind("poll");
    if (!has_probes)
        drop_kind("probe");
    if (is_summary) {
        drop_kind("node");
        drop_kind("switch");
    }
    if (expectations != NULL)
        for_parts(expectations + 2, expect);
    compare();
}

bool story_play(const char *file, unsigned first, char *text)
{
    memset(&story, 0, sizeof story);
    story.file = file;
    story.line = first;
    story.policy = usual;
    story.poll_node = FAILOVER_NONE;
    for (char *line = text; line != NULL && !story.is_wrong; story.line++) {
        char *next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        line[strcspn(line, "#\r")] = '\0';
        if (line[strspn(line, " \t")] != '\0' && !is_preface(line)) {
            if (!story.is_begun)
                begin();
            play_line(line);
        }
        line = next;
    }
    if (!story.is_begun)
        story_wrong("nothing happens in this story");
    return !story.is_wrong;
}
