"""cases_answer - what the node answers, whole and well-formed or nearly so.

SPDX-License-Identifier: MIT
"""
from case import (ANY, CLOSED, CRASH, EARLY, FRESH, HOLD, LET_GO, NODE_LEFT, OK, OPEN, SHUT,
                  Answer, Heard, Run, Seen, answer, case, get, request, sized)

ALONE = {"nginx": None, "haproxy": None}
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4c\x4a\x06\x00\xc2\x41\x24\x35\x03\0\0\0"


def through(name, rfc, script, *answers, then=OPEN, sent=None, **more):
    """One GET, the node's script, the client's answer; the connection stays in step."""
    answers = answers or (Answer(200, body=b"ok"),)
    return case(name, rfc, sent or get(), *answers, then, answers=script,
                node=(Seen(method="GET"),), **more)


def ok(*lines, first="HTTP/1.1 200 OK", body=b"ok"):
    return answer(f"Content-Length: {len(body)}", *lines, body=body, first=first)


def coded(body, *lines, first="HTTP/1.1 200 OK"):
    return answer("Transfer-Encoding: chunked", *lines, body=body, first=first)


# --------------------------------------------------------------------------- status line

STATUS = [
    through("an empty reason passes", "RFC 9112 4", ok(first="HTTP/1.1 200 ")),
    through("a status line without the space before its reason", "RFC 9112 4",
            ok(first="HTTP/1.1 200"), nginx=None),  # passes on just that
    through("a reason in other words passes", "RFC 9112 4",
            ok(first="HTTP/1.1 200 Nice \t one")),
    through("a reason with octets beyond ASCII passes", "RFC 9112 4",
            ok(first=b"HTTP/1.1 200 \xc3\x89t\xe9")),
    through("a node of HTTP 1.0 with a length", "RFC 9112 2.3",
            (ok(first="HTTP/1.0 200 OK"), SHUT), haproxy=None),  # passes on its version
    through("a node of HTTP 1.0 without a length", "RFC 9112 6.3",
            (answer(first="HTTP/1.0 200 OK", body=b"ok"), SHUT), haproxy=None),
    *(through(f"status {status} passes", "RFC 9110 15", ok(first=f"HTTP/1.1 {status} Sure"),
              Answer(status, body=b"ok"))
      for status in (201, 203, 206, 301, 303, 307, 400, 404, 409, 410, 413, 415, 418, 422, 424,
                     500, 501, 502, 504, 505, 599)),
    through("an unknown status of a class passes", "RFC 9110 15", ok(first="HTTP/1.1 299 Odd"),
            Answer(299, body=b"ok")),
]

# --------------------------------------------------------------------------- 1xx

HINTS = answer("Link: </a>; rel=preload", first="HTTP/1.1 103 Early Hints")
CONTINUE = answer(first="HTTP/1.1 100 Continue")


def interim(name, script, *statuses, **more):
    """HAProxy passes 1xx on, as a proxy may; nginx takes the first for the answer."""
    run = Run((get(), *map(Answer, statuses), Answer(200, lacks=("link",), body=b"ok"), OPEN),
              (Seen(method="GET"),))
    return through(name, "RFC 9110 15.2", script, Answer(200, lacks=("link",), body=b"ok"),
                   nginx=None, haproxy=run)


INTERIM = [
    interim("a 100 before the answer is swallowed", CONTINUE + ok(), 100),
    interim("a 103 before the answer is swallowed with its fields", HINTS + ok(), 103),
    interim("several 1xx are swallowed", CONTINUE * 3 + HINTS * 2 + ok(), 100, 100, 100, 103,
            103),
    interim("an unknown 1xx is swallowed", answer(first="HTTP/1.1 199 Well") + ok(), 199),
    through("a 1xx and the answer come apart", "RFC 9110 15.2", (CONTINUE, HOLD, ok()),
            Heard(1), LET_GO, Answer(200, body=b"ok"), **ALONE),
    case("HTTP 1.0 never sees a 1xx", "RFC 9110 15.2", request("GET /v1/x HTTP/1.0"),
         Answer(200, body=b"ok"), CLOSED, node=(Seen(method="GET"),), answers=CONTINUE + ok(),
         **ALONE),
    through("a 1xx has no body, whatever its length says", "RFC 9112 6.3",
            (answer("Content-Length: 5", first="HTTP/1.1 103 Early Hints") + ok(), SHUT),
            Answer(200, body=b"ok"), **ALONE),
    through("a 101 that nobody asked for is no answer", "RFC 9110 15.2.2",
            answer("Connection: upgrade", "Upgrade: x", first="HTTP/1.1 101 Switching"),
            Answer(502), **ALONE),
]

# --------------------------------------------------------------------------- framing

