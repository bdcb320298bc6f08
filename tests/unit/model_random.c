/* model_random - a million random sequences of events for the failover engine (P1 to P11).
 *
 * The exhaustive search (model_failover.c) bounds how much goes wrong on one path; here nothing
 * is bounded, but not everything is tried. The same events and properties as there. A sequence
 * is known by its number: `model_random NUMBER` plays that one alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "search.h"

#define SEQUENCES 1000000
#define STEPS_MAX 32

static uint64_t draw(uint64_t *seed)
{
    *seed += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void play(uint64_t number)
{
    static struct world w;
    static char name[40];
    uint64_t seed = number;

    (void)snprintf(name, sizeof name, "sequence %" PRIu64, number);
    search_label = name;
    search_walk_begin((unsigned)number, &w);
    unsigned steps = 4 + (unsigned)(draw(&seed) % (STEPS_MAX - 3));
    for (unsigned i = 0; i < steps; i++)
        search_walk_step(&w, (uint32_t)draw(&seed));
    search_walk_end(&w);
}

int main(int argc, char **argv)
{
    struct timespec t0, t1;

    if (argc > 1) {
        play(strtoull(argv[1], NULL, 10));
        return 0;
    }
    clock_gettime(CLOCK_MONOTONIC, &t0);
    for (uint64_t i = 0; i < SEQUENCES; i++)
        play(i);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    printf("model_random: %d sequences, %" PRIu64 " events, %.1f s\n", SEQUENCES,
           search_events_checked, (double)(t1.tv_sec - t0.tv_sec));
    printf("[  PASSED  ] 1 test(s).\n");
    return 0;
}
