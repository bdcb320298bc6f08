"""cases_connection - how long a connection lasts, pipelining, Expect, HEAD, Upgrade.

SPDX-License-Identifier: MIT
"""
from case import (ANY, CLOSED, END, HOLD, LET_GO, OK, OPEN, PASSES, RESET, SHUT, Answer, Heard,
                  Quiet, Run, Seen, answer, case, chunked, get, passed, post, refused, request,
                  sized)

KEPT = {"connection": "keep-alive"}
CLOSE = {"connection": "close"}
CHUNKED = answer("Transfer-Encoding: chunked", body=b"2\r\nok\r\n0\r\n\r\n")
BODY = b"x" * 5000


def old(*lines, host="Host: a.test"):
    return request("GET /v1/x HTTP/1.0", *lines, host=host)


def to(path):
    return get(target=path)


def seen(*paths):
    return tuple(Seen(path, "GET") for path in paths)


# --------------------------------------------------------------------------- persistence

PERSISTENCE = [
    case("a connection is kept for the next request", "RFC 9112 9.3",
         to("/v1/1"), Answer(lacks=("connection",)), to("/v1/2"), Answer(), to("/v1/3"),
         Answer(), OPEN, node=seen("/v1/1", "/v1/2", "/v1/3"),
         nginx=Run((to("/v1/1"), Answer(), to("/v1/2"), Answer(), OPEN),
                   seen("/v1/1", "/v1/2"))),
    *(case(f"the option {name} ends the connection", "RFC 9112 9.6", get(*lines),
           Answer(has=CLOSE), CLOSED, node=seen("/v1/x"))
      for name, lines in (("close", ("Connection: close",)),
                          ("close in capitals", ("Connection: CLOSE",)),
                          ("close in a list", ("Connection: x-a, close ,x-b",)),
                          ("close in a second field",
                           ("Connection: x-a", "Connection: close")))),
    case("close outweighs keep-alive", "RFC 9112 9.3", get("Connection: keep-alive, close"),
         Answer(has=CLOSE), CLOSED, node=seen("/v1/x"), nginx=None),
    passed("an option that only contains close is another one", "RFC 9110 7.6.1",
           get("Connection: closed, x-close"), method="GET", nginx=None),
    case("requests after close are not served", "RFC 9112 9.6",
         get("Connection: close") + to("/v1/y"), Answer(has=CLOSE), CLOSED,
         node=seen("/v1/x")),
    case("HTTP 1.0 ends with its answer", "RFC 9112 9.3", old(), Answer(has=CLOSE), CLOSED,
         node=seen("/v1/x")),
    case("HTTP 1.0 with keep-alive is kept", "RFC 9112 9.3",
         old("Connection: keep-alive"), Answer(has=KEPT), old("Connection: Keep-Alive"),
         Answer(has=KEPT), OPEN, node=seen("/v1/x", "/v1/x")),
    case("HTTP 1.0 with keep-alive and close ends", "RFC 9112 9.3",
         old("Connection: keep-alive, close"), Answer(has=CLOSE), CLOSED, node=seen("/v1/x"),
         nginx=None),
    case("HTTP 1.0 never gets chunks", "RFC 9112 6.1", old(),
         Answer(lacks=("transfer-encoding",), body=b"ok"), CLOSED, node=seen("/v1/x"),
         answers=CHUNKED, haproxy=None),  # it does
    case("HTTP 1.0 with keep-alive never gets chunks", "RFC 9112 6.1",
         old("Connection: keep-alive"), Answer(lacks=("transfer-encoding",), body=b"ok"),
         CLOSED,
         node=seen("/v1/x"), answers=CHUNKED, haproxy=None),
    case("HTTP 1.0 gets a body without a length to the end", "RFC 9112 6.3", old(),
         Answer(lacks=("transfer-encoding",), body=b"ok"), CLOSED, node=seen("/v1/x"),
         answers=(answer("Connection: close", body=b"ok"), SHUT)),
    case("the node's close does not end the client's connection", "RFC 9110 7.6.1", get(),
         Answer(body=b"ok"), OPEN, node=seen("/v1/x"),
         answers=(answer("Connection: close", "Content-Length: 2", body=b"ok"),
                  SHUT)),
    case("a connection that says nothing may end", "RFC 9112 9.5", END, CLOSED,
         haproxy=Run((END, Answer(400), CLOSED))),
]

# --------------------------------------------------------------------------- pipelining

