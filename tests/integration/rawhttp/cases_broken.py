"""cases_broken - answers of the node that are none, break off, or say two things at once.

What cannot be understood is 502 as long as nothing has gone out; after that the client must
see that its answer is not whole (RFC 9112 section 8), and the next request gets its own answer.

SPDX-License-Identifier: MIT
"""
from case import (CLOSED, CRASH, EITHER, FRESH, HOLD, OK, OPEN, SHUT, Answer, Run, Seen,
                  answer, case, get, request, sized)

ALONE = {"nginx": None, "haproxy": None}
BAD = Answer(502)
GET = (Seen(method="GET"),)


def ok(*lines, first="HTTP/1.1 200 OK", body=b"ok"):
    return answer(f"Content-Length: {len(body)}", *lines, body=body, first=first)


def coded(body, *lines):
    return answer("Transfer-Encoding: chunked", *lines, body=body)


def bad(name, rfc, script, nginx=(BAD, EITHER), haproxy=(BAD, EITHER), ours=(BAD, OPEN),
        **more):
    """The answer is refused; `nginx` and `haproxy` may be what they make of it, or None."""
    script = script if isinstance(script, tuple) else (script, SHUT)
    runs = {peer: steps and Run((FRESH, get(), *steps), GET)
            for peer, steps in (("nginx", nginx), ("haproxy", haproxy))}
    return case(name, rfc, FRESH, get(), *ours, node=GET, answers=script, **runs, **more)


PASSED = (Answer(200), EITHER)  # a peer that reads it as we do not

# --------------------------------------------------------------------------- no answer

NONE = [
    bad("no answer at all", "RFC 9110 15.6.3", (SHUT,)),
    bad("a reset instead of an answer", "RFC 9110 15.6.3", (CRASH,)),
    bad("an end in the status line", "RFC 9112 8", b"HTTP/1.1 20"),
    bad("an end in the head", "RFC 9112 8", b"HTTP/1.1 200 OK\r\nContent-Le"),
    bad("a reset in the head", "RFC 9112 8", (b"HTTP/1.1 200 OK\r\nContent-Le", CRASH)),
    bad("an end after a 100", "RFC 9110 15.2", answer(first="HTTP/1.1 100 Continue"),
        nginx=None,
        haproxy=None),
    bad("another protocol of the node", "RFC 9112 4", b"SSH-2.0-OpenSSH_9.2\r\n", nginx=None),
    bad("an answer of HTTP 0.9", "RFC 9112 2.3", b"<html>hello</html>\n", nginx=None),
    # speaks it
    bad("an answer in lower case", "RFC 9112 2.3", ok(first="http/1.1 200 OK"), nginx=None),
    bad("a node of HTTP 2.0", "RFC 9112 2.3", ok(first="HTTP/2.0 200 OK"), nginx=None,
        haproxy=None),
    bad("a request instead of an answer", "RFC 9112 4", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        nginx=None),
    bad("status 99", "RFC 9112 4", ok(first="HTTP/1.1 099 Low"), nginx=None, haproxy=None),
    bad("status 1000", "RFC 9112 4", ok(first="HTTP/1.1 1000 High"), nginx=None, haproxy=None),
    bad("status 600", "RFC 9110 15", ok(first="HTTP/1.1 600 High"), nginx=None, haproxy=None),
    bad("a status in words", "RFC 9112 4", ok(first="HTTP/1.1 OK"), nginx=None),
    bad("a status with a sign", "RFC 9112 4", ok(first="HTTP/1.1 +200 OK"), nginx=None),
    bad("a status of two digits", "RFC 9112 4", ok(first="HTTP/1.1 20 OK"), **ALONE),
]

# --------------------------------------------------------------------------- bad fields

