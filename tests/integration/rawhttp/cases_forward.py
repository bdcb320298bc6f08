"""cases_forward - which fields travel on, in both directions (RFC 9110 section 7.6).

nginx and HAProxy do not take out what Connection names unless they are told to; there the
cases are the gateway's alone.

SPDX-License-Identifier: MIT
"""
import re

from case import OPEN, Answer, Seen, answer, case, get, passed, sized

HOP = "RFC 9110 7.6.1"
NODE = re.compile("127.0.0.1:[0-9]+")
ALONE = {"nginx": None, "haproxy": None}

# --------------------------------------------------------------------------- to the node


def dropped(name, rfc, *lines, lacks, has=None, **peers):
    return passed(name, rfc, sized(b"abc", *lines), body=b"abc", has=has, lacks=lacks, **peers)


REQUESTS = [
    dropped("Connection is the connection's own", HOP, "Connection: keep-alive",
            lacks=("Connection",)),
    dropped("what Connection names stays behind", HOP, "Connection: X-A, keep-alive", "X-A: 1",
            "X-B: 2", lacks=("X-A", "Connection"), has={"X-B": "2"}, **ALONE),
    dropped("what Connection names in other letters stays behind", HOP, "Connection: x-HOP",
            "X-Hop: 1", lacks=("X-Hop",), **ALONE),
    dropped("what a second Connection names stays behind", HOP, "Connection: X-A",
            "Connection: X-B", "X-A: 1", "X-B: 2", "X-C: 3", lacks=("X-A", "X-B"),
            has={"X-C": "3"}, **ALONE),
    dropped("every field of a name that Connection names stays behind", HOP, "X-A: 1",
            "Connection: X-A", "X-A: 2", lacks=("X-A",), **ALONE),
    dropped("empty elements of Connection name nothing", "RFC 9110 5.6.1",
            "Connection: ,, X-A ,\t,", "X-A: 1", "X-B: 2", lacks=("X-A",), has={"X-B": "2"},
            **ALONE),
    dropped("a part of a name in Connection names nothing", HOP, "Connection: X", "X-A: 1",
            lacks=("Connection",), has={"X-A": "1"}, haproxy=None),
    dropped("Connection cannot take Host away", HOP, "Connection: host", lacks=("Connection",),
            has={"Host": NODE}, **ALONE),
    dropped("Connection cannot let the client's encodings through", HOP,
            "Connection: accept-encoding", "Accept-Encoding: br", lacks=(),
            has={"Accept-Encoding": "identity"}, **ALONE),
    dropped("Keep-Alive stays behind", HOP, "Keep-Alive: timeout=5, max=9",
            lacks=("Keep-Alive",), haproxy=None),
    dropped("Proxy-Connection stays behind", HOP, "Proxy-Connection: keep-alive",
            lacks=("Proxy-Connection",), **ALONE),
    dropped("TE stays behind", "RFC 9110 10.1.4", "Connection: TE", "TE: trailers, gzip",
            lacks=("TE",), haproxy=None),
    dropped("TE stays behind, named or not", "RFC 9110 10.1.4", "TE: trailers", lacks=("TE",),
            haproxy=None),
    dropped("Trailer stays behind", "RFC 9110 6.6.2", "Trailer: X-Sum", lacks=("Trailer",),
            **ALONE),
    dropped("Upgrade stays behind", "RFC 9110 7.8", "Upgrade: foo/2", lacks=("Upgrade",),
            haproxy=None),
    dropped("Proxy-Authorization stays behind", "RFC 9110 11.7.2",
            "Proxy-Authorization: Basic eA==", lacks=("Proxy-Authorization",), **ALONE),
    dropped("Host is the node's", "RFC 9110 7.2", lacks=(),
            has={"Host": NODE}, **ALONE),
    dropped("the node is asked for what can be read", "RFC 9110 12.5.3",
            "Accept-Encoding: gzip, br, zstd", lacks=(), has={"Accept-Encoding": "identity"},
            **ALONE),
    dropped("the client's credentials are not the node's", "RFC 9110 11.6.2",
            "Authorization: Bearer dummy", "X-Api-Key: dummy", "Api-Key: dummy",
            "X-Goog-Api-Key: dummy", "Cookie: session=dummy",
            lacks=("Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Cookie"),
            **ALONE),
    dropped("everything else travels on", "RFC 9110 7.6", "Anthropic-Beta: b",
            "User-Agent: me/1 (x)", "Max-Forwards: 3", "X-Stainless-Retry-Count: 0",
            "Content-Type: a/b; c=d", "Accept: */*", lacks=(),
            has={"Anthropic-Beta": "b", "User-Agent": "me/1 (x)",
                 "X-Stainless-Retry-Count": "0", "Content-Type": "a/b; c=d", "Accept": "*/*"}),
]

# --------------------------------------------------------------------------- to the client


def answered(name, rfc, *lines, has=None, lacks=(), first="HTTP/1.1 200 OK", **peers):
    """The node answers with these lines; the client gets the fields and the body."""
    return case(name, rfc, get(), Answer(200, has=has or {}, lacks=lacks, body=b"ok"), OPEN,
                node=(Seen(method="GET"),),
                answers=answer("Content-Length: 2", *lines, body=b"ok", first=first), **peers)


