/* docker_names - the order of containers, who we are among them, and when a line was written.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/docker_names.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(const char *text)
{
    size_t n = 0;

    while (is_digit(text[n]))
        n++;
    return n;
}

/* Two runs of digits as numbers, however long: without its leading zeros the longer one is the
 * larger one. */
static int compare_numbers(const char *a, size_t a_len, const char *b, size_t b_len)
{
    for (; a_len > 0 && *a == '0'; a++)
        a_len--;
    for (; b_len > 0 && *b == '0'; b++)
        b_len--;
    if (a_len != b_len)
        return a_len < b_len ? -1 : 1;
    return memcmp(a, b, a_len);
}

int docker_names_compare(const char *a, const char *b)
{
    const char *first_a = a;
    const char *first_b = b;

    while (*a != '\0' && *b != '\0') {
        size_t a_len = count_digits(a);
        size_t b_len = count_digits(b);
        int order = 0;
        if (a_len > 0 && b_len > 0)
            order = compare_numbers(a, a_len, b, b_len);
        else
            a_len = b_len = 1, order = (unsigned char)*a - (unsigned char)*b;
        if (order != 0)
            return order;
        a += a_len;
        b += b_len;
    }
    if (*a != *b)
        return *a == '\0' ? -1 : 1;
    return strcmp(first_a, first_b);
}

static bool is_id(const char *text)
{
    for (size_t i = 0; i < DOCKER_ID_LEN; i++) {
        if (!is_digit(text[i]) && (text[i] < 'a' || text[i] > 'f'))
            return false;
    }
    return text[DOCKER_ID_LEN] == '/';
}

bool docker_names_own_id(struct slice mountinfo, char ret_id[DOCKER_ID_LEN + 1])
{
    const struct slice word = SLICE("containers/");
    size_t at;

    while ((at = slice_find(mountinfo, word)) != SIZE_MAX) {
        mountinfo = slice_skip(mountinfo, at + word.len);
        if (mountinfo.len <= DOCKER_ID_LEN || !is_id(mountinfo.at))
            continue;
        memcpy(ret_id, mountinfo.at, DOCKER_ID_LEN);
        ret_id[DOCKER_ID_LEN] = '\0';
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- moments */

/* Days from 1970-01-01 to the first of March of year 0 and back: years begin in March here, so
 * that the day that may be missing is the last one. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool take_number(struct slice *text, size_t digits, char end, int64_t *ret_value)
{
    uint64_t value;

    if (text->len <= digits || (end != '\0' && text->at[digits] != end) ||
        !slice_to_u64((struct slice){.at = text->at, .len = digits}, 9999, &value))
        return false;
    *ret_value = (int64_t)value;
    *text = slice_skip(*text, end == '\0' ? digits : digits + 1);
    return true;
}

/* ".123456789" or nothing; what is finer than a millisecond is left out. */
static int64_t take_fraction(struct slice *text)
{
    int64_t ms = 0;
    unsigned digits = 0;

    if (text->len == 0 || text->at[0] != '.')
        return 0;
    *text = slice_skip(*text, 1);
    for (; text->len > 0 && is_digit(text->at[0]); *text = slice_skip(*text, 1)) {
        if (digits++ < 3)
            ms = ms * 10 + (text->at[0] - '0');
    }
    for (; digits < 3; digits++)
        ms *= 10;
    return ms;
}

bool docker_names_take_time(struct slice *line, int64_t *ret_ms)
{
    struct slice rest = *line;
    int64_t year, month, day, hour, minute, second;

    if (!take_number(&rest, 4, '-', &year) || !take_number(&rest, 2, '-', &month) ||
        !take_number(&rest, 2, 'T', &day) || !take_number(&rest, 2, ':', &hour) ||
        !take_number(&rest, 2, ':', &minute) || !take_number(&rest, 2, '\0', &second) ||
        month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    int64_t ms = take_fraction(&rest);
    if (rest.len == 0 || rest.at[0] != 'Z')
        return false;
    rest = slice_skip(rest, 1);
    if (rest.len > 0 && rest.at[0] == ' ')
        rest = slice_skip(rest, 1);
    int64_t days = days_since_1970(year, month, day);
    *ret_ms = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms;
    *line = rest;
    return true;
}
