/* cluster_memory - what the proxy knows survives a restart of the program: state.json.
 *
 * Read before the nodes are added, written while they run, and a last time at the end of the
 * drain: what is learned while the nodes are being ended says nothing about their accounts.
 * Nothing here is fatal. A file that cannot be understood is set aside, so that nothing is
 * overwritten that somebody may want to look at.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "supervisor/state.h"

#define FILE_NAME "state.json"

static int compose(void *data, struct buf *out)
{
    const struct cluster *c = data;

    return proxy_remember(c->proxy, out);
}

static void set_aside(const struct cluster *c, const char *suffix, const char *what)
{
    const char *directory = c->config->supervisor.state_dir;
    int r = state_set_aside(c->memory, suffix);

    if (r < 0)
        log_warn("%s, and cannot be set aside: %s; it will be replaced file=%s/%s", what,
                 strerror(-r), directory, FILE_NAME);
    else
        log_warn("%s: set aside; accounts are judged anew, the journal begins anew "
                 "file=%s/%s.%s",
                 what, directory, FILE_NAME, suffix);
}

static void recall(struct cluster *c)
{
    char suffix[32];
    char what[160];
    struct buf text;

    buf_init(&text, 0);
    int r = state_read(c->memory, &text);
    if (r == 0)
        r = proxy_recall(c->proxy, buf_slice(&text));
    if (r == -ENOTSUP) {
        long long version = (long long)proxy_memory_version(buf_slice(&text));
        (void)snprintf(suffix, sizeof suffix, "version-%lld", version);
        (void)snprintf(what, sizeof what,
                       "the memory of the last run was written by a newer copilot-cluster "
                       "(version %lld of the file)",
                       version);
        set_aside(c, suffix, what);
    } else if (r == -ENOMEM) {
        log_warn("no memory to read what the last run knew; it will be replaced file=%s/%s",
                 c->config->supervisor.state_dir, FILE_NAME);
    } else if (r < 0 && r != -ENOENT) {
        (void)snprintf(what, sizeof what, "the memory of the last run cannot be read (%s)",
                       r == -EINVAL ? "not as this program writes it" : strerror(-r));
        set_aside(c, "corrupt", what);
    }
    buf_done(&text);
}

void cluster_memory_open(struct cluster *c)
{
    const struct state_host host = {.compose = compose, .data = c};
    const char *directory = c->config->supervisor.state_dir;

    if (c->lock_fd < 0)
        return; /* make_members() has said why */
    int r = state_open(c->loop, directory, FILE_NAME, &host, &c->memory);
    if (r < 0) {
        log_warn("%s cannot be used: %s; nothing will be remembered for the next start",
                 directory, strerror(-r));
        return;
    }
    c->open_handles++;
    recall(c);
}

void cluster_memory_changed(void *host)
{
    struct cluster *c = host;

    if (c->memory != NULL)
        state_changed(c->memory);
}

void cluster_memory_finish(struct cluster *c)
{
    if (c->memory != NULL)
        state_finish(c->memory);
}

void cluster_memory_close(struct cluster *c, void (*on_closed)(void *data))
{
    struct state *memory = c->memory;

    c->memory = NULL;
    if (memory != NULL)
        state_close(memory, on_closed, c);
}