UNFRAMED = answer(body=b"ok")
ENDED = Run((get(), Answer(200, body=b"ok"), CLOSED), (Seen(method="GET"),))
FRAMES = [
    through("an answer has its length", "RFC 9112 6.2", ok(),
            Answer(200, has={"content-length": "2"}, lacks=("transfer-encoding",), body=b"ok")),
    through("a chunked answer passes", "RFC 9112 7.1", coded(b"2\r\nok\r\n0\r\n\r\n"),
            Answer(200, has={"transfer-encoding": "chunked"}, body=b"ok")),
    through("a coding in capitals is chunked", "RFC 9112 7",
            answer("Transfer-Encoding: CHUNKED", body=b"2\r\nok\r\n0\r\n\r\n"),
            haproxy=None),  # reads on to the end
    through("chunks in capitals, zeros and extensions pass", "RFC 9112 7.1.1",
            coded(b"00A;x=y\r\n0123456789\r\n0;z\r\n\r\n"), Answer(200, body=b"0123456789")),
    through("a chunked answer without a chunk passes", "RFC 9112 7.1", coded(b"0\r\n\r\n"),
            Answer(200, body=b"")),
    through("an answer of one octet a piece passes", "RFC 9112 2.2",
            tuple(bytes([octet]) for octet in coded(b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n"))),
    through("trailers of the node are read and not mixed into the head", "RFC 9110 6.5.1",
            coded(b"2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n"),
            Answer(200, lacks=("x-sum", "content-length"), body=b"ok"), **ALONE),
    through("trailers of the node are read", "RFC 9112 7.1.2",
            coded(b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"), haproxy=None),  # passes them on
    through("an answer without a length ends with its connection", "RFC 9112 6.3",
            (UNFRAMED, SHUT), haproxy=ENDED),
    through("an answer without a length may be empty", "RFC 9112 6.3", (answer(), SHUT),
            Answer(200, body=b""), haproxy=None),
    through("an answer without a length may come in pieces", "RFC 9112 6.3",
            (answer(body=b"o"), HOLD, b"k", SHUT), Heard(1), LET_GO, Answer(200, body=b"ok"),
            haproxy=None),
    through("length 0 is an empty answer", "RFC 9112 6.2", ok(body=b""), Answer(200, body=b"")),
    through("a 204 has no body", "RFC 9110 15.3.5", answer(first="HTTP/1.1 204 None"),
            Answer(204, lacks=("content-length", "transfer-encoding"))),
    through("a 204 has no length, whatever the node says", "RFC 9110 8.6",
            answer("Content-Length: 0", first="HTTP/1.1 204 None"),
            Answer(204, lacks=("content-length", "transfer-encoding")), **ALONE),
    through("a 204 has no body, whatever its length says", "RFC 9112 6.3",
            (answer("Content-Length: 5", first="HTTP/1.1 204 None"), SHUT),
            Answer(204, lacks=("content-length", "transfer-encoding")), **ALONE),
    through("a 204 has no chunks, whatever the node says", "RFC 9112 6.1",
            (answer("Transfer-Encoding: chunked", first="HTTP/1.1 204 None"), SHUT),
            Answer(204, lacks=("content-length", "transfer-encoding")), **ALONE),
    through("a 304 has no body", "RFC 9110 15.4.5",
            answer("ETag: \"a\"", first="HTTP/1.1 304 Same"),
            Answer(304, has={"etag": '"a"'}, lacks=("transfer-encoding",))),
    through("a 304 may tell the length of what it spares", "RFC 9110 8.6",
            (answer("Content-Length: 1000", first="HTTP/1.1 304 Same"), SHUT),
            Answer(304, lacks=("transfer-encoding",))),
    through("a 205 is framed like any other", "RFC 9110 15.3.6",
            answer("Content-Length: 0", first="HTTP/1.1 205 Reset"), Answer(205, body=b"")),
    through("gzip passes as it is", "RFC 9110 8.4", ok("Content-Encoding: gzip", body=GZIP),
            Answer(200, has={"content-encoding": "gzip"}, body=GZIP)),
    through("gzip in chunks passes as it is", "RFC 9110 8.4",
            coded(b"%x\r\n%s\r\n0\r\n\r\n" % (len(GZIP), GZIP), "Content-Encoding: gzip"),
            Answer(200, has={"content-encoding": "gzip"}, body=GZIP)),
    through("a body of every octet passes", "RFC 9112 6.2", ok(body=bytes(range(256)) * 300),
            Answer(200, body=bytes(range(256)) * 300)),
]

# --------------------------------------------------------------------------- bounds

FIELDS = [f"X-{i}: 1" for i in range(150)]
BOUNDS = [
    through("a head of 60 KiB passes", "RFC 9110 5.4",
            ok(*(f"X-{i}: {'v' * 6000}" for i in range(10))),
            Answer(200, has={"x-9": ANY}, body=b"ok"), haproxy=None),
    through("a field of 60 KiB passes", "RFC 9110 5.4", ok("X-A: " + "v" * 60000),
            Answer(200, has={"x-a": "v" * 60000}, body=b"ok"), haproxy=None),
    through("an answer of 150 fields passes", "RFC 9110 5.4", ok(*FIELDS),
            Answer(200, has={"x-149": "1"}, body=b"ok"), haproxy=None),
    through("a head over 64 KiB is 502", "RFC 9110 15.6.3", ok("X-A: " + "v" * 80000),
            Answer(502)),
    through("a head without an end is 502 at once", "RFC 9110 15.6.3",
            (b"HTTP/1.1 200 OK\r\nX-A: " + b"v" * 80000, HOLD), Answer(502)),
]

# --------------------------------------------------------------------------- early

BIG = b"b" * 60000
SENT = sized(BIG)
EARLIER = [
    case("an answer that begins before the body was read", "RFC 9112 9.3", SENT,
         Answer(200, body=b"ok"), OPEN, answers=(EARLY, ok()), node=(Seen(body=BIG),),
         haproxy=None),
    case("a refusal before the body was read", "RFC 9112 9.5", SENT,
         Answer(413, body=b"no"), OPEN,
         answers=(EARLY, ok("Connection: close", first="HTTP/1.1 413 Large", body=b"no"), SHUT),
         node=(Seen(body=None),), haproxy=None),
]

# --------------------------------------------------------------------------- reuse

TWICE = (Answer(200, body=b"ok"), get(target="/v1/y"), Answer(200, body=b"ok"), OPEN)


def again(name, rfc, first, new, **more):
    """Two requests; the second one comes on a new connection to the node, or not."""
    return case(name, rfc, FRESH, get(), *TWICE, answers=(first, OK),
                node=(Seen(method="GET", new=True), Seen("/v1/y", "GET", new=new)), **more)


REUSE = [
    again("a connection to the node is used again", "RFC 9112 9.3", OK, False),
    again("a connection is used again after chunks", "RFC 9112 9.3",
          (coded(b"2\r\nok\r\n0\r\n\r\n"),), False),
    again("a connection is used again after trailers", "RFC 9112 9.3",
          (coded(b"2\r\nok\r\n0\r\nX-A: 1\r\n\r\n"),), False, haproxy=None),
    again("a connection is used again after a 1xx", "RFC 9112 9.3", (CONTINUE + ok(),), False,
          **ALONE),
    again("a connection that the node wants closed is not used again", "RFC 9112 9.6",
          (ok("Connection: close"),), True),
    again("a connection of HTTP 1.0 is not used again", "RFC 9112 9.3",
          (ok(first="HTTP/1.0 200 OK"),), True, haproxy=None),
    again("a connection with octets to spare is not used again", "RFC 9112 9.2",
          (ok() + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",), True),
    again("a connection with a CRLF to spare gives no wrong answer", "RFC 9112 9.2",
          (ok() + b"\r\n",), None),
    case("octets on an idle connection are nobody's answer", "RFC 9112 9.2", FRESH, get(),
         Answer(200, body=b"ok"), LET_GO, NODE_LEFT, get(target="/v1/y"),
         Answer(200, body=b"ok"), OPEN,
         answers=((ok(), HOLD, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", SHUT), OK),
         node=(Seen(method="GET"), Seen("/v1/y", "GET", new=True)), calm=True),
    case("an idle connection that the node ends is not used again", "RFC 9112 9.3.1", FRESH,
         get(), Answer(200, body=b"ok"), LET_GO, NODE_LEFT, get(target="/v1/y"),
         Answer(200, body=b"ok"), OPEN, answers=((ok(), HOLD, SHUT), OK),
         node=(Seen(method="GET"), Seen("/v1/y", "GET", new=True)), calm=True),
    *(case(f"a {word} on a connection that the node just {ended} is sent again",
           "RFC 9112 9.3.1", FRESH, get(), Answer(200, body=b"ok"), second,
           Answer(200, body=b"ok"), OPEN, answers=(OK, (end,), OK), calm=True,
           node=(Seen(method="GET"), Seen(method=word, body=body, new=False),
                 Seen(method=word, body=body, new=True)), **peers)
      for word, second, body, peers in (
          ("GET", get(), b"", {"haproxy": None}),
          ("POST", sized(b"abc"), b"abc", ALONE))
      for ended, end in (("closed", SHUT), ("reset", CRASH))),
]

CASES = [*STATUS, *INTERIM, *FRAMES, *BOUNDS, *EARLIER, *REUSE]
