/* docker_names.h - the order of containers, who we are among them, and when a line was written.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCKER_NAMES_H
#define DOCKER_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

#define DOCKER_ID_LEN 64 /* hexadecimal digits */

/* As people count: node-2 before node-10. Runs of digits are compared as numbers of any length;
 * numbers that are equal but for leading zeros, by the zeros, so that only equal texts are
 * equal. Below, at or above zero. */
int docker_names_compare(const char *a, const char *b);

/* The id of the container that a process with this /proc/self/mountinfo runs in: engines mount
 * .../containers/ID/hostname there (Podman .../overlay-containers/ID/userdata/hostname). False
 * when it names none. */
bool docker_names_own_id(struct slice mountinfo, char ret_id[DOCKER_ID_LEN + 1]);

/* Takes "2025-11-24T10:11:12.123456789Z " off the front of a line of `logs?timestamps=1`
 * (RFC 3339; always UTC there) and tells the moment in milliseconds since 1970. False when
 * there is none; then nothing is taken off. */
bool docker_names_take_time(struct slice *line, int64_t *ret_ms);

#endif
