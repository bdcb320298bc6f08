/* prompt.h - finds device codes and logins in the output of copilot-api and its forks.
 *
 * Pure. One scanner for each process, fed with the cleaned lines of both its streams. The
 * dialects are listed in FACTS 1.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROMPT_H
#define PROMPT_H

#include <stddef.h>

#define PROMPT_CODE_LEN    9   /* "ABCD-1234" */
#define PROMPT_URL_MAX     255 /* longer ones are no device page */
#define PROMPT_ACCOUNT_MAX 63  /* GitHub allows 39 characters in a login */

enum prompt_event {
    PROMPT_NOTHING,
    PROMPT_CODE,      /* `code` and `url` are new */
    PROMPT_LOGGED_IN, /* `account` is new */
};

struct prompt {
    char code[PROMPT_CODE_LEN + 1];
    char url[PROMPT_URL_MAX + 1];
    char account[PROMPT_ACCOUNT_MAX + 1];
    char seen_url[PROMPT_URL_MAX + 1]; /* on an earlier line */
    unsigned seen_url_lines;           /* for how many more lines that one counts */
};

/* To be called at each start of the process. */
void prompt_init(struct prompt *p);

/* One line without its line end and without ANSI sequences. When it holds several codes, the
 * last one counts. */
enum prompt_event prompt_line(struct prompt *p, const char *line, size_t len);

#endif