FIELDS = [
    bad("a NUL in a value of the node", "RFC 9110 5.5", ok(b"X-A: 1\x002"), haproxy=None),
    bad("a bare CR in a value of the node", "RFC 9110 5.5", ok(b"X-A: 1\rX-B: 2"),
        nginx=None),
    bad("a NUL in a name of the node", "RFC 9110 5.1", ok(b"X-\0A: 1")),
    bad("a line of the node without a colon", "RFC 9112 5", ok("X-A"), nginx=PASSED),
    bad("a field of the node without a name", "RFC 9112 5.1", ok(": 1")),
    bad("a space in a name of the node", "RFC 9110 5.1", ok("X A: 1")),
    bad("a NUL in the reason does not travel on", "RFC 9112 4",
        ok(first=b"HTTP/1.1 200 O\0K"), **ALONE, ours=(Answer((200, 502)), OPEN)),
    bad("a bare CR in the reason", "RFC 9112 4", ok(first=b"HTTP/1.1 200 O\rK"), nginx=None),
    bad("a fold of the node is 502 or one line", "RFC 9112 5.2", ok("X-A: 1", " 2"), nginx=None,
        haproxy=PASSED, ours=(Answer((200, 502), lacks=("2",)), OPEN)),
    bad("a space before the colon of the node is 502 or taken away", "RFC 9112 5.1",
        ok("X-A : 1"), ours=(Answer((200, 502), lacks=("x-a ",)), OPEN)),
]

# --------------------------------------------------------------------------- two framings

TWO = [
    bad("two lengths of the node that differ", "RFC 9112 6.3",
        answer("Content-Length: 2", "Content-Length: 3", body=b"ok!"), nginx=None),
    bad("a list of lengths of the node that differ", "RFC 9112 6.3",
        answer("Content-Length: 2, 3", body=b"ok!"), nginx=None),
    bad("the same length of the node twice is 502 or one", "RFC 9112 6.3",
        ok("Content-Length: 2"), nginx=PASSED, haproxy=PASSED, ours=(Answer((200, 502)), OPEN)),
    bad("a list of equal lengths of the node is 502 or one", "RFC 9112 6.3",
        answer("Content-Length: 2, 2", body=b"ok"), nginx=None, haproxy=PASSED,
        ours=(Answer((200, 502)), OPEN)),
    *(bad(f"a length of the node {name}", "RFC 9110 8.6",
          answer(b"Content-Length: " + value, body=b"ok"), nginx=None)
      for name, value in (("in words", b"two"), ("with a minus", b"-2"), ("with a plus", b"+2"),
                          ("in hex", b"0x2"), ("with a fraction", b"2.0"),
                          ("with a space in it", b"0 2"))),
    bad("a length of the node over 2 to the 64", "RFC 9110 8.6",
        answer("Content-Length: 18446744073709551618", body=b"ok"), **ALONE),
    bad("a length of the node that is empty", "RFC 9110 8.6",
        answer("Content-Length:", body=b"ok"),
        nginx=None),
    bad("a length and chunks of the node are 502 or chunks", "RFC 9112 6.3",
        coded(b"2\r\nok\r\n0\r\n\r\n", "Content-Length: 7"), nginx=PASSED, haproxy=PASSED,
        ours=(Answer((200, 502)), OPEN)),
    bad("chunks that gzip was put around", "RFC 9112 6.1",
        answer("Transfer-Encoding: chunked, gzip", body=b"??"), **ALONE),
    bad("chunks with gzip inside", "RFC 9112 6.1",
        answer("Transfer-Encoding: gzip, chunked", body=b"2\r\n??\r\n0\r\n\r\n"), **ALONE),
    bad("a coding of the node that nobody knows", "RFC 9112 6.1",
        answer("Transfer-Encoding: cow", body=b"moo"), **ALONE),
]

# --------------------------------------------------------------------------- chunks

CHUNKS = [
    bad(f"a chunk of the node {name}", "RFC 9112 7.1", coded(size + b"\r\nok\r\n0\r\n\r\n"),
        **ALONE)
    for name, size in (("with a size in words", b"two"), ("with a minus", b"-2"),
                       ("with 0x", b"0x2"), ("with an empty size", b""),
                       ("of 2 to the 64 and 2", b"10000000000000002"))
]


def breaks(name, rfc, begin, *end, got=b"half", **peers):
    """The client has the head when the node goes on with the end: it gets what came, and then
    its answer breaks off, too."""
    return case(name, rfc, get(), Answer(200, cut=got, lets_go=True), CLOSED, node=GET,
                answers=(begin, HOLD, *end), **peers)


