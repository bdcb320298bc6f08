/* pidfile - a file that says which process we are, as long as we are.
 *
 * The kernel knows best whether the writer still lives: the file is locked with flock(2), and
 * the lock goes with its holder, however that ends; a number in a file may long be somebody
 * else's. The new file is written and locked aside and then moved into place, so that a reader
 * finds a whole number and a starter finds a locked file, at every moment. Into an empty place
 * it is linked, not renamed: of two that start at once, one must lose.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "slice.h"

#define TRIES_MAX 10 /* each lost to another starter that ended meanwhile */
#define PATH_ROOM 1100

static int fail(int result, const char *path, struct error *ret_error)
{
    (void)snprintf(ret_error->text, sizeof ret_error->text, "pidfile %.300s: %s", path,
                   strerror(-result));
    return result;
}

/* The number in the file; 0 = it is empty, -1 = something else is in it. */
static long read_pid(int fd)
{
    char text[24];
    ssize_t n = pread(fd, text, sizeof text, 0);
    uint64_t pid = 0;

    if (n == 0)
        return 0;
    if (n < 0 || n == (ssize_t)sizeof text)
        return -1;
    struct slice digits = {text, (size_t)n};
    if (digits.at[digits.len - 1] == '\n')
        digits.len--;
    return slice_to_u64(slice_trim(digits), INT32_MAX, &pid) ? (long)pid : -1;
}

/* For file systems that do not pass locks on: is that process one of us? */
static bool is_one_of_us(long pid)
{
    char path[64];
    char name[32] = "";
    char own[32] = "";

    if (pid <= 0 || pid == (long)getpid())
        return false;
    (void)snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    (void)!read(fd, name, sizeof name - 1);
    (void)close(fd);
    fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!read(fd, own, sizeof own - 1);
        (void)close(fd);
    }
    return own[0] != '\0' && strcmp(name, own) == 0;
}

static int refuse_live(const char *path, long pid, struct error *ret_error)
{
    (void)snprintf(ret_error->text, sizeof ret_error->text,
                   "pidfile %.300s is held by a running copilot-cluster (pid %ld): stop it, or "
                   "give this one its own [supervisor] pidfile",
                   path, pid);
    return -EBUSY;
}

/* The file that is there, locked by us and stale; -ENOENT when there is none. */
static int take_stale(const char *path, int *ret_fd, struct error *ret_error)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int r = 0;

    if (fd < 0)
        return errno == ENOENT ? -ENOENT : fail(-errno, path, ret_error);
    bool is_held = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    long pid = read_pid(fd);
    if (is_held || is_one_of_us(pid)) {
        r = refuse_live(path, pid, ret_error);
    } else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || pid < 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "pidfile %.300s is there and is no pid file: remove it, or choose "
                       "another [supervisor] pidfile",
                       path);
        r = -EINVAL;
    }
    if (r < 0)
        (void)close(fd);
    else
        *ret_fd = fd;
    return r;
}

static int write_aside(const char *aside, int *ret_fd)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    (void)unlink(aside); /* of a killed one that had our number */
    int fd = open(aside, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    int r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
    if (r == 0 && write(fd, text, (size_t)len) != len)
        r = errno == 0 ? -ENOSPC : -errno;
    if (r < 0) {
        (void)close(fd);
        (void)unlink(aside);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

static bool is_at(int fd, const char *path)
{
    struct stat ours;
    struct stat there;

    return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

/* -EAGAIN: somebody else was at it at the same moment. */
static int put_in_place(const char *path, const char *aside, struct error *ret_error)
{
    int stale = -1;
    int r = take_stale(path, &stale, ret_error);

    if (r == -ENOENT) {
        if (link(aside, path) == 0) {
            (void)unlink(aside);
            return 0;
        }
        return errno == EEXIST ? -EAGAIN : fail(-errno, path, ret_error);
    }
    if (r < 0)
        return r;
    if (!is_at(stale, path))
        r = -EAGAIN;
    else if (rename(aside, path) < 0)
        r = fail(-errno, path, ret_error);
    (void)close(stale);
    return r;
}

int pidfile_open(const char *path, struct pidfile *ret_pidfile, struct error *ret_error)
{
    char aside[PATH_ROOM];
    int fd = -1;

    (void)snprintf(aside, sizeof aside, "%s.%ld", path, (long)getpid());
    errno = 0;
    int r = write_aside(aside, &fd);
    if (r < 0)
        return fail(r, path, ret_error);
    r = -EAGAIN;
    for (int i = 0; r == -EAGAIN && i < TRIES_MAX; i++)
        r = put_in_place(path, aside, ret_error);
    if (r == -EAGAIN)
        (void)fail(r, path, ret_error);
    if (r < 0) {
        (void)close(fd);
        (void)unlink(aside);
        return r;
    }
    *ret_pidfile = (struct pidfile){.path = path, .fd = fd};
    return 0;
}

void pidfile_close(struct pidfile *pidfile)
{
    if (pidfile->path == NULL)
        return;
    if (is_at(pidfile->fd, pidfile->path) && unlink(pidfile->path) < 0) {
        log_info("the pid file cannot be removed, it is left empty: %s path=%s",
                 strerror(errno), pidfile->path);
        (void)!ftruncate(pidfile->fd, 0);
    }
    (void)close(pidfile->fd);
    *pidfile = (struct pidfile){.path = NULL};
}
