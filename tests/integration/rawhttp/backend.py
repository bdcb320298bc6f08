"""backend - the node behind the peers of the wire cases: it records bytes and obeys scripts.

It reads what it gets by one strict reading of RFC 9112 and nothing else: exactly one Host, one
framing, CRLF everywhere. What does not fit is `garbage`, and no peer may ever send that: it
would be a request that two programs read differently. A message that ends early is `partial`.
`GET /` and `GET /usage` of the gateway's own fetcher are answered like copilot-api does and
kept apart in `controls`.

Threads, one for each connection; the test is the only other one. Nothing here sleeps.

SPDX-License-Identifier: MIT
"""
import collections
import json
import re
import socket
import struct
import threading

import harness
from case import ANY, OK, Act

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
FIRST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/1\.[01]")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\0\r\n]*?)[ \t]*")
DIGITS = re.compile(rb"[0-9]{1,18}")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(;[^\0\r\n]*)?")
USAGE = {"copilot_plan": "individual", "quota_reset_date": "2030-01-01", "quota_snapshots": {
    "premium_interactions": {"entitlement": 300, "remaining": 300, "quota_remaining": 300,
                             "percent_remaining": 100.0, "unlimited": False,
                             "overage_count": 0, "overage_permitted": False}}}


class Garbage(Exception):
    """Not one whole, strict request."""


class Gone(Exception):
    """The connection is over."""


class Request:
    def __init__(self, head, connection):
        self.head, self.connection = head, connection
        self.is_new, self.body, self.trailers = connection.count == 0, None, []
        first, *lines = head[:-4].split(b"\r\n")
        match = FIRST_LINE.fullmatch(first)
        if not match:
            raise Garbage(f"no request line: {first[:200]!r}")
        self.method, self.target = (part.decode("latin-1") for part in match.groups())
        self.headers = [self.field(line) for line in lines]
        if len(self.values("host")) != 1:
            raise Garbage(f"Host stands {len(self.values('host'))} times")

    @staticmethod
    def field(line):
        match = FIELD.fullmatch(line)
        if not match:
            raise Garbage(f"no header field: {line[:200]!r}")
        return tuple(part.decode("latin-1") for part in match.groups())

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def length(self):
        """The length of the body, None = chunked."""
        lengths, codings = self.values("content-length"), self.values("transfer-encoding")
        if codings:
            if lengths or [c.lower() for c in codings] != ["chunked"]:
                raise Garbage(f"framed by {lengths} and {codings}")
            return None
        if not lengths:
            return 0
        if len(lengths) > 1 or not DIGITS.fullmatch(lengths[0].encode("latin-1")):
            raise Garbage(f"Content-Length {lengths}")
        return int(lengths[0])

    @property
    def is_control(self):
        return (self.method == "GET" and self.target in ("/", "/usage")
                and self.values("user-agent") == ["copilot-cluster"])

    def __repr__(self):
        return f"<{self.method} {self.target} {self.headers} {(self.body or b'')[:200]!r}>"


class Connection:
    def __init__(self, backend, sock):
        self.backend, self.sock, self.buffer, self.count = backend, sock, b"", 0
        self.closed, self.is_control = threading.Event(), False

    # ---------------------------------------------------------------- reading

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.buffer += data

    def until(self, mark, most=1 << 20):
        while mark not in self.buffer:
            if len(self.buffer) > most:
                raise Garbage(f"{mark!r} never comes")
            self.more()
        out, _, self.buffer = self.buffer.partition(mark)
        return out + mark

    def exactly(self, size):
        while len(self.buffer) < size:
            self.more()
        out, self.buffer = self.buffer[:size], self.buffer[size:]
        return out

    def read_body(self, request):
        size = request.length()
        if size is not None:
            request.body = self.exactly(size)
            return
        body = b""
        while True:
            line = self.until(b"\r\n")[:-2]
            match = CHUNK_SIZE.fullmatch(line)
            if not match:
                raise Garbage(f"no chunk size: {line[:200]!r}")
            size = int(match.group(1), 16)
            if size == 0:
                break
            body += self.exactly(size)
            if self.exactly(2) != b"\r\n":
                raise Garbage("a chunk without its end")
        while line := self.until(b"\r\n")[:-2]:
            request.trailers.append(Request.field(line))
        request.body = body

    # ---------------------------------------------------------------- one request

    def serve(self):
        while True:
            self.buffer or self.more()
            request = None
            try:
                request = Request(self.until(b"\r\n\r\n"), self)
                if request.is_control:
                    self.control(request)
                    continue
                script = self.backend.script()
                if script[0] in (Act.EARLY, Act.DEAF):
                    self.backend.note(request)
                    self.obey(script[1:])
                    if script[0] is Act.DEAF:
                        return
                    self.read_body(request)
                else:
                    self.read_body(request)
                    self.backend.note(request)
                    self.obey(script)
                self.count += 1
            except Gone:
                self.backend.note_partial(request or self.buffer)
                raise

    def control(self, request):
        self.backend.note_control(request.target)
        body = json.dumps(USAGE).encode() if request.target == "/usage" else b"Server running"
        self.sock.sendall(b"HTTP/1.1 200 \r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        self.is_control = True

    def obey(self, script):
        for act in script:
            if isinstance(act, bytes):
                self.sock.sendall(act)
            elif act is Act.HOLD:
                if not self.backend.hold():
                    raise Gone
            elif act is Act.RESET:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     struct.pack("ii", 1, 0))
                self.sock.close()
                raise OSError("reset")
            elif act is Act.CLOSE:
                self.sock.shutdown(socket.SHUT_WR)
                while self.sock.recv(65536):
                    pass
                raise OSError("closed")

    def refuse(self):
        """What a client would want to see for garbage, so that only the node knows of it."""
        try:
            self.sock.sendall(b"HTTP/1.1 400 No\r\nConnection: close\r\n"
                              b"Content-Length: 0\r\n\r\n")
            self.sock.shutdown(socket.SHUT_WR)
            while self.sock.recv(65536):
                pass
        except OSError:
            pass

    def run(self):
        try:
            self.serve()
        except Garbage as garbage:
            self.backend.note_garbage(str(garbage))
            if self.backend.answers_garbage:
                self.refuse()
        except (Gone, OSError):
            pass
        finally:
            self.sock.close()
            self.closed.set()


