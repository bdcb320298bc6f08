/* fuzz_memory - any bytes as state.json: refused, or understood for good.
 *
 * What is understood must be written back, and the second reading must say the same; no
 * distance may come out longer than a limit can be.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "proxy/memory.h"

#define LIMIT_MAX_MS (UINT64_C(31) * 24 * 3600 * 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_facts(const struct memory *m)
{
    static const int64_t clocks[] = {0, INT64_C(1764547200000), INT64_C(253402300799999)};
    struct failover_memory facts;

    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        for (unsigned k = 0; k < m->node_count; k++) {
            memory_facts(m, &m->nodes[k], clocks[i], &facts);
            assert(facts.limited_in_ms <= LIMIT_MAX_MS && facts.hold_in_ms <= LIMIT_MAX_MS);
            assert(facts.cause < FAILOVER_CAUSE_COUNT);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct memory first;
    static struct memory second;
    static struct journal first_journal;
    static struct journal second_journal;
    struct buf once;
    struct buf twice;

    struct slice text = {(const char *)data, size};
    (void)memory_version(text);
    if (memory_parse(text, &first, &first_journal) < 0)
        return 0;
    buf_init(&once, 0);
    buf_init(&twice, 0);
    if (memory_print(&first, &first_journal, &once) < 0 ||
        memory_parse(buf_slice(&once), &second, &second_journal) < 0 ||
        memory_print(&second, &second_journal, &twice) < 0)
        abort();
    if (!slice_equal(buf_slice(&once), buf_slice(&twice)))
        abort();
    check_facts(&first);
    buf_done(&once);
    buf_done(&twice);
    return 0;
}
