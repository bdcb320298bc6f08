/* evidence - what the lines of a node's log prove about its account (DESIGN D9).
 *
 * Pure. copilot-api and its forks complain in two ways (FACTS 1, tests/unit/golden/evidence):
 *
 *    ERROR  Failed to get GitHub token: { message: 'Bad credentials',     consola, to the eye:
 *     documentation_url: 'https://docs.github.com/rest',                  a blank line before
 *     status: '401' }                                                     it and one behind
 *
 *   Error fetching Copilot usage: HTTPError: Failed to get Copilot usage  plain console.error:
 *       at getCopilotUsage (...)                                          what is not indented
 *     response: Response {                                                is the next record
 *       status: 401,
 *
 * The table below names the first lines that matter. Some prove something alone, others open a
 * complaint, whose telling line follows within EVIDENCE_LINES_MAX. A record is written in one
 * piece, so a complaint has its stream to itself.
 *
 * Nobody shall be able to talk an account down. So words count at the beginning of a line only;
 * what only a start prints counts only before the node serves anybody; and a consola record
 * that the table does not know is skipped up to its blank line, since it may quote an answer,
 * and with it a prompt. Answers to clients are no evidence at all: the gateway sees them itself
 * (FACTS 2), so `Failed to create chat completions` and `Error occurred: fetch failed` are not
 * in the table.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/evidence.h"

#include <assert.h>
#include <string.h>

#include "slice.h"
#include "supervisor/core/clean.h"

#define DETAIL_MAX 40 /* bytes of `text` that are kept free for the telling line */

/* What stands before the words of an error. */
static const struct tag {
    struct slice mark;
    bool is_record; /* consola's, which ends with a blank line */
} tags[] = {
    {{" ERROR ", 7}, true},   /* copilot-api */
    {{"ERROR ", 6}, true},    /* the same, left-trimmed by a wrapper */
    {{"[error] ", 8}, false}, /* where the variable CI is set */
    {{"Error: ", 7}, false},  /* Node: nobody caught it */
    {{"error: ", 7}, false},  /* Bun: the same */
};

/* The first lines that matter. */
static const struct row {
    struct slice words;
    enum evidence_topic topic;
    bool is_whole;    /* nothing may follow */
    bool is_untagged; /* it may stand without a tag */
    bool is_of_start; /* only a start prints it */
} rows[] = {
    {{"Failed to get GitHub token", 26}, EVIDENCE_TOPIC_LOGIN, false, false, true},
    {{"Failed to get Copilot token", 27}, EVIDENCE_TOPIC_TOKEN, false, false, true},
    {{"fetch failed", 12}, EVIDENCE_TOPIC_START, true, false, true},
    {{"terminated", 10}, EVIDENCE_TOPIC_START, true, false, true},
    {{"listen EADDRINUSE", 17}, EVIDENCE_TOPIC_PORT, false, false, true},
    {{"Failed to start server. Is port", 31}, EVIDENCE_TOPIC_PORT, false, false, true},
    {{"Failed to refresh Copilot token", 31}, EVIDENCE_TOPIC_REFRESH, false, false, false},
    {{"All token refresh attempts failed", 33}, EVIDENCE_TOPIC_REFRESH, false, false, false},
    {{"Error fetching Copilot usage", 28}, EVIDENCE_TOPIC_USAGE, false, true, false},
    {{"Error fetching account usage", 28}, EVIDENCE_TOPIC_USAGE, false, true, false},
    {{"Failed to fetch Copilot usage", 29}, EVIDENCE_TOPIC_USAGE, false, false, false},
};

/* ---------------------------------------------------------------- words */

static bool contains(struct slice text, struct slice words)
{
    return slice_find(text, words) != SIZE_MAX;
}

static bool ends_with(struct slice text, struct slice words)
{
    return text.len >= words.len && slice_equal(slice_skip(text, text.len - words.len), words);
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_quote(struct slice *text)
{
    if (text->len > 0 && is_one_of(text->at[0], "'\""))
        *text = slice_skip(*text, 1);
}

/* Does it speak of a connection that could not be made, or that broke? */
static bool says_network(struct slice text)
{
    static const struct slice codes[] = {
        {"ECONNREFUSED", 12},   {"ECONNRESET", 10},        {"ETIMEDOUT", 9},
        {"ENOTFOUND", 9},       {"EAI_AGAIN", 9},          {"EHOSTUNREACH", 12},
        {"ENETUNREACH", 11},    {"UND_ERR_", 8},           {"HeadersTimeout", 14},
        {"ConnectTimeout", 14}, {"Unable to connect", 17},
    };

    if (ends_with(text, SLICE("fetch failed")) || ends_with(text, SLICE("terminated")))
        return true;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (contains(text, codes[i]))
            return true;
    }
    return false;
}

