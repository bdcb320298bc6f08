/* message - reads HTTP/1.1 messages piece by piece: a head, then its body.
 *
 * SPDX-License-Identifier: MIT
 */
#include "message.h"

#include <assert.h>
#include <string.h>

void message_init(struct message *m, bool is_answer)
{
    m->state = MESSAGE_IN_HEAD;
    m->is_answer = is_answer;
    m->status = 0;
    m->left = 0;
    m->line_len = 0;
    m->head_len = 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static uint64_t leading_number(struct slice text)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.len && is_digit(text.at[i]); i++)
        number = number * 10 + (uint64_t)(text.at[i] - '0');
    return number;
}

/* The value of the head's line that begins with `name` ("content-length:"), or an empty one. */
static struct slice find_field(const struct message *m, struct slice name)
{
    const char *end = m->head + m->head_len;
    const char *line = m->head;

    while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        line++;
        if ((size_t)(end - line) > name.len &&
            slice_equal_nocase((struct slice){line, name.len}, name)) {
            const char *cr = memchr(line, '\r', (size_t)(end - line));
            return slice_trim((struct slice){line + name.len, (size_t)(cr - line) - name.len});
        }
    }
    return (struct slice){0};
}

/* Decides how the body ends. */
static enum message_step finish_head(struct message *m)
{
    struct slice length = find_field(m, SLICE("content-length:"));
    struct slice coding = find_field(m, SLICE("transfer-encoding:"));

    if (m->is_answer && m->head_len > 12)
        m->status = (unsigned)leading_number((struct slice){m->head + 9, 3});
    m->line_len = 0;
    if (coding.len > 0) {
        m->state = MESSAGE_IN_SIZE;
        m->left = 0;
        return slice_equal_nocase(coding, SLICE("chunked")) ? MESSAGE_HEAD : MESSAGE_BAD;
    }
    m->state = MESSAGE_IN_LENGTH;
    m->left = leading_number(length);
    return m->is_answer && length.len == 0 ? MESSAGE_BAD : MESSAGE_HEAD;
}

/* Takes input up to the empty line. */
static enum message_step read_head(struct message *m, struct slice *input)
{
    size_t before = m->head_len;
    size_t take =
        input->len < MESSAGE_HEAD_MAX - before ? input->len : MESSAGE_HEAD_MAX - before;

    memcpy(m->head + before, input->at, take);
    size_t from = before < 3 ? 0 : before - 3; /* the empty line may have begun before */
    const char *end = memmem(m->head + from, before + take - from, "\r\n\r\n", 4);
    if (end == NULL) {
        m->head_len += take;
        *input = slice_skip(*input, take);
        return m->head_len == MESSAGE_HEAD_MAX ? MESSAGE_BAD : MESSAGE_MORE;
    }
    m->head_len = (size_t)(end - m->head) + 4;
    *input = slice_skip(*input, m->head_len - before);
    return finish_head(m);
}

/* Takes bytes of the body up to `left`. */
static enum message_step read_payload(struct message *m, struct slice *input,
                                      struct slice *ret_payload)
{
    size_t take = input->len < m->left ? input->len : (size_t)m->left;

    *ret_payload = (struct slice){input->at, take};
    *input = slice_skip(*input, take);
    m->left -= take;
    if (m->left == 0 && m->state == MESSAGE_IN_CHUNK)
        m->state = MESSAGE_IN_GAP;
    return MESSAGE_PAYLOAD;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c = slice_fold(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_size_digit(struct message *m, char c)
{
    int digit = hex_digit(c);

    if (digit < 0 || m->line_len == 8)
        return false;
    m->left = m->left * 16 + (uint64_t)digit;
    m->line_len++;
    return true;
}

/* One byte of the lines between and after chunks. False: not chunked coding. */
static bool read_line_byte(struct message *m, char c, bool *ret_is_end)
{
    bool is_empty = m->line_len == 0;

    if (c == '\r')
        return true;
    if (c != '\n') {
        if (m->state == MESSAGE_IN_SIZE)
            return take_size_digit(m, c);
        m->line_len++;
        return m->state == MESSAGE_IN_TRAILER;
    }
    m->line_len = 0;
    switch (m->state) {
    case MESSAGE_IN_GAP:
        m->state = MESSAGE_IN_SIZE;
        return true;
    case MESSAGE_IN_SIZE:
        m->state = m->left > 0 ? MESSAGE_IN_CHUNK : MESSAGE_IN_TRAILER;
        return !is_empty;
    default:
        *ret_is_end = is_empty;
        return true;
    }
}

enum message_step message_next(struct message *m, struct slice *input,
                               struct slice *ret_payload)
{
    bool is_end = m->state == MESSAGE_IN_LENGTH && m->left == 0;

    while (!is_end && input->len > 0) {
        if (m->state == MESSAGE_IN_HEAD)
            return read_head(m, input);
        if (m->state == MESSAGE_IN_LENGTH || m->state == MESSAGE_IN_CHUNK)
            return read_payload(m, input, ret_payload);
        if (!read_line_byte(m, input->at[0], &is_end))
            return MESSAGE_BAD;
        *input = slice_skip(*input, 1);
    }
    if (!is_end)
        return MESSAGE_MORE;
    m->state = MESSAGE_IN_HEAD;
    m->head_len = 0;
    m->left = 0;
    return MESSAGE_END;
}

struct slice message_target(const struct message *m)
{
    const char *end = m->head + m->head_len;
    const char *from = memchr(m->head, ' ', m->head_len);
    const char *to = from == NULL ? NULL : memchr(from + 1, ' ', (size_t)(end - from - 1));

    return to == NULL ? (struct slice){0} : (struct slice){from + 1, (size_t)(to - from - 1)};
}

uint64_t message_number(struct slice target, struct slice key, uint64_t fallback)
{
    size_t at = slice_find(target, key);

    return at == SIZE_MAX ? fallback : leading_number(slice_skip(target, at + key.len));
}
