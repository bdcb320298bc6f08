/* watch.h - answers that go on: a node's lines as they come, events as they happen.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WATCH_H
#define WATCH_H

#include "client.h"

struct watch;

/* Begins an answer that ends with the connection. */
void watch_logs(struct client *c, unsigned slot, uint64_t first);
void watch_events(struct client *c);

/* The client's timer has run. */
void watch_feed(struct client *c);

/* Frees it; its answer is not ended. Accepts NULL. */
void watch_free(struct watch *watch);

/* {"number", "at", "stream", "text"} and a newline. -ENOMEM, -EMSGSIZE. */
int watch_print_line(const struct proxy_line_view *line, struct buf *out) MUST_CHECK;

#endif