/* Three digits and no more at the front, or 0. */
static unsigned number_at(struct slice text)
{
    unsigned number = 0;

    if (text.len < 3 || (text.len > 3 && is_digit(text.at[3])))
        return 0;
    for (size_t i = 0; i < 3; i++) {
        if (!is_digit(text.at[i]))
            return 0;
        number = number * 10 + (unsigned)(text.at[i] - '0');
    }
    return number;
}

/* The number behind `status: 401,` or `"status": '401'`; 0 when the line has none. */
static unsigned status_in(struct slice line)
{
    for (size_t at = 0; at < line.len; at++) {
        struct slice text = slice_skip(line, at);
        if (at > 0 && !is_one_of(line.at[at - 1], " \t'\"{"))
            continue;
        if (!slice_starts_with(text, SLICE("status")))
            continue;
        text = slice_skip(text, SLICE("status").len);
        skip_quote(&text);
        if (!slice_starts_with(text, SLICE(":")))
            continue;
        text = slice_trim(slice_skip(text, 1));
        skip_quote(&text);
        return number_at(text);
    }
    return 0;
}

/* A line of an open complaint, or the first one: does it tell what is wrong? */
static bool judge(enum evidence_topic topic, struct slice line,
                  enum node_evidence *ret_evidence)
{
    unsigned status = status_in(line);

    if (says_network(line)) {
        *ret_evidence = NODE_EVIDENCE_NETWORK;
        return true;
    }
    if (topic == EVIDENCE_TOPIC_LOGIN) {
        *ret_evidence = NODE_EVIDENCE_CREDENTIALS;
        return status == 401 || contains(line, SLICE("Bad credentials"));
    }
    *ret_evidence = status == 401   ? NODE_EVIDENCE_USAGE_TOKEN
                    : status == 403 ? NODE_EVIDENCE_USAGE_FORBIDDEN
                    : status == 429 ? NODE_EVIDENCE_USAGE_RATE
                                    : NODE_EVIDENCE_USAGE_SERVER;
    return status != 0 || contains(line, SLICE("SyntaxError")); /* 200, but not JSON */
}

/* The first line of a complaint, from its words on: true when it says all. */
static bool judge_headline(enum evidence_topic topic, struct slice line,
                           enum node_evidence *ret_evidence)
{
    switch (topic) {
    case EVIDENCE_TOPIC_LOGIN:
    case EVIDENCE_TOPIC_USAGE:
        return judge(topic, line, ret_evidence);
    case EVIDENCE_TOPIC_TOKEN: /* its status is not printed */
        *ret_evidence = says_network(line) ? NODE_EVIDENCE_NETWORK : NODE_EVIDENCE_NO_COPILOT;
        return true;
    case EVIDENCE_TOPIC_START:
        *ret_evidence = NODE_EVIDENCE_NETWORK;
        return true;
    case EVIDENCE_TOPIC_PORT:
        *ret_evidence = NODE_EVIDENCE_PORT;
        return true;
    case EVIDENCE_TOPIC_REFRESH: /* whatever the cause, the node dies of it */
        *ret_evidence = NODE_EVIDENCE_REFRESH;
        return true;
    case EVIDENCE_TOPIC_NONE:
    case EVIDENCE_TOPIC_QUOTE:
        break;
    }
    return false;
}

/* ---------------------------------------------------------------- records */

/* Takes the tag from the front of the line. */
static const struct tag *take_tag(struct slice *line)
{
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (slice_starts_with(*line, tags[i].mark)) {
            *line = slice_trim(slice_skip(*line, tags[i].mark.len));
            return &tags[i];
        }
    }
    return NULL;
}

static const struct row *find_row(const struct evidence *e, struct slice line, bool is_tagged)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        if (!slice_starts_with(line, row->words) ||
            (row->is_whole && line.len > row->words.len))
            continue;
        if ((is_tagged || row->is_untagged) && !(row->is_of_start && e->is_up))
            return row;
    }
    return NULL;
}

/* Without the blanks around it and the punctuation that leads on to the next line. */
static struct slice plain(struct slice line)
{
    line = slice_trim(line);
    while (line.len > 0 && is_one_of(line.at[line.len - 1], " ,{"))
        line.len--;
    return line;
}

