/* address - a loopback address and a port of one's own (DESIGN D11).
 *
 * All of 127.0.0.0/8 is local on Linux without any set-up. A web page that scans 127.0.0.1
 * finds nothing of ours, and a node's /token stays out of its reach.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

int address_random(char ret_text[ADDRESS_TEXT_MAX])
{
    uint8_t bytes[4];
    ssize_t n;

    do
        n = getrandom(bytes, sizeof bytes, 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof bytes)
        return n < 0 ? -errno : -EIO;
    /* Second part 1..254, third any, last 1..254. */
    (void)snprintf(ret_text, ADDRESS_TEXT_MAX, "127.%d.%d.%d", 1 + bytes[0] % 254, bytes[1],
                   1 + bytes[2] % 254);
    return 0;
}

int address_free_port(const char *address, uint16_t *ret_port)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    socklen_t len = sizeof in;
    int r = 0;

    if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
        return -EINVAL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&in, sizeof in) < 0 ||
        getsockname(fd, (struct sockaddr *)&in, &len) < 0)
        r = -errno;
    (void)close(fd);
    if (r == 0)
        *ret_port = ntohs(in.sin_port);
    return r;
}
