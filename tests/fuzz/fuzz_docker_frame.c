/* fuzz_docker_frame - whatever a log stream holds, it comes apart the same however it is split.
 *
 * The first byte says where the input is cut in two and whether it is a terminal's. Checked: a
 * piece lies inside the input, and both ways of reading give the same sums.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <stdint.h>

#include "supervisor/core/docker_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t bytes[4];
    uint64_t mix[4];
    bool is_broken;
};

static void feed(struct docker_frame *f, struct slice bytes, struct sum *sum)
{
    const char *end = bytes.at + bytes.len;
    enum docker_frame_result result;
    struct slice piece;
    int stream;

    while ((result = docker_frame_next(f, &bytes, &stream, &piece)) == DOCKER_FRAME_PIECE) {
        assert(stream >= 0 && stream < 4 && piece.len > 0 && piece.at + piece.len <= end);
        sum->bytes[stream] += piece.len;
        for (size_t i = 0; i < piece.len; i++)
            sum->mix[stream] = sum->mix[stream] * 31 + (unsigned char)piece.at[i];
    }
    assert(result == DOCKER_FRAME_BROKEN || bytes.len == 0);
    sum->is_broken = result == DOCKER_FRAME_BROKEN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct docker_frame one;
    struct docker_frame two;
    struct sum first = {.is_broken = false};
    struct sum second = {.is_broken = false};

    if (size == 0)
        return 0;
    struct slice all = {.at = (const char *)data + 1, .len = size - 1};
    size_t cut = all.len == 0 ? 0 : data[0] / 2 % all.len;
    docker_frame_init(&one, data[0] % 2 == 1);
    two = one;
    feed(&one, all, &first);
    feed(&two, (struct slice){.at = all.at, .len = cut}, &second);
    feed(&two, slice_skip(all, cut), &second);
    assert(first.is_broken == second.is_broken);
    for (int i = 0; i < 4; i++)
        assert(first.bytes[i] == second.bytes[i] && first.mix[i] == second.mix[i]);
    return 0;
}
