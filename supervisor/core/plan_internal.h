/* plan_internal.h - what plan*.c share; nobody else includes it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PLAN_INTERNAL_H
#define PLAN_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"
#include "supervisor/core/plan.h"

#define PLAN_NUMBER_TEXT_MAX 21 /* UINT64_MAX and NUL */

/* One build in progress. */
struct plan_builder {
    const struct plan_request *request;
    struct plan *plan;
    struct error *error;
    const char *setting; /* that is being read, for errors */
    char port[PLAN_NUMBER_TEXT_MAX];
};

/* Writes "node NAME: part part part"; the parts end in NULL. Returns false always. */
bool plan_refuse(struct plan_builder *b, ...);

void plan_put_number(uint64_t value, char ret_text[PLAN_NUMBER_TEXT_MAX]);

/* Appends to the plan's bytes. */
bool plan_put(struct plan_builder *b, struct slice text) MUST_CHECK;
bool plan_put_end(struct plan_builder *b) MUST_CHECK;
bool plan_add_word(struct plan_builder *b, const char *text) MUST_CHECK;

/* plan_words.c: expands %(...)s and undoes %% in a text without quotes. */
bool plan_expand(struct plan_builder *b, struct slice text) MUST_CHECK;

/* plan_words.c: the command into words. */
bool plan_split(struct plan_builder *b) MUST_CHECK;

/* plan_env.c: the whole environment. */
bool plan_build_env(struct plan_builder *b) MUST_CHECK;

/* plan_env.c: the value of a variable in an environment, or NULL. */
const char *plan_find(char *const *env, size_t count, struct slice name);

/* plan_env.c: the value of one of our own variables, or NULL. */
const char *plan_inherited(const struct plan_builder *b, struct slice name);

#endif
