/* exchange_text.h - the texts of an exchange: heads both ways, and the answer when none helps.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef EXCHANGE_TEXT_H
#define EXCHANGE_TEXT_H

#include "exchange.h"

/* By what name a request is known here, at the node and in the journal: the client's own
 * X-Request-Id when it is the only one, short and plain, so that their logs can be put beside
 * ours, else one of ours. `fields` may be NULL, `ret_id` has `size` bytes, more than
 * REQUEST_ID_MAX. */
void exchange_text_request_id(struct proxy *p, const struct fields *fields, char *ret_id,
                              size_t size);

/* The fields of a request that go to a node: without those of the connection, of framing, and
 * of the client's credentials, and with those that say who asks. `address` is the client's, ""
 * when it has none. -ENOMEM. */
int exchange_text_request_fields(struct buf *out, const struct fields *fields,
                                 const char *request_id, const char *address) MUST_CHECK;

/* The fields of an answer that go to the client. -ENOMEM. */
int exchange_text_answer_fields(struct buf *out, const struct fields *fields) MUST_CHECK;

/* Status line, fields, framing. -ENOMEM. */
int exchange_text_answer_head(struct buf *out, const struct exchange *x, bool is_chunked,
                              bool is_persistent) MUST_CHECK;

/* Why no node answered: one sentence, and a list of nodes and reasons that ends in NUL (empty
 * when there was no memory for it). */
void exchange_text_no_node(const struct proxy *p, const struct failover_action *action,
                           char *message, size_t message_size, struct buf *details);

#endif
