/* cluster - the whole: nodes' processes, the proxy in front of them, and their common end.
 *
 * The only caller of fleet_step(). Callbacks (a line of output, a reaped child, an answered
 * probe, a wish of the proxy, the timer) post an event into one queue and return; `pump` is an
 * idle handle that drains it on the loop's next turn: step, carry out the actions, next
 * (DESIGN 5). So no callback of anybody runs inside an action.
 *
 * cluster_open.c begins it, cluster_host.c answers the proxy, cluster_end.c ends it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "supervisor/config_exit_codes.h"
#include "supervisor/relay.h"

#define PROBE_TIMEOUT_MS 2000 /* a node that answers later is not ready */

static void on_pump(uv_idle_t *handle);

/* The event that waits and is equal but for what it carries, or NULL. */
static struct fleet_event *find_pending(struct cluster *c, const struct fleet_event *ev)
{
    for (unsigned i = 0; i < c->queue_len; i++) {
        struct fleet_event *other = &c->queue[(c->queue_first + i) % CLUSTER_QUEUE_MAX];
        if (other->type == ev->type && other->id.slot == ev->id.slot &&
            other->id.generation == ev->id.generation)
            return other;
    }
    return NULL;
}

void cluster_post(struct cluster *c, struct fleet_event ev)
{
    assert(c->magic == CLUSTER_MAGIC);
    struct fleet_event *pending = find_pending(c, &ev);
    if (pending != NULL)
        *pending = ev; /* what is newest counts */
    if (pending != NULL || c->phase >= CLUSTER_CLOSING)
        return;
    assert(c->queue_len < CLUSTER_QUEUE_MAX);
    c->queue[(c->queue_first + c->queue_len++) % CLUSTER_QUEUE_MAX] = ev;
    (void)uv_idle_start(&c->pump, on_pump);
}

/* autorestart = unexpected: did its last process exit as its settings call fine? */
static bool is_expected(const struct child *child)
{
    return child->end.code == CLD_EXITED &&
           config_exit_codes_has(&child->config->exit_codes, (unsigned)child->end.status);
}

void cluster_post_node(struct cluster *c, enum fleet_event_type type, unsigned slot)
{
    const struct child *child = c->members[slot].child;

    cluster_post(c, (struct fleet_event){
                        .type = type,
                        .id = {.slot = (uint16_t)slot,
                               .generation = child == NULL ? 0 : child->generation},
                        .has_token = child != NULL && child_has_token(child),
                        .is_refused = child != NULL && child->is_refused,
                        .is_expected = child != NULL && is_expected(child),
                    });
}

static void on_child_prompt(void *data, struct child *child)
{
    cluster_post_node(data, FLEET_EVENT_PROMPT, child->slot);
}

/* Two nodes of one account share its quota, and are in its service at the same time. */
static void warn_of_twin(const struct cluster *c, const struct child *child)
{
    const char *twin = cluster_twin(c, child->slot);

    if (twin != NULL)
        log_warn("wrong account? this node logs in as %s, and so does node %s: both use up one "
                 "quota; `login` the one that is wrong node=%s",
                 child->account, twin, child->config->name);
}

static void on_child_logged_in(void *data, struct child *child)
{
    warn_of_twin(data, child);
    cluster_post_node(data, FLEET_EVENT_LOGGED_IN, child->slot);
}

static void on_child_evidence(void *data, struct child *child, enum node_evidence evidence,
                              const char *line)
{
    struct cluster *c = data;

    log_debug("a line of the node's log is evidence node=%s evidence=%s line=\"%s\"",
              child->config->name, node_evidence_name(evidence), line);
    if (c->phase < CLUSTER_CLOSING)
        proxy_node_evidence(c->proxy, child->slot, evidence, line);
}

static void on_child_exited(void *data, struct child *child)
{
    struct cluster *c = data;
    struct cluster_member *m = &c->members[child->slot];

    if (m->probe != NULL)
        fetch_cancel(m->probe);
    m->probe = NULL;
    cluster_post_node(c, FLEET_EVENT_EXITED, child->slot);
}

