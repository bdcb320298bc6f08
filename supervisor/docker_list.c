/* docker_list - what the Docker Engine says about containers, as plain values.
 *
 * Fields that we do not need are not looked at, and one of a foreign type counts as missing:
 * Podman and engines of ten years differ in what they leave out. Texts are cut to their field,
 * except for an address, which would be another one then.
 *
 * SPDX-License-Identifier: MIT
 */
#include "supervisor/docker_list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "proxy/core/printable.h"

#define INDEX_MAX 1000000 /* of the label; more is a mistake */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "" : text;
}

static void copy(const char *text, char *out, size_t size)
{
    (void)printable_copy(slice_of(text), out, size);
}

/* False, and "" in `out`, when it does not fit whole. */
static bool copy_whole(const char *text, char *out, size_t size)
{
    bool fits = strlen(text) < size;

    copy(fits ? text : "", out, size);
    return fits;
}

static bool has_label(const json_t *labels, const char *label)
{
    size_t key_len = strcspn(label, "=");
    char key[256];

    if (key_len >= sizeof key)
        return false;
    memcpy(key, label, key_len);
    key[key_len] = '\0';
    const char *value = json_string_value(json_object_get(labels, key));
    return value != NULL && (label[key_len] == '\0' || strcmp(value, label + key_len + 1) == 0);
}

/* ---------------------------------------------------------------- rows */

static enum docker_state read_state(const char *word)
{
    static const struct {
        const char *word;
        enum docker_state state;
    } states[] = {
        {"running", DOCKER_STATE_RUNNING},
        {"paused", DOCKER_STATE_PAUSED},
        {"restarting", DOCKER_STATE_RESTARTING},
    };

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(word, states[i].word) == 0)
            return states[i].state;
    }
    return DOCKER_STATE_STOPPED;
}

/* "node" for the first or only container of a service, "node-2" for the next ones: a name that
 * stays when the service is scaled. */
static void read_service(const json_t *labels, struct docker_container *row)
{
    const char *service = text_of(labels, "com.docker.compose.service");
    const char *number = text_of(labels, "com.docker.compose.container-number");
    char text[DOCKER_TEXT_MAX + 32];
    uint64_t n = 1;

    (void)slice_to_u64(slice_of(number), INDEX_MAX, &n);
    if (service[0] == '\0' || n <= 1)
        copy(service, row->service, sizeof row->service);
    else {
        (void)snprintf(text, sizeof text, "%.100s-%u", service, (unsigned)n);
        copy(text, row->service, sizeof row->service);
    }
}

static void read_labels(const json_t *labels, struct docker_container *row)
{
    read_service(labels, row);
    row->has_index =
        slice_to_u64(slice_of(text_of(labels, "copilot.index")), INDEX_MAX, &row->index);
    bool fits = copy_whole(text_of(labels, "copilot.url"), row->url, sizeof row->url);
    fits &= copy_whole(text_of(labels, "copilot.port"), row->port, sizeof row->port);
    row->is_label_too_long = !fits;
}

static void add_network(struct docker_container *row, const char *name, const json_t *network)
{
    const char *address = text_of(network, "IPAddress");

    if (address[0] == '\0')
        address = text_of(network, "GlobalIPv6Address");
    struct docker_network *n = &row->networks[row->network_count++];
    copy(name, n->name, sizeof n->name);
    (void)copy_whole(address, n->address, sizeof n->address);
}

/* In the order of their names, so that the first one is the same each time. */
static void sort_networks(struct docker_container *row)
{
    for (unsigned i = 1; i < row->network_count; i++) {
        struct docker_network n = row->networks[i];
        unsigned at = i;
        for (; at > 0 && docker_names_compare(n.name, row->networks[at - 1].name) < 0; at--)
            row->networks[at] = row->networks[at - 1];
        row->networks[at] = n;
    }
}

static void read_networks(const json_t *object, struct docker_container *row)
{
    const char *mode = text_of(json_object_get(object, "HostConfig"), "NetworkMode");
    json_t *networks = json_object_get(json_object_get(object, "NetworkSettings"), "Networks");
    const char *name;
    json_t *network;

    row->is_host_network = strcmp(mode, "host") == 0;
    row->is_guest = strncmp(mode, "container:", strlen("container:")) == 0;
    json_object_foreach (networks, name, network) {
        if (row->network_count < DOCKER_NETWORKS_MAX)
            add_network(row, name, network);
    }
    sort_networks(row);
}

static bool is_id(const char *text)
{
    size_t len = strlen(text);

    return len >= 12 && len <= DOCKER_ID_LEN && strspn(text, "0123456789abcdef") == len;
}

