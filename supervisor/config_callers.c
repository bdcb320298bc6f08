/* config_callers - [access]: ranges of addresses, names, origins; and open to the world or not.
 *
 * What could be taken in two ways is refused: a range whose address has bits that its length
 * leaves out, a host with a port, an origin with a path.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_callers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "proxy/core/origin.h"
#include "supervisor/config_text.h"

#define WORD_MAX                                                                               \
    320 /* of a host name, its scheme and port; a longer one is cut and refused                \
         */

static const char between[] = " \t,";

/* The next word of the list, cut to WORD_MAX; false at the end. */
static bool next_word(const char **at, char ret_word[WORD_MAX])
{
    *at += strspn(*at, between);
    size_t len = strcspn(*at, between);
    (void)snprintf(ret_word, WORD_MAX, "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX), *at);
    *at += len;
    return len > 0;
}

/* ---------------------------------------------------------------- ranges */

static int print_cidr(const struct cidr *cidr, struct buf *out)
{
    char text[INET6_ADDRSTRLEN];
    bool is_v4 = cidr->bits >= CIDR_V4_BITS && cidr_is_v4(cidr->address);
    unsigned skip = is_v4 ? CIDR_V4_BITS : 0;
    unsigned bits = cidr->bits - skip;

    (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, cidr->address + skip / 8, text, sizeof text);
    return bits == 128 - skip ? buf_printf(out, "%s", text)
                              : buf_printf(out, "%s/%u", text, bits);
}

int config_callers_print_cidrs(const struct cidr_list *list, struct buf *out)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < list->count;) {
        const struct cidr_word *word = cidr_word_of(&list->at[i], list->count - i);
        if (i > 0)
            r = buf_printf(out, " ");
        if (r == 0)
            r = word != NULL ? buf_append_slice(out, word->word)
                             : print_cidr(&list->at[i], out);
        i += word != NULL ? word->count : 1;
    }
    return r;
}

static int refuse_cidr(enum cidr_verdict verdict, const char *word, struct error *ret_error)
{
    switch (verdict) {
    case CIDR_NO_LENGTH:
        return config_text_refuse(ret_error, "ranges whose length is 0..32, or 0..128 for IPv6",
                                  word);
    case CIDR_BITS_BEHIND:
        return config_text_refuse(
            ret_error, "ranges whose address is 0 behind their length, as in 10.0.0.0/8", word);
    case CIDR_NO_ADDRESS:
    case CIDR_OK:
        break;
    }
    return config_text_refuse(ret_error,
                              "addresses and ranges such as 192.168.0.0/16 or fd00::/8, or "
                              "the words loopback, private and all",
                              word);
}

int config_callers_parse_cidrs(const struct config_row *row, const char *text,
                               struct cidr_list *ret_list, struct error *ret_error)
{
    struct cidr_list list = {.count = 0};
    char word[WORD_MAX];

    while (next_word(&text, word)) {
        const struct cidr_word *known = cidr_find_word(slice_of(word));
        struct cidr one;
        enum cidr_verdict verdict = known != NULL ? CIDR_OK : cidr_parse(slice_of(word), &one);
        if (verdict != CIDR_OK)
            return refuse_cidr(verdict, word, ret_error);
        size_t count = known != NULL ? known->count : 1;
        if (list.count + count > row->max) {
            (void)snprintf(ret_error->text, sizeof ret_error->text, "must be %u ranges at most",
                           (unsigned)row->max);
            return -EINVAL;
        }
        memcpy(&list.at[list.count], known != NULL ? known->at : &one, count * sizeof one);
        list.count += count;
    }
    *ret_list = list;
    return 0;
}

/* ---------------------------------------------------------------- names */

int config_callers_parse_names(const struct config_row *row, const char *text, struct buf *out,
                               struct error *ret_error)
{
    bool are_origins = row->type == CONFIG_TYPE_ORIGINS;
    char word[WORD_MAX];

    while (next_word(&text, word)) {
        struct slice name = slice_of(word);
        if (are_origins ? !origin_is_valid(name) : !origin_is_name(name))
            return config_text_refuse(ret_error,
                                      are_origins
                                          ? "scheme://host[:port], without a path, such as "
                                            "https://chat.example.com"
                                          : "names of hosts, without a port, such as "
                                            "copilot.example.com",
                                      word);
        for (size_t i = 0; i < name.len; i++)
            word[i] = slice_fold(word[i]);
        int r = buf_printf(out, "%s%s", out->len == 0 ? "" : " ", word);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---------------------------------------------------------------- all together */

static bool is_loopback_only(const struct config_listens *listens)
{
    for (size_t i = 0; i < listens->count; i++) {
        const struct config_listen *l = &listens->at[i];
        uint8_t address[CIDR_ADDRESS_BYTES];
        bool is_loopback =
            l->kind == CONFIG_LISTEN_UNIX ||
            (l->kind == CONFIG_LISTEN_TCP && cidr_parse_address(slice_of(l->host), address) &&
             cidr_is_loopback(address));
        if (!is_loopback) /* nobody knows yet what systemd will hand over */
            return false;
    }
    return true;
}

void config_callers_check(const char *file, const struct config *config,
                          struct config_report *report)
{
    const struct config_callers *c = &config->callers;
    struct config_place at = {.file = file, .section = "access", .key = "allow"};

    if (c->open || c->api_keys_file != NULL || cidr_list_is_private(&c->allow) ||
        is_loopback_only(&config->gateway.listen))
        return;
    config_report_add(report, &at,
                      "would let strangers spend your quota: [gateway] listen is not only "
                      "loopback. Take \"loopback private\", or "
                      "say [access] open = yes if that is what you want");
}

void config_callers_done(struct config_callers *callers)
{
    mem_free(callers->hosts);
    mem_free(callers->cors_origins);
    mem_free(callers->api_keys_file);
    mem_free(callers->admin_token_file);
    mem_free(callers->control_group);
    *callers = (struct config_callers){0};
}
