/* route - from method and target to what the gateway does with a request.
 *
 * Pure. The path is checked first, then the aliases of people's base URLs are undone
 * (/v1/v1/x, /chat/completions), then one table is searched. What is under /v1/ and not in the
 * table goes to the node as an inference request that costs nothing: better one account at a
 * time for a call we do not know.
 *
 * SPDX-License-Identifier: MIT
 */
#include "route.h"

#include "framing.h"
#include "octet.h"

struct endpoint {
    const char *method;
    const char *path; /* after /v1 for nodes' endpoints */
    enum route_endpoint endpoint;
    bool is_bypass;
    bool is_billable;
    bool is_free;
    enum route_dialect dialect;
    enum sse_dialect sse;
};

static const struct endpoint node_endpoints[] = {
    {"POST", "/chat/completions", ROUTE_ENDPOINT_CHAT, false, true, false, ROUTE_OPENAI,
     SSE_CHAT},
    {"POST", "/messages", ROUTE_ENDPOINT_MESSAGES, false, true, false, ROUTE_ANTHROPIC,
     SSE_MESSAGES},
    {"POST", "/messages/count_tokens", ROUTE_ENDPOINT_COUNT_TOKENS, true, false, false,
     ROUTE_ANTHROPIC, SSE_OTHER},
    {"POST", "/responses", ROUTE_ENDPOINT_RESPONSES, false, true, false, ROUTE_OPENAI,
     SSE_RESPONSES},
    {"POST", "/embeddings", ROUTE_ENDPOINT_EMBEDDINGS, false, false, true, ROUTE_OPENAI,
     SSE_OTHER},
    {"GET", "/models", ROUTE_ENDPOINT_MODELS, true, false, false, ROUTE_OPENAI, SSE_OTHER},
    {"HEAD", "/models", ROUTE_ENDPOINT_MODELS, true, false, false, ROUTE_OPENAI, SSE_OTHER},
};

const char *route_endpoint_name(enum route_endpoint endpoint)
{
    static const char *const names[] = {
#define X(name, word) [ROUTE_ENDPOINT_##name] = word,
        ROUTE_ENDPOINT_MAP(X)
#undef X
    };

    return names[endpoint];
}

/* Paths that the ancestor's and copilot-api's users know without /v1. */
static const char *const bare_paths[] = {"/chat/completions", "/models", "/embeddings"};

static bool is_dot_segment(struct slice segment)
{
    return slice_equal(segment, SLICE(".")) || slice_equal(segment, SLICE(".."));
}

/* The octet that "%xx" at the beginning of `text` stands for, or -1. */
static int encoded_octet(struct slice text)
{
    if (text.len < 3 || octet_hex(text.at[1]) < 0 || octet_hex(text.at[2]) < 0)
        return -1;
    return octet_hex(text.at[1]) * 16 + octet_hex(text.at[2]);
}

/* Would any URL parser understand this path in another way than as it is written? */
static bool is_plain_path(struct slice path)
{
    struct slice segment = {path.at, 0};

    if (path.len == 0 || path.at[0] != '/')
        return false;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#')
            return false;
        if (c == '%') {
            int byte = encoded_octet(slice_skip(path, i));
            if (byte < 0x20 || byte == 0x7f || byte == '.' || byte == '/' || byte == '\\' ||
                byte == '%')
                return false;
        }
        if (c != '/') {
            segment.len++;
            continue;
        }
        if (i > 0 && (segment.len == 0 || is_dot_segment(segment)))
            return false;
        segment = (struct slice){path.at + i + 1, 0};
    }
    return !is_dot_segment(segment);
}

static bool is_plain_query(struct slice query)
{
    for (size_t i = 0; i < query.len; i++) {
        unsigned char c = (unsigned char)query.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return false;
    }
    return true;
}

static size_t authority_start(struct slice target)
{
    static const struct slice schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < 2; i++) {
        struct slice start = {target.at, schemes[i].len};
        if (target.len >= schemes[i].len && slice_equal_nocase(start, schemes[i]))
            return schemes[i].len;
    }
    return 0;
}

struct slice route_authority(struct slice target)
{
    size_t start = authority_start(target);

    if (start == 0)
        return (struct slice){target.at, 0};
    struct slice rest = slice_skip(target, start);
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '/' && rest.at[len] != '?')
        len++;
    return (struct slice){rest.at, len};
}

/* Path and query of the target; false when it has none. */
static bool split_target(struct slice target, struct slice *ret_path, struct slice *ret_query)
{
    size_t start = authority_start(target);

    if (start > 0) {
        struct slice authority = route_authority(target);
        /* Userinfo has no place here (RFC 9110 section 4.2.4). */
        if (authority.len == 0 || !framing_is_host(authority))
            return false;
        target = slice_skip(target, start + authority.len);
        if (target.len == 0)
            target = SLICE("/");
    }
    size_t question = slice_find(target, SLICE("?"));
    *ret_path = target;
    *ret_query = (struct slice){target.at + target.len, 0};
    if (question != SIZE_MAX) {
        ret_path->len = question;
        *ret_query = slice_skip(target, question);
    }
    return true;
}

static enum route_endpoint own_endpoint(enum route_kind kind)
{
    if (kind == ROUTE_HEALTH)
        return ROUTE_ENDPOINT_HEALTH;
    if (kind == ROUTE_METRICS)
        return ROUTE_ENDPOINT_METRICS;
    return kind == ROUTE_ROOT ? ROUTE_ENDPOINT_OTHER : ROUTE_ENDPOINT_ADMIN;
}

