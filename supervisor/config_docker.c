/* config_docker - [docker]: where the engine is, and whether it is asked at all.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/config_docker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bounds.h"
#include "mem.h"
#include "slice.h"
#include "supervisor/config_node.h"
#include "supervisor/config_text.h"

#define UNIX_SCHEME "unix://"
#define TCP_SCHEME  "tcp://"

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int keep(char *text, char **ret_socket)
{
    if (text == NULL)
        return -ENOMEM;
    mem_free(*ret_socket);
    *ret_socket = text;
    return 0;
}

/* The same forms of host and port as [node:x] url. */
static int set_tcp(const char *text, char **ret_socket, struct error *ret_error)
{
    struct config_node node = {.enabled = true};
    char url[sizeof "http://" + CONFIG_HOST_MAX + sizeof "[]:65535"];
    int len = snprintf(url, sizeof url, "http://%s", text + strlen(TCP_SCHEME));
    int r = len >= (int)sizeof url ? -EINVAL : config_node_set_url(&node, url, ret_error);

    if (r == 0)
        r = keep(mem_strdup(node.url), ret_socket);
    config_node_done(&node);
    return r;
}

int config_docker_socket(const char *text, char **ret_socket, struct error *ret_error)
{
    const char *path = starts_with(text, UNIX_SCHEME) ? text + strlen(UNIX_SCHEME) : text;

    if (starts_with(text, TCP_SCHEME)) {
        int r = set_tcp(text, ret_socket, ret_error);
        if (r != -EINVAL)
            return r;
    } else if (path[0] == '/' && strlen(path) <= LISTEN_PATH_MAX) {
        return keep(mem_strdup(path), ret_socket);
    }
    return config_text_refuse(ret_error, "a path, unix:///PATH or tcp://HOST:PORT", text);
}

bool config_docker_speaks(const char *docker_host)
{
    return docker_host[0] == '/' || starts_with(docker_host, UNIX_SCHEME) ||
           starts_with(docker_host, TCP_SCHEME);
}

bool config_docker_answers(const struct config_docker *docker)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (docker->socket == NULL || docker->socket[0] != '/')
        return docker->socket != NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", docker->socket);
    int r = connect(fd, (struct sockaddr *)&address, sizeof address);
    (void)close(fd);
    return r == 0;
}

bool config_docker_is_on(const struct config *c)
{
    const struct config_docker *docker = &c->docker;

    if (docker->enabled != CONFIG_AUTO || docker->socket == NULL)
        return docker->enabled == CONFIG_YES && docker->socket != NULL;
    for (size_t i = 0; i < c->node_count; i++) {
        if (c->nodes[i].enabled)
            return false;
    }
    return docker->socket[0] != '/' || access(docker->socket, F_OK) == 0;
}
