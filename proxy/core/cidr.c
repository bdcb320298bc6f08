/* cidr - IP addresses and ranges of them.
 *
 * Pure: inet_pton(3) would do for settings, but addresses also come in header fields, where
 * core reads them. IPv4 is four decimal numbers without leading zeros, which other parsers take
 * for octal; IPv6 is RFC 4291 section 2.2 in all three forms.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cidr.h"

#include "octet.h"

#define GROUPS       8
#define GROUP_DIGITS 4

static const uint8_t v4_prefix[CIDR_V4_BITS / 8] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* ---------------------------------------------------------------- words */

#define V4(a, b, c, d, bits_)                                                                  \
    {                                                                                          \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, CIDR_V4_BITS + (bits_)         \
    }

static const struct cidr loopback[] = {
    V4(127, 0, 0, 0, 8),
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128},
};
static const struct cidr private[] = {
    V4(10, 0, 0, 0, 8),     V4(172, 16, 0, 0, 12), V4(192, 168, 0, 0, 16),
    V4(169, 254, 0, 0, 16), {{0xfc}, 7},           {{0xfe, 0x80}, 10},
};
static const struct cidr all[] = {V4(0, 0, 0, 0, 0), {{0}, 0}};

static const struct cidr_word words[] = {
    {{"loopback", 8}, loopback, sizeof loopback / sizeof loopback[0]},
    {{"private", 7}, private, sizeof private / sizeof private[0]},
    {{"all", 3}, all, sizeof all / sizeof all[0]},
};
#define WORDS (sizeof words / sizeof words[0])

const struct cidr_word *cidr_find_word(struct slice word)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (slice_equal_nocase(word, words[i].word))
            return &words[i];
    }
    return NULL;
}

const struct cidr_word *cidr_word_of(const struct cidr *at, size_t count)
{
    for (size_t i = 0; i < WORDS; i++) {
        const struct cidr_word *w = &words[i];
        bool is_it = w->count <= count;
        for (size_t j = 0; is_it && j < w->count; j++)
            is_it = at[j].bits == w->at[j].bits &&
                    memcmp(at[j].address, w->at[j].address, CIDR_ADDRESS_BYTES) == 0;
        if (is_it)
            return w;
    }
    return NULL;
}

/* ---------------------------------------------------------------- addresses */

/* A decimal number up to 255 at the beginning of `text`, without leading zeros. Its digits, or
 * 0. */
static size_t read_octet(struct slice text, uint8_t *ret_octet)
{
    unsigned value = 0;
    size_t len = 0;

    while (len < text.len && text.at[len] >= '0' && text.at[len] <= '9' && len < 3)
        value = value * 10 + (unsigned)(text.at[len++] - '0');
    if (len == 0 || value > 255 || (len > 1 && text.at[0] == '0'))
        return 0;
    *ret_octet = (uint8_t)value;
    return len;
}

static bool parse_v4(struct slice text, uint8_t *out)
{
    for (unsigned i = 0; i < 4; i++) {
        if (i > 0) {
            if (text.len == 0 || text.at[0] != '.')
                return false;
            text = slice_skip(text, 1);
        }
        size_t len = read_octet(text, &out[i]);
        if (len == 0)
            return false;
        text = slice_skip(text, len);
    }
    return text.len == 0;
}

/* Up to four hexadecimal digits at the beginning of `text`; how many, or 0. */
static size_t read_group(struct slice text, uint8_t out[2])
{
    unsigned value = 0;
    size_t len = 0;

    while (len < text.len && len < GROUP_DIGITS && octet_hex(text.at[len]) >= 0)
        value = value * 16 + (unsigned)octet_hex(text.at[len++]);
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return len;
}

/* Groups with single colons between them, an IPv4 address at the end in place of two. How many
 * groups there are, at most `max`; SIZE_MAX when it is something else. */
static size_t parse_groups(struct slice text, size_t max, uint8_t *out)
{
    size_t count = 0;

    while (text.len > 0) {
        if (count > 0) {
            if (text.at[0] != ':')
                return SIZE_MAX;
            text = slice_skip(text, 1);
        }
        if (count + 2 <= max && parse_v4(text, out + 2 * count))
            return count + 2;
        size_t len = count < max ? read_group(text, out + 2 * count) : 0;
        if (len == 0)
            return SIZE_MAX;
        text = slice_skip(text, len);
        count++;
    }
    return count;
}

