/* config_listen - [gateway] listen: the addresses of the gateway as text, and back.
 *
 * A member is ADDRESS:PORT with an IP literal, IPv6 in brackets; unix:/PATH; or the word
 * systemd, for the sockets of LISTEN_FDS. Names of hosts are not taken: what a name means may
 * change between two starts, and "localhost" has two addresses.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "slice.h"
#include "supervisor/config_text.h"

#define WORD_MAX 256 /* no address is that long; a longer one is cut and then refused */

static const char between[] = " \t,";
static const char unix_prefix[] = "unix:";
static const char shape[] = "ADDRESS:PORT such as 127.0.0.1:8080 or [::1]:8080, unix:/PATH, or "
                            "systemd";

/* ---------------------------------------------------------------- one address */

/* What people write in place of an address, and what they want. */
static const struct {
    struct slice written;
    const char *advice;
} known_hosts[] = {
    {{"localhost", 9}, "127.0.0.1, and [::1] for IPv6"},
    {{"*", 1}, "0.0.0.0 for every interface, and [::] for IPv6"},
    {{"", 0}, "127.0.0.1, or 0.0.0.0 for every interface"},
};

static int refuse_host(const char *word, struct slice host, struct error *ret_error)
{
    int r = config_text_refuse(ret_error, shape, word);
    size_t used = strlen(ret_error->text);

    for (size_t i = 0; i < sizeof known_hosts / sizeof known_hosts[0]; i++) {
        if (slice_equal_nocase(host, known_hosts[i].written))
            (void)snprintf(ret_error->text + used, sizeof ret_error->text - used,
                           "; the address would be %s", known_hosts[i].advice);
    }
    return r;
}

static int parse_port(const char *text, uint16_t *ret_port, struct error *ret_error)
{
    uint64_t port;

    if (!slice_to_u64(slice_trim(slice_of(text)), UINT16_MAX, &port))
        return config_text_refuse(ret_error, "0..65535", text);
    *ret_port = (uint16_t)port;
    return 0;
}

static int parse_tcp(const char *word, struct config_listen *ret_listen,
                     struct error *ret_error)
{
    const char *colon = strrchr(word, ':');
    char host[WORD_MAX];
    unsigned char address[sizeof(struct in6_addr)];
    struct error port_error;

    if (colon == NULL)
        return config_text_refuse(ret_error, shape, word);
    struct slice name = {.at = word, .len = (size_t)(colon - word)};
    bool is_v6 = name.len >= 2 && name.at[0] == '[' && name.at[name.len - 1] == ']';
    int family = is_v6 ? AF_INET6 : AF_INET;
    (void)snprintf(host, sizeof host, "%.*s", (int)name.len - 2 * is_v6, name.at + is_v6);
    if (inet_pton(family, host, address) != 1)
        return refuse_host(word, name, ret_error);
    if (parse_port(colon + 1, &ret_listen->port, &port_error) < 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text, "port %.200s", port_error.text);
        return -EINVAL;
    }
    ret_listen->kind = CONFIG_LISTEN_TCP;
    (void)inet_ntop(family, address, ret_listen->host, sizeof ret_listen->host);
    return 0;
}

static int parse_unix(const char *word, struct config_listen *ret_listen,
                      struct error *ret_error)
{
    const char *path = word + strlen(unix_prefix);
    size_t len = strlen(path);

    if (path[0] != '/' || path[len - 1] == '/')
        return config_text_refuse(ret_error, "unix: and the absolute path of a socket", word);
    if (len > LISTEN_PATH_MAX)
        return config_text_refuse(ret_error, "unix: and a path of 107 bytes at most (unix(7))",
                                  word);
    ret_listen->kind = CONFIG_LISTEN_UNIX;
    memcpy(ret_listen->host, path, len + 1);
    return 0;
}

