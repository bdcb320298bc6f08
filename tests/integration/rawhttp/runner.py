"""runner - plays one wire case against one peer and compares.

The peers of a test are "gateway", "bytewise" (the gateway again, fed one byte at a time: no
reading may depend on how TCP cuts a message), "nginx" and "haproxy". Cases of later.py are
expected to fail at the gateway, strictly: one that passes is a failure until its row is gone.

After the steps one more request comes on a new connection and is answered; then the node must
have got what the case says, strict messages only, and nothing that its URL parser would take
for /token or /usage.

SPDX-License-Identifier: MIT
"""
import re
import socket

import pytest

import backend
from case import Answer, Heard, Quiet, Seen, Step, Text, Trickle, get
from later import LATER
from wire import Cut

AGAIN, AFTER = get(target="/v1/again"), get(target="/v1/after")
BYTEWISE_MAX = 20_000  # longer requests are not fed one byte at a time


def understood(target):
    """The path as Node's URL parser and the most generous router would read it."""
    path = re.sub(r"(?i)^https?:/*[^/\\?#]*", "", target)
    path = re.split(r"[?#]", path, 1)[0]
    path = re.sub(r"%([0-9A-Fa-f]{2})", lambda m: chr(int(m.group(1), 16)), path)
    parts = []
    for part in path.replace("\\", "/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part.lower().rstrip(". \0"))
    return "/" + "/".join(parts)


class Play:
    """One case on its way: a connection, and what was asked on it besides the case."""

    def __init__(self, case, run, peer, is_bytewise):
        self.case, self.run, self.peer, self.node = case, run, peer, peer.backend
        self.is_bytewise, self.extra, self.ids = is_bytewise, [], []

    def play(self):
        self.node.begin(self.case.answers)
        try:
            with self.peer.connect() as self.wire:
                for step in self.run.steps:
                    self.step(step)
        finally:
            self.node.end()
        if not self.extra:
            self.sync()
        self.check()

    # ---------------------------------------------------------------- steps

    def step(self, step):
        if isinstance(step, Step):
            getattr(self, step.name.lower())()
        else:
            self.TAKES[type(step)](self, step)

    def send(self, data):
        pieces = [data]
        if self.is_bytewise and len(data) <= BYTEWISE_MAX:
            pieces = [data[i:i + 1] for i in range(len(data))]
        try:
            for piece in pieces:
                self.wire.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has answered already and hung up; the answer is there all the same

    def answer(self, wanted):
        got = self.head()
        statuses = wanted.status if isinstance(wanted.status, tuple) else (wanted.status,)
        assert got.status in statuses, f"answered {got}, not {statuses}"
        backend.check_fields(wanted.has, wanted.lacks, got.headers, f"the answer {got}")
        if got.status >= 200:
            self.ids.append(dict(got.headers).get("x-request-id"))
        if wanted.lets_go:
            self.let_go()
        if wanted.to == "HEAD" or got.status < 200 or got.status in (204, 304):
            return
        try:
            body = self.wire.body(got)
        except (Cut, ConnectionResetError) as cut:
            assert wanted.cut is not None, f"the answer broke off: {cut}"
            got = getattr(cut, "got", b"")
            # What others had in a chunk of their own is lost with it.
            whole = self.peer.strict and isinstance(cut, Cut)
            assert got == wanted.cut if whole else wanted.cut.startswith(got), f"{cut}"
            return
        assert wanted.cut is None, f"the answer ended as if it were whole: {body[:200]!r}"
        if wanted.body is not None:
            assert body == wanted.body, f"the body is {body[:200]!r}, not {wanted.body[:200]!r}"

    def head(self):
        got = self.wire.head()
        framings = [name for name, _ in got.headers
                    if name in ("content-length", "transfer-encoding")]
        assert len(framings) <= 1, f"framed more than once: {got}"
        for name, value in got.headers:
            assert re.fullmatch(r"[^\0\r\n]*", value), f"not a field: {name}: {value!r}"
        return got

    def is_silent(self, seconds):
        self.wire.sock.settimeout(seconds)
        try:
            self.wire.sock.recv(1, socket.MSG_PEEK)
            return False
        except TimeoutError:
            return True
        finally:
            self.wire.sock.settimeout(backend.harness.PATIENCE)

    def quiet(self, step):
        assert self.is_silent(step.seconds), f"there came {self.wire.more()!r}, not silence"

    def trickle(self, step):
        for octet in step.data:
            self.send(bytes([octet]))
            if not self.is_silent(0.1):
                return
        raise AssertionError("nobody minds a trickle")

    def text(self, step):
        self.wire.until(step.mark)

    def heard(self, step):
        self.node.wait_heard(step.count)

    TAKES = {bytes: send, Answer: answer, Quiet: quiet, Trickle: trickle, Text: text,
             Heard: heard}

    def end(self):
        try:
            self.wire.end()
        except OSError:
            pass  # it has hung up already

    def reset(self):
        self.wire.close(rst=True)

    def closed(self):
        assert self.wire.is_closed(), "it is still open, or says more"

    def open(self):
        self.wire.send(AGAIN)
        got = self.wire.answer()
        assert (got.status, got.body) == (200, b"ok"), f"the next request got {got}"
        self.extra.append(Seen("/v1/again", "GET"))

    def either(self):
        try:
            self.wire.send(AGAIN)
            got = self.wire.answer()
        except (Cut, ConnectionError) as end:
            assert getattr(end, "got", b"") == b"", f"it said more: {end}"
            return
        assert (got.status, got.body) == (200, b"ok"), f"the next request got {got}"
        self.extra.append(Seen("/v1/again", "GET"))

    def let_go(self):
        self.node.let_go()

    def node_left(self):
        self.node.wait_left()

    def fresh(self):
        self.node.drop_idle()

    # ---------------------------------------------------------------- the end

    def sync(self):
        """What the peer had to say to the node, it has said by now."""
        with self.peer.connect() as wire:
            wire.send(AFTER)
            got = wire.answer()
        assert got.status == 200, f"the request after it got {got}"
        self.extra.append(Seen("/v1/after", "GET"))

    def check(self):
        node = self.node
        assert not node.garbage, f"the node got garbage: {node.garbage}"
        for request in node.seen + node.partial:
            target = getattr(request, "target", "")
            secret = understood(target) in ("/token", "/usage")
            assert not secret, f"{target} reached the node"
        seen, extra = node.seen, len(self.extra)
        backend.check_node(self.extra, seen[len(seen) - extra:])
        backend.check_node(self.run.node, seen[:len(seen) - extra])
        own = seen[:len(seen) - extra]  # refusals have an id, too, that no node knows
        for request in own[:len(self.ids)]:
            for known in request.values("X-Request-Id"):
                assert known in self.ids, f"{known} at the node, {self.ids} at the client"
        if self.run.calm:
            assert "/" not in node.controls, "the node was taken for a failing one"
        if self.peer.strict:
            assert not node.partial, f"a part of a request reached the node: {node.partial}"


def play(peers, case, who):
    kind = "gateway" if who == "bytewise" else who
    peer = peers.peer(kind, case.setting)
    try:
        Play(case, case.runs[kind], peer, who == "bytewise").play()
    except BaseException:
        peer.settle()
        raise


# --------------------------------------------------------------------------- parametrize

def later(name):
    """The mark of a test or case that the gateway does not pass yet."""
    return pytest.mark.xfail(strict=True, reason=LATER[name])


def slug(name):
    return re.sub(r"[^a-z0-9.]+", "_", name.lower()).strip("_")


def is_bytewise(case):
    sends = [step for step in case.runs["gateway"].steps if isinstance(step, bytes)]
    return case.setting == "plain" and sends and max(map(len, sends)) <= BYTEWISE_MAX


def every(*modules, bytewise=True):
    """The decorator that makes a test of every case of these modules and each of its peers."""
    params = []
    for case in (case for module in modules for case in module.CASES):
        peers = [*case.runs, *(["bytewise"] if bytewise and is_bytewise(case) else [])]
        for who in peers:
            marks = []
            if who in ("gateway", "bytewise") and case.name in LATER:
                marks = [later(case.name)]
            params.append(pytest.param(case, who, id=f"{who}-{slug(case.name)}", marks=marks))
    return pytest.mark.parametrize("case, who", params)
