/* fuzz_chunked - a chunked body is the same however it is cut, and what it says when it is
 * written anew.
 *
 * Input: a byte that chooses the pieces, then the body. It is decoded whole and in pieces;
 * data, verdict and rest must agree. The data of a whole body are put into one chunk of ours,
 * which must give them again.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/core/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define CHECK(claim)                                                                           \
    do {                                                                                       \
        if (!(claim))                                                                          \
            abort();                                                                           \
    } while (0)

#define BODY_MAX 65536

struct result {
    enum chunked_verdict verdict;
    size_t used;
    size_t len;
    char data[BODY_MAX];
};

/* Pieces of up to `most` bytes, by chance; 0 = whole. */
static void decode(struct result *r, struct slice body, unsigned most)
{
    uint32_t random = most;
    struct chunked c;
    struct slice data;

    chunked_init(&c, 1024, 20);
    r->verdict = CHUNKED_MORE;
    r->used = 0;
    r->len = 0;
    while (r->verdict == CHUNKED_MORE && r->used < body.len) {
        struct slice piece = slice_skip(body, r->used);
        random = random * 1664525 + 1013904223;
        if (most > 0 && piece.len > 1 + (random >> 16) % most)
            piece.len = 1 + (random >> 16) % most;
        size_t before = piece.len;
        while ((r->verdict = chunked_next(&c, &piece, &data)) == CHUNKED_DATA) {
            CHECK(data.len > 0 && data.at >= body.at && data.at + data.len <= piece.at);
            memcpy(r->data + r->len, data.at, data.len);
            r->len += data.len;
        }
        CHECK(r->verdict != CHUNKED_MORE || piece.len == 0);
        r->used += before - piece.len;
    }
}

static void check_anew(const struct result *r)
{
    static char body[BODY_MAX + 64];
    static struct result anew;
    int begin = r->len > 0 ? snprintf(body, sizeof body, "%zX\r\n", r->len) : 0;
    size_t len = (size_t)begin;

    memcpy(body + len, r->data, r->len);
    len += r->len;
    len += (size_t)snprintf(body + len, 16, "%s0\r\n\r\n", r->len > 0 ? "\r\n" : "");
    decode(&anew, (struct slice){body, len}, 0);
    CHECK(anew.verdict == CHUNKED_WHOLE && anew.used == len && anew.len == r->len);
    CHECK(memcmp(anew.data, r->data, r->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct result whole;
    static struct result pieces;

    if (size < 1 || size > BODY_MAX)
        return 0;
    struct slice body = {(const char *)bytes + 1, size - 1};
    decode(&whole, body, 0);
    decode(&pieces, body, bytes[0] + 1u);
    CHECK(whole.verdict == pieces.verdict && whole.used == pieces.used);
    CHECK(whole.len == pieces.len && memcmp(whole.data, pieces.data, whole.len) == 0);
    CHECK(whole.len <= body.len);
    if (whole.verdict == CHUNKED_WHOLE)
        check_anew(&whole);
    return 0;
}
