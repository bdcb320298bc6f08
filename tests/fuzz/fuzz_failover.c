/* fuzz_failover - the engine on paths that a fuzzer chooses, with P1 to P11 as its oracle.
 *
 * The first byte picks one of the settings of tests/unit/search_walk.c; each further byte picks
 * the next event of all that are possible then. Built in the small table sizes of the search.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/unit/search.h"

#define STEPS_MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;

    if (size == 0)
        return 0;
    search_walk_begin(data[0], &w);
    for (size_t i = 1; i < size && i < STEPS_MAX; i++)
        search_walk_step(&w, data[i]);
    search_walk_end(&w);
    return 0;
}
