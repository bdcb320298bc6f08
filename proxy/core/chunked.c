/* chunked - takes the chunked coding off a body (RFC 9112 section 7.1).
 *
 * Pure. A machine that takes one octet of a size line or trailer at a time, and data by the
 * run. Every state says which octets may come; any other one ends the body as bad. White space
 * is taken only where the grammar has BWS, before and after the `;` and `=` of extensions:
 * "3 \r\n" and "3 3\r\n" are refused.
 *
 * SPDX-License-Identifier: MIT
 */
#include "chunked.h"

#include "bounds.h"
#include "octet.h"

enum state {
    SIZE,         /* hex digits */
    BEFORE_SEMI,  /* BWS came where only a `;` may follow */
    NAME_BEGINS,  /* behind `;` */
    NAME,         /* of an extension */
    AFTER_NAME,   /* BWS behind it: `;` or `=` */
    VALUE_BEGINS, /* behind `=` */
    VALUE,        /* a token */
    QUOTED,       /* a quoted string */
    ESCAPED,      /* behind its backslash */
    AFTER_QUOTED, /* behind its last quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* the first octet of a line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    OVER,
    BAD,
    TOO_MUCH,
};

void chunked_init(struct chunked *c, size_t trailer_bytes, unsigned trailer_fields)
{
    *c = (struct chunked){
        .state = SIZE, .trailer_bytes = trailer_bytes, .trailer_fields = trailer_fields};
}

/* ---------------------------------------------------------------- size and extensions */

/* Sizes stay below 2^63, as lengths do. */
static enum state add_digit(struct chunked *c, int digit)
{
    if (c->digits == CHUNK_DIGITS_MAX || c->left >> 59 != 0)
        return BAD;
    c->digits++;
    c->left = c->left * 16 + (uint64_t)digit;
    return SIZE;
}

/* What may follow a size, a name or a value: `;`, the end of the line, or BWS, after which the
 * line may not end. */
static enum state after_word(char octet, enum state after_space)
{
    if (octet == ';')
        return NAME_BEGINS;
    if (octet == '\r')
        return SIZE_LF;
    return octet_is_space(octet) ? after_space : BAD;
}

static enum state step_size(struct chunked *c, char octet)
{
    int digit = octet_hex(octet);

    if (digit >= 0)
        return add_digit(c, digit);
    return c->digits == 0 ? BAD : after_word(octet, BEFORE_SEMI);
}

/* chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) */
static enum state step_extension(struct chunked *c, char octet)
{
    if (++c->extension_bytes > CHUNK_EXTENSION_MAX)
        return TOO_MUCH;
    switch ((enum state)c->state) {
    case BEFORE_SEMI:
        return octet == '\r' ? BAD : after_word(octet, BEFORE_SEMI);
    case NAME_BEGINS:
        if (octet_is_space(octet))
            return NAME_BEGINS;
        return octet_is_token(octet) ? NAME : BAD;
    case NAME:
        if (octet_is_token(octet))
            return NAME;
        return octet == '=' ? VALUE_BEGINS : after_word(octet, AFTER_NAME);
    case AFTER_NAME:
        if (octet == '=')
            return VALUE_BEGINS;
        return octet == '\r' ? BAD : after_word(octet, AFTER_NAME);
    case VALUE_BEGINS:
        if (octet_is_space(octet))
            return VALUE_BEGINS;
        if (octet == '"')
            return QUOTED;
        return octet_is_token(octet) ? VALUE : BAD;
    case VALUE:
        return octet_is_token(octet) ? VALUE : after_word(octet, BEFORE_SEMI);
    case QUOTED:
        if (octet == '"')
            return AFTER_QUOTED;
        if (octet == '\\')
            return ESCAPED;
        return octet_is_text(octet) ? QUOTED : BAD;
    case ESCAPED:
        return octet_is_text(octet) ? QUOTED : BAD;
    case AFTER_QUOTED:
        return after_word(octet, BEFORE_SEMI);
    default:
        return BAD;
    }
}

/* Extensions are paid for with the data that they come with, so that a stream may be as long as
 * it likes, and nobody can send extensions alone. */
static enum state begin_data(struct chunked *c)
{
    c->digits = 0;
    if (c->left == 0)
        return TRAILER;
    c->extension_bytes -= c->left < c->extension_bytes ? (size_t)c->left : c->extension_bytes;
    return DATA;
}

/* ---------------------------------------------------------------- trailers */

/* A trailer may not say how the message is framed (RFC 9110 section 6.5.1). A length there is
 * dropped like any other, since nobody reads it; a coding is a trick. */
static enum state step_trailer_name(struct chunked *c, char octet)
{
    static const char coding[] = "transfer-encoding";
    const unsigned coding_len = sizeof coding - 1;

