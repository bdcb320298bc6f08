/* docker_address - where a container's node answers.
 *
 * Pure. The network that the settings name; else its only one; else one that we are on, too,
 * since others may not be reachable from here; else the first by name, which a process on the
 * host reaches as well as any. In that network its address; where the engine tells none
 * (drivers with a DHCP of their own, restricted proxies), its name, if we are on that network
 * and it is one of those with a DNS: all but the default bridge.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/core/docker_address.h"

#include <string.h>

static void say(char reason[REASON_MAX], const char *text, const char *name)
{
    size_t len = strlen(text);
    size_t name_len = strlen(name);

    if (len > REASON_MAX - 1)
        len = REASON_MAX - 1;
    if (name_len > REASON_MAX - 1 - len)
        name_len = REASON_MAX - 1 - len;
    memcpy(reason, text, len);
    memcpy(reason + len, name, name_len);
    reason[len + name_len] = '\0';
}

static bool are_we_on(const struct docker_address_facts *f, const char *network)
{
    for (unsigned i = 0; i < f->our_network_count; i++) {
        if (strcmp(f->our_networks[i], network) == 0)
            return true;
    }
    return false;
}

/* Its place among the container's networks, or network_count. A compose file's `copilot` is
 * called `project_copilot` by the engine: that counts as well. */
static unsigned find_wanted(const struct docker_address_facts *f)
{
    size_t len = strlen(f->wanted);

    for (unsigned i = 0; i < f->network_count; i++) {
        if (strcmp(f->networks[i], f->wanted) == 0)
            return i;
    }
    for (unsigned i = 0; i < f->network_count; i++) {
        size_t whole = strlen(f->networks[i]);
        if (whole > len && f->networks[i][whole - len - 1] == '_' &&
            strcmp(f->networks[i] + whole - len, f->wanted) == 0)
            return i;
    }
    return f->network_count;
}

static unsigned choose_network(const struct docker_address_facts *f)
{
    if (f->wanted[0] != '\0')
        return find_wanted(f);
    for (unsigned i = 0; i < f->network_count && f->network_count > 1; i++) {
        if (are_we_on(f, f->networks[i]))
            return i;
    }
    return 0;
}

const char *docker_address_choose(const struct docker_address_facts *f,
                                  char ret_reason[REASON_MAX])
{
    if (f->is_host_network)
        return "127.0.0.1";
    if (f->is_guest) {
        say(ret_reason, "lives in another container's network: give it a label copilot.url",
            "");
        return NULL;
    }
    unsigned at = choose_network(f);
    if (at >= f->network_count) {
        if (f->wanted[0] != '\0')
            say(ret_reason, "is not on [docker] network ", f->wanted);
        else
            say(ret_reason, "has no network", "");
        return NULL;
    }
    if (f->addresses[at][0] != '\0')
        return f->addresses[at];
    if (strcmp(f->networks[at], "bridge") != 0 && f->name[0] != '\0' &&
        are_we_on(f, f->networks[at]))
        return f->name;
    say(ret_reason, "has no address yet on network ", f->networks[at]);
    return NULL;
}
