"""TERM while clients come in: whoever has connected gets a whole answer, nobody a reset.

A stopped process (SIGSTOP) is how the tests order things: what the kernel has taken for it
meanwhile, TERM among it, it finds all at once.

SPDX-License-Identifier: MIT
"""
import signal
import socket
import threading

import pytest

import harness
import proc
from harness import chat_body, wait_for
from nodes import FakeNode, fake_node
from wire import Cut, request_bytes

HEALTH = request_bytes("GET", "/health")
CHAT = request_bytes("POST", "/v1/chat/completions", chat_body())


def stop_process(c):
    c.kill(signal.SIGSTOP)
    stat = f"/proc/{c.process.pid}/stat"
    wait_for(lambda: open(stat).read().rpartition(")")[2].split()[0] == "T", "the stop")


def term_and_go_on(c):
    c.kill(signal.SIGTERM)
    c.kill(signal.SIGCONT)


def is_last_answer(wire, leave=True):
    """A whole answer that says it is the last, and the end of the connection after it."""
    answer = wire.answer()
    assert answer.status in (200, 503), answer
    assert answer.header("connection") == "close", answer
    assert wire.is_closed()
    if leave:
        wire.close()
    return answer.status == 200


@pytest.fixture(params=["tcp", "unix"])
def door(request, tmp_path):
    """Where a cluster listens."""
    return {"host": tmp_path / "x.sock"} if request.param == "unix" else {}


# --------------------------------------------------------------------------- the backlog

def test_every_request_of_the_backlog_is_answered(cluster, door):
    c = cluster({"a": fake_node()}, ready=True, **door)
    stop_process(c)
    wires = [c.connect() for _ in range(200)]
    for wire in wires:
        wire.send(CHAT)
    term_and_go_on(c)
    assert all([is_last_answer(wire) for wire in wires])
    assert c.wait() == 0
    assert c.processes() == []
    assert "cut off" not in c.log


def test_a_backlog_beyond_connections_max_is_answered(cluster, door):
    c = cluster({"a": fake_node()}, gateway={"connections_max": 3}, ready=True, **door)
    kept = [c.connect() for _ in range(3)]  # it is full when TERM comes
    for wire in kept:
        wire.send(HEALTH)
        assert wire.answer().status == 200
    waiting = [c.connect() for _ in range(50)]
    for wire in waiting:
        wire.send(CHAT)
    c.kill(signal.SIGTERM)
    # Nobody leaves: whoever has had the last answer must not take the place of others.
    assert all([is_last_answer(wire, leave=False) for wire in waiting])
    for wire in kept:
        assert wire.is_closed()
    assert c.wait() == 0
    assert "cut off" not in c.log


def test_full_with_nobody_waiting_it_ends_at_once(cluster, door):
    c = cluster({}, gateway={"connections_max": 1}, supervisor={"shutdown_timeout": "10m"},
                **door)
    with c.connect() as wire:
        wire.send(HEALTH)
        assert wire.answer().status == 200
        c.kill(signal.SIGTERM)
        assert c.wait(timeout=5) == 0


def test_out_of_descriptors_the_backlog_is_answered_nevertheless(cluster):
    c = cluster({}, gateway={"connections_max": 100})
    wait_for(lambda: not proc.connections(c.process.pid), "nobody but us")
    with proc.few_descriptors(c.process.pid, 4):
        wires = [c.connect() for _ in range(40)]
        for wire in wires:
            wire.send(HEALTH)
        c.wait_log("connections cannot be accepted now")
        c.kill(signal.SIGTERM)
        for wire in wires[:4]:  # answered before TERM came, perhaps
            assert wire.answer().status == 200
            wire.close()
        assert all([is_last_answer(wire) for wire in wires[4:]])
        assert c.wait() == 0


def test_clients_that_connect_all_the_time_see_refusals_and_no_reset(cluster, door):
    c = cluster({}, **door)
    seen, lost, over = [], [], threading.Event()

    def ask():
        while not over.is_set():
            try:
                with c.connect() as wire:
                    wire.send(HEALTH)
                    seen.append(wire.answer().status)
            except (ConnectionRefusedError, FileNotFoundError):
                return
            except (OSError, Cut) as error:
                lost.append(repr(error))
                return

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(seen) > 200, "clients at work")
    c.kill(signal.SIGTERM)
    assert c.wait() == 0
    for thread in threads:
        thread.join(harness.PATIENCE)
    over.set()
    assert lost == [] and set(seen) == {200}


