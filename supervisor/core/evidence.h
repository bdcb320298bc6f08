/* evidence.h - what the lines of a node's log prove about its account (DESIGN D9).
 *
 * Pure. One classifier for each process, fed with the cleaned lines of both its streams.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "node.h"

/* How far the telling line may be behind the first one of a complaint: in copilot-api 0.7.0 the
 * status of a refused /usage is on the twelfth; forks have deeper stacks. */
#define EVIDENCE_LINES_MAX 40

/* The same for text that came from elsewhere and ends at a blank line. */
#define EVIDENCE_QUOTE_LINES_MAX 1000

/* What a complaint is about. */
enum evidence_topic {
    EVIDENCE_TOPIC_NONE,
    EVIDENCE_TOPIC_LOGIN,   /* the stored login was tried */
    EVIDENCE_TOPIC_TOKEN,   /* a first Copilot token was asked for */
    EVIDENCE_TOPIC_START,   /* something else at a start */
    EVIDENCE_TOPIC_PORT,    /* to listen */
    EVIDENCE_TOPIC_REFRESH, /* a fresh Copilot token was asked for */
    EVIDENCE_TOPIC_USAGE,   /* /usage was asked */
    EVIDENCE_TOPIC_QUOTE,   /* unknown; it may quote anybody */
};

struct evidence_complaint {
    enum evidence_topic topic;
    uint16_t lines_left;       /* that it may still have */
    char headline[REASON_MAX]; /* its first line */
};

struct evidence {
    bool is_up;
    struct evidence_complaint open[2]; /* of stdout, of stderr */
    char text[REASON_MAX];             /* the last evidence in the node's own words, or "" */
};

/* To be called at each start of the process. */
void evidence_init(struct evidence *e);

/* The process serves: from now on nothing counts that only a start can print. */
void evidence_up(struct evidence *e);

/* One line without its end and without ANSI sequences; `stream` is 1 or 2. True when it proves
 * something, alone or with the lines before it; `e->text` says it then. The same may be proven
 * more than once: nodes say things twice. */
bool evidence_line(struct evidence *e, int stream, const char *line, size_t len,
                   enum node_evidence *ret_evidence);

/* For people, to go after "its process ended": "GitHub refuses its login: bad credentials". */
const char *evidence_sentence(enum node_evidence evidence);

#endif
