/* identity - whom a process runs as: user, group and all its groups, looked up.
 *
 * Names are asked for first, then numbers, as chown(1) does: a user may be called "1000". All
 * of it happens before a fork, because the databases may be files, a daemon or a network.
 *
 * A number without an entry is a user all the same (containers have many of them), but nobody
 * can say what its group is: it must be given, for ours would be root's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "slice.h"

#define ENTRY_BYTES_MAX 16384 /* a group's entry lists its members */

/* Numbers that mean "leave it" to chown(2) and setresuid(2) are nobody. */
static bool is_number(const char *text, uint32_t *ret_number)
{
    uint64_t number;

    if (!slice_to_u64(slice_of(text), UINT32_MAX - 1, &number))
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

static bool find_user(const char *user, struct passwd *entry, char *bytes)
{
    struct passwd *found = NULL;

    return getpwnam_r(user, entry, bytes, ENTRY_BYTES_MAX, &found) == 0 && found != NULL;
}

static bool find_uid(uid_t uid, struct passwd *entry, char *bytes)
{
    struct passwd *found = NULL;

    return getpwuid_r(uid, entry, bytes, ENTRY_BYTES_MAX, &found) == 0 && found != NULL;
}

static bool find_group(const char *group, gid_t *ret_gid)
{
    char bytes[ENTRY_BYTES_MAX];
    struct group entry;
    struct group *found = NULL;
    uint32_t number;

    if (getgrnam_r(group, &entry, bytes, sizeof bytes, &found) == 0 && found != NULL)
        *ret_gid = entry.gr_gid;
    else if (is_number(group, &number))
        *ret_gid = number;
    else
        return false;
    return true;
}

bool identity_user_exists(const char *user)
{
    char bytes[ENTRY_BYTES_MAX];
    struct passwd entry;
    uint32_t number;

    return find_user(user, &entry, bytes) || is_number(user, &number);
}

bool identity_group_exists(const char *group)
{
    gid_t gid;

    return find_group(group, &gid);
}

static int fail(int result, struct error *ret_error, const char *setting, const char *what,
                const char *name)
{
    (void)snprintf(ret_error->text, sizeof ret_error->text, "%s: '%s' %s", setting, name, what);
    return result;
}

/* Our own when `user` is NULL; `*ret_name` is what the group database calls it, or NULL. */
static int find_owner(const char *user, bool has_group, struct identity *id,
                      struct passwd *entry, char *bytes, const char **ret_name,
                      struct error *ret_error)
{
    uint32_t number = 0;

    if (user == NULL && !find_uid(geteuid(), entry, bytes))
        return 0;
    if (user != NULL && !find_user(user, entry, bytes)) {
        if (!is_number(user, &number))
            return fail(-ENOENT, ret_error, "user", "is not a user of this machine", user);
        id->uid = number;
        if (!find_uid(number, entry, bytes))
            return has_group ? 0
                             : fail(-EINVAL, ret_error, "user",
                                    "has no entry on this machine, so that its group is not "
                                    "known: set group, too",
                                    user);
    }
    id->uid = entry->pw_uid;
    id->gid = user == NULL ? id->gid : entry->pw_gid;
    *ret_name = entry->pw_name;
    return 0;
}

int identity_find(const char *user, const char *group, struct identity *ret_identity,
                  struct error *ret_error)
{
    struct identity id = {.uid = geteuid(), .gid = getegid()};
    char bytes[ENTRY_BYTES_MAX];
    struct passwd entry;
    const char *name = NULL;
    int count = IDENTITY_GROUPS_MAX;

    int r = find_owner(user, group != NULL, &id, &entry, bytes, &name, ret_error);
    if (r < 0)
        return r;
    if (group != NULL && !find_group(group, &id.gid))
        return fail(-ENOENT, ret_error, "group", "is not a group of this machine", group);
    (void)snprintf(id.user, sizeof id.user, "%s", user != NULL ? user : "");
    (void)snprintf(id.group, sizeof id.group, "%s", group != NULL ? group : "");
    if (group == NULL)
        (void)snprintf(id.group, sizeof id.group, "%lu", (unsigned long)id.gid);
    id.groups[0] = id.gid;
    id.group_count = 1;
    if (name != NULL) {
        if (getgrouplist(name, id.gid, id.groups, &count) < 0)
            return fail(-E2BIG, ret_error, "user", "is a member of too many groups", name);
        id.group_count = (size_t)count;
    }
    bool is_us = id.uid == geteuid() && id.gid == getegid();
    id.is_set = (user != NULL || group != NULL) && (!is_us || geteuid() == 0);
    *ret_identity = id;
    return 0;
}

int identity_become(const struct identity *identity, struct error *ret_error)
{
    const char *what = "the groups of user";
    const char *name = identity->user;
    int r = 0;

    if (!identity->is_set)
        return 0;
    if (setgroups(identity->group_count, identity->groups) < 0) {
        r = -errno;
    } else if (setresgid(identity->gid, identity->gid, identity->gid) < 0) {
        r = -errno;
        what = "group";
        name = identity->group;
    } else if (setresuid(identity->uid, identity->uid, identity->uid) < 0) {
        r = -errno;
        what = "user";
    }
    if (r < 0)
        (void)snprintf(ret_error->text, sizeof ret_error->text, "cannot change to %s '%s': %s",
                       what, name, strerror(-r));
    return r;
}
