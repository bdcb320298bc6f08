/* config_report.h - all that is wrong with the settings, collected for one print.
 *
 * Each error is one line that says where and what: "file:line: [section] key what". Lines are
 * kept in the order of the file, whatever the order in which the checks found them. Running
 * out of memory is remembered in `status`, so that callers need not look after every error.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include <stddef.h>

#include "bounds.h"
#include "buf.h"
#include "error.h"

/* Where an error is. What is NULL or 0 is left out; without a line it comes last of all. */
struct config_place {
    const char *file; /* or "environment" */
    size_t rank;      /* of the file: 0 is the main one, then those that it includes */
    size_t line;
    const char *section;
    const char *key;
};

struct config_report {
    struct {
        size_t rank;
        size_t line;
        char *text;
    } errors[CONFIG_ERRORS_MAX];
    size_t count;
    size_t more; /* that did not fit */
    int status;  /* 0 or -ENOMEM */
};

void config_report_init(struct config_report *r);
void config_report_done(struct config_report *r);

/* Texts longer than ERROR_TEXT_MAX are cut. */
void config_report_add(struct config_report *r, const struct config_place *at,
                       const char *format, ...) PRINTF_LIKE(3, 4);

/* All errors, a line each. -ENOMEM, -EMSGSIZE. */
int config_report_print(const struct config_report *r, struct buf *out) MUST_CHECK;

#endif
