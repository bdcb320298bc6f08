/* record - keeps what a node prints, for people.
 *
 * Each line goes to our own log, with the node's name in front, and into a ring for whoever
 * asks later. It outlives the node's processes: the last words of one are there when the next
 * has started.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/record.h"

#include <stdint.h>
#include <time.h>

#include "log.h"

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != ' ' && text[i] != '\t')
            return false;
    }
    return true;
}

void record_open(struct record *record, const struct config_node *config)
{
    *record = (struct record){.config = config};
    if (ring_new(&record->ring) < 0)
        log_warn("no memory for the last lines of a node, they go to the log only node=%s",
                 config->name);
}

void record_reconfigure(struct record *record, const struct config_node *config)
{
    record->config = config;
}

void record_line(struct record *record, int stream, const char *text, size_t len)
{
    if (is_blank(text, len))
        return;
    log_node_line(record->config->name, stream, text, len);
    ring_put(record->ring, wall_ms(), stream, text, len);
}

void record_close(struct record *record)
{
    ring_free(record->ring);
    record->ring = NULL;
}
