/* config_node.h - the settings of one node: defaults, copies, and what only nodes have.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include <stdbool.h>

#include "config.h"
#include "error.h"

/* A node as the table's defaults have it, for config_node_done(). -ENOMEM. */
int config_node_init(struct config_node *ret_node) MUST_CHECK;

/* A deep copy; ret_node needs no init, but config_node_done(). -ENOMEM leaves it empty. */
int config_node_copy(const struct config_node *from, struct config_node *ret_node) MUST_CHECK;

/* Frees all strings; the node is zero afterwards. */
void config_node_done(struct config_node *node);

/* [A-Za-z0-9][A-Za-z0-9_.-]*, at most NODE_NAME_MAX bytes: it is a directory name, too. */
bool config_node_name_is_valid(const char *name);

/* "http://host[:port][/]" makes the node external; "" makes it our own again. -ENOMEM, -EINVAL
 * with "must ...". */
int config_node_set_url(struct config_node *node, const char *text,
                        struct error *ret_error) MUST_CHECK;

/* env.NAME = value, in place of what was there under that name. Errors as above. */
int config_node_set_env(struct config_node *node, const char *name, const char *value,
                        struct error *ret_error) MUST_CHECK;

/* pass_env = A B, or A, B; in place of what was there under those names. Errors as above. */
int config_node_pass_env(struct config_node *node, const char *names,
                         struct error *ret_error) MUST_CHECK;

/* An external node has no process: forgets the settings that are about one. */
void config_node_drop_process(struct config_node *node);

#endif
