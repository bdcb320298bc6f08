#!/usr/bin/python3
"""fakenode - a node that misbehaves on command.

It stands where copilot-api would: binds $HOST and --port, says "Server running" at /, has a
quota at /usage. What it does with any other request is one dict, taken from the query string
(?do=stream&events=5), else from the JSON in the --control file, which a test may rewrite at any
moment, else {"do": "echo"}:

  echo    JSON about the request: node, method, target, headers, length, sha256
  mirror  the body of the request, byte for byte; piece=N: chunked, N bytes a chunk;
          type=MIME, coding=gzip: what its head says of it
  status  status=N, body=TEXT, type=MIME
  reset   RST before the head, or after=N bytes of a longer body
  close   FIN before the head
  hang    reads the request, then silence
  head    a head of 200, then silence; how=rst: RST
  stream  events=N delay=S, then the mark of a whole stream (dialect=chat|messages|responses);
          cut=K ends after K events, how=last (a clean last chunk, like copilot-api), fin, rst
  parts   a stream of the test's own: a text of parts=[...] is a chunk, a number a wait in
          seconds; type=MIME, coding=gzip; how as above, or open: the connection stays open
  big     bytes=N of a known pattern
  die     the process exits in mid-request
  flood   prints lines for seconds=N as fast as they are read, meanwhile it serves; line=TEXT

"times": N in the file limits it to N requests, "usage" there is the quota left, or a status.
Each request is one line of JSON in the --log file.

SPDX-License-Identifier: MIT
"""
import argparse
import hashlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qsl, urlsplit

PATTERN = bytes(range(256)) * 256
EVENTS = {  # dialect -> (one event, the mark of a whole stream)
    "chat": ('data: {"choices":[{"index":0,"delta":{"content":"word%d "}}]}\n\n',
             "data: [DONE]\n\n"),
    "messages": ('event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
                 '"delta":{"type":"text_delta","text":"word%d "}}\n\n',
                 'event: message_stop\ndata: {"type":"message_stop"}\n\n'),
    "responses": ('event: response.output_text.delta\ndata: {"type":'
                  '"response.output_text.delta","delta":"word%d "}\n\n',
                  'event: response.completed\ndata: {"type":"response.completed"}\n\n'),
}


class Gone(Exception):
    """The connection is over."""


