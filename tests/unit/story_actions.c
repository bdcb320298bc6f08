/* story_actions - a story's engine: steps it and puts what it does into words.
 *
 * SPDX-License-Identifier: MIT
 */
#include "story_internal.h"

#include <stdio.h>
#include <string.h>

static const char *show_ms(uint64_t ms)
{
    static char text[32];

    if (ms % 1000 == 0)
        (void)snprintf(text, sizeof text, "%llus", (unsigned long long)(ms / 1000));
    else
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)ms);
    return text;
}

static const char *show_node(uint16_t node, char *text, size_t size)
{
    (void)snprintf(text, size, node == FAILOVER_NONE ? "none" : "%u", node + 1u);
    return text;
}

static const char *const reply_words[] = {
    [FAILOVER_REPLY_NO_NODE] = "no-node",   [FAILOVER_REPLY_EXHAUSTED] = "exhausted",
    [FAILOVER_REPLY_HANDOFF] = "handoff",   [FAILOVER_REPLY_QUEUE_FULL] = "queue-full",
    [FAILOVER_REPLY_UPSTREAM] = "upstream",
};
_Static_assert(sizeof reply_words / sizeof reply_words[0] == FAILOVER_REPLY_COUNT,
               "a word each");

static void hear_dispatch(const struct failover_action *a)
{
    struct name *n = &story.names[a->request.slot];

    if (story.attempts_count == ATTEMPTS_LOG) {
        story_wrong("too many attempts");
        return;
    }
    n->attempt = (int)story.attempts_count;
    story.attempts[story.attempts_count].id = a->attempt;
    story.attempts[story.attempts_count].name = a->request.slot;
    story.attempts[story.attempts_count++].node = a->node;
    story_say(&story.got, "dispatch %s -> %u", n->word, a->node + 1u);
}

static void hear_end(const struct failover_action *a)
{
    static const char *const verbs[] = {
        [FAILOVER_PASS] = "pass", [FAILOVER_TRUNCATE] = "truncate", [FAILOVER_DONE] = "end"};
    struct name *n = &story.names[a->request.slot];

    if (!n->is_open)
        story_wrong("%s ends twice", n->word);
    n->is_open = false;
    n->attempt = -1;
    if (a->type != FAILOVER_REPLY)
        story_say(&story.got, "%s %s", verbs[a->type], n->word);
    else if (a->retry_after_ms == 0)
        story_say(&story.got, "reply %s %u %s", n->word, a->status, reply_words[a->reply]);
    else
        story_say(&story.got, "reply %s %u %s (retry %s)", n->word, a->status,
                  reply_words[a->reply], show_ms(a->retry_after_ms));
}

/* `up N` is told as one change, although its node is STARTING for a moment. */
static bool hear_rise(const struct failover_action *a)
{
    if (!story.is_rising)
        return false;
    if (a->new_state == NODE_STARTING) {
        story.rose_from = a->old_state;
        return true;
    }
    story_say(&story.got, "node %u %s>%s (%s)", a->node + 1u, node_state_name(story.rose_from),
              node_state_name(a->new_state), failover_cause_name(a->cause));
    return true;
}

static void hear(const struct failover_action *a)
{
    char from[8];
    unsigned node = a->node + 1u;
    const char *cause = failover_cause_name(a->cause);

    switch (a->type) {
    case FAILOVER_DISPATCH:
        hear_dispatch(a);
        break;
    case FAILOVER_PASS:
    case FAILOVER_REPLY:
    case FAILOVER_TRUNCATE:
    case FAILOVER_DONE:
        hear_end(a);
        break;
    case FAILOVER_ABORT:
        for (unsigned i = 0; i < story.attempts_count; i++) {
            if (memcmp(&story.attempts[i].id, &a->attempt, sizeof a->attempt) == 0)
                story_say(&story.got, "abort %s", story.names[story.attempts[i].name].word);
        }
        break;
    case FAILOVER_POLL:
        story.poll_node = a->node;
        story.poll_serial = a->poll_serial;
        story_say(&story.got, "poll %u", node);
        break;
    case FAILOVER_PROBE:
        story_say(&story.got, "probe %u", node);
        break;
    case FAILOVER_RESTART:
        story_say(&story.got, "restart %u (%s)", node, cause);
        break;
    case FAILOVER_NODE_CHANGED:
        if (hear_rise(a))
            break;
        story_say(&story.got, "node %u %s>%s (%s)", node, node_state_name(a->old_state),
                  node_state_name(a->new_state), cause);
        break;
    case FAILOVER_SWITCHED:
        story_say(&story.got, "switch %s>%u (%s)", show_node(a->from, from, sizeof from), node,
                  cause);
        break;
    case FAILOVER_ACTION_COUNT:
        story_wrong("an action of no kind");
    }
}

void story_post(struct failover_event ev)
{
    static struct failover_actions actions;

    ev.now_ms = story.now;
    failover_step(&story.engine, &ev, &actions);
    for (uint32_t i = 0; i < actions.count; i++)
        hear(&actions.at[i]);
}

void story_pass_time(uint64_t until)
{
    for (unsigned i = 0; failover_deadline(&story.engine) <= until; i++) {
        if (i == 10000) {
            story_wrong("the timer spins");
            return;
        }
        if (story.now < failover_deadline(&story.engine))
            story.now = failover_deadline(&story.engine);
        story_post((struct failover_event){.type = FAILOVER_TIMER});
    }
    if (until < story.now)
        story_wrong("time runs backwards");
    story.now = until;
}