PIPELINES = [
    case("pipelined requests are answered in order", "RFC 9112 9.3.2",
         to("/v1/1") + to("/v1/2") + to("/v1/3"), Answer(body=b"1"), Answer(body=b"2"),
         Answer(body=b"3"), OPEN, node=seen("/v1/1", "/v1/2", "/v1/3"),
         answers=tuple((answer("Content-Length: 1", body=body),) for body in (b"1", b"2",
                                                                              b"3"))),
    case("50 pipelined requests are answered", "RFC 9112 9.3.2",
         b"".join(to(f"/v1/{i}") for i in range(50)), *[Answer(body=b"ok")] * 50, OPEN,
         node=seen(*(f"/v1/{i}" for i in range(50)))),
    case("a slow first answer does not let the second overtake", "RFC 9112 9.3.2",
         to("/v1/1") + to("/v1/2"), Heard(1), Quiet(0.05), LET_GO, Answer(body=b"1"),
         Answer(body=b"ok"), OPEN, node=seen("/v1/1", "/v1/2"),
         answers=((HOLD, answer("Content-Length: 1", body=b"1")), OK)),
    case("bodies of pipelined requests stay apart", "RFC 9112 9.3.2",
         sized(b"abc") + chunked(b"2\r\nde\r\n0\r\n\r\n") + post() + sized(b"f"),
         *[Answer()] * 4,
         OPEN, node=(Seen(body=b"abc"), Seen(body=b"de"), Seen(), Seen(body=b"f"))),
    case("a malformed request ends the pipeline, not the answers before it", "RFC 9112 9.3.2",
         to("/v1/1") + get("no name: 1") + to("/v1/3"), Answer(body=b"ok"), Answer(400), CLOSED,
         node=seen("/v1/1")),
    case("an empty line between requests is skipped", "RFC 9112 2.2",
         sized(b"abc") + b"\r\n" + to("/v1/y"), Answer(), Answer(), OPEN,
         node=(Seen(body=b"abc"), Seen("/v1/y", "GET"))),
    case("a request comes while an answer is under way", "RFC 9112 9.3.2", to("/v1/1"),
         Heard(1),
         to("/v1/2"), LET_GO, Answer(body=b"1"), Answer(body=b"ok"), OPEN,
         node=seen("/v1/1", "/v1/2"),
         answers=((HOLD, answer("Content-Length: 1", body=b"1")), OK)),
]

# --------------------------------------------------------------------------- half-close

HALVES = [
    case("a half-close after a request leaves its answer", "RFC 9112 9.6", get(), END,
         Answer(body=b"ok"), CLOSED, node=seen("/v1/x")),
    case("a half-close while the node thinks leaves the answer", "RFC 9112 9.6", get(),
         Heard(1), END, LET_GO, Answer(body=b"ok"), CLOSED, node=seen("/v1/x"),
         answers=((HOLD, *OK),)),
    case("a half-close after pipelined requests leaves all answers", "RFC 9112 9.6",
         to("/v1/1") + to("/v1/2") + to("/v1/3"), END, Answer(), Answer(), Answer(), CLOSED,
         node=seen("/v1/1", "/v1/2", "/v1/3"), haproxy=None),  # one answer
    case("a reset while the node thinks disturbs nobody", "RFC 9112 9.6", get(), Heard(1),
         RESET,
         LET_GO, node=seen("/v1/x"), answers=((HOLD, *OK),)),
    case("a reset in a body is no request", "RFC 9112 8", sized(b"abc")[:-1], RESET),
    case("a half-close in a head is no request", "RFC 9112 8", get()[:-2], END, CLOSED,
         haproxy=Run((get()[:-2], END, Answer(400), CLOSED))),
    case("a half-close in a request line is no request", "RFC 9112 8", b"GET /v1/x HTT", END,
         CLOSED, haproxy=Run((get()[:-2], END, Answer(400), CLOSED))),
]

# --------------------------------------------------------------------------- HEAD

LONGER = "Content-Length: 5000"
HEADS = [
    case("HEAD gets the head alone", "RFC 9110 9.3.2", request("HEAD /v1/x HTTP/1.1"),
         Answer(has={"content-length": "5000"}, to="HEAD"), OPEN,
         node=(Seen(method="HEAD"),), answers=answer(LONGER)),
    case("HEAD of a chunked answer", "RFC 9110 9.3.2", request("HEAD /v1/x HTTP/1.1"),
         Answer(to="HEAD"), OPEN, node=(Seen(method="HEAD"),),
         answers=answer("Transfer-Encoding: chunked")),
    case("HEAD of an answer without a length", "RFC 9110 9.3.2", request("HEAD /v1/x HTTP/1.1"),
         Answer(to="HEAD"), OPEN, node=(Seen(method="HEAD"),), answers=answer("X-A: 1")),
    case("a body after the answer to HEAD is nobody's", "RFC 9112 6.3",
         request("HEAD /v1/x HTTP/1.1"), Answer(to="HEAD"), OPEN, node=(Seen(method="HEAD"),),
         answers=answer("Content-Length: 2", body=b"ok")),
    case("HEAD of our own answers has no body", "RFC 9110 9.3.2",
         request("HEAD /health HTTP/1.1"), Answer(has={"content-length": ANY}, to="HEAD"), OPEN,
         nginx=Run((request("HEAD /health HTTP/1.1"), Answer(404, to="HEAD"), OPEN)),
         haproxy=Run((request("HEAD /health HTTP/1.1"), Answer(404, to="HEAD"), OPEN))),
    case("HEAD of a refusal has no body", "RFC 9110 9.3.2", request("HEAD /no HTTP/1.1"),
         Answer(404, to="HEAD"), OPEN),
    case("HEAD in a pipeline", "RFC 9110 9.3.2",
         request("HEAD /v1/x HTTP/1.1") + to("/v1/y"), Answer(to="HEAD"), Answer(body=b"ok"),
         OPEN, node=(Seen(method="HEAD"), Seen("/v1/y", "GET")), answers=(answer(LONGER),)),
]

