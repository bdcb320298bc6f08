/* admin_path - from a target below /admin/ to what is asked for.
 *
 * Pure. One table of whole paths; then /admin/nodes/NAME, with or without one more segment. A
 * word that is no order is an order all the same: whoever carries it out knows which there are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admin_path.h"

static const struct {
    const char *path;
    enum admin_endpoint endpoint;
    bool is_post;
} fixed[] = {
    {"/livez", ADMIN_LIVEZ, false},         {"/readyz", ADMIN_READYZ, false},
    {"/admin/nodes", ADMIN_NODES, false},   {"/admin/logins", ADMIN_LOGINS, false},
    {"/admin/events", ADMIN_EVENTS, false}, {"/admin/reload", ADMIN_RELOAD, true},
    {"/admin/config", ADMIN_CONFIG, false},
};

/* The segment at the front; *rest is what follows the slash after it. */
static struct slice cut(struct slice text, char at, struct slice *rest)
{
    size_t len = 0;

    while (len < text.len && text.at[len] != at)
        len++;
    *rest = slice_skip(text, len == text.len ? len : len + 1);
    return (struct slice){text.at, len};
}

static uint32_t read_number(struct slice text)
{
    uint32_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return ADMIN_LINES_DEFAULT;
        value = value * 10 + (uint32_t)(text.at[i] - '0');
        if (value > ADMIN_LINES_MAX)
            return ADMIN_LINES_MAX;
    }
    return text.len == 0 ? ADMIN_LINES_DEFAULT : value;
}

static void read_query(struct slice query, struct admin_path *path)
{
    path->lines = ADMIN_LINES_DEFAULT;
    while (query.len > 0) {
        struct slice value;
        struct slice pair = cut(query, '&', &query);
        struct slice key = cut(pair, '=', &value);
        if (slice_equal(key, SLICE("lines")))
            path->lines = read_number(value);
        if (slice_equal(key, SLICE("follow")))
            path->is_follow = slice_equal(value, SLICE("1"));
    }
}

static void read_node(struct slice rest, bool is_post, struct admin_path *path)
{
    path->node = cut(rest, '/', &path->word);
    if (path->node.len == 0 || slice_find(path->word, SLICE("/")) != SIZE_MAX)
        return;
    bool is_read = path->word.len == 0 || slice_equal(path->word, SLICE("logs"));
    if (is_read)
        path->endpoint = path->word.len == 0 ? ADMIN_NODE : ADMIN_LOGS;
    else
        path->endpoint = ADMIN_ORDER;
    if (is_read != is_post)
        return;
    path->endpoint = ADMIN_BAD_METHOD;
    path->allow = is_read ? "GET, HEAD" : "POST";
}

struct admin_path admin_path_read(struct slice target, bool is_post)
{
    struct admin_path path = {.endpoint = ADMIN_UNKNOWN};
    struct slice query;
    struct slice name = cut(target, '?', &query);

    read_query(query, &path);
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (!slice_equal(name, slice_of(fixed[i].path)))
            continue;
        path.endpoint = fixed[i].is_post == is_post ? fixed[i].endpoint : ADMIN_BAD_METHOD;
        path.allow = fixed[i].is_post ? "POST" : "GET, HEAD";
        return path;
    }
    if (slice_starts_with(name, SLICE("/admin/nodes/")))
        read_node(slice_skip(name, SLICE("/admin/nodes/").len), is_post, &path);
    return path;
}
