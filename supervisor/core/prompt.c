/* prompt - finds device codes and logins in the output of copilot-api and its forks.
 *
 * Pure. The matcher is written by hand because core does not allocate; it does the work of
 * these POSIX expressions (FACTS 1), each tried at every position of the line:
 *
 *   [Ee]nter (the |this )?code:?[[:space:]]+"?([A-Z0-9]{4}-[A-Z0-9]{4})"?([^A-Z0-9-]|$)
 *   (^|[^A-Za-z_])code=([A-Z0-9]{4}-[A-Z0-9]{4})([^A-Z0-9-]|$)
 *   https://[A-Za-z0-9.-]+(:[0-9]+)?/login/device
 *   Logged in as ([A-Za-z0-9-]+)
 *   Account "([A-Za-z0-9-]+)" added successfully!
 *
 * The page of a code is the one named on its line, or up to five lines earlier, or GitHub's
 * own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/prompt.h"

#include <stdbool.h>
#include <string.h>

#include "slice.h"

#define URL_LINES_BACK 5
static const char default_url[] = "https://github.com/login/device";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes `word` from the front of the text, if it is there. */
static bool take(struct slice *text, struct slice word)
{
    if (!slice_starts_with(*text, word))
        return false;
    *text = slice_skip(*text, word.len);
    return true;
}

static size_t span(struct slice text, bool (*accept)(char c))
{
    size_t n = 0;

    while (n < text.len && accept(text.at[n]))
        n++;
    return n;
}

/* ABCD-1234 at the front, and nothing glued to its end. */
static bool is_code(struct slice text)
{
    if (text.len < PROMPT_CODE_LEN)
        return false;
    for (size_t i = 0; i < PROMPT_CODE_LEN; i++) {
        char c = text.at[i];
        if (i == 4 ? c != '-' : !is_upper(c) && !is_digit(c))
            return false;
    }
    if (text.len == PROMPT_CODE_LEN)
        return true;
    char after = text.at[PROMPT_CODE_LEN];
    return !is_upper(after) && !is_digit(after) && after != '-';
}

/* "nter the code: "ABCD-1234"" from the E on. */
static bool match_enter(struct slice text, const char **ret_code)
{
    if (!take(&text, SLICE("Enter ")) && !take(&text, SLICE("enter ")))
        return false;
    if (!take(&text, SLICE("the ")))
        (void)take(&text, SLICE("this "));
    if (!take(&text, SLICE("code")))
        return false;
    (void)take(&text, SLICE(":"));
    size_t spaces = span(text, is_space);
    if (spaces == 0)
        return false;
    text = slice_skip(text, spaces);
    (void)take(&text, SLICE("\""));
    if (!is_code(text))
        return false;
    *ret_code = text.at;
    return true;
}

static bool match_assignment(struct slice line, size_t at, const char **ret_code)
{
    struct slice text = slice_skip(line, at);

    if (at > 0) {
        char before = line.at[at - 1];
        if (before == '_' || (is_alnum(before) && !is_digit(before)))
            return false;
    }
    if (!take(&text, SLICE("code=")) || !is_code(text))
        return false;
    *ret_code = text.at;
    return true;
}

static bool in_host(char c)
{
    return is_alnum(c) || c == '.' || c == '-';
}

/* Copies the device page that begins here; false when there is none, or it is too long. */
static bool match_url(struct slice text, char *ret_url)
{
    const char *start = text.at;

    if (!take(&text, SLICE("https://")))
        return false;
    size_t host = span(text, in_host);
    if (host == 0)
        return false;
    text = slice_skip(text, host);
    if (take(&text, SLICE(":"))) {
        size_t digits = span(text, is_digit);
        if (digits == 0)
            return false;
        text = slice_skip(text, digits);
    }
    if (!take(&text, SLICE("/login/device")))
        return false;
    size_t len = (size_t)(text.at - start);
    if (len > PROMPT_URL_MAX)
        return false;
    memcpy(ret_url, start, len);
    ret_url[len] = '\0';
    return true;
}

static bool in_account(char c)
{
    return is_alnum(c) || c == '-';
}

static bool match_account(struct slice text, char *ret_account)
{
    bool is_quoted = false;

    if (take(&text, SLICE("Account \"")))
        is_quoted = true;
    else if (!take(&text, SLICE("Logged in as ")))
        return false;
    size_t len = span(text, in_account);
    if (len == 0 || len > PROMPT_ACCOUNT_MAX)
        return false;
    if (is_quoted && !slice_starts_with(slice_skip(text, len), SLICE("\" added successfully!")))
        return false;
    memcpy(ret_account, text.at, len);
    ret_account[len] = '\0';
    return true;
}

void prompt_init(struct prompt *p)
{
    memset(p, 0, sizeof *p);
}

enum prompt_event prompt_line(struct prompt *p, const char *text, size_t len)
{
    struct slice line = {.at = text, .len = len};
    enum prompt_event event = PROMPT_NOTHING;

    if (p->seen_url_lines > 0)
        p->seen_url_lines--;
    for (size_t at = 0; at < len; at++) {
        struct slice rest = slice_skip(line, at);
        const char *code;
        if (match_url(rest, p->seen_url)) {
            p->seen_url_lines = URL_LINES_BACK + 1;
        } else if (match_account(rest, p->account)) {
            event = PROMPT_LOGGED_IN;
        } else if (match_enter(rest, &code) || match_assignment(line, at, &code)) {
            memcpy(p->code, code, PROMPT_CODE_LEN);
            p->code[PROMPT_CODE_LEN] = '\0';
            event = PROMPT_CODE;
        }
    }
    if (event == PROMPT_CODE) {
        const char *url = p->seen_url_lines > 0 ? p->seen_url : default_url;
        memmove(p->url, url, strlen(url) + 1);
    }
    return event;
}
