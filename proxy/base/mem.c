/* mem - allocation that may fail.
 *
 * A thin layer over calloc/realloc: overflow checks in one place, zeroed memory by default,
 * and a counter that lets a test fail the n-th allocation.
 *
 * SPDX-License-Identifier: MIT
 */
#include "mem.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>

static uint64_t fail_countdown; /* 0 = off; tests only */

static int must_fail(void)
{
    return fail_countdown != 0 && --fail_countdown == 0;
}

void mem_fail_after(uint64_t n)
{
    fail_countdown = n;
}

void *mem_alloc(size_t count, size_t size)
{
    if (must_fail() || (size != 0 && count > SIZE_MAX / size))
        return NULL;
    return calloc(count, size);
}

void *mem_resize(void *block, size_t count, size_t size)
{
    if (must_fail() || (size != 0 && count > SIZE_MAX / size))
        return NULL;
    return realloc(block, count * size);
}

char *mem_strdup(const char *text)
{
    if (text == NULL)
        return NULL;
    size_t len = strlen(text) + 1;
    char *copy = mem_alloc(len, 1);
    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}

void mem_free(void *block)
{
    free(block);
}

void mem_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0); /* true when there was something to give */
#endif
}