static struct route own_route(struct slice method, struct slice path, struct slice whole)
{
    static const struct {
        const char *path;
        const char *allow;
        enum route_kind kind;
    } own[] = {
        {"/", "GET, HEAD", ROUTE_ROOT},
        {"/health", "GET, HEAD", ROUTE_HEALTH},
        {"/metrics", "GET, HEAD", ROUTE_METRICS},
        {"/admin/journal", "GET, HEAD", ROUTE_JOURNAL},
        {"/admin/reset-active-node", "POST", ROUTE_RESET_ACTIVE},
    };

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (!slice_equal(path, slice_of(own[i].path)))
            continue;
        bool is_read = slice_equal(method, SLICE("GET")) || slice_equal(method, SLICE("HEAD"));
        bool is_allowed = own[i].allow[0] == 'G' ? is_read : slice_equal(method, SLICE("POST"));
        return (struct route){.kind = is_allowed ? own[i].kind : ROUTE_BAD_METHOD,
                              .endpoint = own_endpoint(own[i].kind),
                              .allow = own[i].allow};
    }
    bool is_probe = slice_equal(path, SLICE("/livez")) || slice_equal(path, SLICE("/readyz"));
    if (!is_probe && !slice_starts_with(path, SLICE("/admin/")))
        return (struct route){.kind = ROUTE_NOT_FOUND};
    bool is_post = slice_equal(method, SLICE("POST"));
    bool is_read = slice_equal(method, SLICE("GET")) || slice_equal(method, SLICE("HEAD"));
    return (struct route){.kind = is_post || is_read ? ROUTE_ADMIN : ROUTE_BAD_METHOD,
                          .allow = "GET, HEAD, POST",
                          .endpoint = is_probe ? ROUTE_ENDPOINT_HEALTH : ROUTE_ENDPOINT_ADMIN,
                          .is_post = is_post,
                          .path = whole};
}

/* Does the first segment of a plain path read `word`, in whatever letters, to the most generous
 * router: decoded, in lower case, up to a parameter, without dots and spaces behind it? */
static bool is_spelling(struct slice path, struct slice word)
{
    size_t len = 0; /* letters that agree */
    size_t i = 1;

    while (i < path.len && path.at[i] != '/') {
        bool is_encoded = path.at[i] == '%';
        char c = is_encoded ? (char)encoded_octet(slice_skip(path, i)) : path.at[i];
        i += is_encoded ? 3 : 1;
        if (c == ';')
            return len == word.len;
        if (len < word.len && slice_fold(c) == word.at[len])
            len++;
        else if (len < word.len || (c != '.' && c != ' '))
            return false;
    }
    return len == word.len && i + 1 >= path.len; /* a slash at the end is the same */
}

/* A node gives its live token at /token, and forks may do so under /v1 as well. */
static bool is_secret_path(struct slice path)
{
    return is_spelling(path, SLICE("token")) || is_spelling(path, SLICE("usage"));
}

static bool is_bare_path(struct slice path)
{
    for (size_t i = 0; i < sizeof bare_paths / sizeof bare_paths[0]; i++) {
        if (slice_equal(path, slice_of(bare_paths[i])))
            return true;
    }
    return false;
}

static void apply_endpoint(struct route *route, struct slice method, struct slice path)
{
    for (size_t i = 0; i < sizeof node_endpoints / sizeof node_endpoints[0]; i++) {
        const struct endpoint *e = &node_endpoints[i];
        if (!slice_equal(path, slice_of(e->path)))
            continue;
        route->dialect = e->dialect;
        route->endpoint = e->endpoint;
        if (!slice_equal(method, slice_of(e->method)))
            continue;
        route->is_bypass = e->is_bypass;
        route->is_billable = e->is_billable;
        route->is_free = e->is_free;
        route->sse = e->sse;
        return;
    }
}

struct route route_find(struct slice method, struct slice target)
{
    struct slice path;
    struct slice query;

    if (slice_equal(method, SLICE("OPTIONS")) && slice_equal(target, SLICE("*")))
        return (struct route){.kind = ROUTE_OPTIONS};
    if (slice_equal(method, SLICE("CONNECT")) || slice_equal(method, SLICE("TRACE")))
        return (struct route){.kind = ROUTE_BAD_METHOD, .allow = "GET, HEAD, POST"};
    if (!split_target(target, &path, &query) || !is_plain_path(path) || !is_plain_query(query))
        return (struct route){.kind = ROUTE_BAD_TARGET};
    if (slice_equal(method, SLICE("OPTIONS")))
        return (struct route){.kind = ROUTE_OPTIONS};
    struct slice whole = {path.at, path.len + query.len};
    struct route route = {.kind = ROUTE_NODE, .prefix = "/v1", .sse = SSE_OTHER};
    if (is_bare_path(path)) {
        route.path = whole;
        apply_endpoint(&route, method, path);
        return route;
    }
    if (!slice_starts_with(path, SLICE("/v1/")))
        return own_route(method, path, whole);
    /* The ancestor's users give Claude Code a base URL that ends in /v1. */
    size_t skipped = slice_starts_with(path, SLICE("/v1/v1/")) ? 6 : 3;
    if (is_secret_path(slice_skip(path, skipped)))
        return (struct route){.kind = ROUTE_NOT_FOUND};
    route.path = slice_skip(whole, skipped);
    apply_endpoint(&route, method, slice_skip(path, skipped));
    return route;
}
