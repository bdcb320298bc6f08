/* docker_frame - takes the log stream of a container apart.
 *
 * Pure. A header is collected byte by byte, as a read may end inside it; pieces are handed out
 * as they come and nothing is copied, so that an announced length, however large, costs no
 * memory. A header that cannot be one (a fifth stream, padding that is not zero) means that the
 * container has a terminal after all, or that a proxy broke the stream.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/docker_frame.h"

#include <assert.h>
#include <string.h>

#define STREAMS 4

void docker_frame_init(struct docker_frame *f, bool is_raw)
{
    *f = (struct docker_frame){.is_raw = is_raw, .stream = 1};
}

/* False when the header makes no sense. */
static bool read_header(struct docker_frame *f)
{
    const uint8_t *h = f->have;

    f->have_len = 0;
    if (h[0] >= STREAMS || h[1] != 0 || h[2] != 0 || h[3] != 0)
        return false;
    f->stream = h[0];
    f->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
    return true;
}

static void take(struct docker_frame *f, struct slice *bytes, size_t len, int *ret_stream,
                 struct slice *ret_piece)
{
    *ret_stream = f->stream;
    *ret_piece = (struct slice){.at = bytes->at, .len = len};
    *bytes = slice_skip(*bytes, len);
}

enum docker_frame_result docker_frame_next(struct docker_frame *f, struct slice *bytes,
                                           int *ret_stream, struct slice *ret_piece)
{
    assert(f->have_len < DOCKER_FRAME_HEADER_BYTES && f->stream < STREAMS);
    if (f->is_broken)
        return DOCKER_FRAME_BROKEN;
    if (f->is_raw && bytes->len > 0) {
        take(f, bytes, bytes->len, ret_stream, ret_piece);
        return DOCKER_FRAME_PIECE;
    }
    while (f->left == 0 && bytes->len > 0) {
        f->have[f->have_len++] = (uint8_t)bytes->at[0];
        *bytes = slice_skip(*bytes, 1);
        if (f->have_len == DOCKER_FRAME_HEADER_BYTES && !read_header(f)) {
            f->is_broken = true;
            return DOCKER_FRAME_BROKEN;
        }
    }
    if (bytes->len == 0)
        return DOCKER_FRAME_MORE;
    size_t len = bytes->len < f->left ? bytes->len : f->left;
    f->left -= (uint32_t)len;
    take(f, bytes, len, ret_stream, ret_piece);
    return DOCKER_FRAME_PIECE;
}
