/* error.h - the sentence that goes with a negative errno.
 *
 * Freestanding. Fallible functions return 0 or a negative errno. Those whose failure a person
 * must understand also take a `struct error *`; it is written only on failure.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLUSTER_ERROR_H
#define CLUSTER_ERROR_H

#include "bounds.h"

#define MUST_CHECK                      __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, args_at) __attribute__((format(printf, format_at, args_at)))

/* Exit codes of the program; 0 is a clean end. 78 is EX_CONFIG and 70 EX_SOFTWARE of
 * sysexits.h(3head). */
enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILURE = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_SOFTWARE = 70,
    EXIT_CODE_CONFIG = 78,
};

struct error {
    char text[ERROR_TEXT_MAX];
};

#endif