class Connection:
    def __init__(self, node, sock):
        self.node, self.sock, self.file = node, sock, sock.makefile("rb")

    # ---------------------------------------------------------------- one request

    def read_body(self, headers):
        names = dict(headers)
        if "chunked" not in names.get("transfer-encoding", ""):
            size = int(names.get("content-length", "0"))
            body = self.file.read(size)
            if len(body) < size:
                raise Gone
            return body
        body = b""
        while size := int(self.file.readline(), 16):
            body += self.file.read(size)
            self.file.readline()
        self.file.readline()
        return body

    def serve(self):
        while first := self.file.readline():
            method, target, _ = first.decode("latin-1").split(" ", 2)
            headers = []
            while (line := self.file.readline().decode("latin-1").strip()):
                name, value = line.split(":", 1)
                headers.append((name.lower(), value.strip()))
            body = self.read_body(headers)
            facts = {"node": self.node.options.name, "method": method, "target": target,
                     "headers": headers, "length": len(body),
                     "sha256": hashlib.sha256(body).hexdigest()}
            self.node.note(facts)
            self.answer(facts, body)

    def answer(self, facts, body):
        parts = urlsplit(facts["target"])
        if facts["method"] in ("GET", "HEAD") and parts.path == "/":
            return self.send(200, b"Server running", kind="text/plain", to=facts["method"])
        if parts.path == "/usage":
            return self.usage()
        what = dict(parse_qsl(parts.query))
        if "do" not in what:
            what = self.node.control()
        getattr(self, "do_" + what.get("do", "echo"))(what, facts, body)

    # ---------------------------------------------------------------- sending

    def head(self, status, fields):
        """Like copilot-api's: the reason phrase is empty."""
        lines = "".join(f"{k}: {v}\r\n" for k, v in fields)
        self.sock.sendall(f"HTTP/1.1 {status} \r\n{lines}\r\n".encode("latin-1"))

    def send(self, status, body, kind="application/json", to="POST"):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        self.head(status, [("content-type", kind), ("x-node", self.node.options.name),
                           ("content-length", len(body))])
        self.sock.sendall(b"" if to == "HEAD" else body)

    def chunk(self, data):
        self.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self, how):
        if how == "rst":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def usage(self):
        left = self.node.control(peek=True).get("usage", self.node.options.quota)
        if isinstance(left, str) and left.startswith("status "):
            return self.send(int(left[7:]), {"error": "Failed to fetch Copilot usage"})
        share = 100.0 * left / 300
        self.send(200, {"copilot_plan": "individual", "quota_reset_date": "2030-01-01",
                        "quota_snapshots": {"premium_interactions": {
                            "entitlement": 300, "remaining": left, "quota_remaining": left,
                            "percent_remaining": share, "unlimited": False,
                            "overage_count": 0, "overage_permitted": False}}})

    # ---------------------------------------------------------------- what it can do

    def do_echo(self, what, facts, body):
        self.send(200, facts, to=facts["method"])

    def do_mirror(self, what, facts, body):
        piece, kind = int(what.get("piece", 0)), what.get("type", "application/octet-stream")
        fields = [("content-type", kind)]
        if "coding" in what:
            fields.append(("content-encoding", what["coding"]))
        if not piece:
            self.head(200, [*fields, ("content-length", len(body))])
            return self.sock.sendall(body)
        self.head(200, [*fields, ("transfer-encoding", "chunked")])
        for at in range(0, len(body), piece):
            self.chunk(body[at:at + piece])
        self.chunk(b"")

    def do_status(self, what, facts, body):
        text = what.get("body", json.dumps({"error": {"message": "no", "type": "error"}}))
        self.send(int(what["status"]), text.encode(), what.get("type", "application/json"))

    def do_reset(self, what, facts, body):
        if after := int(what.get("after", 0)):
            self.head(200, [("content-type", "text/plain"), ("content-length", after * 2)])
            self.sock.sendall(b"x" * after)
            time.sleep(0.2)  # an RST overtakes what the peer has not read yet
        self.end("rst")

    def do_close(self, what, facts, body):
        self.end("fin")

    def do_hang(self, what, facts, body):
        self.sock.recv(1)
        raise Gone

    def do_head(self, what, facts, body):
        self.head(200, [("content-type", "application/json"), ("transfer-encoding", "chunked")])
        if "how" in what:
            time.sleep(0.2)
            self.end(what["how"])
        self.do_hang(what, facts, body)

    def do_parts(self, what, facts, body):
        self.head(200, [("content-type", what.get("type", "text/event-stream")),
                        ("x-node", facts["node"]), ("transfer-encoding", "chunked"),
                        *([("content-encoding", what["coding"])] if "coding" in what else [])])
        for part in what["parts"]:
            if isinstance(part, str):
                self.chunk(part.encode())
            else:
                time.sleep(part)
        how = what.get("how", "last")
        if how == "open":
            self.do_hang(what, facts, body)
        elif how != "last":
            time.sleep(0.2)  # an RST overtakes what the peer has not read yet
            self.end(how)
        self.chunk(b"")

    def do_stream(self, what, facts, body):
        event, mark = EVENTS[what.get("dialect", "chat")]
        cut = int(what["cut"]) if "cut" in what else None
        self.head(200, [("content-type", "text/event-stream"), ("x-node", facts["node"]),
                        ("transfer-encoding", "chunked")])
        for i in range(int(what.get("events", 3))):
            if i == cut:
                break
            self.chunk((event % i).encode())
            time.sleep(float(what.get("delay", 0)))
        if cut is None:
            self.chunk(mark.encode())
        elif what.get("how", "last") != "last":
            self.end(what["how"])
        self.chunk(b"")

    def do_big(self, what, facts, body):
        left = int(what["bytes"])
        self.head(200, [("content-type", "application/octet-stream"), ("content-length", left)])
        while left > 0:
            left -= self.sock.send(PATTERN[:left])

    def do_flood(self, what, facts, body):
        """A process of its own: threads of this one take turns, and slow it down."""
        line = what.get("line", "the same again, and no end of it, " * 2)
        subprocess.Popen(["timeout", what.get("seconds", "2"), "yes", line])
        self.do_echo(what, facts, body)

    def do_die(self, what, facts, body):
        os._exit(3)


class Node:
    def __init__(self, options):
        self.options, self.lock, self.seen, self.used = options, threading.Lock(), "", 0

    def control(self, peek=False):
        """The dict of the control file; counts `times` down, from anew when it changes."""
        with self.lock:
            try:
                with open(self.options.control, encoding="utf-8") as f:
                    text = f.read()
            except (OSError, TypeError):
                return {}
            what = json.loads(text or "{}")
            if text != self.seen:
                self.seen, self.used = text, 0
            if not peek:
                self.used += 1
                if self.used > what.get("times", 1 << 30):
                    return {}
            return what

    def note(self, facts):
        if self.options.log:
            with self.lock, open(self.options.log, "a", encoding="utf-8") as f:
                f.write(json.dumps(facts) + "\n")

    def run(self):
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((os.environ.get("HOST", "127.0.0.1"), self.options.port))
        server.listen(512)
        print(f"fakenode {self.options.name} listens", flush=True)
        trouble_in_service(self.options)
        while True:
            sock, _ = server.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.connection, args=(sock,), daemon=True).start()

    def connection(self, sock):
        try:
            Connection(self, sock).serve()
        except (OSError, Gone, ValueError):
            pass
        finally:
            sock.close()


