/* admin_reset - reads the body of POST /admin/reset-active-node.
 *
 * The ancestor took no body, and its users may send one all the same: fields that are not ours
 * are ignored, as are Content-Type and white space.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin_reset.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "core/printable.h"

#define NAMES_BYTES_MAX 1024 /* of the list of nodes in a message */

static bool is_blank(struct slice body)
{
    for (size_t i = 0; i < body.len; i++) {
        if (strchr(" \t\r\n", body.at[i]) == NULL || body.at[i] == '\0')
            return false;
    }
    return true;
}

static unsigned refuse(int r, unsigned status, struct buf *message)
{
    if (r == 0)
        r = buf_append(message, "", 1);
    if (r < 0)
        buf_clear(message);
    return r < 0 ? 503 : status;
}

/* The names, so that the caller need not ask /health. */
static int append_names(const struct proxy *p, struct buf *message)
{
    size_t begin = message->len;
    int r = 0;

    for (unsigned i = 0; i < p->order_count && r == 0; i++) {
        if (message->len - begin > NAMES_BYTES_MAX)
            return buf_append_slice(message, SLICE(", ..."));
        r = buf_printf(message, "%s%s", message->len == begin ? "" : ", ",
                       p->nodes[p->order[i]].name);
    }
    return r < 0 || message->len > begin ? r : buf_append_slice(message, SLICE("none at all"));
}

static unsigned refuse_name(const struct proxy *p, const char *name, struct buf *message)
{
    char shown[NODE_NAME_MAX + 1];

    (void)printable_copy(slice_of(name), shown, sizeof shown);
    int r = buf_printf(message, "There is no node \"%s\". The nodes are: ", shown);
    if (r == 0)
        r = append_names(p, message);
    return refuse(r, 404, message);
}

/* What jansson says may quote half a character of the body. */
static unsigned refuse_syntax(const json_error_t *error, struct buf *message)
{
    char problem[JSON_ERROR_TEXT_LENGTH];

    (void)printable_copy(slice_of(error->text), problem, sizeof problem);
    return refuse(buf_printf(message,
                             "The body is not JSON (%s, line %d): leave it out, or send "
                             "{\"node\": \"NAME\"}.",
                             problem, error->line),
                  400, message);
}

static unsigned find(const struct proxy *p, const json_t *root, uint16_t *ret_node,
                     struct buf *message)
{
    const json_t *node = json_object_get(root, "node");

    if (!json_is_object(root) || (node != NULL && !json_is_null(node) && !json_is_string(node)))
        return refuse(buf_printf(message, "The body must be an object like {\"node\": "
                                          "\"NAME\"}, with the name of a node as a string."),
                      400, message);
    const char *name = json_string_value(node);
    if (name == NULL)
        return 200;
    for (unsigned i = 0; i < p->node_count; i++) {
        if (!p->nodes[i].is_used || strcmp(p->nodes[i].name, name) != 0)
            continue;
        *ret_node = (uint16_t)i;
        return 200;
    }
    return refuse_name(p, name, message);
}

unsigned admin_reset_read(const struct proxy *p, struct slice body, uint16_t *ret_node,
                          struct buf *message)
{
    json_error_t error;

    *ret_node = FAILOVER_NONE;
    if (is_blank(body))
        return 200;
    json_t *root = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return refuse_syntax(&error, message);
    unsigned status = find(p, root, ret_node, message);
    json_decref(root);
    return status;
}
