/* story_events - the words of a story that make something happen (see story.h).
 *
 * Each posts what the shell would post in its place.
 *
 * SPDX-License-Identifier: MIT
 */
#include "story_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/core/outcome.h"

static unsigned parse_name(const char *word, bool is_first)
{
    for (unsigned i = 0; i < story.names_count; i++) {
        if (word == NULL || strcmp(story.names[i].word, word) != 0)
            continue;
        if (is_first)
            story_wrong("%s has been told of before", word);
        return i;
    }
    if (!is_first || word == NULL || story.names_count == NAMES_MAX) {
        story_wrong("nobody knows '%s'", word == NULL ? "" : word);
        return 0;
    }
    struct name *n = &story.names[story.names_count];
    (void)snprintf(n->word, sizeof n->word, "%s", word);
    n->is_open = true;
    n->attempt = -1;
    return story.names_count++;
}

/* ---------------------------------------------------------------- events */

static void answer_poll(uint16_t node, enum failover_event_type type,
                        struct failover_usage usage, bool is_unreachable)
{
    if (story.poll_node != node) {
        story_wrong("/usage of node %u is not being asked", node + 1u);
        return;
    }
    story.poll_node = FAILOVER_NONE;
    story_post((struct failover_event){.type = type,
                                       .node = node,
                                       .poll_serial = story.poll_serial,
                                       .usage = usage,
                                       .is_unreachable = is_unreachable});
}

static void do_usage(char **word)
{
    struct failover_usage usage = {
        .has_remaining = true, .remaining_milli = 300000, .entitlement_milli = 300000};
    const char *kind = word[2] == NULL ? "" : word[2];
    unsigned next = 3;

    if (strcmp(kind, "unlimited") == 0) {
        usage = (struct failover_usage){.has_remaining = true, .is_unlimited = true};
    } else if (strcmp(kind, "silent") == 0) {
        usage = (struct failover_usage){0};
    } else if (strcmp(kind, "exhausted") == 0 || strcmp(kind, "overage") == 0) {
        usage = (struct failover_usage){.has_remaining = true,
                                        .is_exhausted = true,
                                        .is_overage_permitted = kind[0] == 'o'};
    } else if (strcmp(kind, "ok") != 0) {
        story_wrong("usage N ok|unlimited|silent|exhausted|overage");
        return;
    } else if (word[next] != NULL && strcmp(word[next], "reset") != 0) {
        usage.remaining_milli = story_parse_milli(word[next++]);
    }
    if (word[next] != NULL)
        usage.reset_in_ms = story_parse_ms(word[next + 1]);
    answer_poll(story_parse_node(word[1]), FAILOVER_USAGE, usage, false);
}

static void do_usage_failed(char **word)
{
    answer_poll(story_parse_node(word[1]), FAILOVER_USAGE_FAILED, (struct failover_usage){0},
                word[2] != NULL);
}

static void do_answers(char **word)
{
    story_post(
        (struct failover_event){.type = FAILOVER_NODE_UP, .node = story_parse_node(word[1])});
}

static void do_up(char **word)
{
    char *well[] = {word[0], word[1], (char[]){"ok"}, NULL};

    story.is_rising = true;
    story.rose_from = NODE_STARTING;
    do_answers(word);
    do_usage(well);
    story.is_rising = false;
}

static void do_down(char **word)
{
    static const char *const kinds[] = {
        [FAILOVER_DOWN_STARTING] = "starting",
        [FAILOVER_DOWN_LOGIN] = "login",
        [FAILOVER_DOWN_BACKOFF] = "backoff",
        [FAILOVER_DOWN_STOPPED] = "stopped",
    };
    struct failover_event ev = {.type = FAILOVER_NODE_DOWN, .node = story_parse_node(word[1])};
    size_t kind = 0;

    while (kind < 4 && (word[2] == NULL || strcmp(kinds[kind], word[2]) != 0))
        kind++;
    if (kind == 4) {
        story_wrong("down N starting|login|stopped|backoff TIME");
        return;
    }
    ev.down = (enum failover_down)kind;
    if (ev.down == FAILOVER_DOWN_BACKOFF)
        ev.retry_in_ms = story_parse_ms(word[3]);
    if (story.poll_node == ev.node)
        story.poll_node = FAILOVER_NONE;
    story_post(ev);
}

static void do_evidence(char **word)
{
    struct failover_event ev = {.type = FAILOVER_EVIDENCE, .node = story_parse_node(word[1])};

    for (int i = 0; word[1] != NULL && word[2] != NULL && i < NODE_EVIDENCE_COUNT; i++) {
        ev.evidence = (enum node_evidence)i;
        if (strcmp(node_evidence_name(ev.evidence), word[2]) != 0)
            continue;
        story_post(ev);
        return;
    }
    story_wrong("evidence N WORD of enum node_evidence");
}

