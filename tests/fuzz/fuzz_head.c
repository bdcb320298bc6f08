/* fuzz_head - a head is read in one way: however it is cut, and by the simplest of readers.
 *
 * Input: a byte that says request or answer, one that chooses the pieces, then the message. The
 * head is read whole and growing; verdicts must agree. When it passes, a reader of ten lines
 * that only knows CRLF and the first colon must find the same first line, names and values, and
 * the framing must rest on fields that stand there once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/core/octet.h"
#include "proxy/core/strict.h"
#include "proxy/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define CHECK(claim)                                                                           \
    do {                                                                                       \
        if (!(claim))                                                                          \
            abort();                                                                           \
    } while (0)

#define MESSAGE_MAX 65536

/* Cuts the next line off. */
static struct slice next_line(struct slice *rest)
{
    size_t len = slice_find(*rest, SLICE("\r\n"));

    CHECK(len != SIZE_MAX);
    struct slice line = {rest->at, len};
    *rest = slice_skip(*rest, len + 2);
    return line;
}

static void check_request_line(const struct head *h, struct slice line)
{
    CHECK(octet_are_token(h->method) && slice_starts_with(line, h->method));
    CHECK(h->target.len > 0 && h->target.at > line.at &&
          h->target.at + h->target.len < line.at + line.len);
    for (size_t i = 0; i < h->target.len; i++)
        CHECK((unsigned char)h->target.at[i] > ' ' && h->target.at[i] != 0x7f);
    /* Nothing but spaces around it. */
    struct slice before = {line.at + h->method.len,
                           (size_t)(h->target.at - line.at) - h->method.len};
    CHECK(slice_trim(before).len == 0);
    const char *end = h->target.at + h->target.len;
    struct slice behind = slice_trim((struct slice){end, (size_t)(line.at + line.len - end)});
    CHECK(behind.len == 8 && slice_starts_with(behind, SLICE("HTTP/1.")));
    CHECK(h->minor == (behind.at[7] != '0'));
}

static void check_status_line(const struct head *h, struct slice line)
{
    uint64_t status = 0;

    CHECK(line.len >= 12 && slice_starts_with(line, SLICE("HTTP/1.")));
    CHECK(slice_to_u64((struct slice){line.at + 9, 3}, 599, &status));
    CHECK(h->status == status && status >= 100);
}

static void check_field(const struct framing_field *field, struct slice line)
{
    size_t colon = slice_find(line, SLICE(":"));

    CHECK(colon != SIZE_MAX && octet_are_token(field->name));
    CHECK(slice_equal(field->name, (struct slice){line.at, colon}));
    CHECK(slice_equal(field->value, slice_trim(slice_skip(line, colon + 1))));
    for (size_t i = 0; i < field->value.len; i++)
        CHECK(octet_is_text(field->value.at[i]));
}

static void check_framing(bool is_answer, const struct head *h)
{
    const struct fields *fields = &h->fields;
    struct slice length = fields_find(fields, SLICE("content-length"));
    struct slice coding = fields_find(fields, SLICE("transfer-encoding"));
    struct framing f =
        is_answer ? framing_of_answer(fields->at, fields->count, h->minor, h->status, false)
                  : framing_of_request(fields->at, fields->count, h->minor);

    if (f.refusal_status != 0) {
        CHECK(f.refusal_status >= 400 && f.refusal != NULL);
        return;
    }
    CHECK(length.at == NULL || coding.at == NULL);
    CHECK(coding.at == NULL || slice_equal_nocase(coding, SLICE("chunked")));
    CHECK((f.body == FRAMING_LENGTH) <= (length.at != NULL));
    CHECK((f.body == FRAMING_CHUNKED) <= (coding.at != NULL));
    CHECK(is_answer || (f.body == FRAMING_CHUNKED) == (coding.at != NULL));
    CHECK(f.body != FRAMING_UNTIL_CLOSE || (is_answer && !f.is_persistent));
}

static void check_head(bool is_answer, struct slice bytes)
{
    static struct head h;
    struct slice rest = bytes;
    size_t count = 0;

    int r = is_answer ? head_answer(&h, bytes) : head_request(&h, bytes);
    if (r == 0) {
        struct slice line = next_line(&rest);
        while (line.len == 0)
            line = next_line(&rest);
        if (is_answer)
            check_status_line(&h, line);
        else
            check_request_line(&h, line);
        while ((line = next_line(&rest)).len > 0) {
            CHECK(count < h.fields.count);
            check_field(&h.fields.at[count++], line);
        }
        CHECK(count == h.fields.count && rest.len == 0);
        check_framing(is_answer, &h);
    }
    head_done(&h);
}

static enum strict_verdict read_growing(struct strict *s, char *message, size_t len,
                                        unsigned most)
{
    enum strict_verdict verdict = STRICT_MORE;
    uint32_t random = most;
    size_t at = 0;

    while (verdict == STRICT_MORE && at < len) {
        random = random * 1664525 + 1013904223;
        at += 1 + (random >> 16) % most;
        verdict = strict_read(s, message, at < len ? at : len);
    }
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char message[MESSAGE_MAX];
    static char again[MESSAGE_MAX];
    struct strict whole;
    struct strict growing;

    if (size < 2 || size > MESSAGE_MAX)
        return 0;
    bool is_answer = bytes[0] % 2 == 1;
    size_t len = size - 2;
    memcpy(message, bytes + 2, len);
    memcpy(again, bytes + 2, len);
    strict_init(&whole, is_answer, 4000);
    strict_init(&growing, is_answer, 4000);
    enum strict_verdict verdict = strict_read(&whole, message, len);
    enum strict_verdict other = read_growing(&growing, again, len, bytes[1] + 1u);
    /* Of a head that is wrong in two ways, either may be seen first. */
    CHECK(verdict == other || (verdict > STRICT_WHOLE && other > STRICT_WHOLE));
    if (verdict != STRICT_WHOLE)
        return 0;
    CHECK(whole.end == growing.end && whole.end <= len);
    CHECK(memcmp(message, again, whole.end) == 0);
    check_head(is_answer, (struct slice){message, whole.end});
    return 0;
}
