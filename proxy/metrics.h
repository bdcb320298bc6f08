/* metrics.h - the text of /metrics.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef METRICS_H
#define METRICS_H

#include "buf.h"
#include "shell.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Everything there is to tell, in Prometheus' text format. -ENOMEM. */
int metrics_write(const struct proxy *p, struct buf *out) MUST_CHECK;

#endif
