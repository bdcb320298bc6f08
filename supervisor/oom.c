/* oom - did the kernel kill for want of memory?
 *
 * The kernel tells nobody whom it has killed but in its log, which is not ours to read. It
 * counts, though: `oom_kill` grows before the process is reaped. A SIGKILL that we have not
 * sent, and a count that has grown since the last death, belong together.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES 16384 /* /proc/vmstat has 4 to 8 KB */

static const char word[] = "oom_kill ";

/* The number behind the word at the beginning of a line; false when it is not there. */
static bool read_count(const char *path, uint64_t *ret_count)
{
    char text[FILE_BYTES + 1] = "\n";
    size_t len = 1;

    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    for (;;) {
        ssize_t n = read(fd, text + len, sizeof text - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    (void)close(fd);
    text[len] = '\0';
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        if (at[-1] != '\n')
            continue;
        *ret_count = strtoull(at + strlen(word), NULL, 10);
        return true;
    }
    return false;
}

void oom_init_at(struct oom *o, const char *path)
{
    *o = (struct oom){.path = ""};
    if (strlen(path) < sizeof o->path && read_count(path, &o->explained))
        memcpy(o->path, path, strlen(path) + 1);
}

void oom_init(struct oom *o)
{
    char line[OOM_PATH_MAX / 2] = "";
    char path[OOM_PATH_MAX];
    FILE *f = fopen("/proc/self/cgroup", "re");

    *o = (struct oom){.path = ""};
    while (f != NULL && fgets(line, sizeof line, f) != NULL && o->path[0] == '\0') {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) != 0)
            continue;
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.events", line + 3);
        oom_init_at(o, path);
    }
    if (f != NULL)
        (void)fclose(f);
    if (o->path[0] == '\0')
        oom_init_at(o, "/proc/vmstat");
}

bool oom_explains_death(struct oom *o)
{
    uint64_t count;

    if (o->path[0] == '\0' || !read_count(o->path, &count) || count <= o->explained)
        return false;
    o->explained++;
    return true;
}
