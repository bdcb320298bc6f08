/* exposition - Prometheus' text format 0.0.4: families of samples with labels.
 *
 * SPDX-License-Identifier: MIT
 */
#include "exposition.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX    "copilot_cluster_"
#define MILLI_MAX 32 /* characters of a 64-bit number with sign and point */

static void put(struct exposition *e, const char *text)
{
    if (e->error == 0)
        e->error = buf_append_slice(e->out, slice_of(text));
}

/* Backslash, quote and line feed are the three that a label's value escapes. */
static void put_escaped(struct exposition *e, const char *text)
{
    for (; *text != '\0'; text++) {
        char plain[2] = {*text, '\0'};
        if (*text == '\\' || *text == '"')
            put(e, "\\");
        put(e, *text == '\n' ? "\\n" : plain);
    }
}

static void put_labels(struct exposition *e, const struct exposition_labels *labels)
{
    for (unsigned i = 0; i < EXPOSITION_LABELS_MAX && labels->at[i].name != NULL; i++) {
        put(e, i == 0 ? "{" : ",");
        put(e, labels->at[i].name);
        put(e, "=\"");
        put_escaped(e, labels->at[i].value);
        put(e, "\"");
    }
    if (labels->at[0].name != NULL)
        put(e, "}");
}

static void put_sample(struct exposition *e, const char *suffix,
                       const struct exposition_labels *labels, const char *value)
{
    put(e, PREFIX);
    put(e, e->name);
    put(e, suffix);
    if (labels != NULL)
        put_labels(e, labels);
    put(e, " ");
    put(e, value);
    put(e, "\n");
}

static const char *milli_text(int64_t value, char text[MILLI_MAX])
{
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int n = snprintf(text, MILLI_MAX, "%s%" PRIu64 ".%03u", value < 0 ? "-" : "", size / 1000,
                     (unsigned)(size % 1000));

    while (text[n - 1] == '0')
        text[--n] = '\0';
    if (text[n - 1] == '.')
        text[n - 1] = '\0';
    return text;
}

void exposition_family(struct exposition *e, const char *name, const char *type,
                       const char *help)
{
    const char *const parts[] = {"# HELP " PREFIX, name, " ", help, "\n",
                                 "# TYPE " PREFIX, name, " ", type, "\n"};

    e->name = name;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        put(e, parts[i]);
}

void exposition_whole(struct exposition *e, const struct exposition_labels *labels,
                      uint64_t value)
{
    char text[MILLI_MAX];

    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    put_sample(e, "", labels, text);
}

void exposition_milli(struct exposition *e, const struct exposition_labels *labels,
                      int64_t value)
{
    char text[MILLI_MAX];

    put_sample(e, "", labels, milli_text(value, text));
}

void exposition_histogram(struct exposition *e, const struct exposition_labels *labels,
                          const struct histogram *h)
{
    struct exposition_labels with_border = *labels;
    uint64_t count = 0;
    char text[MILLI_MAX];
    unsigned last = 0;

    while (last < EXPOSITION_LABELS_MAX && with_border.at[last].name != NULL)
        last++;
    assert(last < EXPOSITION_LABELS_MAX);
    for (unsigned i = 0; i <= HISTOGRAM_BORDERS; i++) {
        char border[MILLI_MAX] = "+Inf";
        if (i < HISTOGRAM_BORDERS)
            (void)milli_text(histogram_borders_ms[i], border);
        with_border.at[last] = (struct exposition_label){"le", border};
        count += h->counts[i];
        (void)snprintf(text, sizeof text, "%" PRIu64, count);
        put_sample(e, "_bucket", &with_border, text);
    }
    put_sample(e, "_sum", labels, milli_text((int64_t)h->sum_ms, text));
    (void)snprintf(text, sizeof text, "%" PRIu64, count);
    put_sample(e, "_count", labels, text);
}
