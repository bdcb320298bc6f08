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

/* The code at the top of a body, NULL when there is none, or when its message is JSON as well:
 * wrapped, that would be a third layer, which nobody opens. */
static const char *top_code(const json_t *root)
{
    const json_t *error = json_object_get(root, "error");
    const json_t *object = json_is_object(error) ? error : root;
    const char *message = json_string_value(json_object_get(object, "message"));
    json_error_t ignored;

    if (message == NULL)
        message = json_string_value(error);
    json_t *inner = message == NULL ? NULL : json_loads(message, 0, &ignored);
    bool is_deep = inner != NULL;
    json_decref(inner);
    return is_deep ? NULL : json_string_value(json_object_get(object, "code"));
}

/* {"error":{"message":BODY as a string,"type":"error"}} */
static void check_wrapped(struct slice body)
{
    struct refusal wrapped;
    json_error_t ignored;

    json_t *root = json_loadb(body.at, body.len, 0, &ignored);
    json_t *outer =
        json_pack("{s:{s:s%, s:s}}", "error", "message", body.at, body.len, "type", "error");
    char *text = outer == NULL ? NULL : json_dumps(outer, JSON_COMPACT);
    const char *code = top_code(root);
    if (text != NULL && code != NULL && memchr(body.at, '\0', body.len) == NULL) {
        read(slice_of(text), &wrapped);
        CHECK(strncmp(wrapped.code, code, sizeof wrapped.code - 1) == 0);
    }
    free(text);
    json_decref(outer);
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
    check_wrapped(body);
    return 0;
}
