/* admit.h - who may ask for what: one table for all that the gateway answers.
 *
 * Pure. The shell finds out who asks (address, peer credentials, key, token) and what it says
 * of itself (Host, Origin); here is the rule.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADMIT_H
#define ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "cidr.h"
#include "framing.h"
#include "origin.h"
#include "route.h"

enum admit_area {
    ADMIT_API,       /* spends quota */
    ADMIT_RESET,     /* the ancestor's scripts: those of ADMIT_API, and those of ADMIT_ADMIN */
    ADMIT_OPEN,      /* state without secrets: no key is needed */
    ADMIT_ADMIN,     /* reads and changes everything */
    ADMIT_PREFLIGHT, /* a browser asks before it asks */
    ADMIT_NOWHERE,   /* will be refused anyhow */
    ADMIT_AREA_COUNT
};

/* `has_body` makes a choice of a reset, which is not what the ancestor's scripts send. */
enum admit_area admit_area_of(const struct route *route, bool has_body);

enum admit_key {
    ADMIT_KEYS_OFF, /* there is no api_keys_file: any credential is as good as none */
    ADMIT_KEY_MISSING,
    ADMIT_KEY_UNKNOWN,
    ADMIT_KEY_EXPIRED,
    ADMIT_KEY_GOOD,
};

struct admit_facts {
    enum admit_area area;
    bool is_read;    /* GET or HEAD */
    bool is_allowed; /* the caller's address is in `allow`, or it came by a unix socket */
    bool is_local;   /* it is on this machine, and nobody else by way of a proxy */
    bool has_token;  /* of admin_token_file */
    enum admit_key key;
    enum origin_host host;
    enum origin_page page;
};

enum admit_verdict {
    ADMIT_YES,
    ADMIT_NO_ADDRESS,
    ADMIT_NO_KEY,
    ADMIT_NO_SUCH_KEY,
    ADMIT_NO_LONGER, /* the key has expired */
    ADMIT_NOT_LOCAL,
    ADMIT_NO_HOST,
    ADMIT_NO_PAGE,
    ADMIT_VERDICT_COUNT
};

enum admit_verdict admit_judge(const struct admit_facts *facts);

/* May the caller see and do what is the owner's? The same for ADMIT_ADMIN, whatever was asked.
 */
bool admit_is_owner(const struct admit_facts *facts);

/* How a refusal is told. */
unsigned admit_status(enum admit_verdict verdict);
const char *admit_sentence(enum admit_verdict verdict);

/* ---- what a head says */

/* Slices borrow from the fields; `at` NULL = not sent. What must come once and came twice is
 * an empty slice with an address, which is like nothing that is let pass. */
struct admit_fields {
    struct slice host;
    struct slice origin;
    struct slice fetch_site;
    struct slice fetch_mode;
    struct slice request_headers; /* of a preflight */
    struct slice bearer;          /* of Authorization */
    struct slice keys[2];         /* x-api-key, api-key */
    bool is_preflight;            /* Access-Control-Request-Method */
    bool is_forwarded;            /* by a proxy that says so */
};

void admit_read(const struct framing_field *at, size_t count, struct admit_fields *ret_fields);

/* Who asks, by the last address of X-Forwarded-For that no trusted proxy has; false when that
 * is no address. What stands before it was sent by that caller, and may be a lie. */
bool admit_caller(const struct framing_field *at, size_t count, const struct cidr_list *trusted,
                  uint8_t ret_address[CIDR_ADDRESS_BYTES]);

#endif
