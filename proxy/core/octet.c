/* octet - what an octet may be in HTTP: a letter of a token, a part of a value, a digit.
 *
 * Pure. Token letters are a bitmap of ASCII, 32 octets a word.
 *
 * SPDX-License-Identifier: MIT
 */
#include "octet.h"

#include <stdint.h>

/* "!#$%&'*+-.^_`|~", digits and letters (RFC 9110 section 5.6.2). */
static const uint32_t token_letters[4] = {0x00000000, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

bool octet_is_token(char c)
{
    unsigned char octet = (unsigned char)c;

    return octet < 0x80 && (token_letters[octet / 32] >> (octet % 32) & 1) != 0;
}

bool octet_are_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!octet_is_token(text.at[i]))
            return false;
    }
    return text.len > 0;
}
