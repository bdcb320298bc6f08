/* exposition.h - Prometheus' text format 0.0.4: families of samples with labels.
 *
 * Codec: numbers and words in, text out. A failure (no memory) is remembered, so that only the
 * end has to be checked.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EXPOSITION_H
#define EXPOSITION_H

#include <stdint.h>

#include "buf.h"
#include "core/histogram.h"

#define EXPOSITION_LABELS_MAX 4

struct exposition {
    struct buf *out;
    const char *name; /* of the family, without the prefix */
    int error;
};

/* Name and value; the value may hold anything. */
struct exposition_label {
    const char *name;
    const char *value;
};

/* Ends with a NULL name when there are fewer. */
struct exposition_labels {
    struct exposition_label at[EXPOSITION_LABELS_MAX];
};

/* Everything that follows belongs to copilot_cluster_NAME. `type` is gauge, counter or
 * histogram; `help` is one plain line. */
void exposition_family(struct exposition *e, const char *name, const char *type,
                       const char *help);

/* A sample; `labels` NULL = none. */
void exposition_whole(struct exposition *e, const struct exposition_labels *labels,
                      uint64_t value);

/* A sample in thousandths of its unit: 1500 is written 1.5. */
void exposition_milli(struct exposition *e, const struct exposition_labels *labels,
                      int64_t value);

/* The samples of a histogram, in seconds. Its labels must leave room for one more. */
void exposition_histogram(struct exposition *e, const struct exposition_labels *labels,
                          const struct histogram *h);

#endif
