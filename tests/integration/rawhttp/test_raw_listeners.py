"""Where the gateway listens, how many it lets in, and how long it keeps what it has.

SPDX-License-Identifier: MIT
"""
import socket

import pytest

import harness
from backend import Backend
from case import get, sized
from wire import Wire

# Loopback answers at once; whoever is not served in this time will not be.
SOON = 1


# systemd's part of sd_listen_fds(3): a listening socket is file descriptor 3 of the program.
ACTIVATE = """
import os, socket, sys
listening = socket.create_server(("127.0.0.1", int(sys.argv[1]))).detach()
os.dup2(listening, 10, False)
os.dup2(10, 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Door:
    """A gateway with a node of its own, and these [gateway] settings; `port` is where it is
    asked whether it listens."""

    def __init__(self, folder, port=None, host="127.0.0.1", wrapper=(), **settings):
        self.node, self.port = Backend(), port or harness.free_port()
        settings.setdefault("listen", f"127.0.0.1:{self.port}")
        self.cluster = harness.Cluster(
            folder, {"node": {"url": f"http://127.0.0.1:{self.node.port}"}}, host=host,
            port=self.port, wrapper=wrapper, gateway=settings, access={"hosts": "a.test"},
            quota={"poll_interval": "7d"})

    def __enter__(self):
        self.cluster.start()
        return self

    def __exit__(self, *_):
        self.cluster.abandon()
        self.node.close()


def is_served(wire):
    wire.send(get())
    answer = wire.answer()
    return (answer.status, answer.body) == (200, b"ok")


def unix(path):
    wire = Wire.__new__(Wire)
    wire.sock, wire.buffer = socket.socket(socket.AF_UNIX), b""
    wire.sock.settimeout(SOON)
    wire.sock.connect(str(path))
    return wire


def test_an_ipv6_listener_serves(tmp_path):
    port = harness.free_port("::1")
    with Door(tmp_path, port, "::1", listen=f"[::1]:{port}"), Wire(port, "::1") as wire:
        assert is_served(wire) and is_served(wire)


def test_nobody_is_dropped_at_connections_max(tmp_path):
    with Door(tmp_path, connections_max=2) as door:
        door.cluster.wait_ready()
        first, second, third = (door.cluster.connect() for _ in range(3))
        assert is_served(first) and is_served(second)
        third.send(sized(b"abc"))  # the kernel's backlog has it
        third.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            third.sock.recv(1)
        third.sock.settimeout(harness.PATIENCE)
        first.close()
        assert third.answer().body == b"ok", "served as soon as there is room"
        assert is_served(second)


def test_several_listeners_serve(tmp_path):
    one, two = harness.free_port(), harness.free_port()
    with Door(tmp_path, one, listen=f"127.0.0.1:{one} 127.0.0.1:{two}"):
        for port in (one, two):
            with Wire(port) as wire:
                assert is_served(wire)


def test_a_unix_socket_serves(tmp_path):
    path, port = tmp_path / "socket", harness.free_port()
    with Door(tmp_path, port, listen=f"127.0.0.1:{port} unix:{path}"), unix(path) as wire:
        assert is_served(wire)


def test_an_inherited_socket_serves(tmp_path):
    port, other = harness.free_port(), harness.free_port()
    wrapper = (harness.PYTHON, "-c", ACTIVATE, str(port))
    with Door(tmp_path, port, wrapper=wrapper, listen=f"127.0.0.1:{other}"):
        with Wire(port, timeout=SOON) as wire:
            assert is_served(wire)


def test_an_idle_connection_to_the_node_ends_before_the_node_would_end_it(tmp_path):
    """copilot-api ends its idle connections after 5 s (FACTS 2)."""
    with Door(tmp_path) as door:
        door.cluster.wait_ready()
        with door.cluster.connect() as wire:
            assert is_served(wire)
            assert door.node.seen[-1].connection.closed.wait(5), "it is still open after 5 s"
            assert is_served(wire), "and the next request has a new one"
