/* config_listen.h - [gateway] listen: the addresses of the gateway as text, and back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_LISTEN_H
#define CONFIG_LISTEN_H

#include "buf.h"
#include "config.h"
#include "error.h"
#include "supervisor/config_table.h"

/* A list with blanks or commas between its members; IP literals come out as inet_ntop(3) writes
 * them. -EINVAL with the rest of a sentence whose subject is the key. */
int config_listen_parse(const struct config_row *row, const char *text,
                        struct config_listens *ret_listens, struct error *ret_error) MUST_CHECK;

/* PORT of the environment: the port of the first address that has one. -EINVAL likewise. */
int config_listen_set_port(struct config_listens *listens, const char *text,
                           struct error *ret_error) MUST_CHECK;

/* What config_listen_parse() reads back: "127.0.0.1:8080 [::1]:8080 unix:/run/x.sock". -ENOMEM.
 */
int config_listen_print(const struct config_listens *listens, struct buf *out) MUST_CHECK;

#endif