/* Any answer below 500 will do: forks may want a key even for "/". */
static void on_probed(void *data, const struct fetch_result *result)
{
    struct cluster_member *m = data;
    bool is_ready = result->error == 0 && result->status < 500;

    m->probe = NULL;
    cluster_post_node(m->cluster, is_ready ? FLEET_EVENT_PROBE_OK : FLEET_EVENT_PROBE_FAILED,
                      m->child->slot);
}

static void on_timer(uv_timer_t *handle)
{
    cluster_post(handle->data, (struct fleet_event){.type = FLEET_EVENT_TIMER});
}

static void spawn(struct cluster *c, const struct fleet_action *a)
{
    struct cluster_member *m = &c->members[a->id.slot];

    m->restart_why[0] = '\0';
    cluster_turns_started(c, a->id.slot);
    if (child_start(m->child, a->id.generation)) {
        log_info("node started node=%s pid=%d address=%s:%u", m->config->name,
                 (int)m->child->process.pid, m->child->address, m->child->port);
        return;
    }
    cluster_post_node(c, FLEET_EVENT_EXITED, a->id.slot);
}

static void probe(struct cluster *c, unsigned slot)
{
    struct cluster_member *m = &c->members[slot];
    char url[64];

    (void)snprintf(url, sizeof url, "http://%s:%u/", m->child->address, m->child->port);
    const struct fetch_request request = {.url = url, .timeout_ms = PROBE_TIMEOUT_MS};
    if (fetch_start(c->pool, &request, on_probed, m, &m->probe) < 0)
        cluster_post_node(c, FLEET_EVENT_PROBE_FAILED, slot);
}

static uint64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void show_prompt(struct cluster *c, unsigned slot)
{
    struct cluster_member *m = &c->members[slot];
    struct relay_login login = {
        .node = m->config->name,
        .url = m->child->prompt.url,
        .code = m->child->prompt.code,
        .good_for_ms = c->config->auth.timeout_ms,
    };

    for (unsigned i = 0; i < c->member_count; i++) {
        const struct proc *p = fleet_proc(&c->fleet, i);
        login.waiting += i != slot && p != NULL && p->is_wanted && proc_needs_login(p);
    }
    m->login_expires_at_ms = wall_ms() + login.good_for_ms;
    relay_show(&login);
    proxy_node_login(c->proxy, slot, "waiting");
}

/* TERM and KILL come from a stop, a restart, or a start that takes too long. A restart that
 * nobody asked for has its cause in the engine. */
static void send_signal(struct cluster *c, const struct fleet_action *a)
{
    struct cluster_member *m = &c->members[a->id.slot];
    const struct proc *p = fleet_proc(&c->fleet, a->id.slot);
    char why[REASON_MAX] = "stopped";
    char limit[32];

    relay_duration(m->config->start_timeout_ms, limit, sizeof limit);
    if (p->cause != PROC_CAUSE_NONE && p->next != PROC_NEXT_STAY)
        (void)snprintf(why, sizeof why, "restarted: %s", proc_cause_words(p->cause));
    else if (m->restart_why[0] != '\0')
        (void)snprintf(why, sizeof why, "restarted: %.*s", REASON_MAX - 12, m->restart_why);
    else if (a->type == FLEET_ACTION_TERM && p->next == PROC_NEXT_START)
        (void)snprintf(why, sizeof why, "restarted for a login");
    else if (a->type == FLEET_ACTION_KILL && p->next == PROC_NEXT_BACKOFF)
        (void)snprintf(why, sizeof why, "did not answer within %s", limit);
    child_signal(m->child, a->type == FLEET_ACTION_TERM ? (int)m->config->stop_signal : SIGKILL,
                 m->child->why[0] == '\0' ? why : NULL);
}

