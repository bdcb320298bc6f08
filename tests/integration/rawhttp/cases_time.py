"""cases_time - peers and nodes that take their time (RFC 9112 section 9.5).

All timeouts are one second here. What stalls is ended after that; what moves, however slowly,
is not, but for heads: those must be whole in time.

SPDX-License-Identifier: MIT
"""
from case import (CLOSED, DEAF, HOLD, LET_GO, OK, OPEN, Answer, Heard, Quiet, Run, Seen, Text,
                  Trickle,
                  answer, case, chunked, get, sized)

RFC = "RFC 9112 9.5"
PAUSE = Quiet(0.6)
ALONE = {"nginx": None, "haproxy": None}  # nginx moves no timer that is less than 300 ms old
SLOW = {"setting": "hasty"}
TOO_LATE = Answer(408, has={"connection": "close"})
HEAD, REST = get()[:-30], get()[-30:]


def timed_out(name, *steps, nginx=(TOO_LATE, CLOSED), haproxy=(TOO_LATE, CLOSED)):
    runs = {peer: end and Run((*steps, *end)) for peer, end in
            (("nginx", nginx), ("haproxy", haproxy))}
    return case(name, "RFC 9110 15.5.9", *steps, TOO_LATE, CLOSED, **SLOW, **runs)


CLIENTS = [
    timed_out("a request line that never ends", b"GET /v1/x", nginx=(CLOSED,)),
    timed_out("a head that never ends", HEAD, nginx=(CLOSED,)),
    timed_out("a head that moves, but too slowly", Trickle(b"GET /v1/" + b"x" * 60),
              nginx=(CLOSED,)),
    timed_out("a body that stalls", sized(b"abc")[:-1], nginx=(CLOSED,)),
    timed_out("a body that never begins", sized(b"abc")[:-3], nginx=(CLOSED,)),
    timed_out("a chunk that stalls", chunked(b"3\r\nab"), nginx=(CLOSED,)),
    timed_out("a last chunk that never comes", chunked(b"3\r\nabc\r\n"), nginx=(CLOSED,)),
    case("a body that moves is not late", RFC, sized(b"abcd")[:-3], PAUSE, b"b", PAUSE, b"c",
         PAUSE, b"d", Answer(200), node=(Seen(body=b"abcd"),), **ALONE, **SLOW),
    case("a connection without a request ends", RFC, CLOSED, haproxy=None, **SLOW),
    case("a connection without a next request ends", RFC, get(), Answer(200, body=b"ok"),
         CLOSED,
         node=(Seen(method="GET"),), **SLOW),
    case("half of a next request is late", RFC, get() + HEAD, Answer(200, body=b"ok"),
         TOO_LATE, CLOSED, node=(Seen(method="GET"),), **SLOW,
         nginx=Run((get() + HEAD, Answer(200), CLOSED), (Seen(method="GET"),))),
    case("each request has its own time", RFC, HEAD, PAUSE, REST, Answer(200, body=b"ok"), HEAD,
         PAUSE, REST, Answer(200, body=b"ok"), node=(Seen(method="GET"),) * 2, **SLOW),
]

GET = (Seen(method="GET"),)
NODES = [
    case("a node that says nothing is 504", "RFC 9110 15.6.5", get(), Answer(504), node=GET,
         answers=(HOLD,), **SLOW),
    case("a node that stalls in its head is 504", "RFC 9110 15.6.5", get(), Answer(504),
         node=GET, answers=(b"HTTP/1.1 200 OK\r\nContent-Le", HOLD), **SLOW),
    case("a node that says 100 and nothing more is 504", "RFC 9110 15.6.5", get(), Answer(504),
         node=GET, answers=(answer(first="HTTP/1.1 100 Continue"), HOLD), nginx=None,
         haproxy=None, **SLOW),
    case("an answer that stalls breaks off", "RFC 9112 8", get(), Answer(200, cut=b"half"),
         CLOSED, node=GET, answers=(answer("Content-Length: 9", body=b"half"), HOLD), **SLOW),
    case("an answer in chunks that stalls breaks off", "RFC 9112 8", get(),
         Answer(200, cut=b"half"), CLOSED, node=GET, **SLOW,
         answers=(answer("Transfer-Encoding: chunked", body=b"4\r\nhalf\r\n"), HOLD)),
    case("an answer that moves is not late", RFC, get(), Text(b"one"), PAUSE, LET_GO,
         Text(b"two"),
         PAUSE, LET_GO, Text(b"three"), PAUSE, LET_GO, Text(b"four"), OPEN, node=GET, **ALONE,
         **SLOW,
         answers=(answer("Content-Length: 15", body=b"one"), HOLD, b"two", HOLD, b"three", HOLD,
                  b"four")),
    case("an answer that is whole before a long body was sent", "RFC 9112 9.3",
         sized(b"x" * (24 << 20)), Answer(200, body=b"ok"), get(target="/v1/y"),
         Answer(200, body=b"ok"), node=(Seen(body=None), Seen("/v1/y", "GET", new=True)),
         answers=((DEAF, answer("Content-Length: 2", body=b"ok"), HOLD), OK), haproxy=None,
         **SLOW),
    case("a slow answer is no idle connection", RFC, get(), Heard(1), PAUSE, LET_GO,
         Answer(200, body=b"ok"), OPEN, node=GET, **SLOW,
         answers=(HOLD, answer("Content-Length: 2", body=b"ok"))),
]

CASES = [*CLIENTS, *NODES]
