/* home_seed - a login from a file: github_token_file into a node's token file.
 *
 * What is in the home belongs to the node: a login by hand replaces the seed and stays. Only a
 * seed that has changed replaces a login, because somebody has changed it on purpose; that it
 * has is seen by a digest, so that no second copy of a token lies around. One that GitHub has
 * refused (it lies in `.refused`) is not planted again, or the node would go round in circles
 * instead of asking for a login.
 *
 * The home may be in the hands of another user while we are root. So directories and files are
 * opened one below the other, without following links, and new files are moved into place.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/home_seed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#define DIGEST_TEXT_MAX (2 * EVP_MAX_MD_SIZE)
#define NAME_MAX_BYTES  255 /* of one file's name (limits.h of Linux) */
#define NAME_BYTES_MAX  (NAME_MAX_BYTES + 16)

/* Where the token is: a directory, and a name in it. */
struct place {
    int fd;
    const char *name;
    const struct home_owner *owner;
    int no_follow; /* O_NOFOLLOW in the home of another user */
};

/* A small file of the place, without the spaces around its text. */
struct content {
    char bytes[HOME_SEED_BYTES_MAX];
    struct slice text;
};

static struct slice trim(struct slice text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.at[0]) != NULL)
        text = slice_skip(text, 1);
    while (text.len > 0 && strchr(" \t\r\n", text.at[text.len - 1]) != NULL)
        text.len--;
    return text;
}

bool home_seed_parse(struct slice text, struct slice *ret_token)
{
    struct slice token = trim(text);

    for (size_t i = 0; i < token.len; i++) {
        if (token.at[i] <= 0x20 || token.at[i] >= 0x7f)
            return false;
    }
    if (token.len > 0)
        *ret_token = token;
    return token.len > 0;
}

/* ---------------------------------------------------------------- places */

/* The directory `name` below, made if it is not there. */
static int descend(const struct place *p, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | p->no_follow;
    int fd = openat(p->fd, name, flags);

    if (fd >= 0 || errno != ENOENT)
        return fd < 0 ? -errno : fd;
    if (mkdirat(p->fd, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(p->fd, name, flags);
    if (fd < 0)
        return -errno;
    if (p->no_follow != 0 && fchown(fd, p->owner->uid, p->owner->gid) < 0) {
        int r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

static int open_place(const char *home, const char *token_file, const struct home_owner *owner,
                      struct place *ret_place)
{
    struct place p = {
        .fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .name = token_file,
        .owner = owner,
        .no_follow = owner->uid == geteuid() ? 0 : O_NOFOLLOW,
    };
    char part[NAME_MAX_BYTES + 1];

    if (p.fd < 0)
        return -errno;
    for (const char *slash; (slash = strchr(p.name, '/')) != NULL; p.name = slash + 1) {
        size_t len = (size_t)(slash - p.name);
        if (len == 0)
            continue;
        memcpy(part, p.name, len < sizeof part ? len : 0);
        part[len < sizeof part ? len : 0] = '\0';
        int fd = len < sizeof part ? descend(&p, part) : -ENAMETOOLONG;
        (void)close(p.fd);
        if (fd < 0)
            return fd;
        p.fd = fd;
    }
    *ret_place = p;
    return 0;
}

static int name_of(const struct place *p, const char *suffix, char ret_name[NAME_BYTES_MAX])
{
    int len = snprintf(ret_name, NAME_BYTES_MAX, "%s%s", p->name, suffix);

    return len > 0 && len <= NAME_MAX_BYTES ? 0 : -ENAMETOOLONG;
}

/* Empty when there is no such file, or something else than a file. */
static int read_beside(const struct place *p, const char *suffix, struct content *ret_content)
{
    char name[NAME_BYTES_MAX];
    ssize_t n = 0;

    ret_content->text = (struct slice){ret_content->bytes, 0};
    int r = name_of(p, suffix, name);
    if (r < 0)
        return r;
    int fd = openat(p->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | p->no_follow);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    n = read(fd, ret_content->bytes, sizeof ret_content->bytes);
    r = n < 0 ? -errno : 0;
    (void)close(fd);
    if (n > 0)
        ret_content->text = trim((struct slice){ret_content->bytes, (size_t)n});
    return r;
}

static int write_all(int fd, const struct place *p, struct slice text)
{
    if (p->no_follow != 0 && fchown(fd, p->owner->uid, p->owner->gid) < 0)
        return -errno;
    ssize_t n = write(fd, text.at, text.len);
    if (n < 0 || fsync(fd) < 0)
        return -errno;
    return (size_t)n == text.len ? 0 : -ENOSPC;
}

/* Written aside, then moved into place: the file is whole at every moment. */
static int write_beside(const struct place *p, const char *suffix, struct slice text)
{
    char name[NAME_BYTES_MAX];
    char aside[NAME_BYTES_MAX];

    int r = name_of(p, suffix, name);
    if (r == 0)
        r = name_of(p, ".new", aside);
    if (r < 0)
        return r;
    (void)unlinkat(p->fd, aside, 0); /* of a start that was killed */
    int fd = openat(p->fd, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = write_all(fd, p, text);
    (void)close(fd);
    if (r == 0 && renameat(p->fd, aside, p->fd, name) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(p->fd, aside, 0);
    return r;
}

/* ---------------------------------------------------------------- the seed */

static int digest_of(struct slice token, char ret_text[DIGEST_TEXT_MAX + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_Digest(token.at, token.len, digest, &len, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(ret_text + (size_t)2 * i, 3, "%02x", digest[i]);
    return 0;
}

static int plant(const struct place *p, struct slice token, const char *digest, bool has_token)
{
    char before[NAME_BYTES_MAX];
    int r = name_of(p, ".before", before);

    if (r == 0 && has_token && renameat(p->fd, p->name, p->fd, before) < 0)
        r = -errno;
    if (r == 0)
        r = write_beside(p, "", token);
    return r < 0 ? r : write_beside(p, ".seed", slice_of(digest));
}

static int decide(const struct place *p, struct slice token, enum home_seed_result *ret_result)
{
    struct content present;
    struct content refused;
    struct content seed;
    char digest[DIGEST_TEXT_MAX + 1];

    int r = read_beside(p, "", &present);
    if (r == 0)
        r = read_beside(p, ".refused", &refused);
    if (r == 0)
        r = read_beside(p, ".seed", &seed);
    if (r == 0)
        r = digest_of(token, digest);
    if (r < 0)
        return r;
    bool has_token = present.text.len > 0;
    bool is_known = slice_equal(seed.text, slice_of(digest));
    *ret_result = HOME_SEED_KEPT;
    if (has_token && (is_known || slice_equal(present.text, token)))
        return 0;
    if (has_token && seed.text.len == 0) /* logged in before there was a seed */
        return write_beside(p, ".seed", slice_of(digest));
    if (slice_equal(refused.text, token)) {
        *ret_result = HOME_SEED_REFUSED;
        return 0;
    }
    *ret_result = HOME_SEED_PLANTED;
    return plant(p, token, digest, has_token);
}

int home_seed_plant(const char *home, const char *token_file, const struct home_owner *owner,
                    struct slice token, enum home_seed_result *ret_result)
{
    enum home_seed_result result = HOME_SEED_KEPT;
    struct place p = {.fd = -1};

    int r = open_place(home, token_file, owner, &p);
    if (r < 0)
        return r;
    r = decide(&p, token, &result);
    (void)close(p.fd);
    if (r == 0)
        *ret_result = result;
    return r;
}
