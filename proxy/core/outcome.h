/* outcome.h - how an attempt ended, and what that means for its request and its account.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "failover.h"
#include "slice.h"

/* How far the attempt had come. The whole answer is the first, so that facts about nothing but
 * a status mean it. */
enum outcome_phase {
    OUTCOME_ANSWER,  /* a whole answer is there */
    OUTCOME_CONNECT, /* nothing was sent yet */
    OUTCOME_HEAD,    /* sent; no head of an answer yet */
    OUTCOME_BODY,    /* a head came, the body has not ended */
    OUTCOME_STREAM,  /* an event stream of status 200, judged by its content (DESIGN D8) */
};

/* What was seen at its end. */
enum outcome_end {
    OUTCOME_WHOLE,       /* of a stream: its end mark */
    OUTCOME_BROKE,       /* the connection; of a stream: it ended without its mark */
    OUTCOME_SILENT,      /* too long without a byte */
    OUTCOME_GARBAGE,     /* not HTTP */
    OUTCOME_ERROR_EVENT, /* an error event in the stream, with or without a code */
};

/* The facts. `code` and `message` are read from the body by the refusal codec (copilot-api
 * wraps GitHub's error as a string inside its own, FACTS 2), or from the error event; empty =
 * not found. Of a code that has a plan behind it ("rate_limited:pro") the plan is ignored. */
struct outcome_answer {
    enum outcome_phase phase;
    enum outcome_end end;
    unsigned status;
    struct slice code;
    struct slice message;
    uint64_t retry_after_ms; /* 0 = not told */
};

/* The class of the attempt. `ret_wait_ms` is how long the account should rest: what the answer
 * asked for (at most 31 days), else what this kind of limit is known to last; 0 = the policy's
 * cooldown. */
enum failover_outcome outcome_classify(const struct outcome_answer *answer,
                                       uint64_t *ret_wait_ms);

#endif
