/* refusal - finds GitHub's error code in what a node answered.
 *
 * At most two layers are opened: copilot-api's own object, and the JSON in its message string.
 * The inner one wins.
 *
 * SPDX-License-Identifier: MIT
 */
#include "refusal.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#define RETRY_AFTER_MS_MAX 1e15 /* beyond it a number is no time */

static void copy(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size)
        len = size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}

/* A number of units that are `unit_ms` long; 0 when it is none, or none that makes sense. */
static uint64_t read_ms(const json_t *value, double unit_ms)
{
    double ms = json_number_value(value) * unit_ms;

    return ms > 0 && ms < RETRY_AFTER_MS_MAX ? (uint64_t)ms : 0;
}

/* Reads one layer. Returns the message, borrowed from root, or NULL. */
static const char *read_layer(const json_t *root, struct refusal *r)
{
    const json_t *error = json_object_get(root, "error");
    const json_t *object = json_is_object(error) ? error : root;
    const char *code = json_string_value(json_object_get(object, "code"));
    const char *type = json_string_value(json_object_get(object, "type"));
    const char *message = json_string_value(json_object_get(object, "message"));
    uint64_t retry_ms = read_ms(json_object_get(object, "retry_after_ms"), 1);

    if (code == NULL && type != NULL && strcmp(type, "error") != 0)
        code = type;
    if (message == NULL)
        message = json_string_value(error); /* {"error": "sentence"} */
    if (retry_ms == 0)
        retry_ms = read_ms(json_object_get(object, "retry_after"), 1000);
    if (code != NULL)
        copy(r->code, sizeof r->code, code, strlen(code));
    if (message != NULL)
        copy(r->message, sizeof r->message, message, strlen(message));
    if (retry_ms != 0)
        r->retry_after_ms = retry_ms;
    return message;
}

void refusal_read(struct slice body, struct refusal *ret_refusal)
{
    json_error_t error;

    memset(ret_refusal, 0, sizeof *ret_refusal);
    if (body.len == 0)
        return;
    json_t *root = json_loadb(body.at, body.len, 0, &error);
    if (root == NULL) {
        copy(ret_refusal->message, sizeof ret_refusal->message, body.at, body.len);
        return;
    }
    const char *message = read_layer(root, ret_refusal);
    json_t *inner = message == NULL ? NULL : json_loads(message, 0, &error);
    if (inner != NULL)
        (void)read_layer(inner, ret_refusal);
    json_decref(inner);
    json_decref(root);
}
