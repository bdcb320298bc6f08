/* procfs - other processes, as /proc shows them.
 *
 * Reads only, and believes nothing: a process may end between two looks, and its name may hold
 * any bytes. Whoever acts on what he reads here must hold a pidfd or be the parent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_FIELDS 22 /* those from the state on, up to rss */

/* Indices of fields, counted from the state, which is the third in proc(5). */
enum {
    FIELD_PPID = 1,
    FIELD_SESSION = 3,
    FIELD_UTIME = 11,
    FIELD_STIME,
    FIELD_CUTIME,
    FIELD_CSTIME,
    FIELD_START = 19,
    FIELD_RESIDENT = 21,
};

static size_t read_path(const char *path, char *ret_text, size_t size)
{
    size_t len = 0;

    ret_text[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    for (;;) {
        ssize_t n = read(fd, ret_text + len, size - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    (void)close(fd);
    ret_text[len] = '\0';
    return len;
}

size_t procfs_read(pid_t pid, const char *name, char *ret_text, size_t size)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return read_path(path, ret_text, size);
}

bool procfs_stat(pid_t pid, struct procfs_stat *ret_stat)
{
    char text[1024];
    uint64_t fields[STAT_FIELDS] = {0};
    unsigned count = 1;

    /* "pid (comm) state ppid ...", where comm may hold anything. */
    char *at = procfs_read(pid, "stat", text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
    if (at == NULL || at[1] != ' ' || at[2] == '\0')
        return false;
    char state = at[2];
    for (at += 3; count < STAT_FIELDS && *at == ' '; count++)
        fields[count] = (uint64_t)strtoll(at, &at, 10);
    if (count < STAT_FIELDS)
        return false;
    *ret_stat = (struct procfs_stat){
        .state = state,
        .ppid = (pid_t)fields[FIELD_PPID],
        .session = (pid_t)fields[FIELD_SESSION],
        .cpu_ticks = fields[FIELD_UTIME] + fields[FIELD_STIME] + fields[FIELD_CUTIME] +
                     fields[FIELD_CSTIME],
        .start_ticks = fields[FIELD_START],
        .resident_pages = fields[FIELD_RESIDENT],
    };
    return true;
}

void procfs_each(void (*visit)(void *data, pid_t pid), void *data)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0)
            visit(data, pid);
    }
    (void)closedir(dir);
}

struct sum {
    pid_t session;
    uint64_t pages;
};

static void add(void *data, pid_t pid)
{
    struct sum *sum = data;
    struct procfs_stat stat;

    if (procfs_stat(pid, &stat) && stat.session == sum->session)
        sum->pages += stat.resident_pages;
}

uint64_t procfs_session_bytes(pid_t session)
{
    struct sum sum = {.session = session};

    procfs_each(add, &sum);
    return sum.pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void procfs_boot_id(char *ret_text)
{
    (void)read_path("/proc/sys/kernel/random/boot_id", ret_text, PROCFS_BOOT_MAX);
    ret_text[strcspn(ret_text, "\n")] = '\0';
}
