"""case - the words in which the wire cases are written.

A case is data: a sentence, the section of the RFC behind it, and one Run for each peer: the
gateway, and nginx and HAProxy so that the case itself is checked. A Run is a list of steps on
one connection, and what the node behind must have got by then.

A step is one of
  bytes       are sent as they stand
  Answer      the next answer, read by its own framing, must be like this
  Quiet(s)    nothing comes for so long
  Text(b)     reads on to these bytes, whatever comes before them
  Trickle(b)  sends an octet every 100 ms until something comes, and something must
  Heard(n)    waits until the node has got n requests (whole ones, or heads it answers early)
  Step.x      see there

What the node does with the requests of a case is `answers`, one script for each request, in
the order in which they come; the rest get OK. A script is a tuple of bytes and Act.x.

Three builders make most cases: refused(), passed(), and case() for the rest. A peer that
legitimately differs gets a Run, a status or PASSES of its own; None = does not apply to it.

SPDX-License-Identifier: MIT
"""
import enum
import re
from dataclasses import dataclass, field


class Step(enum.Enum):
    END = "half-close: nothing more will be sent"
    RESET = "the client is gone, with an RST"
    CLOSED = "the peer closes, and sends nothing more"
    OPEN = "the connection is kept and in step: one more request is answered on it"
    EITHER = "the peer closes, or the connection is kept and in step"
    LET_GO = "the node goes on where its script says HOLD; once for each of them"
    NODE_LEFT = "waits until the peer has closed the node's connection of the last request"
    FRESH = "the node ends its idle connections, and waits until the peer has, too"


class Act(enum.Enum):
    EARLY = "at the front: answer when the head is there, do not wait for the body"
    DEAF = "as EARLY, and never read the body"
    HOLD = "wait for Step.LET_GO, or for the end of the case (then the connection closes)"
    CLOSE = "FIN, then read on until the peer closes as well"
    RESET = "RST"


END, RESET, CLOSED = Step.END, Step.RESET, Step.CLOSED
OPEN, EITHER = Step.OPEN, Step.EITHER
LET_GO, NODE_LEFT, FRESH = Step.LET_GO, Step.NODE_LEFT, Step.FRESH
EARLY, DEAF, HOLD, SHUT, CRASH = Act.EARLY, Act.DEAF, Act.HOLD, Act.CLOSE, Act.RESET

ANY = re.compile(".*", re.S)
SAME = object()  # the peer does what the gateway does
PASSES = object()  # the peer takes as a request what the gateway refuses, and answers 200
OK = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",)


def scripts(answers):
    """`answers` may be bytes, one script, or several."""
    if isinstance(answers, bytes):
        return ((answers,),)
    return answers if not answers or isinstance(answers[0], tuple) else (answers,)


@dataclass(frozen=True)
class Answer:
    """`has` maps names to a value, a regular expression or ANY; several lines of one name are
    compared joined by ", ". `cut` is a body that breaks off: what must have come before.
    `lets_go`: the node goes on (Step.LET_GO) when the head is there."""
    status: object = 200
    has: dict = field(default_factory=dict)
    lacks: tuple = ()
    body: object = None
    cut: object = None
    lets_go: bool = False
    to: str = "GET"


@dataclass(frozen=True)
class Seen:
    """A request as the node got it. `target` may be a tuple of possible ones, body None is not
    looked at, `lines` stand in the head as they are, `new` says whether it came on a new
    connection (None: either)."""
    target: object = "/v1/x"
    method: str = "POST"
    body: object = b""
    has: dict = field(default_factory=dict)
    lacks: tuple = ()
    lines: tuple = ()
    new: object = None


@dataclass(frozen=True)
class Quiet:
    seconds: float


@dataclass(frozen=True)
class Text:
    mark: bytes


@dataclass(frozen=True)
class Trickle:
    data: bytes


@dataclass(frozen=True)
class Heard:
    count: int


@dataclass(frozen=True)
class Run:
    """node: the requests that the node got; ANY = one, whatever its form. `calm`: the peer did
    not take the node for a failing one."""
    steps: tuple
    node: object = ()
    calm: bool = False


@dataclass(frozen=True)
class Case:
    name: str
    rfc: str
    runs: dict
    answers: tuple = ()
    setting: str = "plain"


# --------------------------------------------------------------------------- builders

def case(name, rfc, *steps, node=(), answers=(), setting="plain", calm=False, nginx=SAME,
         haproxy=SAME):
    node = (node,) if isinstance(node, Seen) else node
    ours = Run(steps, node, calm)
    runs = {"gateway": ours}
    for peer, run in (("nginx", nginx), ("haproxy", haproxy)):
        if run is SAME:
            run = Run(steps, node)
        if run is not None:
            runs[peer] = run
    return Case(name, rfc, runs, scripts(answers), setting)


def refused(name, rfc, request, status=400, nginx=SAME, haproxy=SAME, then=CLOSED, **more):
    """One final answer with this status (or one of these), then the end; the node hears
    nothing. `nginx` and `haproxy` may be other statuses, PASSES, CLOSED (no answer), a Run;
    they may close or not."""
    def run(what):
        if what is None or isinstance(what, Run):
            return what
        if what is PASSES:
            return Run((request, Answer(200)), ANY)
        if what is CLOSED:
            return Run((request, CLOSED))
        return Run((request, Answer(what), EITHER))
    peers = {name: run(status if own is SAME else own)
             for name, own in (("nginx", nginx), ("haproxy", haproxy))}
    return case(name, rfc, request, Answer(status), then, **peers, **more)


def passed(name, rfc, request, target="/v1/x", method="POST", body=b"", has=None, lacks=(),
           lines=(), answer=Answer(200, body=b"ok"), then=OPEN, nginx=SAME, haproxy=SAME,
           **more):
    """The request reaches the node in this form; its answer comes back and the connection is
    kept. `nginx` and `haproxy` may be a status (refused), PASSES or a Run."""
    seen = Seen(target, method, body, has or {}, lacks, lines)

    def run(what):
        if what is SAME or what is None or isinstance(what, Run):
            return what
        if what is PASSES:
            return Run((request, Answer(200)), ANY)
        return Run((request, Answer(what), EITHER))
    return case(name, rfc, request, answer, then, node=seen, nginx=run(nginx),
                haproxy=run(haproxy), **more)


# --------------------------------------------------------------------------- bytes

def octets(value):
    return value if isinstance(value, bytes) else value.encode("latin-1")


def request(first, *lines, body=b"", host="Host: a.test"):
    """A head of these lines, each ended by CRLF, and the body as it stands."""
    lines = (first, *((host,) if host else ()), *lines)
    return b"".join(octets(line) + b"\r\n" for line in lines) + b"\r\n" + body


def get(*lines, target="/v1/x", **more):
    return request(f"GET {target} HTTP/1.1", *lines, **more)


def post(*lines, body=b"", **more):
    """A POST whose framing is in `lines`."""
    return request("POST /v1/x HTTP/1.1", *lines, body=body, **more)


def sized(body, *lines, **more):
    return post(*lines, f"Content-Length: {len(body)}", body=body, **more)


def chunked(body, *lines):
    """A POST with this chunked body, sizes and all."""
    return post(*lines, "Transfer-Encoding: chunked", body=body)


def answer(*lines, body=b"", first="HTTP/1.1 200 OK"):
    """An answer of the node, with the body as it stands."""
    return b"".join(octets(line) + b"\r\n" for line in (first, *lines)) + b"\r\n" + body
