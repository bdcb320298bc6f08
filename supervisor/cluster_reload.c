/* cluster_reload - other settings while everything runs: read, compared, taken over.
 *
 * All or nothing: whatever can fail comes first (the file, commands, homes of new nodes,
 * memory), and until then nothing has changed. Then, in one go:
 *
 *   - what needs a restart of the daemon is named and put back to what it was, so that the
 *     settings in force tell the truth, and the next reload names it again;
 *   - what is live is in force;
 *   - new nodes are added, and start; the order is that of the file;
 *   - a node whose settings need another process, or that is gone, waits for its turn
 *     (cluster_turns.c). One that is down has nothing to lose and starts anew at once.
 *
 * A reload while nodes still have their turns is compared with what runs, not with the file
 * before: what is left to do is exactly what then differs, and nothing is lost or done twice.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "log.h"
#include "mem.h"
#include "supervisor/config_diff.h"
#include "supervisor/config_node.h"

/* What a reload makes before it changes anything. */
struct attempt {
    struct cluster *cluster;
    struct reload *result;
    struct config *next;                   /* what was read */
    struct config_node *copies[NODES_MAX]; /* of its nodes that are new or not as before */
    struct child *children[NODES_MAX];     /* for new nodes of ours */
    unsigned slots[NODES_MAX];             /* the slot of each node in `next` */
    bool is_new[NODES_MAX];
};

static bool is_member(const struct cluster *c, unsigned slot)
{
    return slot < c->member_count && c->members[slot].config != NULL;
}

/* The slot of the node with that name and kind, or NODES_MAX. */
static unsigned find(const struct cluster *c, const struct config_node *n)
{
    for (unsigned slot = 0; slot < c->member_count; slot++) {
        const struct cluster_member *m = &c->members[slot];
        if (is_member(c, slot) && !m->is_gone && m->config->source == n->source &&
            strcmp(m->config->name, n->name) == 0)
            return slot;
    }
    return NODES_MAX;
}

/* ---------------------------------------------------------------- what can fail */

static void add_lines(struct reload *result, const struct buf *messages)
{
    struct slice rest = buf_slice(messages);

    while (rest.len > 0) {
        size_t len = slice_find(rest, SLICE("\n"));
        struct slice line = {.at = rest.at, .len = len == SIZE_MAX ? rest.len : len};
        if (line.len > 0)
            reload_add(result, RELOAD_ERRORS, "%.*s", (int)line.len, line.at);
        rest = len == SIZE_MAX ? (struct slice){0} : slice_skip(rest, len + 1);
    }
}

static void read_settings(struct attempt *a)
{
    struct cluster *c = a->cluster;
    struct buf messages;

    buf_init(&messages, 0);
    int r = c->source.load(c->source.data, &a->next, &messages);
    if (r == 0)
        r = cluster_check(a->next, &messages);
    add_lines(a->result, &messages);
    if (r < 0 && !reload_is_refused(a->result))
        reload_add(a->result, RELOAD_ERRORS, "the settings cannot be read: %s", strerror(-r));
    buf_done(&messages);
}

/* The lowest slot that nobody has or is promised. */
static unsigned find_free(const struct attempt *a)
{
    const struct cluster *c = a->cluster;

    for (unsigned slot = 0; slot < NODES_MAX; slot++) {
        bool is_free = !is_member(c, slot) && proxy_node_is_free(c->proxy, slot);
        for (size_t i = 0; i < NODES_MAX && is_free; i++)
            is_free = !a->is_new[i] || a->slots[i] != slot;
        if (is_free)
            return slot;
    }
    return NODES_MAX;
}

static void prepare_new(struct attempt *a, size_t i)
{
    const struct config_node *n = &a->next->nodes[i];
    struct error error;
    unsigned slot = find_free(a);

    if (slot == NODES_MAX) {
        reload_add(a->result, RELOAD_ERRORS,
                   "there is no room for node %s: with those that are still on their way out "
                   "there are %d; reload again when they are gone",
                   n->name, NODES_MAX);
        return;
    }
    a->slots[i] = slot;
    a->is_new[i] = true;
    if (n->source == NODE_SPAWNED && a->cluster->lock_fd < 0 &&
        cluster_open_state(a->cluster, true, &error) < 0)
        reload_add(a->result, RELOAD_ERRORS, "%s", error.text);
    else if (n->source == NODE_SPAWNED &&
             cluster_make_child(a->cluster, a->copies[i], slot, &a->children[i], &error) < 0)
        reload_add(a->result, RELOAD_ERRORS, "%s", error.text);
}

