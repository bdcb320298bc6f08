/* cli_logs - what the nodes have printed, of one or of all, once or on and on.
 *
 * Of several nodes the lines that are there already are put in the order of their time; what
 * follows comes as it comes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/cli_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct line {
    char *text; /* "at\0node\0text", owned */
    size_t order;
};

struct lines {
    struct line *list;
    size_t count;
    size_t room;
};

struct source {
    char node[NODE_NAME_MAX + 1];
    struct cli_http http;
};

static int compare(const void *a, const void *b)
{
    const struct line *left = a;
    const struct line *right = b;
    int r = strcmp(left->text, right->text);

    return r != 0 ? r : left->order < right->order ? -1 : 1;
}

static void print(const struct cli *cli, const char *at, const char *node, const char *text)
{
    const char *dim = cli->is_color ? "\033[2m" : "";
    const char *end = cli->is_color ? "\033[0m" : "";

    (void)printf("%s%s [%s]%s %s\n", dim, at, node, end, text);
}

/* Takes the first whole line off the input; NULL when there is none. */
static json_t *next_line(struct cli_http *http)
{
    size_t len = slice_find(buf_slice(&http->input), SLICE("\n"));

    if (len == SIZE_MAX)
        return NULL;
    json_t *line = json_loadb(http->input.data, len, 0, NULL);
    buf_consume(&http->input, len + 1);
    return line;
}

static int keep(struct lines *lines, const char *node, const json_t *line)
{
    const char *at = cli_text(line, "at");
    const char *text = cli_text(line, "text");
    size_t len = strlen(at) + strlen(node) + strlen(text) + 3;

    if (lines->count == lines->room) {
        size_t room = lines->room == 0 ? 256 : 2 * lines->room;
        struct line *list = mem_alloc(room, sizeof *list);
        if (list == NULL)
            return -ENOMEM;
        if (lines->count > 0)
            memcpy(list, lines->list, lines->count * sizeof *list);
        mem_free(lines->list);
        lines->list = list;
        lines->room = room;
    }
    char *copy = mem_alloc(1, len);
    if (copy == NULL)
        return -ENOMEM;
    (void)snprintf(copy, len, "%s%c%s%c%s", at, 0, node, 0, text);
    lines->list[lines->count] = (struct line){.text = copy, .order = lines->count};
    lines->count++;
    return 0;
}

static void print_sorted(const struct cli *cli, struct lines *lines)
{
    if (lines->count > 0)
        qsort(lines->list, lines->count, sizeof lines->list[0], compare);
    for (size_t i = 0; i < lines->count; i++) {
        const char *at = lines->list[i].text;
        const char *node = at + strlen(at) + 1;
        print(cli, at, node, node + strlen(node) + 1);
        mem_free(lines->list[i].text);
    }
    mem_free(lines->list);
}

/* Lines of before, sorted. */
static int show(const struct cli *cli, struct source *sources, size_t count)
{
    struct lines lines = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        json_t *line;
        r = cli_http_rest(&sources[i].http);
        while (r == 0 && (line = next_line(&sources[i].http)) != NULL) {
            r = keep(&lines, sources[i].node, line);
            json_decref(line);
        }
    }
    print_sorted(cli, &lines);
    return r < 0 ? cli_tell_lost(cli, r) : EXIT_CODE_OK;
}

static int follow(const struct cli *cli, struct source *sources, size_t count)
{
    struct pollfd fds[NODES_MAX];
    size_t open = count;
    int r = 0;

    while (r == 0 && open > 0) {
        for (size_t i = 0; i < count; i++) {
            json_t *line;
            while ((line = next_line(&sources[i].http)) != NULL) {
                print(cli, cli_text(line, "at"), sources[i].node, cli_text(line, "text"));
                json_decref(line);
            }
            fds[i] = (struct pollfd){.fd = sources[i].http.is_ended ? -1 : sources[i].http.fd,
                                     .events = POLLIN};
        }
        (void)fflush(stdout);
        if (poll(fds, count, -1) < 0 && errno != EINTR)
            r = -errno;
        for (size_t i = 0; r == 0 && i < count; i++) {
            if (fds[i].fd < 0 || fds[i].revents == 0)
                continue;
            r = cli_http_more(&sources[i].http);
            open -= sources[i].http.is_ended;
        }
    }
    return r < 0 ? cli_tell_lost(cli, r) : EXIT_CODE_OK;
}

/* Opens the log of a node; not 0 is an exit code. */
static int open_source(const struct cli *cli, const char *node, struct source *source)
{
    char target[NODE_NAME_MAX + 64];

    (void)snprintf(source->node, sizeof source->node, "%s", node);
    (void)snprintf(target, sizeof target, "/admin/nodes/%s/logs?lines=%u&follow=%d", node,
                   cli->lines, cli->is_follow);
    int r = cli_http_open(cli->socket, "GET", target, NULL, &source->http);
    if (r < 0)
        return cli_tell_lost(cli, r);
    if (source->http.status == 200)
        return EXIT_CODE_OK;
    cli_http_close(&source->http);
    return cli_call(cli, "GET", target, NULL, NULL); /* tells why */
}

int cli_logs(const struct cli *cli)
{
    static struct source sources[NODES_MAX];
    const json_t *node;
    json_t *root;
    size_t count = 0;
    size_t i;

    int code = cli_call(cli, "GET", "/admin/nodes", NULL, &root);
    if (code != EXIT_CODE_OK)
        return code;
    if (cli->node != NULL)
        code = open_source(cli, cli->node, &sources[count++]);
    json_array_foreach (json_object_get(root, "nodes"), i, node) {
        if (cli->node == NULL && code == EXIT_CODE_OK && count < NODES_MAX &&
            strcmp(cli_text(node, "source"), "spawned") == 0)
            code = open_source(cli, cli_text(node, "id"), &sources[count++]);
    }
    json_decref(root);
    if (code != EXIT_CODE_OK)
        return code;
    code = (cli->is_follow ? follow : show)(cli, sources, count);
    for (i = 0; i < count; i++)
        cli_http_close(&sources[i].http);
    return code;
}
