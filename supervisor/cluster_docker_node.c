/* cluster_docker_node - one container: where it answers, and whether it does.
 *
 * A running container is asked for GET / until it answers, then it is up, and whatever fails
 * from then on is the proxy's affair. What Docker thinks of its health is only shown: the
 * ancestor's check calls a drained account unhealthy.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_docker.h"

#include <stdio.h>
#include <string.h>

#include "log.h"
#include "supervisor/cluster_internal.h"
#include "supervisor/config_node.h"
#include "supervisor/core/docker_address.h"

#define PROBE_TIMEOUT_MS 2000
#define PROBE_MS         250  /* between two, at first */
#define PROBE_SLOW_MS    5000 /* and once it has been silent for SILENCE_MS */
#define SILENCE_MS       30000

/* ---------------------------------------------------------------- up and down */

void cluster_docker_phase(struct docker_node *n, enum docker_phase phase)
{
    n->phase = phase;
    n->phase_ms = uv_now(n->owner->cluster->loop);
    n->is_silence_told = false;
    n->probe_ms = n->phase_ms;
    cluster_docker_wake(n->owner);
}

/* Once for each reason. */
static void tell_down(struct docker_node *n, enum proxy_down kind, const char *reason)
{
    char told[REASON_MAX];

    (void)snprintf(told, sizeof told, "%d %.150s", (int)kind, reason);
    if (strcmp(told, n->down) == 0)
        return;
    memcpy(n->down, told, sizeof told);
    log_info("node is not up: %s node=%s container=%.12s", reason, n->name, n->row.id);
    proxy_node_down(n->owner->cluster->proxy, n->slot, kind, 0, reason);
}

void cluster_docker_cancel_probe(struct docker_node *n)
{
    if (n->probe != NULL)
        fetch_cancel(n->probe);
    n->probe = NULL;
}

void cluster_docker_go_down(struct docker_node *n, enum proxy_down kind, const char *reason)
{
    cluster_docker_cancel_probe(n);
    cluster_docker_forget(n);
    n->phase = DOCKER_PHASE_DOWN;
    tell_down(n, kind, reason);
}

static void on_probed(void *data, const struct fetch_result *result)
{
    struct docker_node *n = data;

    n->probe = NULL;
    if (result->error < 0 || result->status >= 500)
        return;
    n->has_code = false;
    n->down[0] = '\0';
    evidence_up(&n->evidence);
    cluster_docker_phase(n, DOCKER_PHASE_UP);
    log_info("node is up node=%s container=%.12s address=%s:%u", n->name, n->row.id, n->host,
             n->port);
    proxy_node_up(n->owner->cluster->proxy, n->slot, n->host, n->port);
}

static void probe(struct docker_node *n, uint64_t now_ms)
{
    char url[sizeof n->host + sizeof "http://[]:65535/"];
    const struct fetch_request request = {.url = url, .timeout_ms = PROBE_TIMEOUT_MS};
    bool is_v6 = strchr(n->host, ':') != NULL;

    if (n->probe != NULL || now_ms < n->probe_ms)
        return;
    n->probe_ms = now_ms + (now_ms - n->phase_ms > SILENCE_MS ? PROBE_SLOW_MS : PROBE_MS);
    (void)snprintf(url, sizeof url, is_v6 ? "http://[%s]:%u/" : "http://%s:%u/", n->host,
                   n->port);
    if (fetch_start(n->owner->cluster->pool, &request, on_probed, n, &n->probe) < 0)
        n->probe = NULL; /* the next tick tries again */
}

static void look_at_silence(struct docker_node *n, uint64_t now_ms)
{
    char reason[REASON_MAX];

    if (n->phase != DOCKER_PHASE_STARTING || n->is_silence_told ||
        now_ms - n->phase_ms < SILENCE_MS)
        return;
    n->is_silence_told = true;
    (void)snprintf(reason, sizeof reason, "container runs, but nothing answers at %.80s:%u",
                   n->host, n->port);
    tell_down(n, PROXY_DOWN_STOPPED, reason);
}

void cluster_docker_await(struct docker_node *n, uint64_t now_ms)
{
    probe(n, now_ms);
    look_at_silence(n, now_ms);
}

/* ---------------------------------------------------------------- what is listed */

