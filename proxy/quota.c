/* quota - reads copilot-api's answer to GET /usage.
 *
 * GitHub's JSON; no field is promised, and their types have changed (FACTS 3). What is known of
 * it is in tests/unit/golden/usage/, a file for each shape. In short:
 *
 *   paid plans     quota_snapshots.premium_interactions, counted in requests or in AI credits
 *   free plan      the same with an entitlement of 0, and what counts is the `chat` beside it;
 *                  or, older, limited_user_quotas of monthly_quotas
 *   unlimited      `unlimited` true, or an entitlement of -1; every other figure may be 0 then
 *   numbers        of any size, fractions, or as text; out of range they are brought into it
 *
 * A -1 is "does not apply", but beside a real entitlement it means one too many. A field of any
 * other type than expected is as good as missing, and what is missing exhausts nobody: a real
 * refusal shows soon enough. Numbers that jansson cannot hold (1e400) fail the whole answer.
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

#define YEAR_10000 INT64_C(253402300800) /* in seconds since 1970 */

/* One counter of an account, as it is told and as far as it can be completed. */
struct counter {
    double entitlement;
    double remaining;
    double percent;
    bool has_entitlement;
    bool has_remaining;
    bool has_percent;
    bool is_unlimited;
    bool is_overage_permitted;
    const json_t *snapshot; /* borrowed; NULL for the free plan's older form */
};

/* ---------------------------------------------------------------- dates */

static bool read_digits(struct slice text, size_t at, size_t len, int *ret_value)
{
    uint64_t value;

    if (text.len < at + len || !slice_to_u64((struct slice){text.at + at, len}, 9999, &value))
        return false;
    *ret_value = (int)value;
    return true;
}

/* What follows the seconds: ".123", then nothing, "Z" or "+02:00". */
static bool read_zone(struct slice text, int *ret_minutes)
{
    int hours = 0;
    int minutes = 0;

    if (text.len > 0 && text.at[0] == '.') {
        do
            text = slice_skip(text, 1);
        while (text.len > 0 && text.at[0] >= '0' && text.at[0] <= '9');
    }
    *ret_minutes = 0;
    if (text.len == 0 || slice_equal(text, SLICE("Z")))
        return true;
    if (text.len != 6 || (text.at[0] != '+' && text.at[0] != '-') || text.at[3] != ':' ||
        !read_digits(text, 1, 2, &hours) || !read_digits(text, 4, 2, &minutes))
        return false;
    *ret_minutes = (text.at[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
    return hours < 24 && minutes < 60;
}

int quota_parse_date(struct slice text, int64_t *ret_ms)
{
    struct tm date = {0};
    int zone_minutes = 0;

    bool is_date = text.len >= 10 && read_digits(text, 0, 4, &date.tm_year) &&
                   text.at[4] == '-' && read_digits(text, 5, 2, &date.tm_mon) &&
                   text.at[7] == '-' && read_digits(text, 8, 2, &date.tm_mday);
    if (!is_date || date.tm_mon < 1 || date.tm_mon > 12 || date.tm_mday < 1)
        return -EINVAL;
    if (text.len > 10) {
        bool is_time = text.len >= 19 && text.at[10] == 'T' &&
                       read_digits(text, 11, 2, &date.tm_hour) && text.at[13] == ':' &&
                       read_digits(text, 14, 2, &date.tm_min) && text.at[16] == ':' &&
                       read_digits(text, 17, 2, &date.tm_sec) &&
                       read_zone(slice_skip(text, 19), &zone_minutes);
        if (!is_time || date.tm_hour > 23 || date.tm_min > 59 || date.tm_sec > 59)
            return -EINVAL;
    }
    date.tm_year -= 1900;
    date.tm_mon -= 1;
    int day = date.tm_mday;
    int64_t seconds = (int64_t)timegm(&date);
    if (date.tm_mday != day) /* the 31st of a shorter month */
        return -EINVAL;
    *ret_ms = (seconds - zone_minutes * 60) * 1000;
    return 0;
}

/* ---------------------------------------------------------------- figures */

static double clamp(double figure)
{
    return figure > FIGURE_MAX ? FIGURE_MAX : figure < -FIGURE_MAX ? -FIGURE_MAX : figure;
}

static int64_t to_milli(double figure)
{
    return (int64_t)(clamp(figure) * 1000 + (figure < 0 ? -0.5 : 0.5));
}

/* A whole "-12.5" as people write it. No exponent; strtod() would ask the locale. */
static bool parse_decimal(const char *text, double *ret_value)
{
    double sign = *text == '-' ? -1 : 1;
    double value = 0;
    double scale = 1;

    text += *text == '-';
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (*text - '0');
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++) {
            scale /= 10;
            value += (*text - '0') * scale;
        }
    }
    *ret_value = sign * value;
    return *text == '\0';
}

