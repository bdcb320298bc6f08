/* framing - where a message's body ends, and which fields may travel on.
 *
 * Pure. core/strict.c and llhttp have checked the syntax before; here are the rules about the
 * whole head.
 *
 * SPDX-License-Identifier: MIT
 */
#include "framing.h"

#include "octet.h"

/* Is it an element of the comma separated list (RFC 9110 section 5.6.1). */
static bool list_has(struct slice list, struct slice element)
{
    while (list.len > 0) {
        size_t comma = slice_find(list, SLICE(","));
        struct slice item = list;
        if (comma != SIZE_MAX)
            item.len = comma;
        if (slice_equal_nocase(slice_trim(item), element))
            return true;
        list = comma == SIZE_MAX ? (struct slice){list.at, 0} : slice_skip(list, comma + 1);
    }
    return false;
}

/* The letters of a name: unreserved, sub-delims and the percent sign of RFC 3986 sections 2
 * and 3.2.2, but for the comma, which joins two hosts. */
static bool is_name_letter(char c)
{
    return c != '\0' && c != '^' && c != '`' && c != '|' && c != '#' &&
           (octet_is_token(c) || strchr("();=", c) != NULL);
}

static bool is_port(struct slice port)
{
    uint64_t number;

    return port.len == 0 || slice_to_u64(port, UINT16_MAX, &number);
}

/* Behind its "[": digits, colons and dots of an IPv6 address, and "]". */
static size_t literal_len(struct slice text)
{
    size_t len = 0;

    while (len < text.len &&
           (octet_hex(text.at[len]) >= 0 || text.at[len] == ':' || text.at[len] == '.'))
        len++;
    return len >= 2 && len < text.len && text.at[len] == ']' ? len + 1 : SIZE_MAX;
}

bool framing_is_host(struct slice value)
{
    size_t len = 0;

    if (value.len > 0 && value.at[0] == '[') {
        len = literal_len(slice_skip(value, 1));
        if (len == SIZE_MAX)
            return false;
        len++;
    } else {
        while (len < value.len && is_name_letter(value.at[len]))
            len++;
    }
    struct slice port = slice_skip(value, len);
    return port.len == 0 || (port.at[0] == ':' && is_port(slice_skip(port, 1)));
}

static struct framing refuse(unsigned status, const char *sentence)
{
    return (struct framing){.refusal_status = status, .refusal = sentence};
}

/* Another coding than chunked: 501 when the length would still be clear, else 400 (RFC 9112
 * sections 6.1, 6.3 and 7.1). */
static struct framing refuse_coding(struct slice codings)
{
    static const struct slice chunked = {"chunked", 7};
    size_t comma = SIZE_MAX;

    for (size_t i = 0; i < codings.len; i++) {
        if (codings.at[i] == ',')
            comma = i;
    }
    struct slice before = {codings.at, comma == SIZE_MAX ? 0 : comma};
    struct slice last = comma == SIZE_MAX ? codings : slice_skip(codings, comma + 1);
    if (slice_equal_nocase(slice_trim(last), chunked) && !list_has(before, chunked))
        return refuse(501, "the only transfer coding that is understood is chunked");
    return refuse(400, "chunked must be the last transfer coding, and stand once");
}