static const char *choose_host(const struct docker_node *n, char reason[REASON_MAX])
{
    const struct cluster_docker *cd = n->owner;
    const struct docker_detail *own = docker_ourselves(cd->docker);
    const char *network = cd->cluster->config->docker.network;
    const char *names[DOCKER_NETWORKS_MAX], *addresses[DOCKER_NETWORKS_MAX];
    const char *ours[DOCKER_NETWORKS_MAX];

    for (unsigned i = 0; i < n->row.network_count; i++) {
        names[i] = n->row.networks[i].name;
        addresses[i] = n->row.networks[i].address;
    }
    for (unsigned i = 0; own != NULL && i < own->network_count; i++)
        ours[i] = own->networks[i];
    const struct docker_address_facts facts = {
        .name = n->row.name,
        .is_host_network = n->row.is_host_network,
        .is_guest = n->row.is_guest,
        .networks = names,
        .addresses = addresses,
        .network_count = n->row.network_count,
        .wanted = network == NULL ? "" : network,
        .our_networks = ours,
        .our_network_count = own == NULL ? 0 : own->network_count,
    };
    return docker_address_choose(&facts, reason);
}

/* From label copilot.url; false with a reason. */
static bool read_url(const struct docker_node *n, char host[DOCKER_URL_MAX], uint16_t *ret_port,
                     char reason[REASON_MAX])
{
    struct config_node url = {.enabled = true};
    struct error error = {"out of memory"};
    bool is_ok = config_node_set_url(&url, n->row.url, &error) == 0;

    if (is_ok) {
        (void)snprintf(host, DOCKER_URL_MAX, "%s", url.url_host);
        *ret_port = url.url_port;
    } else {
        (void)snprintf(reason, REASON_MAX, "label copilot.url %.120s", error.text);
    }
    config_node_done(&url);
    return is_ok;
}

/* Where it answers; false with a reason. */
static bool find_address(const struct docker_node *n, char host[DOCKER_URL_MAX],
                         uint16_t *ret_port, char reason[REASON_MAX])
{
    uint64_t port = (uint64_t)n->owner->cluster->config->docker.port;

    if (n->row.is_label_too_long) {
        (void)snprintf(reason, REASON_MAX, "label copilot.url or copilot.port is too long");
        return false;
    }
    if (n->row.url[0] != '\0')
        return read_url(n, host, ret_port, reason);
    if (n->row.port[0] != '\0' &&
        (!slice_to_u64(slice_of(n->row.port), UINT16_MAX, &port) || port == 0)) {
        (void)snprintf(reason, REASON_MAX, "label copilot.port must be 1..65535, got '%s'",
                       n->row.port);
        return false;
    }
    const char *chosen = choose_host(n, reason);
    if (chosen == NULL)
        return false;
    (void)snprintf(host, DOCKER_URL_MAX, "%s", chosen);
    *ret_port = (uint16_t)port;
    return true;
}

static void look_at_running(struct docker_node *n)
{
    char host[DOCKER_URL_MAX];
    char reason[REASON_MAX] = "";
    uint16_t port = 0;

    if (!find_address(n, host, &port, reason)) {
        cluster_docker_go_down(n, PROXY_DOWN_STARTING, reason);
        return;
    }
    if (n->phase == DOCKER_PHASE_DOWN || strcmp(host, n->host) != 0 || port != n->port) {
        cluster_docker_cancel_probe(n);
        memcpy(n->host, host, sizeof n->host);
        n->port = port;
        evidence_init(&n->evidence);
        cluster_docker_phase(n, DOCKER_PHASE_STARTING);
        tell_down(n, PROXY_DOWN_STARTING, "container has started, and does not answer yet");
    }
    cluster_docker_follow(n);
}

void cluster_docker_look_at(struct docker_node *n)
{
    char reason[REASON_MAX];

    switch (n->row.state) {
    case DOCKER_STATE_RUNNING:
        look_at_running(n);
        break;
    case DOCKER_STATE_PAUSED:
        cluster_docker_go_down(n, PROXY_DOWN_STOPPED, "container is paused");
        break;
    case DOCKER_STATE_RESTARTING:
        (void)snprintf(reason, sizeof reason, "container restarts (%s)", n->row.status);
        cluster_docker_go_down(n, PROXY_DOWN_BACKOFF, reason);
        break;
    case DOCKER_STATE_STOPPED:
        (void)snprintf(reason, sizeof reason, "container has stopped (%s)", n->row.status);
        cluster_docker_go_down(n, PROXY_DOWN_STOPPED, reason);
        break;
    }
}
