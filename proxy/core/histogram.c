/* histogram - how many things took how long.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "histogram.h"

const uint32_t histogram_borders_ms[HISTOGRAM_BORDERS] = {
    50, 100, 250, 500, 1000, 2500, 5000, 10000, 20000, 30000, 60000, 120000, 300000, 600000,
};

void histogram_add(struct histogram *h, uint64_t ms)
{
    unsigned i = 0;

    while (i < HISTOGRAM_BORDERS && ms > histogram_borders_ms[i])
        i++;
    h->counts[i]++;
    h->sum_ms += ms;
}