# --------------------------------------------------------------------------- Expect

RFC = "RFC 9110 10.1.1"
EXPECT = "Expect: 100-continue"


def head_of(*lines, target="/v1/x", version="1.1"):
    return request(f"POST {target} HTTP/{version}", *lines)


EXPECTATIONS = [
    case("100 Continue comes before the body", RFC,
         head_of(EXPECT, "Content-Length: 5000"), Answer(100, lacks=("content-length",)),
         BODY, Answer(), OPEN, node=(Seen(body=BODY),)),
    case("100 Continue comes before chunks", RFC,
         head_of(EXPECT, "Transfer-Encoding: chunked"), Answer(100),
         b"3\r\nabc\r\n0\r\n\r\n", Answer(), OPEN, node=(Seen(body=b"abc"),)),
    case("100-continue may be in capitals", RFC,
         head_of("expect: 100-CONTINUE", "Content-Length: 3"), Answer(100), b"abc", Answer(),
         OPEN, node=(Seen(body=b"abc"),)),
    case("no 100 Continue without a body", RFC, get(EXPECT), Answer(), OPEN, node=seen("/v1/x"),
         nginx=Run((get(EXPECT), Answer(100), Answer(), OPEN), seen("/v1/x"))),
    case("no 100 Continue for HTTP 1.0", RFC,
         head_of(EXPECT, "Content-Length: 3", version="1.0"), Quiet(0.05), b"abc", Answer(),
         CLOSED,
         node=(Seen(body=b"abc"),)),
    case("an expectation does not reach the node", RFC, head_of(EXPECT, "Content-Length: 3"),
         Answer(100), b"abc", Answer(), OPEN,
         node=(Seen(body=b"abc", lacks=("Expect",)),)),
    refused("another expectation is 417", RFC,
            head_of("Expect: 200-ok", "Content-Length: 3") + b"abc", 417,
            nginx=PASSES, haproxy=PASSES),
    case("a refused target is refused instead of 100", RFC,
         head_of(EXPECT, "Content-Length: 3", target="/no"), Answer(404), CLOSED,
         haproxy=None, nginx=Run((head_of(EXPECT, "Content-Length: 3", target="/no"),
                                  Answer(404)))),
    case("a body over body_max is refused instead of 100", RFC,
         head_of(EXPECT, "Content-Length: 65537"), Answer(413), CLOSED, haproxy=None),
]

# --------------------------------------------------------------------------- Upgrade

HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
       "HTTP2-Settings: AAMAAABkAAQAAP__")
UPGRADES = [
    case("a WebSocket is refused and the connection kept", "RFC 9110 7.8", get(*HANDSHAKE),
         Answer(404, lacks=("upgrade",)), OPEN, haproxy=None,
         nginx=Run((get(*HANDSHAKE), Answer(lacks=("upgrade",)), OPEN),
                   (Seen(method="GET", lacks=("Upgrade", "Connection")),))),
    passed("an offer of h2c is answered in HTTP 1.1", "RFC 9110 7.8", get(*H2C), method="GET",
           lacks=("Upgrade", "HTTP2-Settings"), answer=Answer(lacks=("upgrade",)),
           nginx=PASSES, haproxy=PASSES),
    passed("an offer that Connection does not name is dropped", "RFC 9110 7.8",
           get("Upgrade: h2c"), method="GET", lacks=("Upgrade",), haproxy=None),
    passed("bytes after an offer are the next request", "RFC 9110 7.8",
           sized(b"abc", *H2C), body=b"abc", lacks=("Upgrade",), haproxy=PASSES),
]

CASES = [*PERSISTENCE, *PIPELINES, *HALVES, *HEADS, *EXPECTATIONS, *UPGRADES]