def trouble_at_start(options):
    for line in options.say:
        print(line, file=sys.stderr, flush=True)
    if options.fail_starts:
        with open(options.fail_file, "a+", encoding="ascii") as f:
            f.write(f"{options.port}\n")
            f.seek(0)
            if len(f.readlines()) <= options.fail_starts:
                sys.exit(f"Error: listen EADDRINUSE: address already in use :{options.port}")
    if options.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(options.orphans):  # short-lived; their parent is gone at once
        subprocess.Popen(["sh", "-c", "(sleep 0.3 &)"]).wait()
    if options.escapee:  # leaves session and process group, and outlives everybody
        subprocess.Popen(["sh", "-c", "setsid sleep 600 & exit"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL).wait()


# What forks of copilot-api print when they want a login, and when they have it (FACTS 1).
DIALECTS = [
    ("\N{INFORMATION SOURCE} Please enter the code \"%s\" in https://github.com/login/device",
     "\N{INFORMATION SOURCE} Logged in as %s"),
    ("[info] Please enter the code \"%s\" in https://github.com/login/device",
     "Logged in as %s"),
    ("Please enter the code \"%s\" at https://github.com/login/device", "Logged in as %s"),
    ("\x1b[36mEnter code %s at https://github.com/login/device\x1b[0m",
     'Account "%s" added successfully!'),
    ("Please enter the code in https://github.com/login/device code=%s", "Logged in as %s"),
    ("Please visit https://github.com/login/device\nand enter code: %s", "Logged in as %s"),
]


def ask_for_login(options):
    """Shows a code and waits for ~/approved, which holds the account; then keeps a token."""
    home = pathlib.Path.home()
    token = home / ".local/share/copilot-api/github_token"
    ask, done = DIALECTS[options.prompt]
    if not token.exists():
        code = "%04X-%04X" % (os.getpid() % 65536, options.port)
        print(ask % code, file=sys.stderr if options.prompt % 2 else sys.stdout, flush=True)
        while not (home / "approved").exists():
            time.sleep(0.02)
        token.parent.mkdir(parents=True, exist_ok=True)
        token.write_text("ghu_fake")
    print(done % (home / "approved").read_text().strip(), flush=True)


def flood(megabytes):
    line = b"flood " * 20 + b"\n"
    block = line * (65536 // len(line))
    for _ in range(megabytes * 16):
        os.write(2, block)


def rubbish():
    os.write(2, b"x" * (1 << 20) + b"\n")
    os.write(2, b"\xff\xfe\x80 bad \xc3\x28 \x1b[31mred\x1b[0m\n")
    os.write(2, b"after-the-rubbish\n")


def trouble_in_service(options):
    """What begins with the service and goes on beside it."""
    if options.keep_pipe:  # in a session of its own, with our stdout
        subprocess.Popen(["setsid", "sleep", "602"])
    if options.family:
        subprocess.Popen(["setsid", "sh", "-c", "sleep 603 & exec sleep 604"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if options.rubbish:
        rubbish()
    if options.close_output:
        os.close(1)
        os.close(2)
    if options.eat:
        options.eaten = bytearray(b"x") * (options.eat << 20)
    if options.flood:
        threading.Thread(target=flood, args=(options.flood,), daemon=True).start()
    if options.crash_after is not None:
        timer = threading.Timer(options.crash_after, os._exit, (options.crash_code,))
        timer.daemon = True
        timer.start()


def main():
    parser = argparse.ArgumentParser(description="a node that misbehaves on command")
    add = parser.add_argument
    add("--port", type=int, required=True)
    add("--name", default="fake")
    add("--control", help="file with the behaviour, as JSON")
    add("--log", help="file for the requests it gets")
    add("--quota", type=float, default=300)
    add("--say", action="append", default=[], help="a line for stderr, at the start")
    add("--fail-starts", type=int, default=0, help="so many starts end with EADDRINUSE")
    add("--fail-file", help="counts them")
    add("--ignore-term", action="store_true")
    add("--orphans", type=int, default=0)
    add("--escapee", action="store_true")
    add("--prompt", type=int, help="asks for a login in one of DIALECTS")
    add("--crash-after", type=float, help="seconds")
    add("--crash-code", type=int, default=1)
    add("--keep-pipe", action="store_true", help="a process that holds our output and stays")
    add("--family", action="store_true", help="two generations that leave the group")
    add("--rubbish", action="store_true", help="a line of 1 MB, and bytes that are no text")
    add("--close-output", action="store_true")
    add("--eat", type=int, default=0, help="so many MiB")
    add("--flood", type=int, default=0, help="prints so many MiB as fast as it can")
    options = parser.parse_args()
    trouble_at_start(options)
    if options.prompt is not None:
        ask_for_login(options)
    Node(options).run()


if __name__ == "__main__":
    main()
