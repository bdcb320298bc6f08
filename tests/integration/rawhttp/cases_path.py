"""cases_path - /token and /usage of a node cannot be reached, however they are spelled.

copilot-api answers /token with a live token to anybody (FACTS 1), and Node's URL parser makes
/token of /v1/../token, /v1/%2e%2e/token and /v1/..\\token. WORD stands for both words. A
refusal is a 4xx that keeps the connection, unless the target is none of HTTP at all. On top of
that, runner.py checks for every case and every peer that nothing at the node is a secret.

nginx normalises before it chooses a location, but for backslashes, fragments and the like,
which are Node's own ideas. HAProxy takes the path as it stands and is no witness here.

SPDX-License-Identifier: MIT
"""
from case import EITHER, OPEN, PASSES, Answer, case, get, passed, refused

REFUSED = (400, 404, 405)
RFC = "RFC 3986 6.2.2"

EVERYBODYS = {  # nginx judges these as we do
    "as it is": "/WORD",
    "with a slash after it": "/WORD/",
    "with two slashes after it": "/WORD//",
    "with two slashes before it": "//WORD",
    "with three slashes before it": "///WORD",
    "with a dot segment before it": "/./WORD",
    "with a dot segment after it": "/WORD/.",
    "with a parent segment after it": "/WORD/x/..",
    "with a dot after it": "/WORD.",
    "with an encoded dot after it": "/WORD%2e",
    "with an encoded space after it": "/WORD%20",
    "with an encoded NUL after it": "/WORD%00",
    "with a query": "/WORD?x=1",
    "with an empty query": "/WORD?",
    "by a parent segment": "/v1/../WORD",
    "by encoded dots": "/v1/%2e%2e/WORD",
    "by encoded dots in capitals": "/v1/%2E%2E/WORD",
    "by a dot and an encoded dot": "/v1/.%2e/WORD",
    "by an encoded dot and a dot": "/v1/%2e./WORD",
    "by an encoded slash": "/v1/..%2fWORD",
    "by an encoded slash in capitals": "/v1/..%2FWORD",
    "by encoded dots and an encoded slash": "/v1/%2e%2e%2fWORD",
    "by two parent segments": "/v1/x/../../WORD",
    "by a dot segment and a parent segment": "/v1/./../WORD",
    "by two slashes and a parent segment": "/v1//../WORD",
    "by the doubled prefix": "/v1/v1/../../WORD",
    "by the prefix in capitals": "/V1/../WORD",
    "by a bare path": "/chat/completions/../../WORD",
    "from above the root": "/../WORD",
    "from far above the root": "/../../../../WORD",
    "by a segment that is left again": "/x/../WORD",
    "in absolute form": "http://a.test/WORD",
    "in absolute form with two slashes": "http://a.test//WORD",
    "in absolute form by a parent segment": "http://a.test/v1/../WORD",
    "in absolute form by encoded dots": "HTTP://a.test/v1/%2e%2e/WORD",
}
NODES_OWN = {  # only Node's parser, or another router, makes the word of these
    "under the prefix": "/v1/WORD",
    "under the doubled prefix": "/v1/v1/WORD",
    "under the prefix with a slash after it": "/v1/WORD/",
    "by a backslash": "/v1/..\\WORD",
    "by a backslash before the dots": "/v1\\../WORD",
    "by two backslashes": "\\v1\\..\\WORD",
    "by an encoded backslash": "/v1/..%5cWORD",
    "by an encoded backslash in capitals": "/v1/..%5CWORD",
    "by dots that are encoded twice": "/v1/%252e%252e/WORD",
    "by a slash that is encoded twice": "/v1/..%252fWORD",
    "before a fragment": "/WORD#x",
    "behind a fragment": "/v1/x#/../WORD",
    "behind userinfo": "http://a@b.test/WORD",
    "in a scheme without slashes": "http:/WORD",
    "in another scheme": "file:///WORD",
    "behind a backslash in the authority": "http://a.test\\WORD",
    "by a tab in the dots": "/v1/.\t./WORD",
    "by a newline in the dots": "/v1/.\n./WORD",
    "by a tab before the word": "/v1/../\tWORD",
    "by a NUL before the word": "/v1/../\0WORD",
}
OWN_PAGE = {  # a page of ours, whatever the query looks like
    "behind the query of the root": "/?/../WORD",
    "behind the query of an authority": "http://a.test?/../WORD",
}
LETTERS = ("%74oken", "t%6Fken", "%74%6f%6b%65%6e", "TOKEN", "%75sage", "u%73age",
           "%75%73%61%67%65", "Usage")


def target_of(spelling, word):
    return get(target=spelling.replace("WORD", word))


def hidden(name, spelling, word, statuses=REFUSED, **peers):
    steps = (target_of(spelling, word), Answer(statuses), EITHER)
    return case(f"{word} {name} is out of reach", RFC, *steps, haproxy=None, **peers)


def every(table, **peers):
    return [hidden(name, spelling, word, **peers)
            for name, spelling in table.items() for word in ("token", "usage")]


def open_path(target):
    return passed(f"{target} is an ordinary path", RFC, get(target=target), target, "GET")


def not_plain(name, target):
    """Nothing secret, but normalising would make another path of it."""
    return refused(name, "RFC 3986 5.2.4", get(target=target), then=OPEN, nginx=PASSES,
                   haproxy=PASSES)


CASES = [
    not_plain("a parent segment at the end", "/v1/x/.."),
    not_plain("a dot segment at the end", "/v1/x/."),
    not_plain("an encoded parent segment at the end", "/v1/x/%2E%2e"),
    not_plain("a parent segment that stays below the prefix", "/v1/x/../y"),
    not_plain("a dot segment in the middle", "/v1/./x"),
    not_plain("two slashes in the middle", "/v1//x"),
    not_plain("an encoded slash in a segment", "/v1/x%2Fy"),
    not_plain("an encoded dot in a segment", "/v1/x%2Ey"),
    refused("a path that is left for the prefix", "RFC 3986 5.2.4", get(target="/x/../v1/y"),
            (400, 404), then=OPEN, nginx=PASSES),
    *every(EVERYBODYS),
    *every(NODES_OWN, nginx=None),
    *every(OWN_PAGE, statuses=(200, *REFUSED), nginx=None),
    *(hidden(name, spelling, word, **peers) for word in LETTERS
      for name, spelling, peers in (("in these letters", "/WORD", {}),
                                    ("in these letters by a parent segment", "/v1/../WORD", {}),
                                    ("in these letters under the prefix", "/v1/WORD",
                                     {"nginx": None}))),
    *map(open_path, ("/v1/tokens", "/v1/token-count", "/v1/messages/count_tokens?x=/usage",
                     "/v1/x?next=/token", "/v1/x?../token", "/v1/a.b/..c/d..", "/v1/...",
                     "/v1/x%3Fy", "/v1/x%23y")),
]
