/* admin - what the gateway answers about itself.
 *
 * /health is always 200: the ancestor's users read its fields, not its status. Device codes are
 * in it for the owner only (core/admit.c).
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin.h"

#include <errno.h>

#include "admin_control.h"
#include "admin_json.h"
#include "admin_reset.h"
#include "client_internal.h"
#include "driver.h"
#include "metrics.h"

/* Sends what was built with result `r`, and frees it. */
static void send_json(struct client *c, unsigned status, int r, struct buf *body)
{
    if (r < 0)
        client_answer_error(c, ROUTE_OPENAI, 503, "The gateway is out of memory.", NULL, 1);
    else
        client_answer(c, status, "application/json", "", buf_slice(body));
    buf_done(body);
}

static void answer_health(struct client *c)
{
    struct buf body;

    buf_init(&body, 0);
    int r = admin_json_health(client_proxy(c), c->message->is_owner, &body);
    send_json(c, 200, r, &body);
}

static void answer_journal(struct client *c)
{
    struct buf body;

    buf_init(&body, 0);
    int r = admin_json_journal(client_proxy(c), &body);
    send_json(c, 200, r, &body);
}

/* How much of what is left, and which nodes there are, is nobody's business elsewhere. */
static void answer_metrics(struct client *c)
{
    struct buf body;

    buf_init(&body, 0);
    if (metrics_write(client_proxy(c), &body) < 0)
        client_answer_error(c, ROUTE_OPENAI, 503, "The gateway is out of memory.", NULL, 1);
    else
        client_answer(c, 200, METRICS_CONTENT_TYPE, "", buf_slice(&body));
    buf_done(&body);
}

static void answer_reset(struct client *c)
{
    struct proxy *p = client_proxy(c);
    struct failover_event ev = {.type = FAILOVER_RESET_ACTIVE};
    struct buf message;
    struct buf body;
    int r;

    buf_init(&message, 0);
    buf_init(&body, 0);
    unsigned status = admin_reset_read(p, buf_slice(&c->message->body), &ev.node, &message);
    if (status == 200) {
        /* Requests that wait may be answered by this; none of them is this client's. */
        driver_post(p->driver, &ev);
        r = admin_json_reset(p, ev.node, &body);
    } else {
        r = message.len == 0 ? -ENOMEM : admin_json_refusal(message.data, &body);
    }
    buf_done(&message);
    send_json(c, status, r, &body);
}

void admin_answer(struct client *c, const struct route *route)
{
    const struct slice root =
        SLICE("copilot-cluster " CLUSTER_VERSION "\n"
              "API: /v1/chat/completions, /v1/messages, /v1/models, /v1/embeddings\n"
              "State: /health\n");

    switch (route->kind) {
    case ROUTE_HEALTH:
        answer_health(c);
        break;
    case ROUTE_METRICS:
        answer_metrics(c);
        break;
    case ROUTE_JOURNAL:
        answer_journal(c);
        break;
    case ROUTE_RESET_ACTIVE:
        answer_reset(c);
        break;
    case ROUTE_ADMIN:
        admin_control_answer(c, route);
        break;
    case ROUTE_OPTIONS:
        client_answer(c, 204, "text/plain", "Allow: GET, HEAD, POST, OPTIONS\r\n",
                      (struct slice){0});
        break;
    case ROUTE_ROOT:
        client_answer(c, 200, "text/plain; charset=utf-8", "", root);
        break;
    case ROUTE_NODE:
    case ROUTE_BAD_METHOD:
    case ROUTE_NOT_FOUND:
    case ROUTE_BAD_TARGET:
        client_answer_error(c, route->dialect, 404, "There is nothing here.", NULL, 0);
        break;
    }
}
