"""More clients than there is room for: they wait, or are told so, and cost nothing meanwhile.

SPDX-License-Identifier: MIT
"""
import json
import resource
import socket

import pytest

import harness
import proc
from harness import wait_for
from nodes import fake_node
from wire import request_bytes

HEALTH = request_bytes("GET", "/health")


def many_files(count):
    """This process may have so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def is_silent(wire, seconds=0.3):
    """Nothing comes from it in this time."""
    wire.sock.settimeout(seconds)
    try:
        data = wire.sock.recv(1)
    except TimeoutError:
        wire.sock.settimeout(harness.PATIENCE)
        return True
    pytest.fail(f"got {data!r}")


def served(wire):
    return wire.answer().status == 200


# --------------------------------------------------------------------------- connections_max

def test_1100_connections_get_their_turn_through_100(cluster):
    many_files(2048)
    c = cluster({"a": fake_node()}, gateway={"connections_max": 100}, ready=True)
    wires = [c.connect() for _ in range(1100)]
    for wire in wires:
        wire.send(HEALTH)
    assert served(wires[0]) and served(wires[99])
    begin = proc.cpu_seconds(c.process.pid)
    assert is_silent(wires[100], 1)
    assert proc.cpu_seconds(c.process.pid) - begin < 0.2, "waiting costs nothing"
    assert len(proc.connections(c.process.pid)) <= 100 + 2, "those, and the node's"
    for wire in wires[1:99]:
        assert served(wire)
    for i, wire in enumerate(wires):
        if i >= 100:
            assert served(wire)
        wire.close()
    assert c.chat().status == 200
    assert "cannot be accepted" not in c.log


def test_the_limit_is_one_for_all_addresses_together(cluster, tmp_path):
    path = tmp_path / "x.sock"
    port = harness.free_port()
    c = cluster({}, port=port, gateway={"listen": f"127.0.0.1:{port} unix:{path}",
                                        "connections_max": 2})
    def pair():
        wires = [c.connect(), harness.wire.Wire(0, path)]
        for wire in wires:
            wire.send(HEALTH)
        return wires

    first = pair()
    assert served(first[0]) and served(first[1])
    second = pair()
    assert is_silent(second[0]) and is_silent(second[1])
    for wire in first:
        wire.close()
    for wire in second:
        assert served(wire)
        wire.close()


def test_a_limit_that_descriptors_cannot_fill_is_lowered_and_told(cluster):
    limited = ["prlimit", "--nofile=264:264"]
    c = cluster({"a": fake_node()}, wrapper=limited, ready=True)
    assert "connections_max = 1024 needs 2184 descriptors, the limit is 264" in c.log
    assert "takes 64 connections at once" in c.log
    wires = [c.connect() for _ in range(150)]
    for wire in wires:
        wire.request("POST", "/v1/chat/completions", harness.chat_body())
    for wire in wires:
        assert served(wire), "no client took the descriptor of another one's node"
        wire.close()
    assert c.status("a") == "READY"


# --------------------------------------------------------------------------- each address

@pytest.fixture
def outside():
    address = harness.outside_address()
    if not address:
        pytest.skip("this machine has no address but loopback")
    return address


def open_to_all(cluster, log=None, **gateway):
    port = harness.free_port("0.0.0.0")
    return cluster({}, port=port, gateway={"listen": f"0.0.0.0:{port}", **gateway},
                   log=log or {})


def test_beyond_its_limit_an_address_is_told_so(cluster, outside):
    c = open_to_all(cluster, connections_per_address_max=3)
    first = [harness.wire.Wire(c.port, outside) for _ in range(3)]
    for wire in first:
        wire.send(HEALTH)
        assert served(wire)
    for _ in range(20):
        with harness.wire.Wire(c.port, outside) as late:
            answer = late.answer()
            assert answer.status == 503
            assert answer.header("connection") == "close"
            assert answer.header("retry-after") == "1"
            assert "connections_per_address_max" in answer.json()["error"]["message"]
            assert late.is_closed()
    assert c.log.count("more are refused") == 1
    assert f"address={outside}" in c.log
    first[0].close()

    def is_admitted():
        with harness.wire.Wire(c.port, outside) as wire:
            wire.send(HEALTH)
            return wire.answer().status == 200
    wait_for(is_admitted, "room after one has left")
    for wire in first[1:]:
        wire.send(HEALTH)
        assert served(wire)
        wire.close()


def test_a_refused_connection_has_a_line_in_the_access_log(cluster, outside, tmp_path):
    log = tmp_path / "access.log"
    c = open_to_all(cluster, connections_per_address_max=1,
                    log={"access": "json", "access_file": log})
    first = harness.wire.Wire(c.port, outside)
    first.send(HEALTH)
    assert served(first)
    with harness.wire.Wire(c.port, outside) as late:
        assert late.answer().status == 503
    line = wait_for(lambda: next((line for line in map(json.loads, log.read_text().splitlines())
                                  if line["status"] == 503), None), "its line")
    assert line["client"] == outside and line["path"] is None


def test_a_flood_of_refused_connections_keeps_nobody_out(cluster, outside):
    c = open_to_all(cluster, connections_per_address_max=1, connections_max=2)
    inside = harness.wire.Wire(c.port, outside)
    inside.send(HEALTH)
    assert served(inside)
    flood = [harness.wire.Wire(c.port, outside) for _ in range(300)]
    with c.connect() as local:
        local.send(HEALTH)
        assert served(local)
    for wire in flood:
        while wire.more():
            pass
        wire.close()
    told = [wire.buffer for wire in flood if wire.buffer]
    assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in told)
    assert 64 <= len(told) < 300, "some are told why, the others only closed"
    inside.send(HEALTH)
    assert served(inside)


def test_loopback_and_unix_sockets_are_not_counted(cluster, tmp_path):
    path, port = tmp_path / "x.sock", harness.free_port()
    c = cluster({}, port=port, gateway={"listen": f"127.0.0.1:{port} unix:{path}",
                                        "connections_per_address_max": 1})
    wires = [c.connect() for _ in range(5)]
    wires += [harness.wire.Wire(0, path) for _ in range(5)]
    for wire in wires:
        wire.send(HEALTH)
        assert served(wire)
        wire.close()


# --------------------------------------------------------------------------- no descriptors

def test_out_of_descriptors_it_waits_without_spinning_and_recovers(cluster):
    c = cluster({}, gateway={"keepalive_timeout": "1h"})
    pid = c.process.pid
    wait_for(lambda: not proc.connections(pid), "nobody but us")
    with proc.few_descriptors(pid, 5):
        wires = [c.connect() for _ in range(30)]
        for wire in wires:
            wire.send(HEALTH)
        for wire in wires[:5]:
            assert served(wire)
        c.wait_log("connections cannot be accepted now, they wait: Too many open files")
        begin = proc.cpu_seconds(pid)
        assert is_silent(wires[5], 2)
        assert proc.cpu_seconds(pid) - begin < 0.2, "ten tries a second, no more"
        wires[0].send(HEALTH)
        assert served(wires[0]), "who is in goes on"
        wires[0].close()
        assert served(wires[5]), "a descriptor that is free again is used"
    for wire in wires[6:]:
        assert served(wire), "nobody was dropped"
    assert c.log.count("cannot be accepted") == 1
    for wire in wires:
        wire.close()


# --------------------------------------------------------------------------- options

def test_a_connection_sends_at_once_and_notices_that_its_peer_vanished(cluster, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        other, port = inherited.getsockname()[1], harness.free_port()
        c = cluster({}, port=port, inherit=(inherited,),
                    gateway={"listen": f"127.0.0.1:{port} systemd"})
        for where in (port, other):
            with harness.wire.Wire(where) as wire:
                wire.send(HEALTH)
                assert served(wire)
                peer = f":{wire.sock.getsockname()[1]:04X}"
                [fd] = [fd for fd, row in proc.connections(c.process.pid).items()
                        if row[2].endswith(peer)]
                with proc.borrowed(c.process.pid, fd) as theirs:
                    assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
                    assert theirs.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                    idle, interval, count = (
                        theirs.getsockopt(socket.IPPROTO_TCP, option) for option in
                        (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT))
                    assert idle + interval * count <= 120