struct framing framing_of_request(const struct framing_field *fields, size_t count,
                                  unsigned minor)
{
    struct framing f = {.is_persistent = minor >= 1};
    unsigned hosts = 0;
    unsigned lengths = 0;
    unsigned encodings = 0;
    bool has_close = false;

    for (size_t i = 0; i < count; i++) {
        struct slice name = fields[i].name;
        struct slice value = fields[i].value;
        if (slice_equal_nocase(name, SLICE("host"))) {
            hosts++;
            if (!framing_is_host(value))
                return refuse(400, "Host must be one host, with or without a port");
        } else if (slice_equal_nocase(name, SLICE("content-length"))) {
            lengths++;
            if (!slice_to_u64(value, UINT64_MAX / 2, &f.content_length))
                return refuse(400, "Content-Length must be one number of digits");
            f.body = f.content_length > 0 ? FRAMING_LENGTH : FRAMING_NO_BODY;
        } else if (slice_equal_nocase(name, SLICE("transfer-encoding"))) {
            encodings++;
            if (!slice_equal_nocase(value, SLICE("chunked")))
                return refuse_coding(value);
        } else if (slice_equal_nocase(name, SLICE("connection"))) {
            has_close |= list_has(value, SLICE("close"));
            f.is_persistent |= list_has(value, SLICE("keep-alive"));
        } else if (slice_equal_nocase(name, SLICE("expect"))) {
            if (!slice_equal_nocase(value, SLICE("100-continue")))
                return refuse(417, "the only expectation that is understood is 100-continue");
            f.expects_continue = minor >= 1;
        } else if (slice_equal_nocase(name, SLICE("upgrade"))) {
            f.wants_websocket |= list_has(value, SLICE("websocket"));
        }
    }
    if (hosts > 1 || (hosts == 0 && minor >= 1))
        return refuse(400, "there must be exactly one Host field");
    if (lengths > 1)
        return refuse(400, "Content-Length is given more than once");
    if (encodings > 1 || (encodings == 1 && (lengths > 0 || minor == 0)))
        return refuse(400, "Transfer-Encoding must stand once, alone, and in HTTP/1.1");
    if (encodings == 1)
        f.body = FRAMING_CHUNKED;
    f.is_persistent &= !has_close; /* close outweighs keep-alive (RFC 9112 section 9.3) */
    return f;
}

static struct framing refuse_answer(const char *sentence)
{
    return refuse(502, sentence);
}

struct framing framing_of_answer(const struct framing_field *fields, size_t count,
                                 unsigned minor, unsigned status, bool is_bodiless_request)
{
    bool has_no_body = is_bodiless_request || status < 200 || status == 204 || status == 304;
    struct framing f = {.body = FRAMING_UNTIL_CLOSE, .is_persistent = minor >= 1};
    unsigned lengths = 0;
    unsigned encodings = 0;
    bool has_close = false;

    for (size_t i = 0; i < count; i++) {
        struct slice name = fields[i].name;
        struct slice value = fields[i].value;
        if (slice_equal_nocase(name, SLICE("content-length"))) {
            lengths++;
            if (!slice_to_u64(value, UINT64_MAX / 2, &f.content_length))
                return refuse_answer("its Content-Length is no number");
        } else if (slice_equal_nocase(name, SLICE("transfer-encoding"))) {
            encodings++;
            if (!slice_equal_nocase(value, SLICE("chunked")))
                return refuse_answer("its transfer coding is not chunked");
        } else if (slice_equal_nocase(name, SLICE("connection"))) {
            has_close |= list_has(value, SLICE("close"));
            f.is_persistent |= list_has(value, SLICE("keep-alive"));
        }
    }
    if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0))
        return refuse_answer("its length is told twice");
    if (encodings > 0 && minor == 0)
        return refuse_answer("it is chunked, and of HTTP/1.0");
    f.is_persistent &= !has_close;
    if (has_no_body) {
        /* A node that tells of a body where none can be may send one, too. */
        bool may_tell = is_bodiless_request || status == 304;
        f.is_persistent &= may_tell || (encodings == 0 && f.content_length == 0);
        f.body = FRAMING_NO_BODY;
    } else if (encodings > 0) {
        f.body = FRAMING_CHUNKED;
    } else if (lengths > 0) {
        f.body = f.content_length > 0 ? FRAMING_LENGTH : FRAMING_NO_BODY;
    } else {
        f.is_persistent = false;
    }
    return f;
}

bool framing_is_hop_by_hop(struct slice name, const struct framing_field *fields, size_t count)
{
    static const struct slice always[] = {
        {"connection", 10},
        {"keep-alive", 10},
        {"proxy-connection", 16},
        {"te", 2},
        {"trailer", 7},
        {"transfer-encoding", 17},
        {"upgrade", 7},
        {"proxy-authenticate", 18},
        {"proxy-authorization", 19},
    };

    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (slice_equal_nocase(name, always[i]))
            return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(fields[i].name, SLICE("connection")) &&
            list_has(fields[i].value, name))
            return true;
    }
    return false;
}