static bool parse_v6(struct slice text, uint8_t *out)
{
    uint8_t tail[CIDR_ADDRESS_BYTES];
    size_t gap = slice_find(text, SLICE("::"));

    memset(out, 0, CIDR_ADDRESS_BYTES);
    if (gap == SIZE_MAX)
        return parse_groups(text, GROUPS, out) == GROUPS;
    /* "::" stands for one group of zeros or more. */
    size_t before = parse_groups((struct slice){text.at, gap}, GROUPS - 1, out);
    if (before == SIZE_MAX || slice_find_byte((struct slice){text.at, gap}, '.') != SIZE_MAX)
        return false;
    size_t after = parse_groups(slice_skip(text, gap + 2), GROUPS - 1 - before, tail);
    if (after == SIZE_MAX)
        return false;
    memcpy(out + 2 * (GROUPS - after), tail, 2 * after);
    return true;
}

bool cidr_parse_address(struct slice text, uint8_t ret_address[CIDR_ADDRESS_BYTES])
{
    uint8_t address[CIDR_ADDRESS_BYTES];

    memcpy(address, v4_prefix, sizeof v4_prefix);
    if (!parse_v4(text, address + sizeof v4_prefix) && !parse_v6(text, address))
        return false;
    memcpy(ret_address, address, sizeof address);
    return true;
}

bool cidr_is_v4(const uint8_t address[CIDR_ADDRESS_BYTES])
{
    return memcmp(address, v4_prefix, sizeof v4_prefix) == 0;
}

/* ---------------------------------------------------------------- ranges */

/* Do the first `bits` agree? */
static bool is_same(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;

    return memcmp(a, b, whole) == 0 &&
           (rest == 0 || ((unsigned)(a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

enum cidr_verdict cidr_parse(struct slice text, struct cidr *ret_cidr)
{
    static const uint8_t zero[CIDR_ADDRESS_BYTES];
    size_t slash = slice_find_byte(text, '/');
    struct slice literal = {text.at, slash == SIZE_MAX ? text.len : slash};
    struct cidr cidr;
    uint64_t length;

    if (!cidr_parse_address(literal, cidr.address))
        return CIDR_NO_ADDRESS;
    /* As it is written: ::ffff:10.0.0.0/104 counts from the left end. */
    bool is_short = slice_find_byte(literal, ':') == SIZE_MAX;
    unsigned base = is_short ? CIDR_V4_BITS : 0;
    if (slash == SIZE_MAX)
        length = 128 - base;
    else if (!slice_to_u64(slice_skip(text, slash + 1), 128 - base, &length))
        return CIDR_NO_LENGTH;
    cidr.bits = (uint8_t)(base + length);
    uint8_t masked[CIDR_ADDRESS_BYTES];
    memcpy(masked, cidr.address, sizeof masked);
    for (unsigned i = 0; i < cidr.bits; i++)
        masked[i / 8] = (uint8_t)(masked[i / 8] & ~(0x80u >> i % 8));
    if (memcmp(masked, zero, sizeof zero) != 0)
        return CIDR_BITS_BEHIND;
    *ret_cidr = cidr;
    return CIDR_OK;
}

bool cidr_has(const struct cidr *cidr, const uint8_t address[CIDR_ADDRESS_BYTES])
{
    bool is_v4_range = cidr->bits >= CIDR_V4_BITS && cidr_is_v4(cidr->address);

    return is_v4_range == cidr_is_v4(address) && is_same(cidr->address, address, cidr->bits);
}

bool cidr_is_loopback(const uint8_t address[CIDR_ADDRESS_BYTES])
{
    return cidr_has(&loopback[0], address) || cidr_has(&loopback[1], address);
}

bool cidr_list_has(const struct cidr_list *list, const uint8_t address[CIDR_ADDRESS_BYTES])
{
    for (size_t i = 0; i < list->count; i++) {
        if (cidr_has(&list->at[i], address))
            return true;
    }
    return false;
}

static bool is_within(const struct cidr *inner, const struct cidr *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (inner->bits >= at[i].bits && cidr_has(&at[i], inner->address))
            return true;
    }
    return false;
}

bool cidr_list_is_private(const struct cidr_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!is_within(&list->at[i], loopback, sizeof loopback / sizeof loopback[0]) &&
            !is_within(&list->at[i], private, sizeof private / sizeof private[0]))
            return false;
    }
    return true;
}
