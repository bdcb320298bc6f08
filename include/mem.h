/* mem.h - allocation that may fail, and a way to make it fail in tests.
 *
 * All product code outside core allocates here. Run-time callers must handle NULL: the process
 * may be PID 1 and never aborts for want of memory.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Zeroed memory for count * size bytes, or NULL; checks the product for overflow. */
void *mem_alloc(size_t count, size_t size) MUST_CHECK;

/* Like realloc(3) with an overflow check; on NULL the old block is untouched. */
void *mem_resize(void *block, size_t count, size_t size) MUST_CHECK;

/* A copy of the string (text may be NULL, then NULL is returned as well), or NULL. */
char *mem_strdup(const char *text) MUST_CHECK;

/* Accepts NULL. */
void mem_free(void *block);

/* Address space for one large block that grows up to `max` bytes: it begins on a border of huge
 * pages, and memory comes as it is touched. NULL when there is none. Free with mem_unmap() and
 * the same max. */
void *mem_map(size_t max) MUST_CHECK;
void mem_unmap(void *block, size_t max);

/* Gives pages in which nothing is left back to the kernel; some milliseconds after a burst, so
 * for a quiet moment. */
void mem_trim(void);

/* Tests only: the n-th allocation from now fails, once (1 = the next). 0 switches it off. */
void mem_fail_after(uint64_t n);

#endif