/* What cannot be done now is asked for again when the next start is refused. */
static void set_aside(struct cluster *c, unsigned slot)
{
    struct child *child = c->members[slot].child;
    char path[HOME_TOKEN_PATH_MAX];
    int r = child_set_token_aside(child, path);

    if (r < 0 && r != -ENOENT) {
        log_error(
            "this node needs a fresh login, but its token file cannot be renamed: %s; remove "
            "it, then a login is asked for node=%s file=%s/%s",
            strerror(-r), child->config->name, child->home, child->config->token_file);
        return;
    }
    bool is_order = fleet_proc(&c->fleet, slot)->cause == PROC_CAUSE_LOGIN;
    if (r == 0 && is_order)
        log_info("a fresh login was asked for, the old token is set aside node=%s old_token=%s",
                 child->config->name, path);
    else if (r == 0)
        log_warn("GitHub refuses the login of this node again and again, so its token is set "
                 "aside and a new login is asked for; should the old one be good after all, "
                 "rename the file back and restart the node node=%s old_token=%s",
                 child->config->name, path);
    cluster_post_node(c, FLEET_EVENT_TOKEN_GONE, slot);
}

static void node_up(struct cluster *c, unsigned slot)
{
    struct child *child = c->members[slot].child;
    char after[32];

    child_up(child);
    relay_duration(uv_now(c->loop) - child->started_ms, after, sizeof after);
    log_info("node is up node=%s pid=%d account=%s after=\"%s\"", child->config->name,
             (int)child->process.pid,
             child->prompt.account[0] == '\0' ? "?" : child->prompt.account, after);
    proxy_node_up(c->proxy, slot, child->address, child->port);
}

static void node_down(struct cluster *c, const struct fleet_action *a)
{
    static const enum proxy_down kinds[] = {
        [FLEET_REPORT_NONE] = PROXY_DOWN_STOPPED,
        [FLEET_REPORT_UP] = PROXY_DOWN_STOPPED,
        [FLEET_REPORT_STARTING] = PROXY_DOWN_STARTING,
        [FLEET_REPORT_LOGIN] = PROXY_DOWN_LOGIN,
        [FLEET_REPORT_BACKOFF] = PROXY_DOWN_BACKOFF,
        [FLEET_REPORT_STOPPED] = PROXY_DOWN_STOPPED,
    };
    const struct child *child = c->members[a->id.slot].child;
    const struct proc *p = fleet_proc(&c->fleet, a->id.slot);
    const char *reason = child->problem[0] == '\0' ? NULL : child->problem;
    char again[REASON_MAX];
    char pause[32];

    relay_duration(a->retry_in_ms, pause, sizeof pause);
    if (a->down == FLEET_REPORT_LOGIN) {
        reason = p->state == PROC_LOGIN ? "waits for a human to log it in"
                                        : "waits for its turn to log in";
    } else if (a->down == FLEET_REPORT_STARTING && reason != NULL) {
        (void)snprintf(again, sizeof again, "starts again; before: %.*s", REASON_MAX - 30,
                       child->problem);
        reason = again;
    } else if (a->down == FLEET_REPORT_BACKOFF) {
        log_warn("node is down: %s; next start in %s node=%s failures=%u", child->problem,
                 pause, child->config->name, p->backoff.failures);
    } else if (p->state == PROC_EXITED) {
        log_warn("node has ended and stays down (autorestart): %s node=%s", child->problem,
                 child->config->name);
    } else if (p->state == PROC_FATAL) {
        log_error("node failed too often and stays down: %s node=%s", child->problem,
                  child->config->name);
    }
    proxy_node_down(c->proxy, a->id.slot, kinds[a->down], a->retry_in_ms, reason);
}

static void node_hold(struct cluster *c, const struct fleet_action *a)
{
    static const enum proxy_hold holds[] = {
        [FLEET_HOLD_NONE] = PROXY_HOLD_NONE,
        [FLEET_HOLD_KEEP] = PROXY_HOLD_KEEP,
        [FLEET_HOLD_RESTART] = PROXY_HOLD_RESTART,
        [FLEET_HOLD_STOP] = PROXY_HOLD_STOP,
    };
    const char *node = c->members[a->id.slot].config->name;
    const struct proc *p = fleet_proc(&c->fleet, a->id.slot);

    switch (a->hold) {
    case FLEET_HOLD_KEEP:
        log_info("node is held: it gets no new requests node=%s running=%u", node,
                 proxy_node_busy(c->proxy, a->id.slot));
        break;
    case FLEET_HOLD_RESTART:
        log_info("node is drained for a restart: %s node=%s running=%u",
                 proc_cause_words(p->cause), node, proxy_node_busy(c->proxy, a->id.slot));
        break;
    case FLEET_HOLD_STOP:
        log_info("node is drained for a stop node=%s running=%u", node,
                 proxy_node_busy(c->proxy, a->id.slot));
        break;
    case FLEET_HOLD_NONE:
        break;
    }
    proxy_node_hold(c->proxy, a->id.slot, holds[a->hold]);
}

