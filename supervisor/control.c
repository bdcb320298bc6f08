/* control - where the owner's commands come in.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/control.h"

#include <errno.h>
#include <stdio.h>

int control_path(const struct config *config, char ret_path[LISTEN_PATH_MAX + 1])
{
    const struct config_supervisor *s = &config->supervisor;
    bool is_named = s->control_socket != NULL;
    int len =
        snprintf(ret_path, LISTEN_PATH_MAX + 1, is_named ? "%s%s" : "%s/%s",
                 is_named ? s->control_socket : s->state_dir, is_named ? "" : "control.sock");

    if (len <= LISTEN_PATH_MAX)
        return 0;
    ret_path[0] = '\0';
    return -ENAMETOOLONG;
}