    if (octet == ':')
        return c->coding_len == coding_len ? BAD : TRAILER_VALUE;
    if (!octet_is_token(octet))
        return BAD;
    bool agrees = c->coding_len < coding_len && slice_fold(octet) == coding[c->coding_len];
    c->coding_len = agrees ? c->coding_len + 1 : coding_len + 1;
    return TRAILER_NAME;
}

static enum state step_trailer(struct chunked *c, char octet)
{
    if (c->trailer_bytes == 0)
        return TOO_MUCH;
    c->trailer_bytes--;
    switch ((enum state)c->state) {
    case TRAILER:
        if (octet == '\r')
            return LAST_LF;
        if (!octet_is_token(octet))
            return BAD; /* a fold, an empty name, a bare LF */
        if (c->trailer_fields == 0)
            return TOO_MUCH;
        c->trailer_fields--;
        c->coding_len = 0;
        return step_trailer_name(c, octet);
    case TRAILER_NAME:
        return step_trailer_name(c, octet);
    case TRAILER_VALUE:
        if (octet == '\r')
            return TRAILER_LF;
        return octet_is_text(octet) ? TRAILER_VALUE : BAD;
    case TRAILER_LF:
        return octet == '\n' ? TRAILER : BAD;
    case LAST_LF:
        return octet == '\n' ? OVER : BAD;
    default:
        return BAD;
    }
}

/* ---------------------------------------------------------------- all */

static enum state step(struct chunked *c, char octet)
{
    if (c->state >= TRAILER)
        return step_trailer(c, octet);
    switch ((enum state)c->state) {
    case SIZE:
        return step_size(c, octet);
    case SIZE_LF:
        return octet == '\n' ? begin_data(c) : BAD;
    case DATA_CR:
        return octet == '\r' ? DATA_LF : BAD;
    case DATA_LF:
        return octet == '\n' ? SIZE : BAD;
    default:
        return step_extension(c, octet);
    }
}

static struct slice take_data(struct chunked *c, struct slice *bytes)
{
    struct slice data = *bytes;

    if (data.len > c->left)
        data.len = (size_t)c->left;
    c->left -= data.len;
    if (c->left == 0)
        c->state = DATA_CR;
    *bytes = slice_skip(*bytes, data.len);
    return data;
}

enum chunked_verdict chunked_next(struct chunked *c, struct slice *bytes,
                                  struct slice *ret_data)
{
    while (bytes->len > 0) {
        if (c->state == DATA) {
            *ret_data = take_data(c, bytes);
            return CHUNKED_DATA;
        }
        c->state = step(c, bytes->at[0]);
        *bytes = slice_skip(*bytes, 1);
        if (c->state >= OVER)
            break;
    }
    switch ((enum state)c->state) {
    case OVER:
        return CHUNKED_WHOLE;
    case BAD:
        return CHUNKED_BAD;
    case TOO_MUCH:
        return CHUNKED_TOO_MUCH;
    default:
        return CHUNKED_MORE;
    }
}