static void prepare_node(struct attempt *a, size_t i)
{
    const struct config_node *n = &a->next->nodes[i];
    const struct config_node *before = NULL;

    a->slots[i] = find(a->cluster, n);
    if (a->slots[i] != NODES_MAX)
        before = a->cluster->members[a->slots[i]].config;
    if (before != NULL && !config_diff_node(before, n, CONFIG_EFFECT_LIVE) &&
        !config_diff_node(before, n, CONFIG_EFFECT_RESTART_NODE))
        return;
    a->copies[i] = cluster_copy_node(n);
    if (a->copies[i] == NULL)
        reload_add(a->result, RELOAD_ERRORS, "out of memory");
    else if (before == NULL)
        prepare_new(a, i);
}

static void prepare(struct attempt *a)
{
    read_settings(a);
    for (size_t i = 0; !reload_is_refused(a->result) && i < a->next->node_count; i++)
        prepare_node(a, i);
    if (a->result->is_incomplete && !reload_is_refused(a->result))
        reload_add(a->result, RELOAD_ERRORS, "out of memory");
}

/* What was not taken over. */
static void drop(struct attempt *a)
{
    for (size_t i = 0; i < NODES_MAX; i++) {
        cluster_free_child(a->children[i]);
        cluster_free_node(a->copies[i]);
    }
    config_free(a->next);
}

/* ---------------------------------------------------------------- taking over */

/* Rows that are not about a node. Returns whether any of them is live and differs. What needs
 * the daemon moves on from settings to settings, equal or not: others hold on to its strings
 * for as long as the program lives. */
static bool take_settings(struct attempt *a)
{
    struct cluster *c = a->cluster;
    struct config *before = (struct config *)(uintptr_t)c->config;
    bool has_live = false;

    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        bool is_live = row->effect == CONFIG_EFFECT_LIVE;
        if (strcmp(row->section, "node") == 0)
            continue;
        bool differs = config_diff_row(row, before, a->next);
        if (row->effect == CONFIG_EFFECT_RESTART_DAEMON)
            config_diff_swap(row, before, a->next);
        if (!differs)
            continue;
        reload_add(a->result, is_live ? RELOAD_APPLIED : RELOAD_NEEDS_RESTART, "[%s]%s%s",
                   row->section, row->type == CONFIG_TYPE_PRICE ? "" : " ",
                   row->type == CONFIG_TYPE_PRICE ? "" : row->key);
        has_live = has_live || is_live;
    }
    return has_live;
}

static void tell_live_rows(struct attempt *a, const struct config_node *before,
                           const struct config_node *after)
{
    for (size_t i = 0; i < config_table_count; i++) {
        const struct config_row *row = &config_table_rows[i];
        if (strcmp(row->section, "node") == 0 && row->effect == CONFIG_EFFECT_LIVE &&
            config_diff_row(row, before, after))
            reload_add(a->result, RELOAD_APPLIED, "[node:%s] %s", after->name, row->key);
    }
}

/* Takes the copy. */
static void take_changed(struct attempt *a, size_t i)
{
    struct cluster *c = a->cluster;
    unsigned slot = a->slots[i];
    struct cluster_member *m = &c->members[slot];
    struct config_node *before = m->config;

    m->config = a->copies[i];
    a->copies[i] = NULL;
    tell_live_rows(a, before, m->config);
    if (config_diff_node(before, m->config, CONFIG_EFFECT_RESTART_NODE))
        cluster_turns_changed(c, slot, a->result);
    if (m->child != NULL)
        child_settings_changed(m->child, m->config);
    else
        proxy_node_token(c->proxy, slot, m->config->token);
    if (before != m->running)
        cluster_free_node(before);
}

/* Takes the copy and the child. */
static void take_new(struct attempt *a, size_t i)
{
    struct cluster *c = a->cluster;
    unsigned slot = a->slots[i];

    c->members[slot] =
        (struct cluster_member){.config = a->copies[i], .child = a->children[i], .cluster = c};
    a->copies[i] = NULL;
    a->children[i] = NULL;
    if (slot >= c->member_count)
        c->member_count = slot + 1;
    reload_add(a->result, RELOAD_ADDED, "%s", c->members[slot].config->name);
    cluster_add_node(c, slot);
}

/* It was on its way out, and shall stay after all. */
static void take_back(struct attempt *a, size_t i)
{
    struct cluster *c = a->cluster;
    struct cluster_member *m = &c->members[a->slots[i]];

    m->is_leaving = false;
    m->is_turn = false;
    reload_add(a->result, RELOAD_ADDED, "%s", m->config->name);
    if (m->child != NULL)
        cluster_post_node(c, FLEET_EVENT_START, a->slots[i]);
    else
        proxy_node_hold(c->proxy, a->slots[i], m->is_held ? PROXY_HOLD_KEEP : PROXY_HOLD_NONE);
}

