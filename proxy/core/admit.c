/* admit - who may ask for what: one table for all that the gateway answers.
 *
 * Pure. The order of the questions: is the address let in, is a key needed and shown, is it
 * somebody of this machine, and at last, unless a key or token shows that no web page is behind
 * it (pages do not have them), Host and Origin.
 *
 * SPDX-License-Identifier: MIT
 */
#include "admit.h"

/* ---------------------------------------------------------------- the rule */

static const struct rule {
    bool needs_address; /* in `allow` */
    bool needs_key;     /* where there are keys */
    bool takes_bare;    /* a Host without a dot */
    bool takes_listed;  /* pages of `cors_origins` */
} rules[] = {
    [ADMIT_API] = {true, true, true, true},        [ADMIT_RESET] = {true, true, true, true},
    [ADMIT_OPEN] = {true, false, true, true},      [ADMIT_ADMIN] = {false, false, false, false},
    [ADMIT_PREFLIGHT] = {true, false, true, true}, [ADMIT_NOWHERE] = {true, false, true, true},
};
_Static_assert(sizeof rules / sizeof rules[0] == ADMIT_AREA_COUNT, "a rule for each area");

enum admit_area admit_area_of(const struct route *route, bool has_body)
{
    switch (route->kind) {
    case ROUTE_NODE:
        return ADMIT_API;
    case ROUTE_ROOT:
    case ROUTE_HEALTH:
        return ADMIT_OPEN;
    case ROUTE_RESET_ACTIVE:
        return has_body ? ADMIT_ADMIN : ADMIT_RESET;
    case ROUTE_ADMIN: /* with /livez and /readyz */
        return slice_starts_with(route->path, SLICE("/admin/")) ? ADMIT_ADMIN : ADMIT_OPEN;
    case ROUTE_METRICS:
    case ROUTE_JOURNAL:
        return ADMIT_ADMIN;
    case ROUTE_OPTIONS:
        return ADMIT_PREFLIGHT;
    case ROUTE_BAD_METHOD:
    case ROUTE_NOT_FOUND:
    case ROUTE_BAD_TARGET:
        break;
    }
    return ADMIT_NOWHERE;
}

static enum admit_verdict judge_key(enum admit_key key)
{
    switch (key) {
    case ADMIT_KEYS_OFF:
    case ADMIT_KEY_GOOD:
        break;
    case ADMIT_KEY_MISSING:
        return ADMIT_NO_KEY;
    case ADMIT_KEY_UNKNOWN:
        return ADMIT_NO_SUCH_KEY;
    case ADMIT_KEY_EXPIRED:
        return ADMIT_NO_LONGER;
    }
    return ADMIT_YES;
}

/* Is a web page behind it that must not be? */
static enum admit_verdict judge_browser(const struct admit_facts *facts,
                                        const struct rule *rule)
{
    if (facts->host == ORIGIN_HOST_FOREIGN ||
        (facts->host == ORIGIN_HOST_BARE && !rule->takes_bare))
        return ADMIT_NO_HOST;
    switch (facts->page) {
    case ORIGIN_NO_PAGE:
    case ORIGIN_OURS:
        return ADMIT_YES;
    case ORIGIN_TYPED:
        return facts->is_read ? ADMIT_YES : ADMIT_NO_PAGE;
    case ORIGIN_LISTED:
        return rule->takes_listed ? ADMIT_YES : ADMIT_NO_PAGE;
    case ORIGIN_FOREIGN:
        break;
    }
    return ADMIT_NO_PAGE;
}

static enum admit_verdict judge_owner(const struct admit_facts *facts)
{
    if (facts->has_token)
        return ADMIT_YES;
    return facts->is_local ? judge_browser(facts, &rules[ADMIT_ADMIN]) : ADMIT_NOT_LOCAL;
}

bool admit_is_owner(const struct admit_facts *facts)
{
    return judge_owner(facts) == ADMIT_YES;
}

enum admit_verdict admit_judge(const struct admit_facts *facts)
{
    const struct rule *rule = &rules[facts->area];

    if (facts->area == ADMIT_ADMIN)
        return judge_owner(facts);
    if (facts->area != ADMIT_API && facts->has_token)
        return ADMIT_YES;
    if (facts->area == ADMIT_RESET && admit_is_owner(facts))
        return ADMIT_YES;
    if (rule->needs_address && !facts->is_allowed)
        return ADMIT_NO_ADDRESS;
    enum admit_verdict verdict = rule->needs_key ? judge_key(facts->key) : ADMIT_YES;
    if (verdict != ADMIT_YES || facts->key == ADMIT_KEY_GOOD || facts->area == ADMIT_NOWHERE)
        return verdict;
    return judge_browser(facts, rule);
}

/* ---------------------------------------------------------------- refusals */

static const struct {
    unsigned status;
    const char *sentence;
} refusals[] = {
    [ADMIT_YES] = {0, ""},
    [ADMIT_NO_ADDRESS] = {403, "Your address may not use this gateway ([access] allow)."},
    [ADMIT_NO_KEY] = {401, "An API key is needed, as Authorization: Bearer KEY, x-api-key or "
                           "api-key ([access] api_keys_file)."},
    [ADMIT_NO_SUCH_KEY] = {401, "This API key is not known here ([access] api_keys_file)."},
    [ADMIT_NO_LONGER] = {401, "This API key has expired ([access] api_keys_file)."},
    [ADMIT_NOT_LOCAL] = {403, "This is for callers on the gateway's own machine."},
    [ADMIT_NO_HOST] = {403, "The Host header is neither an IP address nor localhost nor one of "
                            "[access] hosts."},
    [ADMIT_NO_PAGE] = {403, "Web pages of another origin may not do this ([access] "
                            "cors_origins)."},
};
_Static_assert(sizeof refusals / sizeof refusals[0] == ADMIT_VERDICT_COUNT, "all are told");

