/* origin.h - what a request's Host, Origin and Sec-Fetch-* say about the page that sent it.
 *
 * Pure. Two attacks of web pages are told from honest callers here. DNS rebinding: a name of
 * the attacker's is pointed at our address, so that his page and we are one origin; only Host
 * shows it. Cross-site requests: a page sends what needs no preflight (a form, text/plain) to
 * our address; Origin and Sec-Fetch-Site show it, and pages cannot set either (Fetch standard,
 * forbidden request-headers).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "cidr.h"
#include "slice.h"

enum origin_host {
    ORIGIN_HOST_OURS,    /* an IP literal, localhost, one of `hosts`; or none was sent */
    ORIGIN_HOST_BARE,    /* a name without a dot, such as a service of compose */
    ORIGIN_HOST_FOREIGN, /* any other name: it may be the attacker's */
};

/* Judges a Host field or the authority of a target, with or without a port. `hosts`: names with
 * blanks between them, in lower case; or NULL. */
enum origin_host origin_judge_host(struct slice host, const char *hosts);

enum origin_page {
    ORIGIN_NO_PAGE, /* not a browser */
    ORIGIN_TYPED,   /* a person went there: by the address bar, a bookmark, a link */
    ORIGIN_OURS,    /* a page of ours */
    ORIGIN_LISTED,  /* one of `cors_origins` */
    ORIGIN_FOREIGN,
};

/* What was sent; `at` NULL = not. A field that came twice is given as "". */
struct origin_fields {
    struct slice origin;
    struct slice fetch_site;
    struct slice fetch_mode;
    bool is_read; /* GET or HEAD */
};

/* Where the request arrived. */
struct origin_place {
    const uint8_t *address; /* the socket's own one; NULL = a unix socket */
    uint16_t port;
    const char *hosts;        /* as above */
    const char *cors_origins; /* scheme://host[:port], likewise */
};

/* `Origin` is never compared with Host, which the attacker chooses, but with settings and with
 * the address at which the request arrived. */
enum origin_page origin_judge_page(const struct origin_fields *fields,
                                   const struct origin_place *place);

/* Is the text scheme://host[:port] as browsers write it: no path, no trailing slash? */
bool origin_is_valid(struct slice text);

/* Is it a name that can be one of `hosts`: no port, no brackets? */
bool origin_is_name(struct slice text);

#endif
