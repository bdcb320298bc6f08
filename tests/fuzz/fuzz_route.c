/* fuzz_route - whatever goes to a node stays under /v1, and is no secret there.
 *
 * Input: a byte that chooses the method, then the target. What goes to a node is read again as
 * the most generous router behind it might: decoded twice, backslashes turned, in lower case,
 * parameters, dots and spaces off the ends, empty and dot segments resolved. That must change
 * nothing but letters, and /token and /usage must not come of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/core/octet.h"
#include "proxy/core/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define CHECK(claim)                                                                           \
    do {                                                                                       \
        if (!(claim))                                                                          \
            abort();                                                                           \
    } while (0)

#define TARGET_MAX 8192

static size_t decode(char *text, size_t len)
{
    size_t to = 0;

    for (size_t i = 0; i < len; i++) {
        bool is_encoded = text[i] == '%' && i + 2 < len && octet_hex(text[i + 1]) >= 0 &&
                          octet_hex(text[i + 2]) >= 0;
        char c =
            is_encoded ? (char)(octet_hex(text[i + 1]) * 16 + octet_hex(text[i + 2])) : text[i];
        i += is_encoded ? 2 : 0;
        text[to++] = c == '\\' ? '/' : slice_fold(c);
    }
    return to;
}

/* One segment as a careless router takes it. */
static struct slice bare(struct slice segment)
{
    size_t semicolon = slice_find(segment, SLICE(";"));

    if (semicolon != SIZE_MAX)
        segment.len = semicolon;
    while (segment.len > 0 && strchr(". ", segment.at[segment.len - 1]) != NULL)
        segment.len--;
    return segment;
}

static void check_path(struct slice path)
{
    static char text[TARGET_MAX + 8];
    struct slice segments[4];
    size_t count = 0;

    memcpy(text, path.at, path.len);
    size_t len = decode(text, decode(text, path.len));
    struct slice rest = {text, len};
    CHECK(rest.len > 0 && rest.at[0] == '/' && memchr(text, '\0', len) == NULL);
    while (rest.len > 0) {
        rest = slice_skip(rest, 1);
        size_t slash = slice_find(rest, SLICE("/"));
        struct slice segment = {rest.at, slash == SIZE_MAX ? rest.len : slash};
        bool is_last = slash == SIZE_MAX;
        CHECK(segment.len > 0 || is_last); /* no double slashes */
        CHECK(!slice_equal(segment, SLICE(".")) && !slice_equal(segment, SLICE("..")));
        if (count < 4 && segment.len > 0)
            segments[count++] = bare(segment);
        rest = slice_skip(rest, segment.len);
    }
    CHECK(count == 0 || slice_equal(segments[0], SLICE("v1")));
    bool is_secret = count == 2 && (slice_equal(segments[1], SLICE("token")) ||
                                    slice_equal(segments[1], SLICE("usage")));
    CHECK(!is_secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const methods[] = {"GET", "POST", "HEAD", "OPTIONS", "DELETE"};
    static char path[TARGET_MAX + 8];

    if (size < 1 || size > TARGET_MAX)
        return 0;
    struct slice target = {(const char *)bytes + 1, size - 1};
    struct route route = route_find(slice_of(methods[bytes[0] % 5]), target);
    if (route.kind != ROUTE_NODE)
        return 0;
    CHECK(route.path.at >= target.at);
    CHECK(route.path.at + route.path.len == target.at + target.len);
    size_t question = slice_find(route.path, SLICE("?"));
    size_t len = question == SIZE_MAX ? route.path.len : question;
    size_t prefix_len = strlen(route.prefix);
    memcpy(path, route.prefix, prefix_len);
    memcpy(path + prefix_len, route.path.at, len);
    check_path((struct slice){path, prefix_len + len});
    return 0;
}
