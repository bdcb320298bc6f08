/* file_text - a small file as text, whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, size_t max, struct buf *text)
{
    size_t start = text->len;

    for (;;) {
        int r = buf_reserve(text, 4096);
        if (r < 0)
            return r;
        ssize_t n = read(fd, text->data + text->len, text->capacity - text->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        text->len += (size_t)n;
        if (text->len - start > max)
            return -E2BIG;
    }
}

int file_text_read(const char *path, enum file_text_kind kind, size_t max, struct buf *text)
{
    struct stat st;
    int fd;

    do
        fd = open(path,
                  O_RDONLY | O_CLOEXEC | O_NOCTTY | (kind == FILE_TEXT_PLAIN ? O_NONBLOCK : 0));
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    if (r == 0 && kind == FILE_TEXT_PLAIN && !S_ISREG(st.st_mode))
        r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if (r == 0)
        r = read_all(fd, max, text);
    (void)close(fd);
    return r;
}
