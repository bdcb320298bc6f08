/* identity.h - whom a process runs as: user, group and all its groups, looked up.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bounds.h"
#include "error.h"

/* A plain value. Without `is_set` nothing is to be changed, and the numbers are our own. */
struct identity {
    bool is_set;
    uid_t uid;
    gid_t gid;
    gid_t groups[IDENTITY_GROUPS_MAX]; /* supplementary ones; gid is among them */
    size_t group_count;
    char user[IDENTITY_NAME_MAX + 1]; /* as somebody wrote them, for people */
    char group[IDENTITY_NAME_MAX + 1];
};

/* Is there such a user, such a group? A number is one even when the system has no name for it.
 * May block, as the look-up does. */
bool identity_user_exists(const char *user);
bool identity_group_exists(const char *group);

/* Looks up a user and a group, by name or number. NULL: user = our own, group = that of the
 * user. Whoever we are already is not `is_set`, unless we are root. May block.
 * Errors: -ENOENT (there is none), -EINVAL (a number without an entry and no group given),
 * -E2BIG (too many groups), with a sentence whose subject is the setting. */
int identity_find(const char *user, const char *group, struct identity *ret_identity,
                  struct error *ret_error) MUST_CHECK;

/* Changes this whole process for good. Errors: those of setgroups(2), setresgid(2) and
 * setresuid(2), with a sentence; it may have changed in part. */
int identity_become(const struct identity *identity, struct error *ret_error) MUST_CHECK;

#endif
