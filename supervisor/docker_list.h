/* docker_list.h - what the Docker Engine says about containers, as plain values.
 *
 * Codec: jansson only, no I/O, no clock. Rows never hold more than their fields can take, and
 * a list never more than NODES_MAX rows: of more, those that come first in the order.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCKER_LIST_H
#define DOCKER_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "error.h"
#include "slice.h"
#include "supervisor/core/docker_names.h"

#define DOCKER_NETWORKS_MAX 8   /* of one container; people have one or two */
#define DOCKER_TEXT_MAX     128 /* names of containers and networks; Docker's own are shorter */
#define DOCKER_URL_MAX      300 /* "http://" a host name of 255 bytes, a port */
#define DOCKER_ADDRESS_MAX  46  /* INET6_ADDRSTRLEN */

enum docker_state {
    DOCKER_STATE_RUNNING,
    DOCKER_STATE_PAUSED,
    DOCKER_STATE_RESTARTING,
    DOCKER_STATE_STOPPED, /* created, exited, dead */
};

struct docker_network {
    char name[DOCKER_TEXT_MAX];
    char address[DOCKER_ADDRESS_MAX]; /* IPv4, else IPv6, else "" */
};

struct docker_container {
    char id[DOCKER_ID_LEN + 1];
    char name[DOCKER_TEXT_MAX];    /* without the slash before it */
    char service[DOCKER_TEXT_MAX]; /* of compose, with its number from 2 on; or "" */
    enum docker_state state;
    char status[DOCKER_TEXT_MAX]; /* for people: "Up 3 hours (unhealthy)" */
    bool has_index;
    uint64_t index;           /* label copilot.index */
    char url[DOCKER_URL_MAX]; /* label copilot.url, or "" */
    char port[8];             /* label copilot.port, or "" */
    bool is_label_too_long;   /* url or port do not fit their fields */
    bool is_host_network;
    bool is_guest; /* it lives in the network of another container */
    struct docker_network networks[DOCKER_NETWORKS_MAX];
    unsigned network_count;
};

struct docker_list {
    struct docker_container rows[NODES_MAX]; /* in order: index 0 first */
    unsigned count;
    unsigned left_out; /* labelled, but there was no room */
};

/* The answer of GET /containers/json. `label` is KEY or KEY=VALUE: rows without it do not
 * count, whatever the engine's filter thought. A row that cannot be understood does not count
 * either. -EINVAL: not a JSON array; -ENOMEM. */
int docker_list_parse(struct slice json, const char *label,
                      struct docker_list *ret_list) MUST_CHECK;

/* What GET /containers/ID/json says of one. */
struct docker_detail {
    bool has_terminal;  /* its log has no frames */
    int64_t started_ms; /* since 1970; 0 = unknown */
    bool is_host_network;
    unsigned network_count;
    char networks[DOCKER_NETWORKS_MAX][DOCKER_TEXT_MAX];
};

/* -EINVAL, -ENOMEM as above. */
int docker_list_detail(struct slice json, struct docker_detail *ret_detail) MUST_CHECK;

/* A line of GET /events: may it have changed what the list shows? What cannot be read may. */
bool docker_list_concerns(struct slice line, const char *label);

/* "message" of a refusal; false when it has none. */
bool docker_list_message(struct slice json, char *ret_text, size_t size);

#endif
