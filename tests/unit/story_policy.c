/* story_policy - the settings of a story (see story.h).
 *
 * SPDX-License-Identifier: MIT
 */
#include "story_internal.h"

#include <stdlib.h>
#include <string.h>

static uint32_t parse_retry_on(char **word)
{
    /* What broke off before its first byte is moved on whatever the setting says. */
    uint32_t mask = FAILOVER_RETRY(BROKEN);

    for (unsigned i = 2; word[i] != NULL; i++) {
        int outcome = 0;
        while (outcome < FAILOVER_OUTCOME_COUNT &&
               strcmp(failover_outcome_name((enum failover_outcome)outcome), word[i]) != 0)
            outcome++;
        if (outcome == FAILOVER_OUTCOME_COUNT)
            story_wrong("retry_on has no '%s'", word[i]);
        else
            mask |= UINT32_C(1) << outcome;
    }
    return mask;
}

void story_policy(char **word)
{
    struct failover_policy *p = &story.policy;
    struct {
        const char *name;
        uint64_t *time;
        uint16_t *number;
        int64_t *milli;
        bool *flag; /* set by the word below */
        const char *set;
    } const settings[] = {
        {"node_wait", .time = &p->node_wait_ms},
        {"handoff_timeout", .time = &p->handoff_timeout_ms},
        {"poll_interval", .time = &p->poll_interval_ms},
        {"drained_poll_interval", .time = &p->drained_poll_interval_ms},
        {"offline_check", .time = &p->offline_check_ms},
        {"cooldown", .time = &p->cooldown_ms},
        {"drain_hold", .time = &p->drain_hold_ms},
        {"poll_gap", .time = &p->poll_gap_ms},
        {"failback_after", .time = &p->failback_after_ms},
        {"reserve", .milli = &p->reserve_milli},
        {"failback", .flag = &p->is_failback, .set = "auto"},
        {"allow_overage", .flag = &p->is_overage_allowed, .set = "yes"},
        {"retry_limit", .number = &p->retry_limit},
        {"queue_max", .number = &p->queue_max},
        {"exhausted_status", .number = &p->exhausted_status},
        {"handoff", .flag = &p->is_overlap, .set = "overlap"},
        {"on_client_gone", .flag = &p->is_abort, .set = "abort"},
    };

    if (word[1] == NULL || word[2] == NULL) {
        story_wrong("policy NAME VALUE");
        return;
    }
    if (strcmp(word[1], "retry_on") == 0) {
        p->retry_mask = parse_retry_on(word);
        return;
    }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(settings[i].name, word[1]) != 0)
            continue;
        if (settings[i].time != NULL)
            *settings[i].time = story_parse_ms(word[2]);
        else if (settings[i].milli != NULL)
            *settings[i].milli = story_parse_milli(word[2]);
        else if (settings[i].number != NULL)
            *settings[i].number = (uint16_t)strtoul(word[2], NULL, 10);
        else
            *settings[i].flag = strcmp(word[2], settings[i].set) == 0;
        return;
    }
    story_wrong("no setting is called '%s'", word[1]);
}
