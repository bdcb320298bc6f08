"""The owner's API on the control socket and on the gateway's port.

SPDX-License-Identifier: MIT
"""
import json
import os
import socket
import stat

import pytest

import harness
import wire
from harness import wait_for
from nodes import FakeNode, fake_node


def two():
    return {name: fake_node(name=name) for name in ("one", "two")}


def control(c):
    return str(c.state_dir / "control.sock")


def call(c, method, target, **options):
    return wire.exchange(0, method, target, host=control(c), **options)


def get(c, target):
    answer = call(c, "GET", target)
    assert answer.status == 200, answer
    return answer.json()


def order(c, node, word, status=200):
    answer = call(c, "POST", f"/admin/nodes/{node}/{word}")
    assert answer.status == status, answer
    return answer.json()


class Events:
    """A reader of /admin/events, line by line."""

    def __init__(self, c, last=None):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(control(c))
        seen = f"Last-Event-ID: {last}\r\n" if last else ""
        self.sock.sendall(f"GET /admin/events HTTP/1.1\r\nhost:\r\n{seen}\r\n".encode())
        self.file = self.sock.makefile("r")
        assert "200" in self.file.readline()
        while self.file.readline().strip():
            pass

    def next(self):
        """(id, type, data)"""
        event = {}
        while True:
            line = self.file.readline().rstrip("\n")
            if not line and event:
                return event.get("id"), event["event"], json.loads(event["data"])
            key, _, value = line.partition(": ")
            if key:
                event[key] = value

    def until(self, kind):
        while (event := self.next())[1] != kind:
            pass
        return event

    def close(self):
        self.file.close()
        self.sock.close()


def test_the_control_socket_is_the_owners_alone_and_goes_with_the_daemon(cluster):
    c = cluster(two(), ready=True)
    mode = os.stat(control(c))
    assert stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o600
    assert control(c) not in c.log.split("settings")[0]  # it is no place for clients
    c.stop()
    assert not os.path.exists(control(c))


def test_a_socket_that_a_dead_run_has_left_is_replaced(cluster):
    c = cluster(two(), ready=True)
    c.process.kill()
    c.process.wait()
    assert os.path.exists(control(c))
    c.start().wait_ready()
    assert get(c, "/readyz")["ready"]


def test_a_socket_where_somebody_listens_is_left_alone(cluster, tmp_path):
    path = str(tmp_path / "taken.sock")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        c = cluster(two(), supervisor={"control_socket": path}, ready=True)
        assert "there is no control socket" in c.log
        assert c.chat().status == 200
    assert os.path.exists(path)


def test_nodes_logins_and_probes_are_told(cluster):
    c = cluster(two(), ready=True)
    nodes = get(c, "/admin/nodes")
    assert [n["id"] for n in nodes["nodes"]] == ["one", "two"]
    assert nodes["activeNodeId"] == "two" and nodes["logins"] == []
    assert get(c, "/admin/nodes/one")["process"] == "up"
    assert get(c, "/admin/logins") == {"logins": []}
    assert call(c, "GET", "/livez").body == b"ok\n"
    assert c.request("GET", "/readyz").status == 200
    assert get(c, "/admin/journal")["journal"]


def test_readyz_is_503_until_a_node_can_serve(cluster):
    c = cluster({"dead": {"command": "/nonexistent %(port)s"}})
    answer = call(c, "GET", "/readyz")
    assert (answer.status, answer.json()["ready"]) == (503, False)
    assert call(c, "GET", "/livez").status == 200


def test_orders_are_carried_out(cluster):
    c = cluster(two(), ready=True)
    before = c.node("one")["pid"]
    assert order(c, "one", "restart")["success"]
    wait_for(lambda: c.node("one")["pid"] not in (None, before), "another process")
    order(c, "one", "stop")
    wait_for(lambda: c.node("one")["process"] == "stopped", "a stop")
    order(c, "one", "start")
    c.wait_status(one="READY")
    order(c, "two", "drain")
    wait_for(lambda: c.active == "one", "the other one")
    order(c, "two", "enable")
    c.wait_status(two="READY")
    order(c, "two", "disable")
    wait_for(lambda: c.node("two")["process"] == "stopped", "a stop")
    refusal = order(c, "two", "start", status=409)
    assert refusal["message"] == "Node two: It is disabled."
    assert refusal["hint"] == "Enable it first."
    order(c, "two", "enable")
    c.wait_status(two="READY")


def test_errors_come_with_a_hint(cluster, tmp_path):
    far = FakeNode(tmp_path, "far")
    try:
        c = cluster({**two(), "far": {"url": far.url}}, ready=True)
        answer = call(c, "POST", "/admin/nodes/three/stop")
        assert answer.status == 404
        assert answer.json()["hint"] == "The nodes are: one two far"
        assert "There are start, stop" in order(c, "one", "explode", status=404)["hint"]
        assert "drain" in order(c, "far", "restart", status=409)["hint"]
        assert call(c, "GET", "/admin/nowhere").status == 404
        answer = call(c, "GET", "/admin/reload")
        assert (answer.status, answer.header("allow")) == (405, "POST")
    finally:
        far.stop()


