/* docker_address.h - where a container's node answers.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCKER_ADDRESS_H
#define DOCKER_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"

/* What is known of the container, for as long as the call takes. */
struct docker_address_facts {
    const char *name;             /* of the container: what its networks' DNS knows */
    bool is_host_network;         /* it has the host's addresses */
    bool is_guest;                /* it has those of another container */
    const char *const *networks;  /* names, sorted; */
    const char *const *addresses; /* one each, "" = none */
    unsigned network_count;
    const char *wanted;              /* [docker] network, or "" */
    const char *const *our_networks; /* of the container that we run in */
    unsigned our_network_count;      /* 0: we do not run in one */
};

/* The host to connect to: an IP literal or a name; NULL when there is none (yet), and then
 * `ret_reason` says why in words. Points into the facts or to a constant. */
const char *docker_address_choose(const struct docker_address_facts *facts,
                                  char ret_reason[REASON_MAX]);

#endif
