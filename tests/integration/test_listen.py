"""Where the gateway listens: several addresses, unix sockets, sockets of systemd.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess

import pytest

import harness
from harness import free_port, wait_for
from nodes import fake_node
from wire import exchange


def is_served(port, host):
    return exchange(port, "GET", "/health", host=host, timeout=5).status == 200


def refused(c):
    """What the program says when it does not start."""
    c.process = harness.start([harness.BINARY, "run", "-c", c.ini], env=c.env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = c.process.communicate(timeout=30)[0].decode()
    assert c.process.returncode == 1, said
    return said


def listening(host="127.0.0.1", family=socket.AF_INET):
    s = socket.socket(family)
    s.bind(str(host) if family == socket.AF_UNIX else (host, 0))
    s.listen(64)
    return s


def banner(c):
    c.wait_log("settings")
    return c.log.split("settings")[0]


# --------------------------------------------------------------------------- addresses

def test_it_listens_on_every_address_of_the_list(cluster, tmp_path):
    one, two, path = free_port(), free_port("::1"), tmp_path / "x.sock"
    c = cluster({}, port=one, gateway={"listen": f"127.0.0.1:{one}, [::1]:{two} unix:{path}"})
    for port, host in ((one, "127.0.0.1"), (two, "::1"), (0, path)):
        assert is_served(port, host)
    said = banner(c)
    assert f"clients     http://127.0.0.1:{one}/v1\n" in said
    assert f" http://[::1]:{two}/v1\n" in said and f" unix:{path}\n" in said
    assert "every network" not in said


def test_all_of_ipv4_and_all_of_ipv6_stand_side_by_side_on_one_port(cluster):
    port = free_port("0.0.0.0")
    c = cluster({}, port=port, gateway={"listen": f"0.0.0.0:{port} [::]:{port}"})
    assert is_served(port, "127.0.0.1") and is_served(port, "::1")
    said = banner(c)
    assert f"http://127.0.0.1:{port}/v1" in said and f"http://[::1]:{port}/v1" in said
    assert "every network" in said


def test_ipv6_alone_leaves_ipv4_to_others(cluster):
    port = free_port("0.0.0.0")
    c = cluster({}, host="::1", port=port, gateway={"listen": f"[::]:{port}"})
    with pytest.raises(ConnectionRefusedError):
        is_served(port, "127.0.0.1")
    assert is_served(port, "::1")
    assert c.health()["nodes"] == []


def test_port_0_is_a_port_that_the_banner_tells(cluster):
    port = free_port()
    c = cluster({}, port=port, gateway={"listen": f"127.0.0.1:{port} 127.0.0.1:0"})
    other = int(banner(c).split("127.0.0.1:")[2].split("/")[0])
    assert other not in (0, port) and is_served(other, "127.0.0.1")


def test_a_whole_request_goes_through_each_kind_of_socket(cluster, tmp_path):
    path = tmp_path / "x.sock"
    c = cluster({"a": fake_node()}, host=path)
    c.wait_ready()
    with c.connect() as wire:
        for text in ("one", "two"):  # on one connection
            wire.request("POST", "/v1/chat/completions", harness.chat_body(text))
            assert wire.answer().json()["node"] == "fake"


def test_the_access_log_says_where_a_client_came_in(cluster, tmp_path):
    path, log, port = tmp_path / "x.sock", tmp_path / "access.log", free_port("::1")
    c = cluster({}, host="::1", port=port, log={"access": "json", "access_file": log},
                gateway={"listen": f"[::1]:{port} unix:{path}"})
    for host in ("::1", path):
        assert is_served(port, host)
    c.stop()
    clients = [json.loads(line)["client"] for line in log.read_text().splitlines()]
    assert clients == ["::1", "unix"]


def test_one_address_that_is_taken_ends_it_and_is_named(cluster, tmp_path):
    free, path = free_port(), tmp_path / "x.sock"
    with listening() as taken:
        port = taken.getsockname()[1]
        c = cluster({"a": fake_node()}, start=False,
                    gateway={"listen": f"127.0.0.1:{free} unix:{path} 127.0.0.1:{port}"})
        said = refused(c)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said
    assert "ss -ltnp" in said
    assert not path.exists(), "what it had made is gone"
    assert c.processes() == []


@pytest.mark.parametrize("listen, words", [
    ("203.0.113.9:8080", ["203.0.113.9:8080", "ip address", "0.0.0.0"]),
    ("unix:/no/such/place/x.sock", ["unix:/no/such/place/x.sock", "make its directory"]),
    ("unix:/proc/x.sock", ["unix:/proc/x.sock"]),
    ("systemd", ["systemd", "no socket was handed over", ".socket unit"]),
])
def test_an_address_that_cannot_be_had_is_explained(cluster, listen, words):
    said = refused(cluster({}, start=False, gateway={"listen": listen}))
    for word in words:
        assert word in said


# --------------------------------------------------------------------------- unix sockets

def test_a_unix_socket_is_for_its_owner_and_goes_with_the_program(cluster, tmp_path):
    path = tmp_path / "x.sock"
    c = cluster({}, host=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert c.health()["logins"] == [], "callers on it are local"
    c.stop()
    assert not path.exists()


def test_a_socket_file_of_a_dead_predecessor_is_replaced(cluster, tmp_path):
    path = tmp_path / "x.sock"
    c = cluster({}, host=path)
    c.kill(signal.SIGKILL)
    c.wait()
    assert path.exists()
    c.start()
    assert is_served(0, path)
    assert "a former process has left" in c.log


def test_a_socket_that_somebody_listens_on_is_left_alone(cluster, tmp_path):
    path = tmp_path / "x.sock"
    one = cluster({}, host=path)
    said = refused(cluster({}, start=False, host=path))
    assert f"unix:{path}" in said and "another program listens there" in said
    assert one.health()["nodes"] == []


def test_a_file_that_is_no_socket_is_left_alone(cluster, tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    said = refused(cluster({}, start=False, host=path))
    assert f"unix:{path}" in said and "no socket" in said
    assert path.read_text() == "data"


def test_the_file_of_a_successor_is_not_removed(cluster, tmp_path):
    path = tmp_path / "x.sock"
    c = cluster({}, host=path)
    path.unlink()
    with listening(path, socket.AF_UNIX):
        c.stop()
        assert path.exists()


# --------------------------------------------------------------------------- systemd

def test_sockets_of_systemd_replace_the_list(cluster, tmp_path):
    path, unused = tmp_path / "x.sock", free_port()
    with listening() as tcp, listening(path, socket.AF_UNIX) as unix:
        port = tcp.getsockname()[1]
        c = cluster({}, port=port, inherit=(tcp, unix),
                    gateway={"listen": f"127.0.0.1:{unused}"})
        assert is_served(port, "127.0.0.1") and is_served(0, path)
        with pytest.raises(ConnectionRefusedError):
            is_served(unused, "127.0.0.1")
        assert "sockets of systemd are used in place of [gateway] listen count=2" in c.log
        said = banner(c)
        assert f"http://127.0.0.1:{port}/v1" in said and f"unix:{path}" in said
        c.stop()
        assert path.exists(), "it is systemd's file"


def test_sockets_of_systemd_stand_beside_others_when_they_are_named(cluster):
    other = free_port()
    with listening() as tcp:
        port = tcp.getsockname()[1]
        cluster({}, port=port, inherit=(tcp,),
                gateway={"listen": f"127.0.0.1:{other} systemd"})
        assert is_served(port, "127.0.0.1") and is_served(other, "127.0.0.1")


def test_nodes_inherit_neither_sockets_nor_variables(cluster):
    with listening() as tcp:
        inode = os.fstat(tcp.fileno()).st_ino
        names = "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES"
        c = cluster({"a": {**fake_node(), "pass_env": names}}, port=tcp.getsockname()[1],
                    inherit=(tcp,), ready=True)
        pid = c.node("a")["pid"]
        links = {os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
        ours = {os.readlink(fd) for fd in
                pathlib.Path(f"/proc/{c.process.pid}/fd").iterdir()}
        assert f"socket:[{inode}]" in ours and f"socket:[{inode}]" not in links
        assert b"LISTEN_" not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()


def test_variables_for_another_process_are_not_ours(cluster):
    with listening() as tcp:
        c = cluster({}, env={"LISTEN_FDS": "1", "LISTEN_PID": "1"})
        assert c.health()["nodes"] == []
        assert "sockets of systemd" not in c.log and tcp.fileno() > 0


@pytest.mark.parametrize("make, words", [
    (lambda: socket.socket(type=socket.SOCK_DGRAM), "ListenStream="),
    (lambda: socket.socketpair()[0], "Accept=no"),
    (lambda: open("/dev/null", "rb"), "is no socket"),
], ids=["datagrams", "a connection", "a file"])
def test_what_is_no_listening_stream_socket_is_explained(cluster, make, words):
    with make() as thing:
        c = cluster({}, start=False, inherit=(thing,))
        with pytest.raises(AssertionError, match="exit 1"):
            c.start()
        assert "descriptor 3, handed over by LISTEN_FDS," in c.log and words in c.log


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="no systemd here")
def test_the_first_connection_starts_it_under_systemd_socket_activate(cluster):
    port = free_port()
    activate = ["systemd-socket-activate", "-l", f"127.0.0.1:{port}"]
    c = cluster({}, port=port, wrapper=activate, start=False, gateway={"listen": "systemd"})
    c.start()  # its first connect() is what systemd waits for
    wait_for(lambda: "clients" in c.log, "the banner")
    assert c.health()["nodes"] == []