/* False when it is none of our nodes, or cannot be understood. */
static bool read_row(const json_t *object, const char *label, struct docker_container *row)
{
    const json_t *labels = json_object_get(object, "Labels");
    const char *id = text_of(object, "Id");
    const char *name = json_string_value(json_array_get(json_object_get(object, "Names"), 0));
    const char *state = text_of(object, "State");

    if (!has_label(labels, label) || !is_id(id) || strcmp(state, "removing") == 0)
        return false;
    *row = (struct docker_container){.state = read_state(state)};
    (void)snprintf(row->id, sizeof row->id, "%s", id);
    name = name == NULL ? id : name;
    copy(name[0] == '/' ? name + 1 : name, row->name, sizeof row->name);
    copy(text_of(object, "Status"), row->status, sizeof row->status);
    read_labels(labels, row);
    read_networks(object, row);
    return true;
}

/* Those with an index first, by it; the others as people count. */
static int compare(const struct docker_container *a, const struct docker_container *b)
{
    const char *name_a = a->service[0] != '\0' ? a->service : a->name;
    const char *name_b = b->service[0] != '\0' ? b->service : b->name;

    if (a->has_index != b->has_index)
        return a->has_index ? -1 : 1;
    if (a->has_index && a->index != b->index)
        return a->index < b->index ? -1 : 1;
    int order = docker_names_compare(name_a, name_b);
    if (order == 0)
        order = docker_names_compare(a->name, b->name);
    return order != 0 ? order : strcmp(a->id, b->id);
}

/* Into its place; the last one falls off a full list. */
static void insert(struct docker_list *list, const struct docker_container *row)
{
    unsigned at = list->count;

    if (list->count == NODES_MAX) {
        list->left_out++;
        if (compare(row, &list->rows[NODES_MAX - 1]) > 0)
            return;
        at--;
    } else {
        list->count++;
    }
    for (; at > 0 && compare(row, &list->rows[at - 1]) < 0; at--)
        list->rows[at] = list->rows[at - 1];
    list->rows[at] = *row;
}

static json_t *load(struct slice json, int *ret_error)
{
    json_error_t error;
    json_t *root = json_loadb(json.at == NULL ? "" : json.at, json.len, 0, &error);

    if (root == NULL)
        *ret_error = json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
    return root;
}

int docker_list_parse(struct slice json, const char *label, struct docker_list *ret_list)
{
    struct docker_container row;
    json_t *object;
    size_t i;
    int r = -EINVAL;
    json_t *root = load(json, &r);

    if (!json_is_array(root)) {
        json_decref(root);
        return r;
    }
    ret_list->count = 0;
    ret_list->left_out = 0;
    json_array_foreach (root, i, object) {
        if (read_row(object, label, &row))
            insert(ret_list, &row);
    }
    json_decref(root);
    return 0;
}

/* ---------------------------------------------------------------- one container, events */

int docker_list_detail(struct slice json, struct docker_detail *ret_detail)
{
    const char *name;
    json_t *network;
    int r = -EINVAL;
    json_t *root = load(json, &r);

    if (!json_is_object(root)) {
        json_decref(root);
        return r;
    }
    struct slice started = slice_of(text_of(json_object_get(root, "State"), "StartedAt"));
    const char *mode = text_of(json_object_get(root, "HostConfig"), "NetworkMode");
    json_t *networks = json_object_get(json_object_get(root, "NetworkSettings"), "Networks");
    *ret_detail = (struct docker_detail){
        .has_terminal = json_is_true(json_object_get(json_object_get(root, "Config"), "Tty")),
        .is_host_network = strcmp(mode, "host") == 0,
    };
    if (!docker_names_take_time(&started, &ret_detail->started_ms) ||
        ret_detail->started_ms < 0)
        ret_detail->started_ms = 0; /* year 1: never started */
    json_object_foreach (networks, name, network) {
        if (ret_detail->network_count < DOCKER_NETWORKS_MAX)
            copy(name, ret_detail->networks[ret_detail->network_count++], DOCKER_TEXT_MAX);
    }
    json_decref(root);
    return 0;
}

bool docker_list_concerns(struct slice line, const char *label)
{
    int r;
    json_t *root = load(line, &r);

    if (!json_is_object(root)) {
        json_decref(root);
        return true;
    }
    const json_t *actor = json_object_get(root, "Actor");
    bool is_container = strcmp(text_of(root, "Type"), "container") == 0;
    bool is_silent = strncmp(text_of(root, "Action"), "exec_", strlen("exec_")) == 0;
    bool concerns =
        !is_silent && (!is_container || has_label(json_object_get(actor, "Attributes"), label));
    json_decref(root);
    return concerns;
}

bool docker_list_message(struct slice json, char *ret_text, size_t size)
{
    int r;
    json_t *root = load(json, &r);
    const char *text = text_of(root, "message");
    bool has_text = text[0] != '\0';

    if (has_text)
        copy(text, ret_text, size);
    json_decref(root);
    return has_text;
}
