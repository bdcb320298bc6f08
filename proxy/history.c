/* history - what has happened of late, for those who look on: GET /admin/events.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history.h"

#include <stdlib.h>

#include "buf.h"
#include "mem.h"

/* NULL without memory. */
static char *print(const char *type, json_t *data)
{
    char *json = data == NULL ? NULL : json_dumps(data, JSON_COMPACT);
    char *text = NULL;
    struct buf out;

    buf_init(&out, 0);
    if (json != NULL && buf_printf(&out, "event: %s\ndata: %s\n", type, json) == 0 &&
        buf_append(&out, "", 1) == 0)
        text = mem_strdup(out.data);
    buf_done(&out);
    free(json);
    return text;
}

void history_add(struct history *e, const char *type, json_t *data)
{
    char **place = &e->ring[e->count % EVENTS_KEPT_MAX];

    mem_free(*place);
    *place = print(type, data);
    e->count++;
    json_decref(data);
}

const char *history_at(const struct history *e, uint64_t number)
{
    if (number == 0 || number > e->count || e->count - number >= EVENTS_KEPT_MAX)
        return NULL;
    return e->ring[(number - 1) % EVENTS_KEPT_MAX];
}

void history_done(struct history *e)
{
    for (unsigned i = 0; i < EVENTS_KEPT_MAX; i++)
        mem_free(e->ring[i]);
}
