/* flood - how much of what a node prints is worth keeping.
 *
 * Pure. A token bucket: cleaning, redacting and writing a line costs some 5 us and its length,
 * dropping 64 KiB costs about as much. So a node that prints without end costs at most
 * FLOOD_BYTES_A_SECOND of work, in bytes, where a line counts FLOOD_LINE_COST beside its own:
 * some 4,000 short lines a second, 2 % of a processor. Quiet nodes save up for a burst.
 *
 * Once it is empty, everything is dropped until half of it is full again, so that what is kept
 * are stretches that can be read, and not single lines.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/flood.h"

#include "bounds.h"

#define FLOOD_LINE_COST 256 /* of a system call and a time stamp, in bytes */

void flood_init(struct flood *f, uint64_t now_ms)
{
    *f = (struct flood){.left = FLOOD_BURST_BYTES, .now_ms = now_ms};
}

void flood_charge(struct flood *f, size_t len)
{
    uint64_t cost = len + FLOOD_LINE_COST;

    f->is_on = cost >= f->left;
    f->left = f->is_on ? 0 : f->left - cost;
}

bool flood_is_on(struct flood *f, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms > f->now_ms ? now_ms - f->now_ms : 0;
    uint64_t full_ms = FLOOD_BURST_BYTES * 1000 / FLOOD_BYTES_A_SECOND;

    f->now_ms = now_ms;
    if (passed_ms > full_ms)
        passed_ms = full_ms;
    f->left += passed_ms * FLOOD_BYTES_A_SECOND / 1000;
    if (f->left > FLOOD_BURST_BYTES)
        f->left = FLOOD_BURST_BYTES;
    if (f->left >= FLOOD_BURST_BYTES / 2)
        f->is_on = false;
    return f->is_on;
}

void flood_drop(struct flood *f, const char *bytes, size_t len)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += bytes[i] == '\n';
    f->lines += lines;
    f->bytes += len;
}

bool flood_take(struct flood *f, uint64_t *ret_lines, uint64_t *ret_bytes)
{
    if (f->bytes == 0)
        return false;
    *ret_lines = f->lines;
    *ret_bytes = f->bytes;
    f->lines = 0;
    f->bytes = 0;
    return true;
}
