/* tally - counts for /metrics, from the start of the program on.
 *
 * Pure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tally.h"

#include <assert.h>

/* What the gateway and copilot-api answer with; the classes take the rest. */
static const struct {
    unsigned status;
    const char *name;
} statuses[] = {
    {200, "200"}, {201, "201"}, {204, "204"}, {304, "304"}, {400, "400"}, {401, "401"},
    {402, "402"}, {403, "403"}, {404, "404"}, {405, "405"}, {408, "408"}, {409, "409"},
    {411, "411"}, {413, "413"}, {414, "414"}, {415, "415"}, {421, "421"}, {422, "422"},
    {424, "424"}, {429, "429"}, {431, "431"}, {499, "499"}, {500, "500"}, {501, "501"},
    {502, "502"}, {503, "503"}, {504, "504"}, {0, "1xx"},   {0, "2xx"},   {0, "3xx"},
    {0, "4xx"},   {0, "5xx"},
};
_Static_assert(sizeof statuses / sizeof statuses[0] == TALLY_STATUS_COUNT, "statuses");

const char *tally_status_name(unsigned index)
{
    assert(index < TALLY_STATUS_COUNT);
    return statuses[index].name;
}

const char *tally_end_name(enum tally_end end)
{
    static const char *const names[] = {
#define X(name, word) [TALLY_END_##name] = word,
        TALLY_END_MAP(X)
#undef X
    };

    return names[end];
}

static unsigned index_of(unsigned status)
{
    const unsigned classes = TALLY_STATUS_COUNT - 5;

    for (unsigned i = 0; i < classes; i++) {
        if (statuses[i].status == status)
            return i;
    }
    if (status < 100)
        return classes;
    return classes + (status < 600 ? status / 100 - 1 : 4);
}

void tally_request(struct tally *t, const struct tally_request *request)
{
    assert(request->node <= TALLY_NO_NODE);
    struct tally_node *n = &t->nodes[request->node];

    n->requests[request->endpoint][index_of(request->status)][request->end]++;
    n->response_bytes[request->endpoint] += request->bytes;
    if (request->node == TALLY_NO_NODE || request->end != TALLY_END_COMPLETE)
        return;
    histogram_add(&n->duration[request->endpoint], request->total_ms);
    if (request->first_ms != TALLY_NEVER)
        histogram_add(&n->first_byte[request->endpoint], request->first_ms);
}
