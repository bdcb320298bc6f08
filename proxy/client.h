/* client.h - one connection from a client: requests in, answers out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "core/route.h"
#include "shell.h"

#define CLIENT_ADDRESS_MAX PEER_TEXT_MAX

struct client;

/* Memory for a connection that is about to be accepted: for one of the next three. NULL on
 * -ENOMEM. */
struct client *client_new(struct proxy *p, bool is_control) MUST_CHECK;
void client_discard(struct client *c);

/* Serves a connection; takes the descriptor. */
void client_open(struct client *c, int fd, const struct peer *peer);

/* Answers 503 whatever is asked, and closes; takes the descriptor. */
void client_show_out(struct client *c, int fd, const struct peer *peer);

/* Prepares the lists of clients. */
void client_open_all(struct proxy *p);

/* Closes connections that wait for a request, unless one has arrived; the others get
 * `Connection: close`. */
void client_drain_all(struct proxy *p);

/* Closes all connections now. */
void client_close_all(struct proxy *p);

/* How many wait for an answer. */
unsigned client_count_busy(const struct proxy *p);

/* Closes it now; its exchange is told. */
void client_close(struct client *c);

struct proxy *client_proxy(const struct client *c);

/* The peer's address as people write it; "" for one that has none, on a unix socket. */
void client_address(const struct client *c, char ret_text[CLIENT_ADDRESS_MAX]);

/* ---- from the exchange, while an answer is being written */

/* Where to append what goes out; client_flush() sends it. */
struct buf *client_out(struct client *c);

/* Sends what was appended. False when the connection is gone. */
bool client_flush(struct client *c);

/* Bytes that the peer has not taken yet. */
size_t client_pending(const struct client *c);

/* Are these so many that its node should not be read (DESIGN 6a)? WRITE_HIGH_BYTES, less when
 * many answers are under way. */
bool client_is_behind(const struct client *c);

/* May the answer say that the connection stays open? */
bool client_is_persistent(const struct client *c);

/* Fields that the head of an answer needs so that a web page may read it; mostly none. */
const struct buf *client_page_lines(const struct client *c);

/* The head of a node's answer goes out, for the access log. */
void client_note_head(struct client *c, unsigned status);

/* Only the end of the connection will end the answer that begins now. */
void client_end_after(struct client *c);

/* The exchange is about to be freed: the client holds on to it no longer. */
void client_forget_exchange(struct client *c);

/* The answer is complete: the next request, or the end of the connection. */
void client_finish(struct client *c);

/* Sends what is there and closes: the answer stays visibly incomplete. */
void client_cut(struct client *c);

/* exchange_on_wake() is called after this time, once; 0 = not at all. While the peer is slow
 * to take what was sent, the time begins when it has. */
void client_wake_after(struct client *c, uint64_t timeout_ms);

/* A whole answer of our own, complete with client_finish(). `retry_after_s` 0 = none. */
void client_answer_error(struct client *c, enum route_dialect dialect, unsigned status,
                         const char *message, const char *details, uint64_t retry_after_s);

#endif
