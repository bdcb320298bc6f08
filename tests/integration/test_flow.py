"""Answers on their way: no byte changes, nobody waits for a slow reader, nothing is kept.

SPDX-License-Identifier: MIT
"""
import gzip
import json
import os
import pathlib
import random
import re
import selectors
import socket
import struct
import threading
import time

import pytest

from harness import wait_for
from nodes import FakeNode, Script
from wire import Wire, request_bytes

CHAT = "/v1/chat/completions"
MIB = 1 << 20
COMMENT = b": keep-alive\n\n"
EVENT = 'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'
DONE = "data: [DONE]\n\n"


def memory(pid, what):
    """A line of /proc/PID/status in bytes: VmRSS, VmHWM, RssAnon."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{what}:\s+(\d+) kB", text, re.M).group(1)) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.fixture
def a(tmp_path):
    return Script(tmp_path, "a")


def with_keepalive(cluster, a, time_of_silence):
    return cluster({"a": a.node()}, ready=True, gateway={"sse_keepalive": time_of_silence})


def stream(c, a, *parts, path=CHAT, **more):
    """The chunks of a stream of these parts."""
    a.does("parts", parts=parts, **more)
    with c.connect() as wire:
        wire.request("POST", path, {"stream": True})
        head = wire.head()
        assert head.status == 200, head
        return list(wire.chunks())


# --------------------------------------------------------------------------- comments

def test_silence_between_events_is_filled_with_comments(cluster, a):
    c = with_keepalive(cluster, a, "200ms")
    chunks = stream(c, a, EVENT, 1, EVENT, DONE)
    assert chunks.count(COMMENT) >= 3, "each is a chunk of its own"
    assert [x for x in chunks if x != COMMENT] == [EVENT.encode()] * 2 + [DONE.encode()]
    assert chunks[0] == EVENT.encode() and chunks[-2:] == [EVENT.encode(), DONE.encode()]


def test_a_stream_that_is_not_silent_gets_no_comments(cluster, a):
    c = with_keepalive(cluster, a, "1s")
    chunks = stream(c, a, *[part for _ in range(20) for part in (EVENT, 0.1)], DONE)
    assert chunks == [EVENT.encode()] * 20 + [DONE.encode()]


@pytest.mark.parametrize("first, last", [
    ('data: {"choices":[{"index":0,"delta":{"con', 'tent":"word"}}]}\n\n'),
    (EVENT[:-1], "\n"),
    (EVENT[:-2], "\n\n"),
    ("event: x\n", EVENT),
    ("d", EVENT[1:]),
])
def test_silence_within_an_event_is_left_alone(cluster, a, first, last):
    c = with_keepalive(cluster, a, "150ms")
    chunks = stream(c, a, EVENT, first, 0.7, last, 0.5, DONE)
    at = chunks.index(first.encode())
    assert chunks[at + 1] == last.encode(), "nothing comes between the halves of an event"
    assert chunks[at + 2] == COMMENT and chunks[-1] == DONE.encode()


def test_nothing_comes_behind_the_end_mark(cluster, a):
    c = with_keepalive(cluster, a, "100ms")
    assert stream(c, a, EVENT, DONE, 0.6) == [EVENT.encode(), DONE.encode()]


def test_a_held_stream_gets_no_comments(cluster, a):
    c = with_keepalive(cluster, a, "100ms")
    start = 'event: message_start\ndata: {"type":"message_start"}\n\n'
    text = ('event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            '"delta":{"type":"text_delta","text":"x"}}\n\n')
    stop = 'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    chunks = stream(c, a, start, 0.6, text, stop, path="/v1/messages")
    assert b"".join(chunks) == (start + text + stop).encode()


@pytest.mark.parametrize("what", [{"type": "text/plain"}, {"coding": "gzip"}])
def test_only_plain_event_streams_get_comments(cluster, a, what):
    c = with_keepalive(cluster, a, "100ms")
    assert stream(c, a, EVENT, 0.6, DONE, **what) == [EVENT.encode(), DONE.encode()]


def test_a_slow_reader_gets_comments_once_it_has_caught_up(cluster, a):
    c = with_keepalive(cluster, a, "200ms")
    long = EVENT[:-2] + "\n:" + 8 * MIB * "x" + "\n\n"
    a.does("parts", parts=[EVENT, long, 6, DONE])  # time to catch up, on a busy machine too
    with c.connect(receive_buffer=4096) as wire:
        wire.request("POST", CHAT, {"stream": True})
        wire.head()
        wait_for(lambda: is_still(c.process.pid), "all buffers full")
        chunks = list(wire.chunks())
    assert b"".join(x for x in chunks if x != COMMENT) == (EVENT + long + DONE).encode()
    assert chunks[-2:] == [COMMENT, DONE.encode()]


# --------------------------------------------------------------------------- every byte

@pytest.fixture(scope="module")
def pair(tmp_path_factory, shared_cluster):
    """A node that can be asked directly, and the gateway before it."""
    node = FakeNode(tmp_path_factory.mktemp("direct"), "a")
    yield node, shared_cluster({"a": {"url": node.url}}, ready=True,
                               gateway={"sse_keepalive": "0s"})
    node.stop()


OURS = {"x-request-id", "connection", "transfer-encoding", "date"}  # of one connection only


def compare(pair, target, body, headers=()):
    """What came directly, after it has been compared with what came through the gateway."""
    node, c = pair
    answers = []
    for port in (node.port, c.port):
        with Wire(port, timeout=60) as wire:
            wire.request("POST", target, body, headers)
            answers.append(wire.answer())
    direct, through = answers
    assert through.status == direct.status
    assert ([h for h in through.headers if h[0] not in OURS]
            == [h for h in direct.headers if h[0] not in OURS])
    assert through.body == direct.body
    return direct


def noise(size):
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", [0, 1, 255, 65535, 65536, 65537, 20 * MIB])
def test_a_plain_answer_is_the_nodes_byte_for_byte(pair, size):
    assert compare(pair, CHAT + "?do=mirror", noise(size)).body == noise(size)


@pytest.mark.parametrize("size, piece", [(3000, 1), (100_000, 7), (20 * MIB, 65536),
                                         (20 * MIB, 1_000_003)])
def test_a_chunked_answer_is_the_nodes_byte_for_byte(pair, size, piece):
    assert compare(pair, f"{CHAT}?do=mirror&piece={piece}", noise(size)).body == noise(size)


@pytest.mark.parametrize("piece", ["", "&piece=1", "&piece=1000"])
def test_a_gzip_answer_is_the_nodes_byte_for_byte(pair, piece):
    packed = gzip.compress(json.dumps({"x": "y" * 5000}).encode() + noise(2000))
    answer = compare(pair, f"{CHAT}?do=mirror&coding=gzip{piece}", packed)
    assert answer.body == packed and answer.header("content-encoding") == "gzip"


@pytest.mark.parametrize("piece", [1, 5, 65536])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_event_stream_is_the_nodes_byte_for_byte(pair, piece, end):
    text = ("\ufeff: hello\n\n" + 9 * EVENT + 'data: {"choices":[]}\ndata:\n\nid: 7\n\n' + EVENT
            + DONE).replace("\n", end).encode()
    assert compare(pair, f"{CHAT}?do=mirror&type=text/event-stream&piece={piece}",
                   text).body == text


def test_silence_changes_no_byte_without_keepalive(cluster, a):
    c = with_keepalive(cluster, a, "0s")
    assert stream(c, a, EVENT, 1, EVENT, DONE) == [EVENT.encode()] * 2 + [DONE.encode()]


# --------------------------------------------------------------------------- slow readers

def test_a_slow_reader_does_not_slow_the_others_of_its_node(pair):
    node, c = pair
    slow = [Wire(c.port, receive_buffer=4096) for _ in range(5)]
    for wire in slow:
        wire.request("POST", f"{CHAT}?do=big&bytes={16 * MIB}", b"")
        wire.head()
    wait_for(lambda: is_still(c.process.pid), "all buffers full")
    with c.connect() as wire:
        for _ in range(5):
            wire.request("POST", f"{CHAT}?do=big&bytes={4 * MIB}", b"")
            assert len(wire.answer().body) == 4 * MIB
    for wire in slow:
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
        assert len(wire.exactly(16 * MIB)) == 16 * MIB, "and they get all of it in the end"
        wire.close()


def test_500_slow_readers_fit_into_64_mib(cluster, a):
    c = cluster({"a": a.node()}, ready=True, gateway={"on_client_gone": "abort"})
    wires = [c.connect(receive_buffer=4096) for _ in range(500)]
    for wire in wires:
        wire.request("POST", f"{CHAT}?do=big&bytes={4 * MIB}", b"")
    for wire in wires:
        assert wire.head().status == 200
    wait_for(lambda: is_still(c.process.pid), "all buffers full", 120)
    assert memory(c.process.pid, "VmHWM") < 64 * MIB
    assert c.request("POST", CHAT + "?do=mirror", b"still here").body == b"still here"
    for wire in wires:
        wire.close(rst=True)


def is_still(pid, seconds=0.5):
    """It has used no processor time for a moment."""
    def ticks():
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[11:13]
    before = ticks()
    time.sleep(seconds)
    return ticks() == before


# --------------------------------------------------------------------------- stale connections

class Fickle:
    """A node that answers a first request on a connection and resets it at a second one, of
    which it has read `read` bytes of the body, after `delay` seconds. It counts both."""

    def __init__(self, read, delay):
        self.read, self.delay, self.answered, self.broken = read, delay, 0, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.server.accept()
            threading.Thread(target=self.connection, args=(sock,), daemon=True).start()

    def connection(self, sock):
        try:
            self.serve(sock)
        except OSError:  # the gateway hung up
            sock.close()

    def serve(self, sock):
        file, turn = sock.makefile("rb"), 0
        while head := file.readline():
            length = 0
            while (line := file.readline().lower()) not in (b"\r\n", b""):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            turn += b" /v1/" in head
            if turn == 2:
                file.read(min(self.read, length))
                self.broken += 1
                time.sleep(self.delay)
                break
            file.read(length)
            self.answered += turn
            sock.sendall(b"HTTP/1.1 200 \r\ncontent-type: application/json\r\n"
                         b"content-length: 2\r\n\r\n{}")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        file.close()
        sock.close()


@pytest.mark.parametrize("read", [0, 1_000_000, 20 * MIB])
def test_a_stale_connection_is_replaced_however_much_of_the_body_was_written(cluster, read):
    node = Fickle(read, delay=0)
    c = cluster({"a": {"url": node.url}}, ready=True)
    body = noise(20 * MIB)
    assert c.request("POST", CHAT, b"{}").status == 200
    assert c.request("POST", CHAT, body).status == 200
    assert (node.answered, node.broken) == (2, 1)
    assert c.status("a") == "READY"


def test_a_node_that_breaks_after_some_work_is_not_asked_again(cluster):
    node = Fickle(2, delay=1.5)
    c = cluster({"a": {"url": node.url}}, ready=True)
    assert c.request("POST", CHAT, b"{}").status == 200
    assert c.request("POST", CHAT, b"{}").status in (502, 503)
    assert (node.answered, node.broken) == (1, 1)


# --------------------------------------------------------------------------- nothing is kept

class Mob:
    """Clients that ask again and again and leave at any moment, `width` at a time."""

    TARGETS = [CHAT + "?do=mirror", CHAT + "?do=mirror&piece=100", "/health", "/nothing",
               CHAT + "?do=stream&events=4", CHAT + "?do=big&bytes=300000"]

    def __init__(self, port, seed, width=64):
        self.port, self.random, self.width = port, random.Random(seed), width
        self.selector = selectors.DefaultSelector()

    def join(self):
        wire = Wire(self.port)
        target = self.random.choice(self.TARGETS)
        data = request_bytes("GET" if target[1] in "hn" else "POST", target,
                             self.random.randbytes(self.random.choice([0, 600, 20_000])))
        fate = self.random.random()
        if fate < 0.1:  # leaves in the middle of its request
            data = data[:self.random.randrange(len(data))]
        wire.send(data)
        if fate < 0.2:
            wire.close(rst=fate < 0.15)
            return
        # the others leave when so many bytes of the answer have come
        wire.left = self.random.choice([1, 100, 400, 5000, 10**9])
        wire.until_time = time.monotonic() + 0.1
        wire.sock.setblocking(False)
        self.selector.register(wire.sock, selectors.EVENT_READ, wire)

    def leave(self, wire):
        self.selector.unregister(wire.sock)
        wire.close(rst=self.random.random() < 0.5)

    def run(self, count):
        for _ in range(count):
            self.join()
            while len(self.selector.get_map()) >= self.width:
                self.step()
        while self.selector.get_map():
            self.step()

    def step(self):
        for key, _ in self.selector.select(0.05):
            wire = key.data
            try:
                data = wire.sock.recv(65536)
            except OSError:
                data = b""
            wire.left -= len(data)
            if not data or wire.left <= 0:
                self.leave(wire)
        now = time.monotonic()
        for key in [k for k in self.selector.get_map().values() if k.data.until_time < now]:
            self.leave(key.data)


def test_nothing_is_left_of_clients_that_leave_at_any_moment(cluster, a):
    """FLOW_REQUESTS=100000 for a long run."""
    c = cluster({"a": a.node()}, ready=True)
    pid, count = c.process.pid, int(os.environ.get("FLOW_REQUESTS", 6000))

    def at_rest():
        wait_for(lambda: descriptors(pid) <= idle, "every connection closed", 60)
        return memory(pid, "RssAnon")
    idle = descriptors(pid)
    Mob(c.port, seed=1).run(count // 3)
    before = at_rest()
    Mob(c.port, seed=2).run(count - count // 3)
    after = at_rest()
    print(f"\n{count} requests: {idle} descriptors, RssAnon {before >> 10} KiB after a third, "
          f"{after >> 10} KiB at the end")
    assert after - before < 4 * MIB, "it would be tens of them"
    assert c.request("POST", CHAT + "?do=mirror", b"x").body == b"x"
