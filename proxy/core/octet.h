/* octet.h - what an octet may be in HTTP: a letter of a token, a part of a value, a digit.
 *
 * Pure. The classes of RFC 9110 section 5.6.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef OCTET_H
#define OCTET_H

#include <stdbool.h>
#include <stddef.h>

#include "slice.h"

/* tchar: a letter of a token, as names of fields and methods are (section 5.6.2). */
bool octet_is_token(char c);

/* One of them at least, and nothing else. */
bool octet_are_token(struct slice text);

/* May stand in the value of a field: HTAB, SP, VCHAR or obs-text (section 5.5). */
static inline bool octet_is_text(char c)
{
    unsigned char octet = (unsigned char)c;

    return octet == '\t' || (octet >= ' ' && octet != 0x7f);
}

static inline bool octet_is_space(char c)
{
    return c == ' ' || c == '\t';
}

static inline bool octet_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 0 to 15, or -1 for what is no hex digit. */
static inline int octet_hex(char c)
{
    char letter = slice_fold(c);

    if (octet_is_digit(c))
        return c - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

#endif
