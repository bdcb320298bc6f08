"""Clients that ask without listening: pipelines, slow readers, and what they may cost others.

SPDX-License-Identifier: MIT
"""
import pathlib
import signal
import socket
import threading
import time

from harness import wait_for
from nodes import PYTHON, Script
from wire import request_bytes

CHAT = "/v1/chat/completions"
MIB = 1 << 20


def rss(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024


def pour(wire, data, seconds):
    """Send as long as the peer takes it, for at most so many seconds."""
    end = time.monotonic() + seconds
    wire.sock.settimeout(0.2)
    while time.monotonic() < end:
        try:
            wire.sock.send(data)
        except OSError:  # it takes no more: TimeoutError, or the end of the connection
            return


def test_pipelined_resets_behind_waiting_requests_end_nobody(cluster):
    # A node that never comes up: the requests wait, and are all answered in one moment.
    c = cluster({"a": {"command": f"{PYTHON} -c 'import time; time.sleep(1000)'"}},
                gateway={"node_wait": "2s"})
    flood = request_bytes("POST", CHAT, {}) + 1300 * request_bytes("POST",
                                                                  "/admin/reset-active-node")
    wires = [c.connect(timeout=60) for _ in range(40)]
    for wire in wires:
        wire.send(flood)
    for wire in wires:
        assert wire.answer().status == 503
        assert wire.answer().json()["success"] is False
        wire.close()
    assert c.request("GET", "/health").status == 200


def test_answers_that_nobody_takes_are_not_made(cluster):
    c = cluster({})
    before = rss(c.process.pid)
    with c.connect() as wire:
        pour(wire, 1000 * request_bytes("GET", "/health"), seconds=5)
        assert rss(c.process.pid) - before < 8 * MIB
        assert c.request("GET", "/health").status == 200, "others go on"


def test_a_client_that_takes_nothing_is_given_up(cluster, tmp_path):
    a = Script(tmp_path, "a")
    c = cluster({"a": a.node()}, ready=True,
                gateway={"idle_timeout": "1s", "keepalive_timeout": "1s"})
    with c.connect(receive_buffer=8192, timeout=60) as wire:
        for _ in range(3):
            wire.request("POST", f"{CHAT}?do=big&bytes={8 * MIB}", b"")
        wait_for(lambda: "did not take its answer" in c.log, "the end of its patience")
    wait_for(lambda: c.node("a")["inFlight"] == 0, "the end of the attempts")


def test_a_slow_taker_gets_all_of_it_whatever_keepalive_says(cluster, tmp_path):
    a = Script(tmp_path, "a")
    c = cluster({"a": a.node()}, ready=True, gateway={"keepalive_timeout": "300ms"})
    with c.connect(receive_buffer=8192, timeout=60) as wire:
        wire.request("POST", f"{CHAT}?do=big&bytes={3 * MIB}", b"")
        head = wire.head()
        wait_for(lambda: c.node("a")["inFlight"] == 0, "the node is done")
        since = time.monotonic()
        wait_for(lambda: time.monotonic() - since > 1, "more than keepalive_timeout")
        assert len(wire.body(head)) == 3 * MIB


def test_term_leaves_time_to_take_an_answer(cluster, tmp_path):
    a = Script(tmp_path, "a")
    c = cluster({"a": a.node()}, ready=True)
    with c.connect(receive_buffer=8192, timeout=60) as wire:
        wire.request("POST", f"{CHAT}?do=big&bytes={3 * MIB}", b"")
        head = wire.head()
        wait_for(lambda: c.node("a")["inFlight"] == 0, "the node is done")
        c.kill(signal.SIGTERM)
        c.wait_log("no new requests")
        assert len(wire.body(head)) == 3 * MIB
    assert c.wait() == 0


def test_an_answer_that_ends_with_the_connection_is_whole(cluster):
    body = b'{"ok":true}'

    def serve(listening):
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            with peer:
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             b"Connection: close\r\n\r\n" + body)

    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listening,), daemon=True).start()
    try:
        port = listening.getsockname()[1]
        c = cluster({"office": {"url": f"http://127.0.0.1:{port}"}}, ready=True)
        answer = c.request("POST", CHAT, {})
        assert (answer.status, answer.body) == (200, body)
        assert c.status("office") == "READY"
    finally:
        listening.close()