/* A number of any kind, in range; entitlements come as text since 2026-05. */
static bool read_number(const json_t *value, double *ret_value)
{
    double number = 0;

    if (json_is_number(value))
        number = json_number_value(value);
    else if (!json_is_string(value) || !parse_decimal(json_string_value(value), &number))
        return false;
    *ret_value = clamp(number);
    return true;
}

/* The same for a figure that is -1 where it does not apply. */
static bool read_figure(const json_t *object, const char *key, bool is_metered,
                        double *ret_value)
{
    double number;

    if (!read_number(json_object_get(object, key), &number) || (number == -1 && !is_metered))
        return false;
    *ret_value = number;
    return true;
}

static bool is_metered(const struct counter *c)
{
    return c->has_entitlement && c->entitlement > 0 && !c->is_unlimited;
}

/* What two of the three figures say about the third. */
static void complete(struct counter *c)
{
    if (!is_metered(c))
        return;
    if (!c->has_percent && c->has_remaining) {
        c->percent = clamp(100 * c->remaining / c->entitlement);
        c->has_percent = true;
    } else if (c->has_percent && !c->has_remaining) {
        c->remaining = clamp(c->entitlement * c->percent / 100);
        c->has_remaining = true;
    }
}

/* ---------------------------------------------------------------- counters */

static bool read_snapshot(const json_t *snapshots, const char *key, struct counter *ret_counter)
{
    const json_t *snapshot = json_object_get(snapshots, key);
    struct counter c = {.snapshot = snapshot};

    if (!json_is_object(snapshot))
        return false;
    c.has_entitlement = read_number(json_object_get(snapshot, "entitlement"), &c.entitlement);
    c.is_unlimited = json_is_true(json_object_get(snapshot, "unlimited")) ||
                     (c.has_entitlement && c.entitlement == -1);
    c.is_overage_permitted = json_is_true(json_object_get(snapshot, "overage_permitted"));
    if (c.entitlement < 0) {
        c.has_entitlement = false;
        c.entitlement = 0;
    }
    bool has_meter = is_metered(&c);
    /* `remaining` is the floor of `quota_remaining`. */
    c.has_remaining = read_figure(snapshot, "quota_remaining", has_meter, &c.remaining) ||
                      read_figure(snapshot, "remaining", has_meter, &c.remaining);
    c.has_percent = read_figure(snapshot, "percent_remaining", has_meter, &c.percent);
    complete(&c);
    *ret_counter = c;
    return true;
}

/* The free plan's older form: chat messages that are left, and how many a month has. */
static bool read_limited(const json_t *root, struct counter *ret_counter)
{
    const json_t *left = json_object_get(root, "limited_user_quotas");
    const json_t *month = json_object_get(root, "monthly_quotas");
    struct counter c = {.snapshot = NULL};

    c.has_entitlement = read_number(json_object_get(month, "chat"), &c.entitlement);
    if (c.entitlement < 0) {
        c.has_entitlement = false;
        c.entitlement = 0;
    }
    c.has_remaining = read_figure(left, "chat", is_metered(&c), &c.remaining);
    if (!c.has_remaining)
        return false;
    complete(&c);
    if (!c.has_percent && c.remaining <= 0) /* without a month's figure: nothing is nothing */
        c.has_percent = true;
    *ret_counter = c;
    return true;
}

/* The counter that decides: premium interactions, unless they are not counted here or nothing
 * of them was ever granted. */
static struct counter choose_counter(const json_t *root)
{
    const json_t *snapshots = json_object_get(root, "quota_snapshots");
    struct counter premium = {.snapshot = NULL};
    struct counter other = {.snapshot = NULL};

