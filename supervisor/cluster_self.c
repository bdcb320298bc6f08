/* cluster_self - who we are ourselves: our limits, our user, our pid file.
 *
 * [supervisor] user: what needs root comes first (directories that it shall own, ports below
 * 1024, the pid file), then the user is changed for good, and everything after that runs as
 * him. What was opened until then and will be opened again, or is asked for its owner, is given
 * to him: the access log and the sockets of `listen`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cluster_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define DESCRIPTORS_WANTED 16384 /* clients, connections to nodes, pipes; with room */

/* Two descriptors a client at the most: the usual soft limit of 1024 is less than
 * connections_max asks for. What the hard limit gives is taken, within reason. Nodes get back
 * what we had. */
static void raise_descriptor_limit(struct cluster *c)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    c->nofile_before = limit;
    c->child_host.nofile_before = &c->nofile_before;
    if (limit.rlim_cur >= DESCRIPTORS_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Does another user have a home below our state directory? */
static bool has_guests(const struct cluster *c)
{
    for (size_t i = 0; i < c->config->node_count; i++) {
        const struct config_node *n = &c->config->nodes[i];
        struct identity identity;
        struct error error;
        if (n->enabled && n->source == NODE_SPAWNED && n->user != NULL && n->home == NULL &&
            identity_find(n->user, n->group, &identity, &error) == 0 &&
            identity.uid != c->identity.uid)
            return true;
    }
    return false;
}

int cluster_self_find(struct cluster *c, struct error *ret_error)
{
    struct error error;
    int r = identity_find(c->config->supervisor.user, NULL, &c->identity, &error);

    if (r < 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text, "[supervisor] %.400s",
                       error.text);
        return r;
    }
    if (c->identity.is_set && geteuid() != 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "[supervisor] user: only root can become '%s'; start this as root, or "
                       "as that user",
                       c->identity.user);
        return -EPERM;
    }
    raise_descriptor_limit(c);
    c->child_host.ours = (struct home_owner){.uid = c->identity.uid, .gid = c->identity.gid};
    c->child_host.ours.has_guests = has_guests(c);
    return 0;
}

/* Only what root has made: not what lies there under this name, or has a second one. */
static void give_file(const struct cluster *c, const char *path)
{
    struct stat st;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode)) &&
        st.st_uid == 0 && st.st_nlink == 1 &&
        fchownat(fd, "", c->identity.uid, c->identity.gid, AT_EMPTY_PATH) < 0)
        log_warn("cannot be given to the user that we become: %s path=%s", strerror(errno),
                 path);
    (void)close(fd);
}

static void give_files(const struct cluster *c)
{
    const struct config_listens *listens = &c->config->gateway.listen;

    for (size_t i = 0; i < listens->count; i++) {
        if (listens->at[i].kind == CONFIG_LISTEN_UNIX)
            give_file(c, listens->at[i].host);
    }
    if (c->control_path[0] != '\0')
        give_file(c, c->control_path);
    if (c->config->log.access_file != NULL)
        give_file(c, c->config->log.access_file);
}

int cluster_self_note(struct cluster *c, struct error *ret_error)
{
    const char *path = c->config->supervisor.pidfile;

    return path == NULL ? 0 : pidfile_open(path, &c->pidfile, ret_error);
}

int cluster_self_become(struct cluster *c, struct error *ret_error)
{
    struct error error;
    int death_signal = 0;

    if (!c->identity.is_set || c->identity.uid == geteuid())
        return 0;
    give_files(c);
    (void)prctl(PR_GET_PDEATHSIG, &death_signal);
    int r = identity_become(&c->identity, &error);
    if (r < 0) {
        (void)snprintf(ret_error->text, sizeof ret_error->text, "[supervisor] user: %.400s",
                       error.text);
        return r;
    }
    (void)prctl(PR_SET_PDEATHSIG, death_signal); /* a change of user clears it (prctl(2)) */
    log_info("runs as user %s from now on", c->identity.user);
    return 0;
}