static void do_restored(char **word)
{
    struct failover_memory memory = {0};
    struct failover_event ev = {
        .type = FAILOVER_RESTORED, .node = story_parse_node(word[1]), .memory = &memory};

    for (unsigned i = 2; word[1] != NULL && word[i] != NULL; i++) {
        bool has_value = word[i + 1] != NULL;
        if (strcmp(word[i], "active") == 0) {
            memory.is_active = true;
        } else if (strcmp(word[i], "drained") == 0) {
            memory.is_drained = true;
            memory.cause = FAILOVER_CAUSE_QUOTA;
        } else if (strcmp(word[i], "limited") == 0 && has_value) {
            memory.limited_in_ms = story_parse_ms(word[++i]);
            memory.cause = FAILOVER_CAUSE_RATE;
        } else if (strcmp(word[i], "hold") == 0 && has_value) {
            memory.hold_in_ms = story_parse_ms(word[++i]);
        } else if (strcmp(word[i], "estimate") == 0 && has_value) {
            memory.has_usage = memory.usage.has_remaining = true;
            memory.usage.entitlement_milli = 300000;
            memory.estimate_milli = story_parse_milli(word[++i]);
            memory.usage.remaining_milli = memory.estimate_milli;
        } else if (strcmp(word[i], "reset") == 0 && has_value) {
            memory.usage.reset_in_ms = story_parse_ms(word[++i]);
        } else {
            story_wrong("a node is not restored '%s'", word[i]);
        }
    }
    story_post(ev);
}

static void do_probe(char **word)
{
    story_post((struct failover_event){.type = FAILOVER_PROBE_DONE,
                                       .node = story_parse_node(word[1]),
                                       .is_ok = word[2] != NULL && strcmp(word[2], "ok") == 0});
}

void story_add_node(uint16_t node, uint32_t rank)
{
    story_post((struct failover_event){.type = FAILOVER_NODE_ADDED,
                                       .node = node,
                                       .rank = rank,
                                       .is_owned = (story.external >> node & 1) == 0});
}

/* Everything but the memory of each node is gone, and every client. */
static void do_program(char **word)
{
    static struct failover before;
    struct failover_memory memory;

    if (word[1] == NULL || strcmp(word[1], "restarts") != 0) {
        story_wrong("program restarts");
        return;
    }
    before = story.engine;
    for (unsigned i = 0; i < story.names_count; i++)
        story.names[i].is_open = false;
    story.attempts_count = 0;
    story.poll_node = FAILOVER_NONE;
    failover_init(&story.engine, &story.policy, 0);
    for (uint16_t i = 0; i < before.node_top; i++) {
        if (!before.nodes[i].is_used)
            continue;
        failover_remember(&before, i, story.now, &memory);
        story_add_node(i, before.nodes[i].rank);
        story_post(
            (struct failover_event){.type = FAILOVER_RESTORED, .node = i, .memory = &memory});
    }
}

static void do_hold(char **word)
{
    static const char *const holds[] = {"none", "keep", "restart", "stop"};

    for (unsigned i = 0; word[1] != NULL && word[2] != NULL && i < 4; i++) {
        if (strcmp(word[2], holds[i]) == 0) {
            story_post((struct failover_event){.type = FAILOVER_NODE_HELD,
                                               .node = story_parse_node(word[1]),
                                               .hold = (enum failover_hold)i});
            return;
        }
    }
    story_wrong("hold NODE none, keep, restart or stop");
}

static void do_add(char **word)
{
    uint16_t node = story_parse_node(word[1]);
    bool has_rank = word[1] != NULL && word[2] != NULL && strcmp(word[2], "rank") == 0;

    story_add_node(node, has_rank ? story_parse_node(word[3]) + 1u : node + 1u);
}

static void do_remove(char **word)
{
    uint16_t node = story_parse_node(word[1]);

    if (story.poll_node == node)
        story.poll_node = FAILOVER_NONE;
    story_post((struct failover_event){.type = FAILOVER_NODE_REMOVED, .node = node});
}

/* The first one has the lowest rank. */
static void do_order(char **word)
{
    uint32_t ranks[NODES_MAX] = {0};

    for (uint32_t i = 1; word[i] != NULL; i++)
        ranks[story_parse_node(word[i])] = i;
    story_post((struct failover_event){.type = FAILOVER_ORDER, .ranks = ranks});
}

static void do_reset(char **word)
{
    story_post(
        (struct failover_event){.type = FAILOVER_RESET_ACTIVE,
                                .node = word[1] ? story_parse_node(word[1]) : FAILOVER_NONE});
}

static void do_request(char **word)
{
    unsigned name = parse_name(word[1], true);
    struct failover_event ev = {
        .type = FAILOVER_REQUEST, .request = {(uint16_t)name, 7}, .cost_milli = 1000};

    for (unsigned i = 2; word[1] != NULL && word[i] != NULL; i++) {
        if (strcmp(word[i], "free") == 0) {
            ev.is_free_model = true;
            ev.cost_milli = 0;
        } else if (strcmp(word[i], "bypass") == 0) {
            ev.is_bypass = true;
            ev.cost_milli = 0;
        } else if (strcmp(word[i], "cost") == 0 && word[i + 1] != NULL) {
            ev.cost_milli = (int32_t)story_parse_milli(word[++i]);
        } else {
            story_wrong("a request cannot be '%s'", word[i]);
        }
    }
    if (!story.is_wrong)
        story_post(ev);
}