    bool has_premium = read_snapshot(snapshots, "premium_interactions", &premium);
    bool is_granted =
        premium.is_unlimited || premium.entitlement > 0 || !premium.has_entitlement;
    if (has_premium && is_granted)
        return premium;
    if (read_snapshot(snapshots, "chat", &other) && is_metered(&other))
        return other;
    return read_limited(root, &other) ? other : premium;
}

static void apply_counter(const struct counter *c, struct quota *q)
{
    bool is_void = c->has_entitlement && c->entitlement == 0; /* 0 of 0 is no figure */

    q->percent_remaining = c->percent;
    q->has_percent = c->has_percent;
    q->usage.is_unlimited = c->is_unlimited;
    q->usage.has_remaining = c->has_remaining && !c->is_unlimited && !is_void;
    q->usage.remaining_milli = q->usage.has_remaining ? to_milli(c->remaining) : 0;
    q->usage.entitlement_milli = to_milli(c->entitlement);
    q->usage.is_exhausted = !c->is_unlimited && c->has_percent && c->percent <= 0;
    q->usage.is_overage_permitted = c->is_overage_permitted;
}

/* ---------------------------------------------------------------- the rest */

/* As much of the text as fits, without half a character at the end. */
static void copy_word(const char *text, char *ret_word)
{
    size_t len = text == NULL ? 0 : strlen(text);

    if (len >= QUOTA_WORD_MAX) {
        len = QUOTA_WORD_MAX - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memset(ret_word, 0, QUOTA_WORD_MAX);
    if (len > 0)
        memcpy(ret_word, text, len);
}

/* A date as text, or as seconds since 1970, of which 0 says nothing. */
static bool read_moment(const json_t *value, char *ret_word, int64_t *ret_ms)
{
    const char *text = json_string_value(value);
    char made[QUOTA_WORD_MAX];
    double seconds;
    struct tm utc;

    if (text != NULL && quota_parse_date(slice_of(text), ret_ms) == 0) {
        copy_word(text, ret_word);
        return true;
    }
    if (!json_is_number(value) || !read_number(value, &seconds) || seconds < 1 ||
        seconds >= (double)YEAR_10000)
        return false;
    time_t at = (time_t)seconds;
    (void)gmtime_r(&at, &utc);
    (void)strftime(made, sizeof made, "%Y-%m-%dT%H:%M:%SZ", &utc);
    copy_word(made, ret_word);
    *ret_ms = (int64_t)at * 1000;
    return true;
}

/* The first that is told, those of the whole account before that of one counter. */
static void read_reset(const json_t *root, const json_t *snapshot, int64_t wall_ms,
                       struct quota *q)
{
    const json_t *const values[] = {
        json_object_get(root, "quota_reset_date_utc"),
        json_object_get(root, "quota_reset_date"),
        json_object_get(root, "limited_user_reset_date"),
        json_object_get(snapshot, "quota_reset_at"),
        json_object_get(snapshot, "quota_reset_date"),
        json_object_get(snapshot, "reset_date"),
        json_object_get(root, "quota_reset_at"),
    };
    int64_t at;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (!read_moment(values[i], q->reset_date, &at))
            continue;
        q->usage.reset_in_ms = at > wall_ms ? (uint64_t)(at - wall_ms) : 0;
        return;
    }
}

int quota_parse(struct slice body, int64_t wall_ms, struct quota *ret_quota)
{
    struct quota q = {.has_percent = false};
    json_error_t error;

    /* Integers as reals: an id beyond 2^63 somewhere else must not spoil the answer. */
    json_t *root =
        json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    if (root == NULL)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
    const json_t *plan = json_object_get(root, "copilot_plan");
    bool is_known = json_is_object(json_object_get(root, "quota_snapshots")) ||
                    json_is_object(json_object_get(root, "limited_user_quotas")) ||
                    json_is_string(plan);
    struct counter counter = choose_counter(root);
    apply_counter(&counter, &q);
    copy_word(json_string_value(plan), q.plan);
    read_reset(root, counter.snapshot, wall_ms, &q);
    json_decref(root);
    if (!is_known)
        return -EINVAL;
    *ret_quota = q;
    return 0;
}
