/* cidr.h - IP addresses and ranges of them: 192.168.0.0/16, fc00::/7.
 *
 * Freestanding; the code is proxy/core/cidr.c, and pure. IPv4 addresses are kept as their
 * mapped form ::ffff:a.b.c.d, so that a peer of a dual-stack socket and one of an IPv4 socket
 * are the same peer. A range of IPv6 never holds an IPv4 address, though: who writes ::/0
 * thinks of IPv6.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CIDR_H
#define CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "slice.h"

#define CIDR_ADDRESS_BYTES 16
#define CIDR_V4_BITS       96 /* of the prefix that all IPv4 addresses share */

struct cidr {
    uint8_t address[CIDR_ADDRESS_BYTES];
    uint8_t bits; /* of 128: of an IPv4 range 96 more than people write */
};

struct cidr_list {
    struct cidr at[CIDRS_MAX];
    size_t count;
};

enum cidr_verdict {
    CIDR_OK,
    CIDR_NO_ADDRESS,  /* no IP literal before the slash */
    CIDR_NO_LENGTH,   /* behind it no number, or one that is too large */
    CIDR_BITS_BEHIND, /* the address has bits that its own length leaves out */
};

/* An IP literal, IPv6 without brackets and without a zone. */
bool cidr_parse_address(struct slice text, uint8_t ret_address[CIDR_ADDRESS_BYTES]);

/* An IP literal, or one with /LENGTH behind it. */
enum cidr_verdict cidr_parse(struct slice text, struct cidr *ret_cidr);

bool cidr_is_v4(const uint8_t address[CIDR_ADDRESS_BYTES]);

/* 127.0.0.0/8 or ::1. */
bool cidr_is_loopback(const uint8_t address[CIDR_ADDRESS_BYTES]);

bool cidr_has(const struct cidr *cidr, const uint8_t address[CIDR_ADDRESS_BYTES]);
bool cidr_list_has(const struct cidr_list *list, const uint8_t address[CIDR_ADDRESS_BYTES]);

/* What one word stands for in a list of ranges: "loopback", "private" (RFC 1918, RFC 4193 and
 * the link-local ones) or "all". NULL for other words. */
struct cidr_word {
    struct slice word;
    const struct cidr *at;
    size_t count;
};
const struct cidr_word *cidr_find_word(struct slice word);

/* The word whose ranges the list begins with, or NULL. */
const struct cidr_word *cidr_word_of(const struct cidr *at, size_t count);

/* Does nothing of the list lie outside of "loopback" and "private"? */
bool cidr_list_is_private(const struct cidr_list *list);

#endif
