/* client_admit - finds out who asks, and lets the request in or not (core/admit.c has the
 * rule).
 *
 * Happy path: one look over the fields, one over the ranges of `allow`, and the rule. What is
 * rare costs only those who need it: the socket's own address is asked for when there is an
 * Origin, the peer's credentials when somebody on a unix socket wants what is the owner's.
 *
 * A proxy that is not trusted takes away: what it forwards comes from somewhere else, so it
 * counts as from its own address, but never as from this machine: a reverse proxy that says for
 * whom it asks does not make everybody the owner. One that does not say so cannot be told from
 * somebody on this machine.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>

#include "client_internal.h"
#include "core/admit.h"
#include "head.h"
#include "log.h"
#include "peer_credentials.h"

/* ---------------------------------------------------------------- who asks */

static bool is_unix_owner(const struct client *c)
{
    uv_os_fd_t fd;

    return uv_fileno(&c->socket.handle, &fd) == 0 &&
           peer_credentials_are_owner(fd, c->proxy->config->callers.control_group);
}

/* The socket's own address; false on a unix socket. */
static bool own_address(const struct client *c, struct peer *ret_own, uint16_t *ret_port)
{
    struct sockaddr_storage name = {0};
    int size = sizeof name;

    if (peer_is_unix(&c->peer) ||
        uv_tcp_getsockname(&c->socket.tcp, (struct sockaddr *)&name, &size) < 0)
        return false;
    peer_init(ret_own, &name);
    *ret_port = ntohs(((const struct sockaddr_in *)(const void *)&name)->sin_port);
    return true;
}

/* This machine, by an address that others use: only it can have both ends. It is let in where
 * loopback is. */
static bool is_self(const struct client *c)
{
    static const uint8_t loopback[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
    struct peer own;
    uint16_t port;

    return cidr_list_has(&c->proxy->config->callers.allow, loopback) &&
           own_address(c, &own, &port) &&
           memcmp(&own.address, c->message->caller, CIDR_ADDRESS_BYTES) == 0;
}

/* The address, and what follows from it. */
static void find_caller(struct client *c, const struct head *h,
                        const struct admit_fields *fields, struct admit_facts *facts)
{
    const struct config_callers *callers = &c->proxy->config->callers;
    uint8_t *address = c->message->caller;

    memcpy(address, c->peer.address.s6_addr, CIDR_ADDRESS_BYTES);
    if (peer_is_unix(&c->peer)) {
        facts->is_allowed = true;
        facts->is_local = facts->area != ADMIT_API && is_unix_owner(c);
        return;
    }
    facts->is_allowed = true;
    if (fields->is_forwarded && cidr_list_has(&callers->trusted_proxies, address)) {
        struct fields const *all = &h->fields;
        facts->is_allowed =
            admit_caller(all->at, all->count, &callers->trusted_proxies, address);
    }
    facts->is_allowed =
        facts->is_allowed && (cidr_list_has(&callers->allow, address) || is_self(c));
    facts->is_local = !fields->is_forwarded && peer_is_local(&c->peer);
}

/* ---------------------------------------------------------------- what is behind it */

static enum origin_host judge_host(const struct client *c, struct slice host)
{
    const char *hosts = c->proxy->config->callers.hosts;
    struct slice authority = route_authority(buf_slice(&c->message->target));
    enum origin_host of_field = origin_judge_host(host, hosts);
    enum origin_host of_target =
        authority.len == 0 ? of_field : origin_judge_host(authority, hosts);

    return of_field > of_target ? of_field : of_target;
}

static enum origin_page judge_page(struct client *c, const struct admit_fields *fields,
                                   bool is_read)
{
    const struct config_callers *callers = &c->proxy->config->callers;
    const struct origin_fields said = {.origin = fields->origin,
                                       .fetch_site = fields->fetch_site,
                                       .fetch_mode = fields->fetch_mode,
                                       .is_read = is_read};
    struct origin_place place = {.hosts = callers->hosts,
                                 .cors_origins = callers->cors_origins};
    struct peer own;

    if (fields->origin.at != NULL && own_address(c, &own, &place.port))
        place.address = own.address.s6_addr;
    return origin_judge_page(&said, &place);
}

/* What an answer to a page of `cors_origins` says (Fetch standard, section 3.2). Without memory
 * it says nothing, and the browser keeps the answer from the page. */
static void allow_page(struct client *c, const struct admit_fields *fields)
{
    struct buf *lines = &c->message->page_lines;
    struct slice origin = fields->origin;

    int r = buf_printf(lines, "Access-Control-Allow-Origin: %.*s\r\nVary: Origin\r\n",
                       (int)origin.len, origin.at);
    if (r == 0 && c->message->route.kind != ROUTE_OPTIONS)
        r = buf_printf(lines, "Access-Control-Expose-Headers: x-request-id, retry-after\r\n");
    else if (r == 0 && fields->is_preflight)
        r = buf_printf(lines, "Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
                              "Access-Control-Max-Age: 600\r\n");
    if (r == 0 && fields->is_preflight && fields->request_headers.len > 0)
        r = buf_printf(lines, "Access-Control-Allow-Headers: %.*s\r\n",
                       (int)fields->request_headers.len, fields->request_headers.at);
    if (r < 0)
        buf_done(lines);
}

/* ---------------------------------------------------------------- the whole */

void client_admit(struct client *c, const struct head *h, const struct framing *framing)
{
    struct client_message *m = c->message;
    struct admit_fields fields;
    struct admit_facts facts = {
        .area = admit_area_of(&m->route,
                              framing->body == FRAMING_CHUNKED || framing->content_length > 0),
        .is_read = m->is_head_request || slice_equal(h->method, SLICE("GET")),
        .key = ADMIT_KEYS_OFF,
    };

    admit_read(h->fields.at, h->fields.count, &fields);
    find_caller(c, h, &fields, &facts);
    facts.host = judge_host(c, fields.host);
    facts.page = judge_page(c, &fields, facts.is_read);
    m->is_owner = admit_is_owner(&facts);
    enum admit_verdict verdict = admit_judge(&facts);
    if (facts.page == ORIGIN_LISTED && facts.area != ADMIT_ADMIN)
        allow_page(c, &fields);
    if (verdict == ADMIT_YES)
        return;
    m->refusal_status = admit_status(verdict);
    m->refusal = admit_sentence(verdict);
    log_debug("a request is refused: %s", m->refusal);
}

const struct buf *client_page_lines(const struct client *c)
{
    return &c->message->page_lines;
}
