"""fakeengine - a Docker Engine on a unix socket that answers as its script says.

Paths (without version and query) have answers as raw bytes; events stay open until
end_events().
`step` is how many bytes go out at once: with 1 every answer is split at every byte. Every
request is kept in `requests`, as "METHOD /path?query".

SPDX-License-Identifier: MIT
"""
import json
import os
import re
import socket
import threading


def answer(body, status=200, headers=""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (f"HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nContent-Length: {len(body)}\r\n"
            f"{headers}\r\n").encode() + body


def container(name, port, identity="0123456789ab", **more):
    """A row of /containers/json: a node on this machine's loopback."""
    return {"Id": identity, "Names": [f"/{name}"], "State": "running", "Status": "Up",
            "Labels": {"copilot.node": "true", "copilot.port": str(port)},
            "HostConfig": {"NetworkMode": "host"}, **more}


class FakeEngine:
    def __init__(self, path, rows=(), step=65536):
        self.path, self.step, self.requests, self.streams = str(path), step, [], []
        self.answers = {
            "/_ping": answer(b"OK"),
            "/containers/json": answer(list(rows)),
        }
        self.listen()

    def listen(self):
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen()
        threading.Thread(target=self.accept, args=(self.server,), daemon=True).start()

    def accept(self, server):
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        head = b""
        try:
            while data := connection.recv(65536):
                head += data
                while b"\r\n\r\n" in head:
                    first, head = head.split(b"\r\n\r\n", 1)
                    self.reply(connection, first.decode().split("\r\n")[0].rsplit(" ", 1)[0])
        except OSError:
            pass

    def reply(self, connection, request):
        self.requests.append(request)
        path = re.sub(r"^/v1\.\d+", "", request.split(" ")[1].split("?")[0])
        text = self.answers.get(path)
        if path == "/events" and text is None:
            text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            self.streams.append(connection)
        self.send(connection, text or answer({"message": "no such thing"}, 404))

    def send(self, connection, text):
        for at in range(0, len(text), self.step):
            connection.sendall(text[at:at + self.step])

    def event(self, **event):
        line = json.dumps(event).encode() + b"\n"
        for stream in self.streams:
            self.send(stream, b"%x\r\n%s\r\n" % (len(line), line))

    def rows(self, *rows):
        """Another list, and an event that says so."""
        self.answers["/containers/json"] = answer(list(rows))
        self.event(Type="container", Action="start",
                   Actor={"Attributes": {"copilot.node": "true"}})

    def end_events(self):
        for stream in self.streams:
            stream.shutdown(socket.SHUT_RDWR)
        self.streams = []

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        os.unlink(self.path)
