/* home - the directories that belong to us: the state directory and the nodes' homes.
 *
 * Accounts live in the homes, so these are private: made with 0700, refused when they belong to
 * somebody else or are symbolic links, and closed when they are open to others.
 *
 * The lock is flock(2) on STATE_DIR/lock, which the kernel drops when we die, however we do.
 * The file holds our pid for the message that the second one shows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/home.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

static int fail(struct error *ret_error, int error, const char *what, const char *path)
{
    (void)snprintf(ret_error->text, sizeof ret_error->text, "%s %.300s: %s", what, path,
                   strerror(-error));
    return error;
}

/* mkdir -p for all but the last part of the path. */
static int make_parents(const char *path, struct error *ret_error)
{
    char part[HOME_PATH_MAX];

    for (size_t i = 1; path[i] != '\0' && i < sizeof part - 1; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return fail(ret_error, -errno, "cannot create", part);
    }
    return 0;
}

static int refuse_owner(const char *path, uid_t owner, struct error *ret_error)
{
    (void)snprintf(
        ret_error->text, sizeof ret_error->text,
        "%.300s belongs to user %ld, but this runs as user %ld: run as that user, or "
        "choose another [supervisor] state_dir",
        path, (long)owner, (long)geteuid());
    return -EPERM;
}

/* Makes the directory unless it is there, and checks what is there. A home is closed to others;
 * the state directory is left as it is: people may point it at one that others use, too. */
static int make_directory(const char *path, bool is_home, struct error *ret_error)
{
    struct stat st;

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(ret_error, -errno, "cannot create", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(ret_error, -errno, "cannot use", path);
    int r = fstat(fd, &st) < 0 ? fail(ret_error, -errno, "cannot use", path) : 0;
    if (r == 0 && st.st_uid != geteuid() && (is_home || st.st_uid != 0))
        r = refuse_owner(path, st.st_uid, ret_error);
    if (r == 0 && is_home && (st.st_mode & 077) != 0) {
        log_warn("a directory with logins was open to others, closed it path=%s mode=%03o",
                 path, st.st_mode & 0777u);
        if (fchmod(fd, 0700) < 0)
            r = fail(ret_error, -errno, "cannot close to others", path);
    }
    (void)close(fd);
    return r;
}

static int lock(const char *state_dir, int *ret_fd, struct error *ret_error)
{
    char path[HOME_PATH_MAX];
    char pid[16] = "";

    (void)snprintf(path, sizeof path, "%s/lock", state_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(ret_error, -errno, "cannot open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int r = errno == EWOULDBLOCK ? -EBUSY : -errno;
        ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
        pid[n > 0 ? n : 0] = '\0';
        pid[strcspn(pid, "\n")] = '\0';
        (void)close(fd);
        if (r != -EBUSY)
            return fail(ret_error, r, "cannot lock", path);
        (void)snprintf(
            ret_error->text, sizeof ret_error->text,
            "another copilot-cluster (pid %s) uses %.300s: stop it, or give this one its "
            "own [supervisor] state_dir",
            pid[0] == '\0' ? "unknown" : pid, state_dir);
        return r;
    }
    int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) != len)
        log_warn("the lock file could not be written path=%s", path);
    *ret_fd = fd;
    return 0;
}

int home_open_state(const char *state_dir, int *ret_lock_fd, struct error *ret_error)
{
    /* The directory itself may be a link that its owner has made: resolve it once. */
    char *real = realpath(state_dir, NULL);
    const char *path = real != NULL ? real : state_dir;
    int r = make_parents(path, ret_error);

    if (r == 0)
        r = make_directory(path, false, ret_error);
    if (r == 0)
        r = lock(path, ret_lock_fd, ret_error);
    free(real);
    return r;
}

int home_prepare(const char *state_dir, const char *name, char *ret_path,
                 struct error *ret_error)
{
    (void)snprintf(ret_path, HOME_PATH_MAX, "%s/nodes", state_dir);
    int r = make_directory(ret_path, true, ret_error);
    if (r < 0)
        return r;
    int len = snprintf(ret_path, HOME_PATH_MAX, "%s/nodes/%s", state_dir, name);
    if (len < 0 || len >= HOME_PATH_MAX)
        return fail(ret_error, -ENAMETOOLONG, "cannot use", state_dir);
    return make_directory(ret_path, true, ret_error);
}

bool home_has_token(const char *home, const char *token_file)
{
    char path[HOME_TOKEN_PATH_MAX];
    char start[64];
    bool has_token = false;

    int len = snprintf(path, sizeof path, "%s/%s", home, token_file);
    if (len < 0 || (size_t)len >= sizeof path)
        return false;
    /* A fifo or a device must not stop us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, start, sizeof start);
    (void)close(fd);
    for (ssize_t i = 0; i < n && !has_token; i++)
        has_token = strchr(" \t\r\n", start[i]) == NULL;
    return has_token;
}

int home_set_token_aside(const char *home, const char *token_file, char *ret_path)
{
    char from[HOME_TOKEN_PATH_MAX];
    char to[HOME_TOKEN_PATH_MAX];

    int len = snprintf(to, sizeof to, "%s/%s.refused", home, token_file);
    if (len < 0 || (size_t)len >= sizeof to)
        return -ENAMETOOLONG;
    (void)snprintf(from, sizeof from, "%s/%s", home, token_file);
    if (rename(from, to) < 0)
        return -errno;
    memcpy(ret_path, to, (size_t)len + 1);
    return 0;
}
