/* docker_frame.h - takes the log stream of a container apart.
 *
 * Pure. The Docker Engine puts a header of 8 bytes before each piece of output: the stream (0
 * stdin, 1 stdout, 2 stderr, 3 a word of the engine itself), three zeros, and the length of the
 * piece, big-endian ("Stream format" of ContainerAttach in the Engine API). A container with a
 * terminal has no headers: all of it is stdout.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DOCKER_FRAME_H
#define DOCKER_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

#define DOCKER_FRAME_HEADER_BYTES 8

enum docker_frame_result {
    DOCKER_FRAME_MORE,   /* all bytes are used up */
    DOCKER_FRAME_PIECE,  /* here is a piece, go on */
    DOCKER_FRAME_BROKEN, /* this is no such stream: nothing after it can be trusted */
};

struct docker_frame {
    bool is_raw;      /* a terminal: no headers */
    bool is_broken;   /* said once, said for ever */
    int stream;       /* of the present piece */
    uint32_t left;    /* bytes of it that are still to come */
    uint8_t have_len; /* bytes of the next header */
    uint8_t have[DOCKER_FRAME_HEADER_BYTES];
};

void docker_frame_init(struct docker_frame *f, bool is_raw);

/* Takes the next piece off the front of `*bytes`, which may begin and end anywhere in the
 * stream. A piece points into `*bytes`, is never empty, and may be a part of what one header
 * announced. `*ret_stream` is 0 to 3. */
enum docker_frame_result docker_frame_next(struct docker_frame *f, struct slice *bytes,
                                           int *ret_stream, struct slice *ret_piece);

#endif
