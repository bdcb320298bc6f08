/* fuzz_scan - a request body says the same however it is cut, and what jansson says.
 *
 * Input: a byte that chooses the pieces, then the body. It is scanned whole and in pieces; all
 * of the scanner must agree. If it is JSON without escapes, jansson must find the same model
 * and the same stream.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "proxy/core/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define CHECK(claim)                                                                           \
    do {                                                                                       \
        if (!(claim))                                                                          \
            abort();                                                                           \
    } while (0)

static void scan_pieces(struct scan *s, struct slice body, unsigned most)
{
    uint32_t random = most;

    scan_init(s);
    while (body.len > 0) {
        random = random * 1664525 + 1013904223;
        size_t len = 1 + (random >> 16) % most;
        if (len > body.len)
            len = body.len;
        scan_feed(s, (struct slice){body.at, len});
        body = slice_skip(body, len);
    }
}

static void check_json(const struct scan *s, struct slice body)
{
    json_error_t ignored;

    /* Our words have no escapes, and of a key that stands twice each of us takes another. */
    if (body.len == 0 || memchr(body.at, '\\', body.len) != NULL)
        return;
    json_t *root = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &ignored);
    const json_t *model = json_object_get(root, "model");
    if (json_is_object(root)) {
        const char *name = json_is_string(model) ? json_string_value(model) : "";
        CHECK(s->is_stream == json_is_true(json_object_get(root, "stream")));
        if (strlen(name) <= SCAN_MODEL_MAX)
            CHECK(strcmp(s->model, name) == 0);
    }
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct scan whole;
    static struct scan pieces;

    if (size < 1)
        return 0;
    struct slice body = {(const char *)bytes + 1, size - 1};
    scan_init(&whole);
    scan_feed(&whole, body);
    CHECK(memchr(whole.model, '\0', sizeof whole.model) != NULL);
    scan_pieces(&pieces, body, bytes[0] + 1u);
    CHECK(strcmp(whole.model, pieces.model) == 0 && whole.is_stream == pieces.is_stream &&
          whole.is_agent == pieces.is_agent);
    check_json(&whole, body);
    return 0;
}
