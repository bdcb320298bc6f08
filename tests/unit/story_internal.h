/* story_internal.h - the story being told, for the files that tell it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef STORY_INTERNAL_H
#define STORY_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "failover.h"

#define WORDS_MAX    16
#define TEXTS_MAX    64
#define NAMES_MAX    64
#define ATTEMPTS_LOG 128

struct texts {
    unsigned count;
    char at[TEXTS_MAX][96];
};

struct name {
    char word[16];
    bool is_open;
    int attempt; /* bound now; -1 = none */
};

struct story {
    const char *file;
    unsigned line;
    bool is_wrong; /* said so already */
    bool is_begun;
    bool is_rising; /* in the middle of `up N` */
    enum node_state rose_from;
    unsigned nodes;
    uint64_t external; /* bit a node */
    uint64_t now;
    uint16_t poll_node;
    uint16_t poll_serial;
    unsigned names_count;
    struct name names[NAMES_MAX];
    unsigned attempts_count;
    struct {
        struct failover_id id;
        unsigned name;
        uint16_t node;
    } attempts[ATTEMPTS_LOG];
    struct texts got;
    struct texts expected;
    struct failover_policy policy;
    struct failover engine;
};

extern struct story story;

/* Says what is wrong, once a story; the rest of it is skipped. */
void story_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

void story_say(struct texts *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 500, 500ms, 5s, 2m, 1h. NULL and nonsense are wrong. */
uint64_t story_parse_ms(const char *word);

/* 1 to NODES_MAX -> slot. */
uint16_t story_parse_node(const char *word);

/* 0.33 -> 330. */
int64_t story_parse_milli(const char *word);

/* Steps the engine with the event, now, and writes its actions to story.got. */
void story_post(struct failover_event ev);

/* Lets the timer fire up to that moment. */
void story_pass_time(uint64_t until);

/* Adds the node, ours or not. */
void story_add_node(uint16_t node, uint32_t rank);

/* One event; words end with NULL. False when the verb is unknown. */
bool story_event(char **word);

/* `policy NAME VALUE...`, the same before the story begins and in it. */
void story_policy(char **word);

#endif