def test_the_gateway_port_tells_it_to_this_machine_only(cluster):
    address = harness.outside_address()
    if address is None:
        pytest.skip("no address but loopback")
    c = cluster(two(), gateway={"listen": "0.0.0.0:0"}, start=False)
    c.sections["gateway"]["listen"] = f"0.0.0.0:{c.port}"
    c.write_ini()
    c.start().wait_ready()
    for target in ("/admin/nodes", "/admin/logins", "/admin/config", "/admin/nodes/one/logs",
                   "/admin/events"):
        outside = wire.exchange(c.port, "GET", target, host=address)
        assert outside.status == 403 and b"own machine" in outside.body, target
    assert wire.exchange(c.port, "POST", "/admin/reload", host=address).status == 403
    assert wire.exchange(c.port, "GET", "/livez", host=address).status == 200
    assert c.request("GET", "/admin/nodes").status == 200


def test_a_reload_answers_with_what_came_of_it(cluster):
    c = cluster(two(), ready=True)
    assert call(c, "POST", "/admin/reload").json()["message"] == "nothing has changed"
    c.sections["gateway"]["retry_limit"] = 1
    c.sections["node:one"]["nice"] = 2
    c.write_ini()
    result = call(c, "POST", "/admin/reload").json()
    assert result["success"] and result["applied"] == ["[gateway] retry_limit"]
    assert result["restarted"] == ["one"] and result["errors"] == []
    c.sections["gateway"]["retry_limit"] = "no"
    c.write_ini()
    answer = call(c, "POST", "/admin/reload")
    assert answer.status == 422 and not answer.json()["success"]
    assert "cluster.ini:" in answer.json()["errors"][0]
    c.sections["gateway"]["retry_limit"] = "x" + 30 * "不"  # cut within a character
    c.write_ini()
    assert "retry_limit" in call(c, "POST", "/admin/reload").json()["errors"][0]


def test_the_settings_in_force_are_told_without_secrets(cluster, tmp_path):
    far = FakeNode(tmp_path, "far")
    try:
        c = cluster({**two(), "far": {"url": far.url, "token": "sesame"}}, ready=True)
        text = call(c, "GET", "/admin/config").body
        assert b"sesame" not in text
        found = {(s["section"], s["key"]): (s["value"], s["from"])
                 for s in json.loads(text)["settings"]}
        assert found["gateway", "retry_limit"] == ("3", "default")
        assert found["node:one", "restart_delay"] == ("200ms", "set")
        assert found["node:far", "token"][0] == "********"
        assert ("node:far", "command") not in found
    finally:
        far.stop()


def test_the_last_lines_of_a_node_are_told_and_followed(cluster):
    c = cluster(two(), ready=True)
    lines = [json.loads(line) for line in
             call(c, "GET", "/admin/nodes/one/logs").body.splitlines()]
    assert lines[-1]["text"] == "fakenode one listens" and lines[-1]["stream"] == 1
    assert call(c, "GET", "/admin/nodes/one/logs?lines=0").body == b""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(control(c))
        s.sendall(b"GET /admin/nodes/one/logs?follow=1&lines=1 HTTP/1.1\r\nhost:\r\n\r\n")
        stream = s.makefile()
        while stream.readline().strip():
            pass
        first = json.loads(stream.readline())
        order(c, "one", "restart")
        second = json.loads(stream.readline())
        assert second["number"] == first["number"] + 1
        assert second["text"] == "fakenode one listens"


def test_no_event_is_lost_across_a_reconnect(cluster):
    c = cluster(two(), ready=True)
    events = Events(c)
    c.chat()
    last, _, data = events.until("request")
    assert (data["end"], data["node"], data["status"]) == ("done", "two", 200)
    events.close()
    c.chat()
    c.request("POST", "/admin/reset-active-node", {"node": "one"})
    c.chat()
    events = Events(c, last)
    got = [events.next() for _ in range(3)]
    assert [(kind, data.get("node", data.get("from"))) for _, kind, data in got] == [
        ("request", "two"), ("switch", "two"), ("request", "one")]
    numbers = [int(name.split("-")[1]) for name, _, _ in got]
    first = int(last.split("-")[1])
    assert numbers == [first + 1, first + 2, first + 3]
    events.close()


def test_a_reader_from_before_a_restart_gets_all_that_is_kept(cluster):
    c = cluster(two(), ready=True)
    c.stop()
    c.start().wait_ready()
    events = Events(c, "00000000-99")
    assert events.next()[0].endswith("-1")
    events.close()


def test_who_watches_does_not_hold_up_the_end(cluster):
    c = cluster(two(), ready=True, supervisor={"shutdown_timeout": "20s"})
    events = Events(c)
    c.kill(15)
    assert c.wait(10) == 0
    events.close()


def test_a_full_gateway_still_lets_the_owner_in(cluster):
    c = cluster(two(), ready=True, gateway={"connections_max": 2})
    held = [c.connect() for _ in range(3)]
    held[0].request("POST", "/v1/chat/completions?do=stream&events=40&delay=0.05",
                    harness.chat_body("x", stream=True))
    held[1].request("POST", "/v1/chat/completions?do=stream&events=40&delay=0.05",
                    harness.chat_body("x", stream=True))
    wait_for(lambda: get(c, "/admin/nodes/two")["inFlight"] == 2, "two streams")
    assert call(c, "GET", "/livez").status == 200
    for one in held:
        one.close()