static void carry_out(struct cluster *c, const struct fleet_action *a)
{
    struct cluster_member *m = a->type == FLEET_ACTION_EXIT ? NULL : &c->members[a->id.slot];

    switch (a->type) {
    case FLEET_ACTION_SPAWN:
        spawn(c, a);
        break;
    case FLEET_ACTION_TERM:
    case FLEET_ACTION_KILL:
        send_signal(c, a);
        break;
    case FLEET_ACTION_PROBE:
        probe(c, a->id.slot);
        break;
    case FLEET_ACTION_PROMPT_SHOW:
        show_prompt(c, a->id.slot);
        break;
    case FLEET_ACTION_RETRACT_USED:
        relay_used(m->config->name, m->child->prompt.account);
        proxy_node_login(c->proxy, a->id.slot, "used");
        break;
    case FLEET_ACTION_RETRACT_EXPIRED:
        relay_expired(m->config->name);
        proxy_node_login(c->proxy, a->id.slot, "expired");
        break;
    case FLEET_ACTION_RETRACT_GONE:
        relay_gone(m->config->name);
        proxy_node_login(c->proxy, a->id.slot, "gone");
        break;
    case FLEET_ACTION_SET_ASIDE:
        set_aside(c, a->id.slot);
        break;
    case FLEET_ACTION_NODE_HOLD:
        node_hold(c, a);
        break;
    case FLEET_ACTION_NODE_UP:
        node_up(c, a->id.slot);
        break;
    case FLEET_ACTION_NODE_DOWN:
        node_down(c, a);
        break;
    case FLEET_ACTION_QUIT:
        cluster_end_quit(c, m->config->name);
        break;
    case FLEET_ACTION_EXIT:
        cluster_end_close(c);
        break;
    case FLEET_ACTION_COUNT:
        break;
    }
}

static void arm(struct cluster *c)
{
    uint64_t now_ms = uv_now(c->loop);
    uint64_t deadline_ms = fleet_deadline(&c->fleet);

    if (deadline_ms == FLEET_NEVER)
        (void)uv_timer_stop(&c->timer);
    else
        (void)uv_timer_start(&c->timer, on_timer,
                             deadline_ms > now_ms ? deadline_ms - now_ms : 0, 0);
}

static void on_pump(uv_idle_t *handle)
{
    struct cluster *c = handle->data;

    (void)uv_idle_stop(handle);
    while (c->queue_len > 0) {
        struct fleet_event ev = c->queue[c->queue_first];
        c->queue_first = (c->queue_first + 1) % CLUSTER_QUEUE_MAX;
        c->queue_len--;
        ev.now_ms = uv_now(c->loop);
        fleet_step(&c->fleet, &ev, &c->actions);
        for (unsigned i = 0; i < c->actions.count; i++)
            carry_out(c, &c->actions.list[i]);
    }
    if (c->phase < CLUSTER_CLOSING) {
        arm(c);
        cluster_care_arm(c);
    }
}

void cluster_child_host_init(struct cluster *c)
{
    c->child_host = (struct child_host){
        .loop = c->loop,
        .reaper = &c->reaper,
        .state_dir = c->config->supervisor.state_dir,
        .oom = &c->oom,
        .on_prompt = on_child_prompt,
        .on_logged_in = on_child_logged_in,
        .on_evidence = on_child_evidence,
        .on_exited = on_child_exited,
        .data = c,
    };
}
