"""wire - HTTP/1.1 by hand, for tests that care about bytes.

A Wire is one connection: TCP, or a unix socket when `host` is a path. What is sent is exactly
what the test wrote; answers are read by their own framing (Content-Length, chunked, end of
connection) and never guessed at: a body that ends early raises Cut. Nothing here retries,
redirects or keeps cookies.

SPDX-License-Identifier: MIT
"""
import json
import socket
import struct
import time


class Cut(Exception):
    """The peer ended the connection before the answer was whole; .got holds what came."""

    def __init__(self, got=b""):
        super().__init__(f"the answer was cut after {len(got)} bytes: {got[-200:]!r}")
        self.got = got


class Answer:
    """Status, headers (a list of pairs, names in lower case) and body of one answer."""

    def __init__(self, status, headers, body=b""):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"

    def header(self, name, default=None):
        values = [v for k, v in self.headers if k == name]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else default

    def json(self):
        return json.loads(self.body)


class Wire:
    def __init__(self, port, host="127.0.0.1", timeout=30, receive_buffer=None):
        host = str(host)
        is_path = host.startswith("/")
        self.sock = socket.socket(socket.AF_UNIX if is_path else
                                  socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.connect(host if is_path else (host, port))
        if not is_path:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, rst=False):
        if rst:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # ---------------------------------------------------------------- sending

    def send(self, data):
        self.sock.sendall(data)

    def end(self):
        """Half-close: nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def request(self, method, target, body=None, headers=()):
        """Send a plain request; a dict body goes out as JSON."""
        self.send(request_bytes(method, target, body, headers))

    # ---------------------------------------------------------------- receiving

    def more(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return data

    def until(self, mark):
        """Everything up to and with mark."""
        while mark not in self.buffer:
            if not self.more():
                raise Cut(self.buffer)
        at = self.buffer.index(mark) + len(mark)
        out, self.buffer = self.buffer[:at], self.buffer[at:]
        return out

    def exactly(self, size):
        parts, have = [self.buffer[:size]], min(size, len(self.buffer))
        self.buffer = self.buffer[size:]
        while have < size:
            data = self.sock.recv(min(1 << 20, size - have))
            if not data:
                raise Cut(b"".join(parts))
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def head(self):
        """Read one head; 1xx heads are heads too."""
        first, *lines = self.until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        pairs = [line.split(":", 1) for line in lines]
        return Answer(int(status), [(k.lower(), v.strip()) for k, v in pairs])

    def chunks(self):
        """The chunks of a chunked body as they come; Cut when the last one never does."""
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            data = self.exactly(size)
            assert self.exactly(2) == b"\r\n", "a chunk must end in CRLF"
            if size == 0:
                return
            yield data

    def body(self, answer):
        """Read the body that belongs to this head."""
        if answer.header("transfer-encoding") == "chunked":
            got = b""
            try:
                for chunk in self.chunks():
                    got += chunk
            except Cut:
                raise Cut(got) from None
            return got
        length = answer.header("content-length")
        if length is not None:
            return self.exactly(int(length))
        got = b""
        while data := self.sock.recv(65536):
            got += data
        got, self.buffer = self.buffer + got, b""
        return got

    def answer(self, to="GET"):
        """Read one whole final answer, skipping 1xx ones."""
        answer = self.head()
        while 100 <= answer.status < 200:
            answer = self.head()
        if to != "HEAD" and answer.status not in (204, 304):
            answer.body = self.body(answer)
        return answer

    def events(self):
        """The events of an SSE body as (text, seconds since the first call)."""
        begin, text = time.monotonic(), b""
        for chunk in self.chunks():
            text += chunk
            while b"\n\n" in text:
                event, text = text.split(b"\n\n", 1)
                yield event.decode(), time.monotonic() - begin
        assert text == b"", f"half an event at the end: {text!r}"

    def is_closed(self, within=10):
        """True when the peer closes the connection and sends nothing more."""
        self.sock.settimeout(within)
        try:
            return self.buffer == b"" and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def request_bytes(method, target, body=None, headers=()):
    if isinstance(body, (dict, list)):
        headers = [("content-type", "application/json"), *headers]
        body = json.dumps(body).encode()
    lines = [f"{method} {target} HTTP/1.1"]
    names = [k.lower() for k, _ in headers]
    if "host" not in names:
        lines.append("host: localhost")
    if body is not None and "transfer-encoding" not in names and "content-length" not in names:
        lines.append(f"content-length: {len(body)}")
    lines += [f"{k}: {v}" for k, v in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


def exchange(port, method, target, body=None, headers=(), host="127.0.0.1", timeout=30):
    """One request on a connection of its own."""
    with Wire(port, host, timeout) as wire:
        wire.request(method, target, body, [*headers, ("connection", "close")])
        return wire.answer(to=method)