HALF = coded(b"4\r\nhalf\r\n")
BREAKS = [
    breaks("an end before the length is reached", "RFC 9112 8",
           answer("Content-Length: 9", body=b"half"), SHUT),
    breaks("a reset before the length is reached", "RFC 9112 8",
           answer("Content-Length: 9", body=b"half"), CRASH),
    breaks("an end before the last chunk", "RFC 9112 8", HALF, SHUT),
    breaks("a reset before the last chunk", "RFC 9112 8", HALF, CRASH),
    breaks("an end in a chunk", "RFC 9112 8", coded(b"9\r\nhalf"), SHUT),
    breaks("an end in a size", "RFC 9112 8", HALF, b"2", SHUT),
    breaks("an end in the last line of the chunks", "RFC 9112 8", HALF, b"0\r\n", SHUT,
           nginx=None),
    breaks("an end in the trailers of the node", "RFC 9112 8", HALF, b"0\r\nX-A: 1\r\n", SHUT,
           nginx=None),
    breaks("a bad chunk after a good one", "RFC 9112 7.1", HALF, b"zz\r\n", SHUT),
    breaks("data beyond a chunk's size", "RFC 9112 7.1", coded(b"4\r\nhalf"),
           b"more\r\n0\r\n\r\n", SHUT),
    breaks("a reset of an answer that its end ends", "RFC 9112 8", answer(body=b"half"), CRASH,
           haproxy=None),
    case("an answer that comes and breaks off at once", "RFC 9112 8", FRESH, get(),
         Answer((200, 502), cut=b"half"), EITHER, node=GET,
         answers=(answer("Content-Length: 9", body=b"half"), SHUT), **ALONE),
]

# --------------------------------------------------------------------------- too much

EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
SURPLUS = [
    case("octets beyond the length go to nobody", "RFC 9112 6.3", get(),
         Answer(200, body=b"ok"), OPEN, node=GET, answers=ok() + b"surplus"),
    case("a second answer goes to nobody", "RFC 9112 9.2", FRESH, get(),
         Answer(200, body=b"ok"), get(target="/v1/y"), Answer(200, body=b"ok"), OPEN,
         node=(Seen(method="GET", new=True), Seen("/v1/y", "GET", new=True)),
         answers=(ok() + EVIL,)),
    case("a second answer after the last chunk goes to nobody", "RFC 9112 9.2", FRESH, get(),
         Answer(200, body=b"ok"), get(target="/v1/y"), Answer(200, body=b"ok"), OPEN,
         node=(Seen(method="GET", new=True), Seen("/v1/y", "GET", new=True)),
         answers=(coded(b"2\r\nok\r\n0\r\n\r\n") + EVIL,)),
    case("a second answer after a 204 goes to nobody", "RFC 9112 6.3", FRESH, get(),
         Answer(204),
         get(target="/v1/y"), Answer(200, body=b"ok"), OPEN,
         node=(Seen(method="GET", new=True), Seen("/v1/y", "GET", new=True)),
         answers=(answer(first="HTTP/1.1 204 None") + EVIL,)),
    case("a body after the answer to HEAD goes to nobody", "RFC 9112 6.3", FRESH,
         request("HEAD /v1/x HTTP/1.1"), Answer(200, to="HEAD"), get(target="/v1/y"),
         Answer(200, body=b"ok"), OPEN,
         node=(Seen(method="HEAD", new=True), Seen("/v1/y", "GET", new=True)),
         answers=(answer("Content-Length: 44", body=EVIL),), nginx=None),
]

# --------------------------------------------------------------------------- once only

POST = sized(b"abc")
ONCE = [
    case(f"a POST is not sent twice when a new connection {ended}", "RFC 9110 9.2.2", FRESH,
         POST,
         Answer(502), OPEN, node=(Seen(body=b"abc", new=True),), answers=(end,))
    for ended, end in (("ends", SHUT), ("is reset", CRASH))
] + [
    case("a POST is not sent twice when a part of an answer came", "RFC 9110 9.2.2", FRESH,
         get(),
         Answer(), POST, Answer(502), OPEN,
         node=(Seen(method="GET"), Seen(body=b"abc", new=False)),
         answers=(OK, (b"HTTP/1.1 2", SHUT)), haproxy=None),
]

CASES = [*NONE, *FIELDS, *TWO, *CHUNKS, *BREAKS, *SURPLUS, *ONCE]
