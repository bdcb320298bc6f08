/* config_diff - how two sets of settings differ, row by row of the settings table.
 *
 * Pure. What a value is made of depends on its type alone: bytes of a known size, or text that
 * may be missing; three types are lists, and have a comparison of their own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_diff.h"

#include <assert.h>
#include <string.h>

enum shape { SHAPE_BYTES, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_LISTEN, SHAPE_ENV, SHAPE_PRICE };

static const struct {
    enum shape shape;
    size_t size;
} kinds[CONFIG_TYPE_COUNT] = {
    [CONFIG_TYPE_DURATION] = {SHAPE_BYTES, sizeof(uint64_t)},
    [CONFIG_TYPE_SECONDS] = {SHAPE_BYTES, sizeof(int64_t)},
    [CONFIG_TYPE_BYTES] = {SHAPE_BYTES, sizeof(uint64_t)},
    [CONFIG_TYPE_INTEGER] = {SHAPE_BYTES, sizeof(int64_t)},
    [CONFIG_TYPE_BOOL] = {SHAPE_BYTES, sizeof(bool)},
    [CONFIG_TYPE_WORD] = {SHAPE_BYTES, sizeof(int64_t)},
    [CONFIG_TYPE_WORDS] = {SHAPE_BYTES, sizeof(uint32_t)},
    [CONFIG_TYPE_NAME] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_DIRECTORY] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_FILE] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_HOME_FILE] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_NODE_PATH] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_NODE_FILE] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_USER] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_GROUP] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_ADJUST] = {SHAPE_OPTIONAL, sizeof(struct config_optional)},
    [CONFIG_TYPE_LIMIT] = {SHAPE_OPTIONAL, sizeof(struct config_optional)},
    [CONFIG_TYPE_SIZE_LIMIT] = {SHAPE_OPTIONAL, sizeof(struct config_optional)},
    [CONFIG_TYPE_UMASK] = {SHAPE_OPTIONAL, sizeof(struct config_optional)},
    [CONFIG_TYPE_TOKEN] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_SOCKET] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_CIDRS] = {SHAPE_BYTES, sizeof(struct cidr_list)},
    [CONFIG_TYPE_HOSTS] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_ORIGINS] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_COMMAND] = {SHAPE_TEXT, sizeof(char *)},
    [CONFIG_TYPE_LISTEN] = {SHAPE_LISTEN, sizeof(struct config_listens)},
    [CONFIG_TYPE_URL] = {SHAPE_TEXT, 0},
    [CONFIG_TYPE_EXIT_CODES] = {SHAPE_BYTES, sizeof(struct config_exit_codes)},
    [CONFIG_TYPE_ENV] = {SHAPE_ENV, 0},
    [CONFIG_TYPE_PASS_ENV] = {SHAPE_ENV, 0},
    [CONFIG_TYPE_PRICE] = {SHAPE_PRICE, 0},
};

static bool is_text_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool differ_listens(const struct config_listens *a, const struct config_listens *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++) {
        if (a->at[i].kind != b->at[i].kind || a->at[i].port != b->at[i].port ||
            strcmp(a->at[i].host, b->at[i].host) != 0)
            return true;
    }
    return a->count != b->count;
}

/* Entries of one sort (env.NAME has values, pass_env has none) that `in` has not the same. */
static bool has_other_env(const struct config_node *of, const struct config_node *in,
                          bool has_value)
{
    for (size_t i = 0; i < of->env_count; i++) {
        const struct config_env *env = &of->env[i];
        size_t at = 0;
        if ((env->value != NULL) != has_value)
            continue;
        while (at < in->env_count && strcmp(in->env[at].name, env->name) != 0)
            at++;
        if (at == in->env_count || !is_text_equal(in->env[at].value, env->value))
            return true;
    }
    return false;
}

static bool has_other_price(const struct config_quota *of, const struct config_quota *in)
{
    for (size_t i = 0; i < of->multiplier_count; i++) {
        size_t at = 0;
        while (at < in->multiplier_count &&
               strcmp(in->multipliers[at].model, of->multipliers[i].model) != 0)
            at++;
        if (at == in->multiplier_count || in->multipliers[at].milli != of->multipliers[i].milli)
            return true;
    }
    return false;
}

bool config_diff_row(const struct config_row *row, const void *a, const void *b)
{
    const void *left = (const char *)a + row->offset;
    const void *right = (const char *)b + row->offset;
    bool has_value = row->type == CONFIG_TYPE_ENV;

    switch (kinds[row->type].shape) {
    case SHAPE_BYTES:
        return memcmp(left, right, kinds[row->type].size) != 0;
    case SHAPE_TEXT:
        return !is_text_equal(*(char *const *)left, *(char *const *)right);
    case SHAPE_OPTIONAL: {
        const struct config_optional *x = left;
        const struct config_optional *y = right;
        return x->is_set != y->is_set || (x->is_set && x->value != y->value);
    }
    case SHAPE_LISTEN:
        return differ_listens(left, right);
    case SHAPE_ENV:
        return has_other_env(a, b, has_value) || has_other_env(b, a, has_value);
    case SHAPE_PRICE:
        return has_other_price(left, right) || has_other_price(right, left);
    }
    return false;
}

bool config_diff_node(const struct config_node *a, const struct config_node *b,
                      enum config_effect effect)
{
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (strcmp(row->section, "node") == 0 && row->effect == effect &&
            config_diff_row(row, a, b))
            return true;
    }
    return false;
}

void config_diff_swap(const struct config_row *row, void *a, void *b)
{
    size_t size = kinds[row->type].size;
    char *left = (char *)a + row->offset;
    char *right = (char *)b + row->offset;

    assert(size > 0); /* more than one field */
    for (size_t i = 0; i < size; i++) {
        char byte = left[i];
        left[i] = right[i];
        right[i] = byte;
    }
}
