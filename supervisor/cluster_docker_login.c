/* cluster_docker_login - what containers print: login codes for humans, evidence for the proxy.
 *
 * The log is followed while the container runs. Its past is read first: a code that waits in it
 * is shown only when the past has been read to its end (at the next tick) and the container has
 * neither logged in nor answered meanwhile. Evidence counts only when it is new.
 *
 * A code that nobody used stays dead until the container is restarted (FACTS 1). That is left
 * to its owner, unless [docker] restart_expired says that it is for us: the one call to the
 * engine that is not a GET.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_docker.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "supervisor/cluster_internal.h"
#include "supervisor/relay.h"

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void note_code(struct docker_node *n, int64_t at_ms)
{
    int64_t now_ms = wall_ms();

    if (at_ms == 0 || at_ms > now_ms)
        at_ms = now_ms;
    n->has_code = true;
    n->is_code_shown = false;
    n->is_code_expired = false;
    n->code_expires_ms = at_ms + (int64_t)n->owner->cluster->config->auth.timeout_ms;
    if (n->phase == DOCKER_PHASE_UP) /* it has begun anew, faster than the list shows */
        cluster_docker_phase(n, DOCKER_PHASE_STARTING);
    cluster_docker_wake(n->owner);
}

static void note_login(struct docker_node *n)
{
    if (n->has_code && n->is_code_shown)
        relay_used(n->name, n->prompt.account);
    n->has_code = false;
    if (n->phase != DOCKER_PHASE_LOGIN)
        return;
    n->down[0] = '\0';
    cluster_docker_phase(n, DOCKER_PHASE_STARTING);
    proxy_node_down(n->owner->cluster->proxy, n->slot, PROXY_DOWN_STARTING, 0,
                    "has logged in, and does not answer yet");
}

static void on_line(void *data, int stream, const char *text, size_t len, int64_t at_ms,
                    bool is_old)
{
    struct docker_node *n = data;
    char code[sizeof n->prompt.code];
    enum node_evidence evidence;

    if (evidence_line(&n->evidence, stream, text, len, &evidence) && !is_old)
        proxy_node_evidence(n->owner->cluster->proxy, n->slot, evidence, n->evidence.text);
    memcpy(code, n->prompt.code, sizeof code);
    switch (prompt_line(&n->prompt, text, len)) {
    case PROMPT_CODE:
        if (strcmp(code, n->prompt.code) != 0)
            note_code(n, at_ms);
        break;
    case PROMPT_LOGGED_IN:
        note_login(n);
        break;
    case PROMPT_NOTHING:
        break;
    }
}

/* The container has stopped, or the engine: the next list knows. */
static void on_end(void *data)
{
    struct docker_node *n = data;

    docker_log_close(n->log);
    n->log = NULL;
    docker_look(n->owner->docker);
}

void cluster_docker_follow(struct docker_node *n)
{
    const struct docker_log_host host = {.data = n, .on_line = on_line, .on_end = on_end};

    if (n->log != NULL || !n->owner->cluster->config->docker.relay_prompts)
        return;
    prompt_init(&n->prompt);
    if (docker_log_open(n->owner->docker, n->row.id, &host, &n->log) < 0)
        n->log = NULL; /* the next list tries again */
}

void cluster_docker_forget(struct docker_node *n)
{
    docker_log_close(n->log);
    n->log = NULL;
    if (n->restart != NULL)
        fetch_cancel(n->restart);
    n->restart = NULL;
    if (n->has_code && n->is_code_shown && !n->is_code_expired)
        relay_gone(n->name);
    n->has_code = false;
}

/* ---------------------------------------------------------------- codes */

static unsigned count_others(const struct docker_node *n)
{
    unsigned count = 0;

    for (unsigned i = 0; i < NODES_MAX; i++) {
        const struct docker_node *other = &n->owner->nodes[i];
        count +=
            other != n && other->owner != NULL && other->has_code && !other->is_code_expired;
    }
    return count;
}

static void show(struct docker_node *n, int64_t now_ms)
{
    const struct relay_login login = {
        .node = n->name,
        .url = n->prompt.url,
        .code = n->prompt.code,
        .good_for_ms = (uint64_t)(n->code_expires_ms - now_ms),
    };

    n->is_code_shown = true;
    n->down[0] = '\0';
    cluster_docker_phase(n, DOCKER_PHASE_LOGIN);
    proxy_node_down(n->owner->cluster->proxy, n->slot, PROXY_DOWN_LOGIN, 0,
                    "waits for a human to log it in");
    relay_show(&login);
    if (count_others(n) > 0)
        log_warn("several containers ask for a login at once: do one after the other, and mind "
                 "which account is for which node waiting=%u",
                 count_others(n) + 1);
}

static void on_restarted(void *data, const struct fetch_result *result)
{
    struct docker_node *n = data;

    n->restart = NULL;
    if (result->error < 0)
        log_warn("container could not be restarted for a fresh code: %s node=%s",
                 result->error_text, n->name);
    else if (result->status > 299)
        log_warn("container could not be restarted for a fresh code: status %d%s node=%s",
                 result->status,
                 result->status == 403 ? " (does the socket proxy allow POST?)" : "", n->name);
}

static void expire(struct docker_node *n)
{
    char path[DOCKER_ID_LEN + 32];
    const struct docker_call call = {
        .path = path, .is_post = true, .done = on_restarted, .data = n};

    n->is_code_expired = true;
    if (!n->owner->cluster->config->docker.restart_expired) {
        log_warn("nobody used the login code in time, and only a restart gives a fresh one: "
                 "docker restart %s; or set [docker] restart_expired = yes node=%s",
                 n->row.name, n->name);
        return;
    }
    log_warn("nobody used the login code in time, the container is restarted for a fresh one "
             "node=%s",
             n->name);
    (void)snprintf(path, sizeof path, "/containers/%s/restart?t=5", n->row.id);
    if (n->restart == NULL && docker_start(n->owner->docker, &call, &n->restart) < 0)
        n->restart = NULL;
}

void cluster_docker_look_code(struct docker_node *n)
{
    int64_t now_ms = wall_ms();

    if (!n->has_code || n->is_code_expired)
        return;
    if (now_ms >= n->code_expires_ms)
        expire(n);
    else if (!n->is_code_shown &&
             (n->phase == DOCKER_PHASE_STARTING || n->phase == DOCKER_PHASE_LOGIN))
        show(n, now_ms);
}

bool cluster_docker_login(const struct cluster *c, unsigned i,
                          struct proxy_login_view *ret_view)
{
    const struct cluster_docker *cd = c->docker;

    for (unsigned at = 0; cd != NULL && at < NODES_MAX; at++) {
        const struct docker_node *n = &cd->nodes[at];
        if (n->owner == NULL || !n->has_code || !n->is_code_shown || n->is_code_expired ||
            i-- > 0)
            continue;
        *ret_view = (struct proxy_login_view){
            .node = n->name,
            .url = n->prompt.url,
            .code = n->prompt.code,
            .expires_at_ms = n->code_expires_ms,
        };
        return true;
    }
    return false;
}
