"""The program as a process: how it starts, is signalled, adopts orphans, and ends.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

import harness
from harness import served_by, wait_for
from nodes import fake_node


def stream_of(c, text="hello"):
    """A stream through the gateway that has begun."""
    wire = c.connect()
    wire.request("POST", "/v1/chat/completions", harness.chat_body(text, stream=True))
    assert wire.head().status == 200
    events = wire.events()
    next(events)
    return wire, events


def test_term_lets_a_running_stream_end_whole(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True)
    wire, events = stream_of(c, "[[hub chunks=20 delay=0.1]]")
    c.kill(signal.SIGTERM)
    rest = [text for text, _ in events]
    assert rest[-1] == "data: [DONE]", "and the last chunk came"
    assert c.wait() == 0
    assert c.processes() == []
    wire.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_an_idle_cluster_at_once(cluster, number):
    c = cluster({"a": fake_node()}, ready=True)
    c.kill(number)
    assert c.wait(timeout=5) == 0
    assert c.processes() == []


def test_during_the_drain_nobody_new_is_let_in(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True)
    wire, events = stream_of(c, "[[hub chunks=20 delay=0.1]]")
    c.kill(signal.SIGTERM)
    wait_for(lambda: not c.is_listening(), "the closed port")
    assert [text for text, _ in events][-1] == "data: [DONE]"
    assert c.wait() == 0
    wire.close()


def test_shutdown_timeout_bounds_the_drain(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True,
                supervisor={"shutdown_timeout": "2s"})
    wire, events = stream_of(c, "[[hub chunks=600 delay=0.1]]")
    c.kill(signal.SIGTERM)
    with pytest.raises((harness.wire.Cut, OSError)):
        list(events)
    assert c.wait(timeout=10) == 0
    assert c.processes() == []
    wire.close()


def test_a_second_term_skips_the_drain(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True,
                supervisor={"shutdown_timeout": "60s"})
    wire, events = stream_of(c, "[[hub chunks=600 delay=0.1]]")
    c.kill(signal.SIGTERM)
    wait_for(lambda: not c.is_listening(), "the first TERM")
    c.kill(signal.SIGTERM)
    with pytest.raises((harness.wire.Cut, OSError)):
        list(events)
    assert c.wait(timeout=15) == 0
    assert c.processes() == []
    wire.close()


def test_a_node_that_ignores_term_is_killed(cluster):
    c = cluster({"a": {**fake_node(ignore_term=True), "stopwaitsecs": "500ms"}}, ready=True)
    c.stop()


def test_a_process_that_left_its_group_is_found_and_killed(cluster):
    c = cluster({"a": fake_node(escapee=True)}, ready=True)
    wait_for(lambda: [p for p in c.processes() if b"600" in p[1]], "the escaped process")
    c.stop()


def test_nodes_die_with_a_gateway_that_is_killed(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True)
    c.kill(signal.SIGKILL)
    c.wait()
    wait_for(lambda: c.processes() == [], "the nodes' end")


def test_a_taken_gateway_port_is_named_and_ends_it(cluster):
    one = cluster({"a": fake_node()}, ready=True)
    two = cluster({"b": fake_node()}, start=False, port=one.port)
    two.process = harness.start([harness.BINARY, "run", "-c", two.ini], env=two.env,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = two.process.communicate(timeout=30)[0].decode()
    assert two.process.returncode == 1
    assert str(one.port) in said
    assert "in use" in said or "ss -" in said or "lsof" in said, "whom to ask"
    assert two.processes() == []
    assert one.status("a") == "READY"


def test_a_command_that_is_not_there_shows_in_health_and_others_run(cluster):
    c = cluster({"good": fake_node(name="good"),
                 "bad": {"command": "no-such-program start --port %(port)s"}})
    c.wait_status(good="READY", bad="OFFLINE")
    wait_for(lambda: "exec:" in json.dumps(c.node("bad")), "exec: ... in /health")
    assert "No such file" in json.dumps(c.node("bad"))
    assert "exec:" in c.log and "no-such-program" in c.log
    assert c.chat().status == 200


def test_a_command_that_is_not_executable_shows_in_health(cluster, tmp_path):
    program = tmp_path / "plain-file"
    program.write_text("#!/bin/sh\n")
    c = cluster({"bad": {"command": f"{program} --port %(port)s"}})
    wait_for(lambda: "ermission denied" in json.dumps(c.node("bad")), "the reason in /health")


def test_a_taken_node_port_is_replaced_by_another(cluster, tmp_path):
    ports = tmp_path / "ports"
    c = cluster({"a": fake_node(fail_starts=2, fail_file=ports)}, ready=True)
    tried = ports.read_text().split()
    assert len(tried) == 3 and len(set(tried)) > 1
    assert c.node("a")["restarts"] == 2


def test_a_node_that_keeps_dying_is_restarted_ever_more_slowly(cluster, tmp_path):
    ports = tmp_path / "ports"
    c = cluster({"a": {**fake_node(fail_starts=10 ** 6, fail_file=ports),
                       "restart_delay": "100ms", "restart_delay_max": "30s"}})
    wait_for(lambda: c.node("a")["restarts"] >= 4, "four restarts")
    tries = len(ports.read_text().split())
    assert tries <= 8, "100 ms doubled four times is 3 s, not a spin"
    assert c.status("a") in ("OFFLINE", "STARTING")
    assert c.health()["status"] == "degraded"


def test_without_a_node_the_gateway_runs_and_says_degraded(cluster):
    c = cluster({})
    health = c.health()
    assert health["status"] == "degraded" and health["nodes"] == []
    assert health["activeNodeId"] is None
    assert c.chat().status == 503


def test_a_node_listens_on_a_loopback_address_of_its_own(cluster, tmp_path):
    log = tmp_path / "requests"
    c = cluster({"a": fake_node(log=log), "b": fake_node(log=log)}, ready=True)
    hosts = set()
    for name in "ab":
        pid = c.node(name)["pid"]
        environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        pairs = dict(e.split(b"=", 1) for e in environ if b"=" in e)
        hosts.add(pairs[b"HOST"])
        assert pairs[b"HOST"].startswith(b"127.") and pairs[b"HOST"] != b"127.0.0.1"
        assert pairs[b"HOME"] == str(c.home(name)).encode()
        assert b"COPILOT_CLUSTER_NODE" in pairs
        # A session and a process group of its own.
        assert os.getsid(pid) == pid and os.getpgid(pid) == pid
    assert len(hosts) == 2


def test_a_node_gets_a_clean_environment(cluster):
    c = cluster({"a": {**fake_node(), "env.WANTED": "two words", "pass_env": "PASSED"}},
                env={"SECRET": "1", "PASSED": "yes", "NODE_ENV": "test"}, ready=True)
    environ = pathlib.Path(f"/proc/{c.node('a')['pid']}/environ").read_bytes().split(b"\0")
    assert b"WANTED=two words" in environ and b"PASSED=yes" in environ
    assert not [e for e in environ if e.startswith((b"SECRET=", b"NODE_ENV="))]


def test_a_nodes_output_is_in_the_log_with_its_name(cluster):
    c = cluster({"talker": fake_node(name="x", say="something-odd")}, ready=True)
    c.wait_log("something-odd")
    line = next(line for line in c.log.splitlines() if "something-odd" in line)
    assert "talker" in line


# --------------------------------------------------------------------------- PID 1

def children_of(pid):
    found = []
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            after = (proc / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after[1]) == pid:
            found.append((int(proc.name), after[0]))
    return found


def grandchild(pid):
    """The program itself: setpriv became unshare, whose child is PID 1 of the namespace."""
    return wait_for(lambda: children_of(pid), "PID 1")[0][0]


@pytest.mark.skipif(not harness.is_root(), reason="a pid namespace needs root")
def test_as_pid_1_it_reaps_orphans_and_ends_on_term(cluster):
    unshare = [shutil.which("unshare"), "--pid", "--fork", "--mount-proc", "--kill-child"]
    c = cluster({"a": fake_node(orphans=20), "b": fake_node(orphans=20)}, wrapper=unshare,
                ready=True)
    first = grandchild(c.process.pid)
    assert b"copilot-cluster" in pathlib.Path(f"/proc/{first}/cmdline").read_bytes()
    # The orphans live 0.3 s; then the two nodes are all that is left, and no zombie.
    wait_for(lambda: len(children_of(first)) == 2, "no orphan is left")
    assert [state for _, state in children_of(first) if state == "Z"] == []
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        os.kill(first, number)
    assert c.chat().status == 200, "a signal without a meaning must not end PID 1"
    os.kill(first, signal.SIGTERM)
    assert c.wait() == 0
    assert c.processes() == []


def test_as_a_child_it_reaps_the_orphans_of_its_nodes(cluster):
    c = cluster({"a": fake_node(orphans=20)}, ready=True)
    wait_for(lambda: len(children_of(c.process.pid)) == 1, "no orphan is left")


# --------------------------------------------------------------------------- memory of logins

def test_a_restart_serves_again_with_the_same_account(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True)
    assert served_by(c.chat()) == "alice"
    c.stop()
    c.start().wait_ready()
    assert served_by(c.chat()) == "alice"
    assert hub.requests("device") == []
