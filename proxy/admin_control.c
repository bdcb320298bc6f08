/* admin_control - what the owner sees and orders: nodes, logs, logins, settings, reload.
 *
 * The same API on the control socket and on the gateway's port, there for callers on this
 * machine only: device codes are in it. The probes /livez and /readyz answer whoever may use
 * the gateway.
 *
 * What is ordered goes to the host, which carries it out from the loop's next turn on; the
 * answer says what will happen. Logs and events that are followed are in watch.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin_control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "admin_json.h"
#include "client_internal.h"
#include "core/admin_path.h"
#include "core/printable.h"
#include "watch.h"

#define LOG_BYTES_MAX (2 * 1024 * 1024) /* the ring's 256 KiB, every octet escaped */

/* ---------------------------------------------------------------- answers */

static void send_json(struct client *c, unsigned status, int r, struct buf *body)
{
    if (r < 0)
        client_answer_error(c, ROUTE_OPENAI, 503, "The gateway is out of memory.", NULL, 1);
    else
        client_answer(c, status, "application/json", "", buf_slice(body));
    buf_done(body);
}

/* Takes the root; NULL is out of memory. */
static void send_root(struct client *c, unsigned status, json_t *root)
{
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    struct buf body;

    buf_init(&body, 0);
    int r = text == NULL ? -ENOMEM : buf_printf(&body, "%s\n", text);
    free(text);
    json_decref(root);
    send_json(c, status, r, &body);
}

static void refuse(struct client *c, unsigned status, const char *message, const char *hint)
{
    send_root(c, status,
              json_pack("{s:b, s:s, s:s}", "success", 0, "message", message, "hint", hint));
}

static void refuse_unknown_node(struct client *c, struct slice name)
{
    const struct proxy *p = client_proxy(c);
    char shown[NODE_NAME_MAX + 1];
    char message[NODE_NAME_MAX + 64];
    struct buf hint;
    int r;

    (void)printable_copy(name, shown, sizeof shown);
    (void)snprintf(message, sizeof message, "There is no node \"%s\".", shown);
    buf_init(&hint, 4096);
    r = buf_printf(&hint, "The nodes are:");
    for (unsigned i = 0; i < p->order_count && r == 0; i++)
        r = buf_printf(&hint, " %s", p->nodes[p->order[i]].name);
    if (r == 0)
        r = buf_append(&hint, "", 1);
    refuse(c, 404, message, r == 0 ? hint.data : "GET /admin/nodes lists them.");
    buf_done(&hint);
}

/* ---------------------------------------------------------------- nodes */

static bool find_node(const struct proxy *p, struct slice name, unsigned *ret_slot)
{
    for (unsigned i = 0; i < p->order_count; i++) {
        unsigned slot = p->order[i];
        if (!slice_equal(name, slice_of(p->nodes[slot].name)) || !proxy_knows_node(p, slot))
            continue;
        *ret_slot = slot;
        return true;
    }
    return false;
}

static const struct {
    const char *word;
    const char *sentence;
} orders[] = {
#define X(name, word, sentence) [PROXY_ORDER_##name] = {word, sentence},
    PROXY_ORDER_MAP(X)
#undef X
};
_Static_assert(sizeof orders / sizeof orders[0] == PROXY_ORDER_COUNT, "a word each");

static void refuse_order(struct client *c, int r, const char *node)
{
    static const struct {
        int error;
        unsigned status;
        const char *message;
        const char *hint;
    } table[] = {
        {-ENOTSUP, 409, "It is not started from here, so it has no process to order about.",
         "drain, disable and enable work for it."},
        {-EPERM, 409, "It is disabled.", "Enable it first."},
        {-ESHUTDOWN, 503, "copilot-cluster is ending.", "Start it again, then order."},
    };
    char message[NODE_NAME_MAX + 128];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].error != r)
            continue;
        (void)snprintf(message, sizeof message, "Node %s: %s", node, table[i].message);
        refuse(c, table[i].status, message, table[i].hint);
        return;
    }
    refuse(c, 404, "The node has just been removed.",
           "GET /admin/nodes lists those there are.");
}

static void answer_order(struct client *c, unsigned slot, struct slice word)
{
    struct proxy *p = client_proxy(c);
    const char *node = p->nodes[slot].name;
    char message[NODE_NAME_MAX + 128];
    unsigned order = 0;

    while (order < PROXY_ORDER_COUNT && !slice_equal(word, slice_of(orders[order].word)))
        order++;
    if (order == PROXY_ORDER_COUNT || p->host.order == NULL) {
        refuse(c, 404, "There is no such order.",
               "There are start, stop, restart, login, enable, disable and drain.");
        return;
    }
    int r = p->host.order(p->host.host, slot, (enum proxy_order)order);
    if (r < 0) {
        refuse_order(c, r, node);
        return;
    }
    (void)snprintf(message, sizeof message, "Node %s %s", node, orders[order].sentence);
    send_root(c, 200,
              json_pack("{s:b, s:s, s:s, s:s}", "success", 1, "message", message, "node", node,
                        "order", orders[order].word));
}

