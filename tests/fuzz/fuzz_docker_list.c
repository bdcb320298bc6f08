/* fuzz_docker_list - whatever an engine answers, rows stay in their fields and in their order.
 *
 * seeds: tests/unit/golden/docker
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "supervisor/docker_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
    assert(memchr(text, '\0', size) != NULL);
    for (; *text != '\0'; text++)
        assert((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void check_row(const struct docker_container *row)
{
    check_text(row->id, sizeof row->id);
    check_text(row->name, sizeof row->name);
    check_text(row->service, sizeof row->service);
    check_text(row->status, sizeof row->status);
    check_text(row->url, sizeof row->url);
    check_text(row->port, sizeof row->port);
    assert(row->network_count <= DOCKER_NETWORKS_MAX);
    for (unsigned i = 0; i < row->network_count; i++) {
        check_text(row->networks[i].name, sizeof row->networks[i].name);
        check_text(row->networks[i].address, sizeof row->networks[i].address);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct docker_list list;
    struct slice json = {.at = (const char *)data, .len = size};
    struct docker_detail detail;
    char message[32];

    int r = docker_list_parse(json, "copilot.node=true", &list);
    assert(r == 0 || r == -EINVAL);
    for (unsigned i = 0; r == 0 && i < list.count; i++) {
        check_row(&list.rows[i]);
        if (i > 0 && list.rows[i].has_index)
            assert(list.rows[i - 1].has_index && list.rows[i - 1].index <= list.rows[i].index);
    }
    if (docker_list_detail(json, &detail) == 0)
        assert(detail.network_count <= DOCKER_NETWORKS_MAX && detail.started_ms >= 0);
    (void)docker_list_concerns(json, "copilot.node");
    if (docker_list_message(json, message, sizeof message))
        check_text(message, sizeof message);
    return 0;
}
