/* peer_credentials - which user is at the other end of a unix socket.
 *
 * The kernel notes user and groups at connect(2) (unix(7), SO_PEERCRED), so a peer cannot take
 * on others later. SO_PEERGROUPS, the supplementary groups, came with Linux 4.13; before it
 * only the first group counts.
 *
 * SPDX-License-Identifier: MIT
 */
#include "peer_credentials.h"

#include <grp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"
#include "slice.h"

static bool find_group(const char *group, gid_t *ret_gid)
{
    char text[GROUP_ENTRY_BYTES_MAX];
    struct group entry;
    struct group *found = NULL;
    uint64_t number;

    if (slice_to_u64(slice_of(group), UINT32_MAX - 1, &number)) {
        *ret_gid = (gid_t)number;
        return true;
    }
    if (getgrnam_r(group, &entry, text, sizeof text, &found) != 0 || found == NULL)
        return false;
    *ret_gid = entry.gr_gid;
    return true;
}

static bool is_member(int fd, gid_t first, gid_t wanted)
{
    gid_t groups[IDENTITY_GROUPS_MAX];
    socklen_t size = sizeof groups;

    if (first == wanted)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof groups[0]; i++) {
        if (groups[i] == wanted)
            return true;
    }
    return false;
}

bool peer_credentials_are_owner(int fd, const char *group)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    gid_t gid;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    return group != NULL && find_group(group, &gid) && is_member(fd, peer.gid, gid);
}
