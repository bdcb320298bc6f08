/* home_give - hands the files of a former user over to the new one.
 *
 * The tree may be in the hands of somebody who wants root to give away the wrong file, by a
 * link or by a swap at the right moment. So each entry is opened first, without following a
 * link, and only what the open descriptor shows as the former user's is given. A file with a
 * second name may be somebody's bait, too, and is left when it is root's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/home_give.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

static int give_one(const char *path, uid_t from, uid_t uid, gid_t gid)
{
    struct stat st;
    int r = 0;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        r = -errno;
    bool is_bait = r == 0 && from == 0 && !S_ISDIR(st.st_mode) && st.st_nlink > 1;
    if (r == 0 && st.st_uid == from && !is_bait &&
        fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
        r = -errno;
    (void)close(fd);
    return r;
}

/* The directory itself comes last: a run that breaks off is done again at the next start. */
static int give_all(const char *path, uid_t from, uid_t uid, gid_t gid)
{
    char *copy = strdup(path);
    char *const roots[] = {copy, NULL};
    FTS *tree = copy == NULL ? NULL : fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;
    int r = tree == NULL ? -ENOMEM : 0;

    while (r == 0 && (entry = fts_read(tree)) != NULL) {
        if (entry->fts_info != FTS_D)
            r = give_one(entry->fts_path, from, uid, gid);
    }
    if (tree != NULL)
        (void)fts_close(tree);
    free(copy);
    return r;
}

int home_give(const char *path, uid_t from, uid_t uid, gid_t gid, bool is_deep,
              struct error *ret_error)
{
    int r = is_deep ? give_all(path, from, uid, gid) : give_one(path, from, uid, gid);

    if (r < 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "cannot give %.300s to user %ld: %s", path, (long)uid, strerror(-r));
        return r;
    }
    log_info("files were handed over to another user path=%s from=%ld to=%ld", path, (long)from,
             (long)uid);
    return 0;
}
