/* origin - what a request's Host, Origin and Sec-Fetch-* say about the page that sent it.
 *
 * Pure. A page is ours when its origin names one of `hosts` or an address, and the browser
 * itself says same-origin. Browsers send no Sec-Fetch-Site over plain HTTP to another machine
 * (W3C Fetch Metadata, section 2); then the origin must name the very address and port at which
 * the request arrived, or one of `hosts` with that port or the one that HTTP or TLS has at a
 * reverse proxy. Any other page on this machine, of another port, is foreign.
 *
 * SPDX-License-Identifier: MIT
 */
#include "origin.h"

#include "framing.h"
#include "octet.h"

#define HTTP_PORT  80
#define HTTPS_PORT 443

/* ---------------------------------------------------------------- words and names */

/* The next of some words with blanks between them; empty at the end. */
static struct slice next_word(struct slice *rest)
{
    struct slice word = *rest = slice_trim(*rest);
    size_t blank = slice_find_byte(word, ' ');

    if (blank != SIZE_MAX)
        word.len = blank;
    *rest = slice_skip(*rest, word.len);
    return word;
}

static bool is_listed(const char *list, struct slice text)
{
    struct slice rest = slice_of(list);

    for (struct slice word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
        if (slice_equal_nocase(word, text))
            return true;
    }
    return false;
}

/* Of "name:port", "[v6]:port": the host without its port and root dot, and the port as text. */
static struct slice split(struct slice host, struct slice *ret_port)
{
    size_t end = host.len > 0 && host.at[0] == '[' ? slice_find_byte(host, ']') : 0;
    size_t colon = end == SIZE_MAX ? SIZE_MAX : slice_find_byte(slice_skip(host, end), ':');
    struct slice name = host;

    *ret_port = (struct slice){host.at + host.len, 0};
    if (colon != SIZE_MAX) {
        name.len = end + colon;
        *ret_port = slice_skip(host, end + colon + 1);
    }
    if (name.len > 1 && name.at[name.len - 1] == '.')
        name.len--;
    return name;
}

/* "127.0.0.1" or "[::1]". */
static bool parse_literal(struct slice name, uint8_t ret_address[CIDR_ADDRESS_BYTES])
{
    if (name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']')
        name = (struct slice){name.at + 1, name.len - 2};
    else if (slice_find_byte(name, ':') != SIZE_MAX)
        return false;
    return cidr_parse_address(name, ret_address);
}

enum origin_host origin_judge_host(struct slice host, const char *hosts)
{
    uint8_t address[CIDR_ADDRESS_BYTES];
    struct slice port;
    struct slice name = split(host, &port);

    if (name.len == 0 || parse_literal(name, address) ||
        slice_equal_nocase(name, SLICE("localhost")) || is_listed(hosts, name))
        return ORIGIN_HOST_OURS;
    return slice_find_byte(name, '.') == SIZE_MAX ? ORIGIN_HOST_BARE : ORIGIN_HOST_FOREIGN;
}

/* ---------------------------------------------------------------- pages */

/* The host and port of an origin; false when it has none, such as "null". */
static bool split_origin(struct slice origin, struct slice *ret_host, uint16_t *ret_port)
{
    static const struct {
        struct slice scheme;
        uint16_t port;
    } schemes[] = {{{"http://", 7}, HTTP_PORT}, {{"https://", 8}, HTTPS_PORT}};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct slice digits;
        uint64_t port = schemes[i].port;
        if (!slice_starts_with(origin, schemes[i].scheme))
            continue;
        *ret_host = split(slice_skip(origin, schemes[i].scheme.len), &digits);
        if (digits.len > 0 && !slice_to_u64(digits, UINT16_MAX, &port))
            return false;
        *ret_port = (uint16_t)port;
        return ret_host->len > 0;
    }
    return false;
}

/* Does the origin name the place where the request arrived, without asking the attacker? */
static bool is_here(struct slice host, uint16_t port, const struct origin_place *place,
                    bool says_same)
{
    uint8_t address[CIDR_ADDRESS_BYTES];
    bool is_same_port = says_same || port == place->port;

    if (is_listed(place->hosts, host))
        return is_same_port || port == HTTP_PORT || port == HTTPS_PORT;
    bool is_local = slice_equal_nocase(host, SLICE("localhost"));
    if (!is_local && !parse_literal(host, address))
        return false;
    if (says_same) /* Docker publishes under another address and port than those that we see */
        return true;
    if (place->address == NULL || !is_same_port)
        return false;
    return is_local || cidr_is_loopback(address)
               ? cidr_is_loopback(place->address)
               : memcmp(address, place->address, sizeof address) == 0;
}

static enum origin_page judge_origin(const struct origin_fields *fields,
                                     const struct origin_place *place)
{
    bool has_site = fields->fetch_site.at != NULL;
    bool says_same = slice_equal(fields->fetch_site, SLICE("same-origin"));
    struct slice host;
    uint16_t port;

    if (fields->origin.len > 0 && is_listed(place->cors_origins, fields->origin))
        return ORIGIN_LISTED;
    if (has_site && !says_same)
        return ORIGIN_FOREIGN;
    if (!split_origin(fields->origin, &host, &port))
        return ORIGIN_FOREIGN;
    return is_here(host, port, place, says_same) ? ORIGIN_OURS : ORIGIN_FOREIGN;
}

enum origin_page origin_judge_page(const struct origin_fields *fields,
                                   const struct origin_place *place)
{
    if (fields->origin.at != NULL)
        return judge_origin(fields, place);
    if (fields->fetch_site.at == NULL)
        return ORIGIN_NO_PAGE;
    if (slice_equal(fields->fetch_site, SLICE("same-origin")))
        return ORIGIN_OURS;
    /* No page can read the answer to a link. */
    bool is_link = fields->is_read && slice_equal(fields->fetch_mode, SLICE("navigate"));
    if (is_link || slice_equal(fields->fetch_site, SLICE("none")))
        return ORIGIN_TYPED;
    return ORIGIN_FOREIGN;
}

/* ---------------------------------------------------------------- settings */

bool origin_is_name(struct slice text)
{
    if (text.len == 0 || text.len > CONFIG_HOST_MAX || text.at[0] == '.' ||
        text.at[text.len - 1] == '.')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = slice_fold(text.at[i]);
        bool is_letter = (c >= 'a' && c <= 'z') || octet_is_digit(c);
        if (!is_letter && c != '-' && c != '.' && c != '_')
            return false;
    }
    return true;
}

bool origin_is_valid(struct slice text)
{
    size_t colon = slice_find(text, SLICE("://"));

    if (colon == SIZE_MAX || colon == 0)
        return false;
    for (size_t i = 0; i < colon; i++) {
        char c = slice_fold(text.at[i]);
        bool is_letter = (c >= 'a' && c <= 'z') || octet_is_digit(c);
        if (!is_letter && c != '-' && c != '.' && c != '+')
            return false;
    }
    struct slice host = slice_skip(text, colon + 3);
    return host.len > 0 && framing_is_host(host);
}
