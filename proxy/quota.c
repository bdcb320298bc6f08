/* quota - reads copilot-api's answer to GET /usage.
 *
 * GitHub's JSON, every field optional (FACTS 3). Paid plans have quota_snapshots with
 * premium_interactions; the free plan has limited_user_quotas instead. A figure of -1 means
 * "does not apply". Numbers of any size are brought into range, never trusted.
 *
 * SPDX-License-Identifier: MIT
 */
#include "quota.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

/* Beyond this a figure is nonsense, and thousandths would not fit. */
#define FIGURE_MAX 1e12

static bool read_digits(struct slice text, size_t at, size_t len, int *ret_value)
{
    uint64_t value;

    if (text.len < at + len || !slice_to_u64((struct slice){text.at + at, len}, 9999, &value))
        return false;
    *ret_value = (int)value;
    return true;
}

int quota_parse_date(struct slice text, int64_t *ret_ms)
{
    struct tm date = {0};

    bool is_date = read_digits(text, 0, 4, &date.tm_year) && text.at[4] == '-' &&
                   read_digits(text, 5, 2, &date.tm_mon) && text.at[7] == '-' &&
                   read_digits(text, 8, 2, &date.tm_mday);
    if (!is_date || date.tm_mon < 1 || date.tm_mon > 12 || date.tm_mday < 1 ||
        date.tm_mday > 31)
        return -EINVAL;
    if (text.len > 10) {
        bool is_time = text.len >= 19 && text.at[10] == 'T' &&
                       read_digits(text, 11, 2, &date.tm_hour) && text.at[13] == ':' &&
                       read_digits(text, 14, 2, &date.tm_min) && text.at[16] == ':' &&
                       read_digits(text, 17, 2, &date.tm_sec);
        if (!is_time || date.tm_hour > 23 || date.tm_min > 59 || date.tm_sec > 60)
            return -EINVAL;
    }
    date.tm_year -= 1900;
    date.tm_mon -= 1;
    *ret_ms = (int64_t)timegm(&date) * 1000;
    return 0;
}

/* A number of any kind, in range; false when absent or -1 ("does not apply"). */
static bool read_figure(const json_t *object, const char *key, double *ret_value)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        return false;
    double figure = json_number_value(value);
    if (figure != figure || figure == -1)
        return false;
    if (figure > FIGURE_MAX)
        figure = FIGURE_MAX;
    if (figure < -FIGURE_MAX)
        figure = -FIGURE_MAX;
    *ret_value = figure;
    return true;
}

static void read_word(const json_t *object, const char *key, char *ret_word)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (text != NULL)
        (void)snprintf(ret_word, QUOTA_WORD_MAX, "%s", text);
}

static void read_snapshot(const json_t *premium, struct quota *q)
{
    double remaining = 0;
    double entitlement = 0;
    double percent = 0;

    q->usage.is_unlimited = json_is_true(json_object_get(premium, "unlimited"));
    q->is_overage_permitted = json_is_true(json_object_get(premium, "overage_permitted"));
    bool has_entitlement = read_figure(premium, "entitlement", &entitlement);
    bool has_remaining = read_figure(premium, "quota_remaining", &remaining) ||
                         read_figure(premium, "remaining", &remaining);
    bool has_percent = read_figure(premium, "percent_remaining", &percent);
    if (!has_percent && has_remaining && has_entitlement && entitlement > 0) {
        percent = 100 * remaining / entitlement;
        has_percent = true;
    }
    if (!has_remaining && has_percent && has_entitlement) {
        remaining = entitlement * percent / 100;
        has_remaining = true;
    }
    q->percent_remaining = has_percent ? percent : -1;
    q->usage.has_remaining = has_remaining && !q->usage.is_unlimited;
    q->usage.remaining_milli = (int64_t)(remaining * 1000);
    q->usage.entitlement_milli = (int64_t)(entitlement * 1000);
    q->usage.is_exhausted = !q->usage.is_unlimited && has_percent && percent <= 0;
}

/* The free plan counts chat messages; there is no percentage. */
static void read_free_plan(const json_t *quotas, struct quota *q)
{
    double chat = 0;

    if (!read_figure(quotas, "chat", &chat))
        return;
    q->usage.has_remaining = true;
    q->usage.remaining_milli = (int64_t)(chat * 1000);
    q->usage.is_exhausted = chat <= 0;
}

static void read_reset(const json_t *root, int64_t wall_ms, struct quota *q)
{
    static const char *const keys[] = {"quota_reset_date_utc", "quota_reset_date",
                                       "limited_user_reset_date"};
    int64_t at;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char word[QUOTA_WORD_MAX] = "";
        read_word(root, keys[i], word);
        if (quota_parse_date(slice_of(word), &at) < 0)
            continue;
        memcpy(q->reset_date, word, sizeof word);
        q->usage.reset_in_ms = at > wall_ms ? (uint64_t)(at - wall_ms) : 0;
        return;
    }
}

int quota_parse(struct slice body, int64_t wall_ms, struct quota *ret_quota)
{
    struct quota q = {.percent_remaining = -1};
    json_error_t error;

    json_t *root = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
    const json_t *snapshots = json_object_get(root, "quota_snapshots");
    const json_t *premium = json_object_get(snapshots, "premium_interactions");
    const json_t *limited = json_object_get(root, "limited_user_quotas");
    bool is_known = json_is_object(snapshots) || json_is_object(limited) ||
                    json_is_string(json_object_get(root, "copilot_plan"));
    if (json_is_object(premium))
        read_snapshot(premium, &q);
    else if (json_is_object(limited))
        read_free_plan(limited, &q);
    read_word(root, "copilot_plan", q.plan);
    read_reset(root, wall_ms, &q);
    json_decref(root);
    if (!is_known)
        return -EINVAL;
    *ret_quota = q;
    return 0;
}