class Backend:
    def __init__(self, answers_garbage=False):
        self.answers_garbage = answers_garbage
        self.changed = threading.Condition()
        self.connections, self.round = [], 0
        self.begin(())
        self.server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.server.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock)
            self.connections = [c for c in self.connections if not c.closed.is_set()]
            self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    def close(self):
        self.end()
        self.server.close()

    # ---------------------------------------------------------------- the test's side

    def begin(self, answers):
        """A new case: nothing was seen, these are the scripts."""
        with self.changed:
            self.seen, self.partial, self.garbage, self.controls = [], [], [], []
            self.scripts = collections.deque(answers)
            self.let_go_count, self.is_over = 0, False
            self.round += 1

    def let_go(self):
        with self.changed:
            self.let_go_count += 1
            self.changed.notify_all()

    def end(self):
        """Whoever still holds, and was not let go, gives up."""
        with self.changed:
            self.is_over = True
            self.changed.notify_all()

    def wait_heard(self, count):
        with self.changed:
            heard = self.changed.wait_for(lambda: len(self.seen) >= count, harness.PATIENCE)
        assert heard, f"the node got {len(self.seen)} requests, not {count}"

    def wait_left(self):
        assert self.seen[-1].connection.closed.wait(harness.PATIENCE), "it is still connected"

    def drop_idle(self):
        """Ends what is open, and waits until the peer has done so, too. (The gateway's
        fetcher, libcurl, looks at its connection only when it needs one.)"""
        for connection in [c for c in self.connections if not c.is_control]:
            try:
                connection.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            assert connection.closed.wait(harness.PATIENCE), "it holds on to a closed one"

    # ---------------------------------------------------------------- the connections' side

    def script(self):
        with self.changed:
            return self.scripts.popleft() if self.scripts else OK

    def hold(self):
        """True when the test let it go, False when the case is over."""
        with self.changed:
            mine = self.round
            self.changed.wait_for(lambda: self.let_go_count or self.is_over
                                  or self.round != mine)
            if self.round != mine or self.let_go_count == 0:
                return False
            self.let_go_count -= 1
            return True

    def note(self, request):
        with self.changed:
            self.seen.append(request)
            self.changed.notify_all()

    def note_control(self, target):
        with self.changed:
            self.controls.append(target)

    def note_partial(self, what):
        if what and what not in self.seen:
            with self.changed:
                self.partial.append(what)

    def note_garbage(self, why):
        with self.changed:
            self.garbage.append(why)


# --------------------------------------------------------------------------- comparing

def matches(wanted, value):
    return wanted.fullmatch(value) if hasattr(wanted, "fullmatch") else wanted == value


def check_fields(has, lacks, headers, what):
    """headers: pairs. A name that comes several times is one list (RFC 9110 section 5.3)."""
    together = {}
    for name, value in headers:
        name = name.lower()
        together[name] = f"{together[name]}, {value}" if name in together else value
    for name, wanted in has.items():
        value = together.get(name.lower())
        assert value is not None, f"{what} has no {name}"
        assert matches(wanted, value), f"{what}: {name} is {value!r}, not {wanted!r}"
    for name in lacks:
        assert name.lower() not in together, f"{what} has {name}: {together[name.lower()]!r}"


def check_seen(wanted, request):
    what = f"{request!r}"
    assert request.method == wanted.method, f"{what}, not {wanted.method}"
    targets = wanted.target if isinstance(wanted.target, tuple) else (wanted.target,)
    assert request.target in targets, f"{what}, not {targets}"
    if wanted.body is not None:
        assert request.body == wanted.body, f"{what}: the body is not {wanted.body[:200]!r}"
    check_fields(wanted.has, wanted.lacks, request.headers, what)
    for line in wanted.lines:
        line = line if isinstance(line, bytes) else line.encode("latin-1")
        assert b"\r\n" + line + b"\r\n" in request.head, f"{line!r} is not in {request.head!r}"
    if wanted.new is not None:
        assert request.is_new == wanted.new, f"{what}: on a new connection is {request.is_new}"


def check_node(wanted, seen):
    """The node got these, in this order, and no other."""
    if wanted is ANY:
        assert len(seen) == 1, f"the node got {len(seen)} requests: {seen}"
        return
    assert len(seen) == len(wanted), f"the node got {seen}, not {wanted}"
    for one, request in zip(wanted, seen):
        check_seen(one, request)