static bool is_wanted(const struct attempt *a, unsigned slot)
{
    for (size_t i = 0; i < a->next->node_count; i++) {
        if (a->slots[i] == slot)
            return true;
    }
    return false;
}

/* A new node with the settings of one that goes is likely the same under another name. */
static void note_renamed(struct attempt *a, const struct config_node *gone)
{
    for (size_t i = 0; i < a->next->node_count; i++) {
        const struct config_node *n = &a->next->nodes[i];
        if (a->is_new[i] && n->source == NODE_SPAWNED && gone->source == NODE_SPAWNED &&
            n->home == NULL && !config_diff_node(gone, n, CONFIG_EFFECT_RESTART_NODE)) {
            reload_add(a->result, RELOAD_NOTES,
                       "if %s is the new name of %s: its login stays in nodes/%s, and %s asks "
                       "for one of its own; rename the directory to keep it",
                       n->name, gone->name, gone->name, n->name);
            return;
        }
    }
}

static void leave_gone(struct attempt *a)
{
    struct cluster *c = a->cluster;

    for (unsigned slot = 0; slot < c->member_count; slot++) {
        struct cluster_member *m = &c->members[slot];
        if (!is_member(c, slot) || m->is_leaving || is_wanted(a, slot))
            continue;
        m->is_leaving = true;
        reload_add(a->result, RELOAD_REMOVED, "%s", m->config->name);
        note_renamed(a, m->config);
    }
}

/* That of the file. */
static void take_order(struct attempt *a)
{
    struct cluster *c = a->cluster;
    bool is_as_before = true;

    for (size_t i = 0; i < a->next->node_count; i++) {
        if (i > 0 && !a->is_new[i] && !a->is_new[i - 1])
            is_as_before = is_as_before &&
                           c->members[a->slots[i]].index > c->members[a->slots[i - 1]].index;
    }
    for (unsigned i = 0; i < a->next->node_count; i++)
        c->members[a->slots[i]].index = i;
    if (!is_as_before)
        reload_add(a->result, RELOAD_APPLIED, "the order of the nodes");
    cluster_docker_order(c);
}

static void take_over(struct attempt *a)
{
    struct cluster *c = a->cluster;
    bool has_live = take_settings(a);

    leave_gone(a);
    for (size_t i = 0; i < a->next->node_count; i++) {
        if (a->is_new[i])
            take_new(a, i);
        else if (a->copies[i] != NULL)
            take_changed(a, i);
        if (c->members[a->slots[i]].is_leaving)
            take_back(a, i);
    }
    take_order(a);
    config_free(c->owned);
    c->config = c->owned = a->next;
    a->next = NULL;
    c->child_host.state_dir = c->config->supervisor.state_dir;
    proxy_reconfigure(c->proxy, c->config);
    cluster_docker_reconfigure(c);
    if (has_live || reload_has(a->result, RELOAD_APPLIED)) {
        log_set_level((enum log_level)c->config->log.level);
        log_set_json(c->config->log.format == CONFIG_LOG_JSON);
        cluster_post_policies(c);
    }
    cluster_turns_start(c);
}

/* ---------------------------------------------------------------- telling */

static void tell(const struct reload *result, const char *cause)
{
    struct buf summary;
    const char *text = NULL;

    buf_init(&summary, 0);
    if (reload_summary(result, &summary) < 0)
        buf_clear(&summary);
    log_write(reload_is_refused(result) ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
              "reload: %.*s by=%s", (int)summary.len, summary.len == 0 ? "" : summary.data,
              cause);
    buf_done(&summary);
    while ((text = reload_next(result, RELOAD_ERRORS, text)) != NULL)
        log_error("%s", text);
    while ((text = reload_next(result, RELOAD_NEEDS_RESTART, text)) != NULL)
        log_warn("%s is not applied: it needs a restart of copilot-cluster", text);
    while ((text = reload_next(result, RELOAD_NOTES, text)) != NULL)
        log_warn("%s", text);
}

void cluster_reload(struct cluster *c, const char *cause, struct reload *result)
{
    static struct attempt a; /* too large for the stack of a callback */

    assert(c->magic == CLUSTER_MAGIC);
    a = (struct attempt){.cluster = c, .result = result};
    if (c->phase != CLUSTER_RUNNING) {
        reload_add(result, RELOAD_ERRORS, "copilot-cluster is ending");
    } else if (c->source.load == NULL) {
        reload_add(result, RELOAD_ERRORS, "there is no file to read again");
    } else {
        prepare(&a);
        if (!reload_is_refused(result))
            take_over(&a);
        drop(&a);
    }
    tell(result, cause);
}

void cluster_set_source(struct cluster *c, const struct cluster_source *source)
{
    c->source = *source;
}