static int parse_one(const char *word, struct config_listen *ret_listen,
                     struct error *ret_error)
{
    if (slice_equal_nocase(slice_of(word), SLICE("systemd"))) {
        ret_listen->kind = CONFIG_LISTEN_SYSTEMD;
        return 0;
    }
    if (strncmp(word, unix_prefix, strlen(unix_prefix)) == 0)
        return parse_unix(word, ret_listen, ret_error);
    return parse_tcp(word, ret_listen, ret_error);
}

/* ---------------------------------------------------------------- the list */

static int print_one(const struct config_listen *listen, struct buf *out)
{
    switch (listen->kind) {
    case CONFIG_LISTEN_TCP:
        return buf_printf(out, strchr(listen->host, ':') == NULL ? "%s:%u" : "[%s]:%u",
                          listen->host, listen->port);
    case CONFIG_LISTEN_UNIX:
        return buf_printf(out, "unix:%s", listen->host);
    case CONFIG_LISTEN_SYSTEMD:
        break;
    }
    return buf_printf(out, "systemd");
}

static bool is_same(const struct config_listen *a, const struct config_listen *b)
{
    bool is_any_port = a->kind == CONFIG_LISTEN_TCP && a->port == 0;

    return a->kind == b->kind && a->port == b->port && !is_any_port &&
           strcmp(a->host, b->host) == 0;
}

/* Nothing twice: the second one could not be bound, and the kernel would blame "another
 * program". */
static int check_twice(const struct config_listens *listens, struct error *ret_error)
{
    for (size_t i = 0; i < listens->count; i++) {
        for (size_t j = 0; j < i; j++) {
            struct buf name;
            if (!is_same(&listens->at[i], &listens->at[j]))
                continue;
            buf_init(&name, 0);
            int r = print_one(&listens->at[i], &name);
            if (r == 0)
                (void)snprintf(ret_error->text, sizeof ret_error->text, "names %.*s twice",
                               (int)name.len, name.data);
            buf_done(&name);
            return r < 0 ? r : -EINVAL;
        }
    }
    return 0;
}

/* All of it is shown, so that what looks like a comment is seen as one. */
static int refuse_list(const struct config_row *row, const char *text, bool is_comment,
                       struct error *ret_error)
{
    char must[64];

    (void)snprintf(must, sizeof must, "%u addresses at most", (unsigned)row->max);
    return config_text_refuse(ret_error, is_comment ? shape : must, text);
}

int config_listen_parse(const struct config_row *row, const char *text,
                        struct config_listens *ret_listens, struct error *ret_error)
{
    struct config_listens listens = {.count = 0};

    for (const char *at = text + strspn(text, between); *at != '\0';
         at += strspn(at, between)) {
        size_t len = strcspn(at, between);
        char word[WORD_MAX];
        (void)snprintf(word, sizeof word, "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX), at);
        if (word[0] == '#' || listens.count == row->max)
            return refuse_list(row, text, word[0] == '#', ret_error);
        int r = parse_one(word, &listens.at[listens.count], ret_error);
        if (r < 0)
            return r;
        listens.count++;
        at += len;
    }
    if (listens.count < row->min)
        return config_text_refuse(ret_error, shape, text);
    int r = check_twice(&listens, ret_error);
    if (r == 0)
        *ret_listens = listens;
    return r;
}

int config_listen_set_port(struct config_listens *listens, const char *text,
                           struct error *ret_error)
{
    for (size_t i = 0; i < listens->count; i++) {
        if (listens->at[i].kind != CONFIG_LISTEN_TCP)
            continue;
        int r = parse_port(text, &listens->at[i].port, ret_error);
        return r < 0 ? r : check_twice(listens, ret_error);
    }
    (void)snprintf(ret_error->text, sizeof ret_error->text,
                   "has no address to change: [gateway] listen names none with a port; unset "
                   "it, or add one there");
    return -EINVAL;
}

int config_listen_print(const struct config_listens *listens, struct buf *out)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < listens->count; i++) {
        if (i > 0)
            r = buf_printf(out, " ");
        if (r == 0)
            r = print_one(&listens->at[i], out);
    }
    return r;
}
