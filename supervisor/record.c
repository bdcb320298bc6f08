/* record - keeps what a node prints, for people.
 *
 * Each line goes to our own log, with the node's name in front, into a ring for whoever asks
 * later, and into a file of its own, if [node] logfile wants one. All of that outlives the
 * node's processes: the last words of one are there when the next has started.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/record.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bounds.h"
#include "log.h"
#include "supervisor/launch.h"

#define LINE_SIZE (OUTPUT_LINE_MAX + NODE_NAME_MAX + 64) /* with time and name */

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

/* Opens the file of the present settings, unless that is open. */
static void open_file(struct record *record)
{
    const struct config_node *n = record->config;
    char path[HOME_PATH_MAX];
    struct error error = {"out of memory"};

    if (n->logfile == NULL) {
        logfile_close(record->logfile);
        record->logfile = NULL;
        return;
    }
    int r = launch_path(n, record->state_dir, "logfile", n->logfile, path, &error);
    const struct logfile_options options = {
        .path = path,
        .bytes_max = n->logfile_bytes_max,
        .backups = (unsigned)n->logfile_backups,
    };
    if (r == 0 && record->logfile != NULL && logfile_is(record->logfile, &options))
        return;
    logfile_close(record->logfile);
    record->logfile = NULL;
    if (r == 0)
        r = logfile_open(record->loop, &options, &record->logfile);
    if (r < 0)
        log_warn("the node has no log file: %s node=%s", error.text, n->name);
}

void record_open(struct record *record, uv_loop_t *loop, const struct config_node *config,
                 const char *state_dir)
{
    *record = (struct record){.loop = loop, .config = config, .state_dir = state_dir};
    if (ring_new(&record->ring) < 0)
        log_warn("no memory for the last lines of a node, they go to the log only node=%s",
                 config->name);
    open_file(record);
}

/* As in our own log, so that both can be sorted together. */
static void put_file(struct record *record, int64_t at_ms, int stream, const char *text,
                     size_t len)
{
    static char line[LINE_SIZE]; /* one thread */
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    used += (size_t)snprintf(line + used, sizeof line - used, ".%03dZ [%s]%s ",
                             (int)(at_ms % 1000), record->config->name, stream == 2 ? "!" : "");
    memcpy(line + used, text, len);
    logfile_put(record->logfile, line, used + len);
}

void record_reconfigure(struct record *record, const struct config_node *config)
{
    record->config = config;
    open_file(record);
}

void record_line(struct record *record, int stream, const char *text, size_t len)
{
    int64_t at_ms = wall_ms();

    if (is_blank(text, len))
        return;
    log_node_line(record->config->name, stream, text, len);
    ring_put(record->ring, at_ms, stream, text, len);
    if (record->logfile != NULL)
        put_file(record, at_ms, stream, text, len);
}

void record_reopen(struct record *record)
{
    logfile_reopen(record->logfile);
}

void record_close(struct record *record)
{
    ring_free(record->ring);
    record->ring = NULL;
    logfile_close(record->logfile);
    record->logfile = NULL;
}
