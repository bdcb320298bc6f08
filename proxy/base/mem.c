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
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 * 1024 * 1024) /* of x86-64 and, with 4 KiB pages, of arm64 */

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

static size_t mapped_size(size_t max)
{
    return (max + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

void *mem_map(size_t max)
{
    if (must_fail() || max == 0 || max > SIZE_MAX - 2 * HUGE_PAGE)
        return NULL;
    size_t size = mapped_size(max);
    char *wide = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (wide == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)wide % HUGE_PAGE;
    if (before > 0)
        (void)munmap(wide, before);
    (void)munmap(wide + before + size, HUGE_PAGE - before);
    (void)madvise(wide + before, size, MADV_HUGEPAGE); /* a wish: -EINVAL without THP */
    return wide + before;
}

void mem_unmap(void *block, size_t max)
{
    (void)munmap(block, mapped_size(max));
}

void mem_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0); /* true when there was something to give */
#endif
}