def test_the_queue_of_a_systemd_socket_is_left_to_the_successor(cluster, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        c = cluster({}, port=listening.getsockname()[1], inherit=(listening,))
        stop_process(c)
        wires = [c.connect() for _ in range(20)]
        for wire in wires:
            wire.send(HEALTH)
        listening.setblocking(False)
        term_and_go_on(c)
        assert c.wait() == 0
        late = c.connect()
        late.send(HEALTH)
        c.start()  # the successor, with the same socket
        for wire in (*wires, late):
            assert wire.answer().status == 200
            wire.close()


# --------------------------------------------------------------------------- connections

def test_a_request_that_has_arrived_on_a_kept_connection_is_answered(cluster, door):
    c = cluster({"a": fake_node()}, ready=True, **door)
    wire, idle = c.connect(), c.connect()
    for each in (wire, idle):
        each.send(CHAT)
        assert each.answer().header("connection") is None
    stop_process(c)
    wire.send(CHAT)
    term_and_go_on(c)
    assert is_last_answer(wire)
    assert idle.is_closed()
    assert c.wait() == 0


def test_half_a_head_is_waited_for(cluster, door):
    c = cluster({"a": fake_node()}, ready=True, **door)
    wire = c.connect()
    stop_process(c)
    wire.send(CHAT[:10])
    term_and_go_on(c)
    wait_for(lambda: not c.is_listening(), "the closed door")
    wire.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        wire.sock.recv(1)
    wire.sock.settimeout(harness.PATIENCE)
    wire.send(CHAT[10:])
    assert is_last_answer(wire)
    assert c.wait() == 0


def test_who_has_just_connected_may_still_ask(cluster, door):
    c = cluster({"a": fake_node()}, ready=True, **door)
    wire = c.connect()
    c.kill(signal.SIGTERM)
    wait_for(lambda: not c.is_listening(), "the closed door")
    wire.send(CHAT)
    assert is_last_answer(wire)
    assert c.wait() == 0


def test_who_connected_and_does_not_ask_is_not_waited_for_long(cluster, door):
    c = cluster({}, supervisor={"shutdown_timeout": "10m"}, **door)
    with c.connect() as wire:
        c.kill(signal.SIGTERM)
        assert wire.is_closed()
        assert c.wait(timeout=5) == 0


def test_who_connected_and_left_is_not_waited_for(cluster, door):
    c = cluster({}, supervisor={"shutdown_timeout": "10m"}, **door)
    stop_process(c)
    for _ in range(5):
        c.connect().close()
    term_and_go_on(c)
    assert c.wait(timeout=5) == 0


@pytest.fixture
def stream(cluster, tmp_path):
    """A cluster, and a connection on which an answer has begun that does not say it is the
    last: (cluster, connection, head). One second of it is to come."""
    node = FakeNode(tmp_path, "a")
    c = cluster({"a": {"url": node.url}}, ready=True)
    node.does("stream", events=10, delay=0.1, times=1)
    with c.connect() as wire:
        wire.request("POST", "/v1/chat/completions", chat_body(stream=True))
        head = wire.head()
        assert head.header("connection") is None
        yield c, wire, head
    node.stop()


def test_a_request_behind_a_stream_that_promised_to_stay_is_answered(stream):
    c, wire, head = stream
    wire.send(CHAT)
    c.kill(signal.SIGTERM)
    assert wire.body(head).endswith(b"data: [DONE]\n\n")
    assert is_last_answer(wire)
    assert c.wait() == 0


def test_the_end_of_a_running_answer_ends_its_connection(stream):
    c, wire, head = stream
    c.kill(signal.SIGTERM)
    assert wire.body(head).endswith(b"data: [DONE]\n\n")
    assert wire.is_closed()
    assert c.wait(timeout=5) == 0