static void do_client(char **word)
{
    unsigned name = parse_name(word[1], false);
    bool is_gone = strcmp(word[0], "gone") == 0;

    if (is_gone && story.names[name].is_open)
        story_say(&story.expected, "end %s", story.names[name].word);
    story_post(
        (struct failover_event){.type = is_gone ? FAILOVER_CLIENT_GONE : FAILOVER_CLIENT_FIN,
                                .request = {(uint16_t)name, 7}});
}

/* The attempt that the words speak of; -1 when there was none. */
static int find_attempt(unsigned name, char **word)
{
    const char *on = NULL;
    int found = -1;

    for (unsigned i = 2; word[i] != NULL; i++) {
        if (strcmp(word[i], "on") == 0)
            on = word[i + 1];
    }
    for (unsigned i = 0; i < story.attempts_count; i++) {
        if (story.attempts[i].name == name &&
            (on == NULL || story.attempts[i].node == story_parse_node(on)))
            found = (int)i;
    }
    if (found < 0)
        story_wrong("%s was not dispatched", story.names[name].word);
    return found;
}

static void do_started(char **word)
{
    int attempt = find_attempt(parse_name(word[1], false), word);

    if (attempt >= 0)
        story_post((struct failover_event){.type = FAILOVER_STARTED,
                                           .attempt = story.attempts[attempt].id});
}

static void post_outcome(char **word, enum failover_outcome outcome, uint64_t wait_ms)
{
    unsigned name = parse_name(word[1], false);
    int attempt = find_attempt(name, word);

    if (attempt < 0)
        return;
    if (outcome == FAILOVER_OUTCOME_OK && story.names[name].attempt == attempt)
        story_say(&story.expected, "end %s", story.names[name].word);
    if (outcome == FAILOVER_OUTCOME_TIMEOUT && story.names[name].attempt == attempt)
        story.names[name].attempt = -1;
    story_post((struct failover_event){.type = FAILOVER_OUTCOME,
                                       .attempt = story.attempts[attempt].id,
                                       .outcome = outcome,
                                       .retry_after_ms = wait_ms});
}

static void do_done(char **word)
{
    post_outcome(word, FAILOVER_OUTCOME_OK, 0);
}

static void do_outcome(char **word)
{
    struct outcome_answer answer = {.code = SLICE(""), .message = SLICE("")};
    uint64_t wait_ms = 0;

    if (word[1] == NULL || word[2] == NULL) {
        story_wrong("outcome NAME WHAT");
        return;
    }
    if (strncmp(word[2], "http-", 5) == 0) {
        answer.status = (unsigned)strtoul(word[2] + 5, NULL, 10);
        for (unsigned i = 3; word[i] != NULL; i++) {
            if (strcmp(word[i], "on") == 0)
                i++;
            else if (strcmp(word[i], "after") == 0)
                answer.retry_after_ms = story_parse_ms(word[++i]);
            else if (word[i][0] == '"')
                answer.message = (struct slice){word[i] + 1, strlen(word[i]) - 2};
            else
                answer.code = slice_of(word[i]);
        }
        enum failover_outcome outcome = outcome_classify(&answer, &wait_ms);
        post_outcome(word, outcome, wait_ms);
        return;
    }
    for (int i = 0; i < FAILOVER_OUTCOME_COUNT; i++) {
        if (strcmp(failover_outcome_name((enum failover_outcome)i), word[2]) == 0) {
            post_outcome(word, (enum failover_outcome)i, 0);
            return;
        }
    }
    story_wrong("'%s' is no outcome", word[2]);
}

/* ---------------------------------------------------------------- all of them */

static void do_policy(char **word)
{
    story_policy(word);
    story_post((struct failover_event){.type = FAILOVER_POLICY, .policy = &story.policy});
}

bool story_event(char **word)
{
    static const struct {
        const char *verb;
        void (*run)(char **word);
    } verbs[] = {
        {"add", do_add},         {"answers", do_answers},    {"done", do_done},
        {"down", do_down},       {"evidence", do_evidence},  {"restored", do_restored},
        {"fin", do_client},      {"gone", do_client},        {"hold", do_hold},
        {"order", do_order},     {"outcome", do_outcome},    {"policy", do_policy},
        {"probe", do_probe},     {"program", do_program},    {"remove", do_remove},
        {"request", do_request}, {"reset-active", do_reset}, {"started", do_started},
        {"up", do_up},           {"usage", do_usage},        {"usage-failed", do_usage_failed},
    };

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].verb, word[0]) == 0) {
            verbs[i].run(word);
            return true;
        }
    }
    return false;
}