unsigned admit_status(enum admit_verdict verdict)
{
    return refusals[verdict].status;
}

const char *admit_sentence(enum admit_verdict verdict)
{
    return refusals[verdict].sentence;
}

/* ---------------------------------------------------------------- fields */

static void take_once(struct slice *field, struct slice value)
{
    *field = field->at == NULL ? value : (struct slice){"", 0};
    if (field->at == NULL)
        field->at = ""; /* sent, and empty */
}

/* RFC 6750 section 2.1; the scheme's case does not matter. */
static void take_bearer(struct slice *bearer, struct slice value)
{
    static const struct slice scheme = {"bearer ", 7};

    if (value.len <= scheme.len ||
        !slice_equal_nocase((struct slice){value.at, scheme.len}, scheme))
        return;
    take_once(bearer, slice_trim(slice_skip(value, scheme.len)));
}

enum what { ONCE, FLAG, BEARER };

static const struct wanted {
    struct slice name;
    enum what what;
    size_t offset; /* in struct admit_fields, of a slice or a bool */
} wanted[] = {
    {{"host", 4}, ONCE, offsetof(struct admit_fields, host)},
    {{"origin", 6}, ONCE, offsetof(struct admit_fields, origin)},
    {{"api-key", 7}, ONCE, offsetof(struct admit_fields, keys[1])},
    {{"forwarded", 9}, FLAG, offsetof(struct admit_fields, is_forwarded)},
    {{"x-api-key", 9}, ONCE, offsetof(struct admit_fields, keys[0])},
    {{"x-real-ip", 9}, FLAG, offsetof(struct admit_fields, is_forwarded)},
    {{"authorization", 13}, BEARER, offsetof(struct admit_fields, bearer)},
    {{"sec-fetch-site", 14}, ONCE, offsetof(struct admit_fields, fetch_site)},
    {{"sec-fetch-mode", 14}, ONCE, offsetof(struct admit_fields, fetch_mode)},
    {{"x-forwarded-for", 15}, FLAG, offsetof(struct admit_fields, is_forwarded)},
    {{"access-control-request-method", 29}, FLAG, offsetof(struct admit_fields, is_preflight)},
    {{"access-control-request-headers", 30},
     ONCE,
     offsetof(struct admit_fields, request_headers)},
};

/* The lengths of those names, a bit each: most fields are passed over by one look. */
#define BIT(length) (UINT32_C(1) << (length))
#define LENGTHS                                                                                \
    (BIT(4) | BIT(6) | BIT(7) | BIT(9) | BIT(13) | BIT(14) | BIT(15) | BIT(29) | BIT(30))

static void read_field(const struct framing_field *field, struct admit_fields *f)
{
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        void *place = (char *)f + wanted[i].offset;
        if (!slice_equal_nocase(field->name, wanted[i].name))
            continue;
        switch (wanted[i].what) {
        case ONCE:
            take_once(place, field->value);
            break;
        case FLAG:
            *(bool *)place = true;
            break;
        case BEARER:
            take_bearer(place, field->value);
            break;
        }
    }
}

void admit_read(const struct framing_field *at, size_t count, struct admit_fields *ret_fields)
{
    *ret_fields = (struct admit_fields){0};
    for (size_t i = 0; i < count; i++) {
        if (at[i].name.len < 32 && (LENGTHS & BIT(at[i].name.len)) != 0)
            read_field(&at[i], ret_fields);
    }
}

/* ---------------------------------------------------------------- behind a proxy */

/* Takes the last element off a list with commas; empty when there is none. */
static struct slice last_element(struct slice *list)
{
    size_t start = list->len;

    while (start > 0 && list->at[start - 1] != ',')
        start--;
    struct slice element = slice_skip(*list, start);
    list->len = start > 0 ? start - 1 : 0;
    return slice_trim(element);
}

/* "192.0.2.7", "192.0.2.7:1234", "2001:db8::1", "[2001:db8::1]:1234". */
static bool parse_element(struct slice element, uint8_t *out)
{
    size_t bracket = slice_find_byte(element, ']');
    size_t colon = slice_find_byte(element, ':');

    if (element.len > 0 && element.at[0] == '[' && bracket != SIZE_MAX)
        element = (struct slice){element.at + 1, bracket - 1};
    else if (colon != SIZE_MAX &&
             slice_find_byte(slice_skip(element, colon + 1), ':') == SIZE_MAX)
        element.len = colon;
    return cidr_parse_address(element, out);
}

bool admit_caller(const struct framing_field *at, size_t count, const struct cidr_list *trusted,
                  uint8_t ret_address[CIDR_ADDRESS_BYTES])
{
    bool is_known = false;

    for (size_t i = count; i-- > 0;) {
        struct slice list = at[i].value;
        if (!slice_equal_nocase(at[i].name, SLICE("x-forwarded-for")))
            continue;
        while (list.len > 0) {
            is_known = parse_element(last_element(&list), ret_address);
            if (!is_known || !cidr_list_has(trusted, ret_address))
                return is_known;
        }
    }
    return is_known; /* all of them are proxies: the first one asks for itself */
}
