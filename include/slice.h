/* slice.h - a borrowed run of bytes that need not end in NUL.
 *
 * Freestanding: safe to include from core modules. A slice never owns its bytes; it lives as
 * long as what it points into. All comparisons are exact in bytes; the `_nocase` ones fold
 * ASCII letters only, as HTTP does (RFC 9110 section 5.1).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SLICE_H
#define SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *at;
    size_t len;
};

/* For string literals only. */
#define SLICE(literal) ((struct slice){.at = (literal), .len = sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){.at = text, .len = text == NULL ? 0 : strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline char slice_fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (slice_fold(a.at[i]) != slice_fold(b.at[i]))
            return false;
    }
    return true;
}

static inline bool slice_starts_with(struct slice text, struct slice prefix)
{
    return text.len >= prefix.len &&
           (prefix.len == 0 || memcmp(text.at, prefix.at, prefix.len) == 0);
}

/* The slice without its first `n` bytes; n must not exceed its length. */
static inline struct slice slice_skip(struct slice text, size_t n)
{
    return (struct slice){.at = text.at + n, .len = text.len - n};
}

/* The slice without spaces and tabs at both ends (OWS of RFC 9110 section 5.6.3). */
static inline struct slice slice_trim(struct slice text)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = slice_skip(text, 1);
    while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Position of a byte in `text`, or SIZE_MAX. */
static inline size_t slice_find_byte(struct slice text, char byte)
{
    const char *at = text.len == 0 ? NULL : memchr(text.at, byte, text.len);

    return at == NULL ? SIZE_MAX : (size_t)(at - text.at);
}

/* Position of `needle` in `text`, or SIZE_MAX. An empty needle is found at 0. */
static inline size_t slice_find(struct slice text, struct slice needle)
{
    if (needle.len == 0)
        return 0;
    for (size_t i = 0; i + needle.len <= text.len; i++) {
        if (text.at[i] == needle.at[0] && memcmp(text.at + i, needle.at, needle.len) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* Parses a whole slice of decimal digits, no sign and no spaces, at most `max`. */
static inline bool slice_to_u64(struct slice text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c < '0' || c > '9')
            return false;
        uint64_t digit = (uint64_t)(c - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
        if (value > max)
            return false;
    }
    *ret_value = value;
    return true;
}

#endif
