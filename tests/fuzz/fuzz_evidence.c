/* fuzz_evidence - no output of a node can confuse the classifier of evidence.
 *
 * The input is what the files in tests/unit/golden/evidence are: lines that begin with the
 * number of their stream; a line that begins with "# s" means that the node serves from now on.
 * Each line goes through the cleaner, as in the program. Besides crashes it looks for state
 * out of its bounds, text that is no text, a start that fails in a node that serves, and lines
 * of one stream that change what is found in the other.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "supervisor/core/clean.h"
#include "supervisor/core/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool claim)
{
    if (!claim)
        abort();
}

static void check_state(const struct evidence *e)
{
    char again[REASON_MAX];
    size_t len = strnlen(e->text, sizeof e->text);

    check(len < sizeof e->text);
    check(clean_line(e->text, len, again, sizeof again) == len);
    check(memcmp(again, e->text, len) == 0);
    for (int i = 0; i < 2; i++) {
        const struct evidence_complaint *c = &e->open[i];
        check(c->topic == EVIDENCE_TOPIC_NONE || c->topic == EVIDENCE_TOPIC_LOGIN ||
              c->topic == EVIDENCE_TOPIC_USAGE || c->topic == EVIDENCE_TOPIC_QUOTE);
        check(c->lines_left <= (c->topic == EVIDENCE_TOPIC_QUOTE ? EVIDENCE_QUOTE_LINES_MAX
                                                                 : EVIDENCE_LINES_MAX) ||
              c->topic == EVIDENCE_TOPIC_NONE);
        check(strnlen(c->headline, sizeof c->headline) < sizeof c->headline);
    }
}

static void check_evidence(const struct evidence *e, enum node_evidence evidence)
{
    check(evidence < NODE_EVIDENCE_COUNT && e->text[0] != '\0');
    check(!e->is_up ||
          (evidence != NODE_EVIDENCE_CREDENTIALS && evidence != NODE_EVIDENCE_NO_COPILOT &&
           evidence != NODE_EVIDENCE_PORT));
}

/* `alone` has a classifier for each stream. */
static void feed(struct evidence *both, struct evidence alone[2], const char *line, size_t len)
{
    static char text[OUTPUT_LINE_MAX];
    enum node_evidence evidence = NODE_EVIDENCE_COUNT;
    enum node_evidence same = NODE_EVIDENCE_COUNT;
    int stream = len > 0 && line[0] == '1' ? 1 : 2;
    size_t skip = len < 2 ? len : 2;

    if (len >= 3 && memcmp(line, "# s", 3) == 0) {
        evidence_up(both);
        evidence_up(&alone[0]);
        evidence_up(&alone[1]);
        return;
    }
    len = clean_line(line + skip, len - skip, text, sizeof text);
    bool is_proof = evidence_line(both, stream, text, len, &evidence);
    check(evidence_line(&alone[stream - 1], stream, text, len, &same) == is_proof);
    check(same == evidence);
    if (is_proof)
        check_evidence(both, evidence);
    else
        check(evidence == NODE_EVIDENCE_COUNT);
    check_state(both);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct evidence both;
    struct evidence alone[2];
    const char *at = (const char *)data;
    const char *end = at + size;

    evidence_init(&both);
    evidence_init(&alone[0]);
    evidence_init(&alone[1]);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        feed(&both, alone, at, (size_t)(stop - at));
        at = stop < end ? stop + 1 : end;
    }
    return 0;
}