static void answer_logs(struct client *c, unsigned slot, const struct admin_path *path)
{
    const struct proxy *p = client_proxy(c);
    struct proxy_line_view line;
    struct buf body;
    int r = 0;

    if (p->host.node_tail == NULL || p->nodes[slot].source != NODE_SPAWNED) {
        refuse(c, 409, "Its output is not ours: it is not started from here.",
               "Look where it is started.");
        return;
    }
    uint64_t next = p->host.node_tail(p->host.host, slot, path->lines);
    if (path->is_follow) {
        watch_logs(c, slot, next);
        return;
    }
    buf_init(&body, LOG_BYTES_MAX);
    while (r == 0 && p->host.node_line(p->host.host, slot, next, &line)) {
        r = watch_print_line(&line, &body);
        next = line.number + 1;
    }
    if (r < 0)
        client_answer_error(c, ROUTE_OPENAI, 503, "The gateway is out of memory.", NULL, 1);
    else
        client_answer(c, 200, "application/x-ndjson", "", buf_slice(&body));
    buf_done(&body);
}

static void answer_node(struct client *c, const struct admin_path *path)
{
    struct buf body;
    unsigned slot;

    if (!find_node(client_proxy(c), path->node, &slot)) {
        refuse_unknown_node(c, path->node);
    } else if (path->endpoint == ADMIN_ORDER) {
        answer_order(c, slot, path->word);
    } else if (path->endpoint == ADMIN_LOGS) {
        answer_logs(c, slot, path);
    } else {
        buf_init(&body, 0);
        send_json(c, 200, admin_json_node(client_proxy(c), slot, &body), &body);
    }
}

/* ---------------------------------------------------------------- settings */

static json_t *list_json(const struct reload *result, enum reload_list list)
{
    json_t *texts = json_array();
    const char *text = NULL;

    while ((text = reload_next(result, list, text)) != NULL) {
        if (json_array_append_new(texts, admin_json_text(text)) < 0) {
            json_decref(texts);
            return NULL;
        }
    }
    return texts;
}

static void answer_reload(struct client *c)
{
    struct proxy *p = client_proxy(c);
    struct reload result;
    struct buf summary;

    if (p->host.reload == NULL) {
        refuse(c, 404, "There is nothing to reload.", "Restart copilot-cluster.");
        return;
    }
    reload_init(&result);
    buf_init(&summary, 0);
    p->host.reload(p->host.host, &result);
    int r = reload_summary(&result, &summary);
    bool is_refused = reload_is_refused(&result);
    json_t *root = r < 0 ? NULL
                         : json_pack("{s:b, s:o}", "success", !is_refused, "message",
                                     json_stringn(summary.data, summary.len));
    for (int i = 0; root != NULL && i < RELOAD_LIST_COUNT; i++) {
        if (json_object_set_new(root, reload_list_word((enum reload_list)i),
                                list_json(&result, (enum reload_list)i)) < 0) {
            json_decref(root);
            root = NULL;
        }
    }
    send_root(c, is_refused ? 422 : 200, root);
    buf_done(&summary);
    reload_done(&result);
}

static void answer_config(struct client *c)
{
    const struct proxy *p = client_proxy(c);
    struct proxy_setting_view view;
    json_t *list = json_array();
    bool is_whole = p->host.setting != NULL;

    for (unsigned i = 0; is_whole && p->host.setting(p->host.host, i, &view); i++)
        is_whole = json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s}", "section",
                                                         view.section, "key", view.key, "value",
                                                         admin_json_text(view.value), "from",
                                                         view.origin)) == 0;
    if (!is_whole) {
        json_decref(list);
        list = NULL;
    }
    send_root(c, 200, json_pack("{s:o}", "settings", list));
}

/* ---------------------------------------------------------------- the whole room */

static void answer_ready(struct client *c)
{
    bool is_ready = false;
    struct buf body;

    buf_init(&body, 0);
    int r = admin_json_ready(client_proxy(c), &is_ready, &body);
    send_json(c, is_ready ? 200 : 503, r, &body);
}

static void answer_list(struct client *c, int (*print)(const struct proxy *p, struct buf *out))
{
    struct buf body;

    buf_init(&body, 0);
    send_json(c, 200, print(client_proxy(c), &body), &body);
}

static void answer_bad_method(struct client *c, const char *allow)
{
    char field[64];

    (void)snprintf(field, sizeof field, "Allow: %s\r\n", allow);
    client_answer(c, 405, "text/plain", field, SLICE("This method is not allowed here.\n"));
}

static void answer_owner(struct client *c, const struct admin_path *path)
{
    switch (path->endpoint) {
    case ADMIN_NODES:
        answer_list(c, admin_json_nodes);
        break;
    case ADMIN_LOGINS:
        answer_list(c, admin_json_logins);
        break;
    case ADMIN_NODE:
    case ADMIN_LOGS:
    case ADMIN_ORDER:
        answer_node(c, path);
        break;
    case ADMIN_EVENTS:
        watch_events(c);
        break;
    case ADMIN_RELOAD:
        answer_reload(c);
        break;
    case ADMIN_CONFIG:
        answer_config(c);
        break;
    case ADMIN_BAD_METHOD:
        answer_bad_method(c, path->allow);
        break;
    case ADMIN_LIVEZ:
    case ADMIN_READYZ:
    case ADMIN_UNKNOWN:
        refuse(
            c, 404, "There is nothing here.",
            "See /admin/nodes, /admin/logins, /admin/journal, /admin/events, /admin/config.");
        break;
    }
}

void admin_control_answer(struct client *c, const struct route *route)
{
    struct admin_path path = admin_path_read(route->path, route->is_post);

    if (path.endpoint == ADMIN_LIVEZ)
        client_answer(c, 200, "text/plain", "", SLICE("ok\n"));
    else if (path.endpoint == ADMIN_READYZ)
        answer_ready(c);
    else
        answer_owner(c, &path);
}
