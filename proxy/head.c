/* head - one head of a message, from bytes to its parts.
 *
 * llhttp (strict) checks every octet and tells where names and values are. It is stopped at the
 * end of the head and never sees a body: where that ends is decided by core/framing.c alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "head.h"

#include <errno.h>

#include <llhttp.h>

/* Stops llhttp; the error is given by read_head(). */
static int fail(struct head *h, int r)
{
    h->failure = r;
    return -1;
}

static int on_target(llhttp_t *parser, const char *at, size_t len)
{
    struct head *h = parser->data;

    h->target = (struct slice){at, len};
    return 0;
}

static int on_field_name(llhttp_t *parser, const char *at, size_t len)
{
    struct head *h = parser->data;

    int r = fields_add(&h->fields, (struct slice){at, len});
    return r < 0 ? fail(h, r) : 0;
}

static int on_field_value(llhttp_t *parser, const char *at, size_t len)
{
    struct head *h = parser->data;

    fields_set_value(&h->fields, (struct slice){at, len});
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_target,
    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_headers_complete = on_headers_complete,
};

static int read_head(struct head *h, llhttp_type_t type, size_t fields_max, struct slice bytes)
{
    llhttp_t parser;

    h->method = h->target = (struct slice){bytes.at, 0};
    h->failure = 0;
    h->reason = "";
    fields_init(&h->fields, fields_max);
    llhttp_init(&parser, type, &settings);
    parser.data = h;
    parser.lenient_flags |= LENIENT_VERSION; /* HTTP/1.2; core/strict.c knows the major one */
    llhttp_errno_t error = llhttp_execute(&parser, bytes.at, bytes.len);
    if (h->failure < 0)
        return h->failure;
    if (error != HPE_PAUSED) {
        h->reason = error == HPE_OK ? "HPE_OK" : llhttp_errno_name(error);
        return -EBADMSG;
    }
    if (type == HTTP_REQUEST)
        h->method = slice_of(llhttp_method_name((llhttp_method_t)parser.method));
    h->status = parser.status_code;
    h->minor = parser.http_minor > 0;
    fields_finish(&h->fields);
    return 0;
}

int head_request(struct head *h, struct slice bytes)
{
    return read_head(h, HTTP_REQUEST, HEAD_FIELDS_MAX, bytes);
}

int head_answer(struct head *h, struct slice bytes)
{
    return read_head(h, HTTP_RESPONSE, UPSTREAM_HEAD_FIELDS_MAX, bytes);
}

void head_done(struct head *h)
{
    fields_done(&h->fields);
}