ANSWERS = [
    answered("the node's Connection stays behind", HOP, "Connection: keep-alive",
             lacks=("connection",), nginx=None),
    answered("what the node's Connection names stays behind", HOP, "Connection: X-A, close",
             "X-A: 1", "X-B: 2", has={"x-b": "2"}, lacks=("x-a",), **ALONE),
    answered("the node's Keep-Alive stays behind", HOP, "Keep-Alive: timeout=5",
             lacks=("keep-alive",), nginx=None, haproxy=None),
    answered("the node's Proxy-Connection stays behind", HOP, "Proxy-Connection: close",
             lacks=("proxy-connection",), **ALONE),
    answered("the node's Proxy-Authenticate stays behind", "RFC 9110 11.7.1",
             "Proxy-Authenticate: Basic", lacks=("proxy-authenticate",), **ALONE),
    answered("the node's Upgrade stays behind", "RFC 9110 7.8", "Upgrade: h2c",
             lacks=("upgrade",), nginx=None, haproxy=None),
    answered("the node's Trailer stays behind", "RFC 9110 6.6.2", "Trailer: X-Sum",
             lacks=("trailer",), **ALONE),
    answered("everything else of the node travels on", "RFC 9110 7.6", "ETag: \"a\"",
             "Server: node", "Date: Tue, 15 Nov 1994 08:12:31 GMT", "Retry-After: 3",
             "Content-Type: text/plain", "X-Request-Cost: 0.25",
             has={"etag": '"a"', "retry-after": "3", "content-type": "text/plain",
                  "x-request-cost": "0.25"}),
    answered("the node's Server and Date stay", "RFC 9110 10.2.4", "Server: node",
             "Date: Tue, 15 Nov 1994 08:12:31 GMT",
             has={"server": "node", "date": "Tue, 15 Nov 1994 08:12:31 GMT"}, nginx=None),
    answered("Set-Cookie lines keep their order", "RFC 9110 5.3", "Set-Cookie: a=1",
             "X-A: 1", "Set-Cookie: b=2", has={"set-cookie": "a=1, b=2"}),
    answered("octets beyond ASCII in an answer stay", "RFC 9110 5.5", b"X-A: \xc3\xa9\xff",
             has={"x-a": b"\xc3\xa9\xff".decode("latin-1")}),
    answered("an empty field of the node stays", "RFC 9110 5.5", "X-A:", has={"x-a": ""}),
    answered("white space around a value of the node is none of it", "RFC 9112 5.1",
             "X-A: \t 1 \t", has={"x-a": "1"}),
]

# --------------------------------------------------------------------------- who asked

SANE = "0af7651916cd43dd8448eb211c80319c"
ID = re.compile("[A-Za-z0-9._-]{8,128}")


def identified(name, *lines, wanted, lacks=()):
    """X-Request-Id at the node and in the answer; no RFC, hence the issue's own words."""
    return case(name, "RFC 9110 16.3.1", get(*lines),
                Answer(has={"x-request-id": wanted}, body=b"ok"), OPEN,
                node=(Seen(method="GET", has={"X-Request-Id": wanted}, lacks=lacks),), **ALONE)


FORWARDED = "RFC 7239 7.4"
IDENTITY = [
    passed("X-Forwarded-For is made", FORWARDED, get(), method="GET",
           has={"X-Forwarded-For": "127.0.0.1"}),
    passed("X-Forwarded-For is appended to", FORWARDED, get("X-Forwarded-For: 10.1.1.1"),
           method="GET", has={"X-Forwarded-For": "10.1.1.1, 127.0.0.1"}),
    passed("X-Forwarded-For of several lines is appended to", FORWARDED,
           get("X-Forwarded-For: 10.1.1.1", "X-Forwarded-For: 10.2.2.2"), method="GET",
           has={"X-Forwarded-For": "10.1.1.1, 10.2.2.2, 127.0.0.1"}),
    passed("Connection cannot take X-Forwarded-For away", FORWARDED,
           get("Connection: X-Forwarded-For"), method="GET",
           has={"X-Forwarded-For": "127.0.0.1"}, nginx=None, haproxy=None),
    identified("X-Request-Id is made", wanted=ID),
    identified("a sane X-Request-Id is kept", f"X-Request-Id: {SANE}", wanted=SANE),
    identified("an X-Request-Id with spaces is replaced", "X-Request-Id: a b", wanted=ID),
    identified("an X-Request-Id with quotes is replaced", 'X-Request-Id: "abcdefgh"',
               wanted=ID),
    identified("an X-Request-Id with octets beyond ASCII is replaced",
               b"X-Request-Id: abcd\xe9fgh",
               wanted=ID),
    identified("an X-Request-Id of 2000 letters is replaced", f"X-Request-Id: {'a' * 2000}",
               wanted=ID),
    identified("an empty X-Request-Id is replaced", "X-Request-Id:", wanted=ID),
    identified("two X-Request-Ids are replaced by one", f"X-Request-Id: {SANE}",
               f"X-Request-Id: {SANE}", wanted=ID),
    case("a refusal has an X-Request-Id", "RFC 9110 16.3.1", get(target="/no"),
         Answer(404, has={"x-request-id": ID}), OPEN, **ALONE),
    case("the node's own X-Request-Id does not replace ours", "RFC 9110 16.3.1",
         get(f"X-Request-Id: {SANE}"), Answer(has={"x-request-id": SANE}, body=b"ok"), OPEN,
         node=(Seen(method="GET", has={"X-Request-Id": SANE}),),
         answers=answer("Content-Length: 2", "X-Request-Id: node", body=b"ok"), **ALONE),
]

CASES = [*REQUESTS, *ANSWERS, *IDENTITY]
