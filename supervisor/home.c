/* home - the directories that belong to us: the state directory and the nodes' homes.
 *
 * Accounts live in the homes, so these are private: made with 0700, refused when they belong to
 * somebody else or are symbolic links, and closed when they are open to others. With a `user`
 * of its own a node's home belongs to that user, and the directories above it may be passed
 * through (0711). Files of a former user are handed over (home_give), so that a login survives
 * the change.
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
#include "supervisor/home_give.h"

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

static int refuse_owner(const char *path, uid_t is, uid_t wanted, struct error *ret_error)
{
    (void)snprintf(
        ret_error->text, sizeof ret_error->text,
        "%.300s belongs to user %ld, but this runs as user %ld: run as that user, or "
        "choose another directory",
        path, (long)is, (long)wanted);
    return -EPERM;
}

/* What make_directory() makes, and what it does about one that is there. */
enum kind {
    KIND_STATE, /* left as it is: people may point it at one that others use */
    KIND_NODES, /* closed to others, but for guests */
    KIND_HOME,  /* closed to others */
    KIND_GIVEN, /* a home of somebody's choice: left as it is */
};

static mode_t mode_of(enum kind kind, const struct home_owner *owner)
{
    return kind != KIND_HOME && kind != KIND_GIVEN && owner->has_guests ? 0711 : 0700;
}

/* The directory that is there already, and whom it belongs to. */
static int check_owner(int fd, enum kind kind, const struct home_owner *owner,
                       const struct stat *st, const char *path, struct error *ret_error)
{
    /* Made by us as root; homes lie in a directory that is the owner's already. */
    bool is_ours = kind == KIND_HOME || (kind == KIND_NODES && st->st_uid == 0) ||
                   (kind == KIND_STATE && st->st_uid == 0 && owner->uid != 0 &&
                    faccessat(fd, "lock", F_OK, 0) == 0);

    if (st->st_uid == owner->uid)
        return 0;
    if (geteuid() == 0 && is_ours)
        return home_give(path, st->st_uid, owner->uid, owner->gid, kind == KIND_HOME,
                         ret_error);
    if (kind == KIND_STATE && st->st_uid == 0 && owner->uid == geteuid())
        return 0; /* made for us by root, as a volume */
    return refuse_owner(path, st->st_uid, owner->uid, ret_error);
}

static int check_mode(int fd, enum kind kind, const struct home_owner *owner,
                      const struct stat *st, const char *path, struct error *ret_error)
{
    mode_t mode = mode_of(kind, owner);
    mode_t is = st->st_mode & 0777u;
    bool is_open = (is & 077) != (mode & 077);

    if (kind == KIND_STATE) {
        is_open = (is & mode) != mode;
        mode |= is;
    }
    if (kind == KIND_GIVEN || !is_open)
        return 0;
    if ((is & ~mode) != 0)
        log_warn("a directory with logins was open to others, closed it path=%s mode=%03o",
                 path, is);
    return fchmod(fd, mode) < 0 ? fail(ret_error, -errno, "cannot change the mode of", path)
                                : 0;
}

/* Makes the directory unless it is there, and checks what is there. */
static int make_directory(const char *path, enum kind kind, const struct home_owner *owner,
                          struct error *ret_error)
{
    struct stat st;
    bool is_new = mkdir(path, 0700) == 0;

    if (!is_new && errno != EEXIST)
        return fail(ret_error, -errno, "cannot create", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(ret_error, -errno, "cannot use", path);
    int r = fstat(fd, &st) < 0 ? fail(ret_error, -errno, "cannot use", path) : 0;
    if (r == 0 && is_new && st.st_uid != owner->uid) {
        if (fchown(fd, owner->uid, owner->gid) < 0)
            r = fail(ret_error, -errno, "cannot give away", path);
    } else if (r == 0 && !is_new) {
        r = check_owner(fd, kind, owner, &st, path, ret_error);
    }
    if (r == 0)
        r = check_mode(fd, kind, owner, &st, path, ret_error);
    (void)close(fd);
    return r;
}

static int lock(const char *state_dir, const struct home_owner *owner, int *ret_fd,
                struct error *ret_error)
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
    if (owner->uid != geteuid())
        (void)!fchown(fd, owner->uid, owner->gid); /* it may start without us next time */
    *ret_fd = fd;
    return 0;
}

int home_open_state(const char *state_dir, const struct home_owner *owner, int *ret_lock_fd,
                    struct error *ret_error)
{
    /* The directory itself may be a link that its owner has made: resolve it once. */
    char *real = realpath(state_dir, NULL);
    const char *path = real != NULL ? real : state_dir;
    int r = make_parents(path, ret_error);

    if (r == 0)
        r = make_directory(path, KIND_STATE, owner, ret_error);
    if (r == 0)
        r = lock(path, owner, ret_lock_fd, ret_error);
    free(real);
    return r;
}

int home_prepare(const char *state_dir, const struct home_owner *ours, const char *name,
                 const struct home_owner *owner, char *ret_path, struct error *ret_error)
{
    (void)snprintf(ret_path, HOME_PATH_MAX, "%s/nodes", state_dir);
    int r = make_directory(ret_path, KIND_NODES, ours, ret_error);
    if (r < 0)
        return r;
    int len = snprintf(ret_path, HOME_PATH_MAX, "%s/nodes/%s", state_dir, name);
    if (len < 0 || len >= HOME_PATH_MAX)
        return fail(ret_error, -ENAMETOOLONG, "cannot use", state_dir);
    return make_directory(ret_path, KIND_HOME, owner, ret_error);
}

int home_prepare_at(const char *path, const struct home_owner *owner, struct error *ret_error)
{
    int r = make_parents(path, ret_error);

    return r < 0 ? r : make_directory(path, KIND_GIVEN, owner, ret_error);
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
