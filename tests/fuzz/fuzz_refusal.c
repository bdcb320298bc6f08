/* fuzz_refusal - an error body of any bytes is read without harm, twice with the same result.
 *
 * Input: the body. Also as copilot-api would wrap it: the words found inside must be the same,
 * if the body itself has them at its top.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "proxy/refusal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define CHECK(claim)                                                                           \
    do {                                                                                       \
        if (!(claim))                                                                          \
            abort();                                                                           \
    } while (0)

static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void read(struct slice body, struct refusal *ret_refusal)
{
    refusal_read(body, ret_refusal);
    CHECK(is_terminated(ret_refusal->code, sizeof ret_refusal->code));
    CHECK(is_terminated(ret_refusal->message, sizeof ret_refusal->message));
    CHECK(ret_refusal->retry_after_ms <= UINT64_C(1000000000000000));
}

/* {"error":{"message":BODY as a string,"type":"error"}} */
static void check_wrapped(struct slice body, const struct refusal *plain)
{
    struct refusal wrapped;

    json_t *root =
        json_pack("{s:{s:s%, s:s}}", "error", "message", body.at, body.len, "type", "error");
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    json_t *inner = json_loadb(body.at, body.len, 0, NULL);
    const json_t *error = json_object_get(inner, "error");
    const json_t *code = json_object_get(json_is_object(error) ? error : inner, "code");
    if (text != NULL) {
        read(slice_of(text), &wrapped);
        /* A message that is JSON itself would be a third layer. */
        if (json_is_string(code) && strchr(plain->message, '{') == NULL &&
            memchr(body.at, '\0', body.len) == NULL)
            CHECK(strcmp(wrapped.code, plain->code) == 0);
    }
    free(text);
    json_decref(inner);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct slice body = {(const char *)bytes, size};
    struct refusal first;
    struct refusal second;

    read(body, &first);
    read(body, &second);
    CHECK(memcmp(&first, &second, sizeof first) == 0);
    check_wrapped(body, &first);
    return 0;
}