/* Appends what fits into `size` bytes, never half of a character, and ends with NUL. */
static void put(char *text, size_t size, struct slice more)
{
    size_t used = strlen(text);

    if (used + 1 < size)
        used += clean_line(more.at, more.len, text + used, size - 1 - used);
    text[used] = '\0';
}

static void open_complaint(struct evidence_complaint *c, enum evidence_topic topic,
                           struct slice headline)
{
    c->topic = topic;
    c->lines_left =
        topic == EVIDENCE_TOPIC_QUOTE ? EVIDENCE_QUOTE_LINES_MAX : EVIDENCE_LINES_MAX;
    c->headline[0] = '\0';
    put(c->headline, sizeof c->headline - DETAIL_MAX, plain(headline));
}

/* A line while no complaint is open. */
static bool begin(struct evidence *e, struct evidence_complaint *c, struct slice line,
                  enum node_evidence *ret_evidence)
{
    enum node_evidence evidence;
    const struct tag *tag = take_tag(&line);
    const struct row *row = find_row(e, line, tag != NULL);

    if (row != NULL && judge_headline(row->topic, line, &evidence)) {
        e->text[0] = '\0';
        put(e->text, sizeof e->text, plain(line));
        *ret_evidence = evidence;
        return true;
    }
    if (row != NULL)
        open_complaint(c, row->topic, line);
    else if (tag != NULL && tag->is_record)
        open_complaint(c, EVIDENCE_TOPIC_QUOTE, line);
    return false;
}

/* Is the line a part of what is open? Counts it, and closes what has ended. */
static bool is_continued(struct evidence_complaint *c, struct slice line)
{
    bool is_part = slice_trim(line).len > 0 && c->lines_left > 0;

    if (c->topic != EVIDENCE_TOPIC_QUOTE)
        is_part = is_part && is_one_of(line.at[0], " \t}");
    if (is_part)
        c->lines_left--;
    else
        c->topic = EVIDENCE_TOPIC_NONE;
    return is_part;
}

/* A line that belongs to the open complaint. */
static bool go_on(struct evidence *e, struct evidence_complaint *c, struct slice line,
                  enum node_evidence *ret_evidence)
{
    enum node_evidence evidence;

    if (c->topic == EVIDENCE_TOPIC_QUOTE || !judge(c->topic, line, &evidence))
        return false;
    c->topic = EVIDENCE_TOPIC_NONE;
    e->text[0] = '\0';
    put(e->text, sizeof e->text, slice_of(c->headline));
    put(e->text, sizeof e->text - 1, SLICE(" ("));
    put(e->text, sizeof e->text - 1, plain(line));
    put(e->text, sizeof e->text, SLICE(")"));
    *ret_evidence = evidence;
    return true;
}

void evidence_init(struct evidence *e)
{
    memset(e, 0, sizeof *e);
}

void evidence_up(struct evidence *e)
{
    e->is_up = true;
}

bool evidence_line(struct evidence *e, int stream, const char *text, size_t len,
                   enum node_evidence *ret_evidence)
{
    struct slice line = {.at = text, .len = len};

    assert(stream == 1 || stream == 2);
    struct evidence_complaint *c = &e->open[stream - 1];
    if (c->topic != EVIDENCE_TOPIC_NONE && is_continued(c, line))
        return go_on(e, c, line, ret_evidence);
    return begin(e, c, line, ret_evidence);
}

const char *evidence_sentence(enum node_evidence evidence)
{
    static const char *const sentences[] = {
        [NODE_EVIDENCE_CREDENTIALS] = "GitHub refuses its login: bad credentials",
        [NODE_EVIDENCE_NO_COPILOT] = "GitHub gives its account no Copilot token",
        [NODE_EVIDENCE_REFRESH] = "its Copilot token could not be refreshed",
        [NODE_EVIDENCE_USAGE_TOKEN] = "GitHub refuses its login when asked for the quota",
        [NODE_EVIDENCE_USAGE_FORBIDDEN] = "GitHub forbids it to ask for the quota",
        [NODE_EVIDENCE_USAGE_RATE] = "GitHub throttles it",
        [NODE_EVIDENCE_USAGE_SERVER] = "GitHub fails when asked for the quota",
        [NODE_EVIDENCE_NETWORK] = "it could not reach GitHub",
        [NODE_EVIDENCE_PORT] = "its port is taken",
    };
    _Static_assert(sizeof sentences / sizeof sentences[0] == NODE_EVIDENCE_COUNT, "one each");
    assert(evidence < NODE_EVIDENCE_COUNT);
    return sentences[evidence];
}
