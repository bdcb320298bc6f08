"""GET /admin/journal: what changed, why, through which request, and by what evidence.

SPDX-License-Identifier: MIT
"""
import json
import os
import re
import signal

import pytest

from harness import wait_for
from nodes import FakeNode, Script, fake_node

CHAT = "/v1/chat/completions"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OUR_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]+")
QUOTA = json.dumps({"error": {"message": "You have no quota", "code": "quota_exceeded"}})


@pytest.fixture
def a(tmp_path):
    return Script(tmp_path, "a")


@pytest.fixture
def b(tmp_path):
    return Script(tmp_path, "b")


@pytest.fixture
def c(cluster, a, b):
    return cluster({"a": a.node(), "b": b.node()}, ready=True)


def journal(c):
    answer = c.request("GET", "/admin/journal")
    assert answer.status == 200
    assert answer.header("content-type").startswith("application/json")
    return answer.json()["journal"]


def last(c, kind, **wanted):
    """The newest entry of this kind, once it is as wanted."""
    def found():
        entries = [e for e in journal(c) if e["type"] == kind]
        return entries and entries[-1].items() >= wanted.items() and entries[-1]
    return wait_for(found, f"{kind} {wanted}")


def test_starts_are_in_it_oldest_first(c):
    entries = journal(c)
    assert {e["node"] for e in entries} == {"a", "b"}
    assert [e["at"] for e in entries] == sorted(e["at"] for e in entries)
    for entry in entries:
        assert TIME.fullmatch(entry["at"])
        assert entry["type"] == "state" and entry["requestId"] is None
        assert entry["reason"] and entry["cause"]
    ready = [e for e in entries if e["to"] == "READY"]
    assert [e["evidence"] for e in ready] == ["/usage: 300 of 300 left"] * 2


def test_a_refusal_names_request_code_and_message(c, a, b):
    b.does("status", status=402, body=QUOTA)
    answer = c.request("POST", CHAT, {}, [("X-Request-Id", "from-a.client:7_x")])
    assert answer.json()["node"] == "a"
    evidence = "status 402, code quota_exceeded: You have no quota"
    state = last(c, "state", node="b")
    assert state == {"at": state["at"], "type": "state", "node": "b", "from": "READY",
                     "to": "DRAINED", "cause": "quota",
                     "reason": "quota exhausted (refused with 402)",
                     "requestId": "from-a.client:7_x", "evidence": evidence}
    switch = last(c, "switch")
    assert switch == {"at": switch["at"], "type": "switch", "from": "b", "to": "a",
                      "cause": "quota", "reason": "quota exhausted (refused with 402)",
                      "requestId": "from-a.client:7_x", "evidence": evidence}
    for word in ("主备模式", "node b is DRAINED"):
        line = [line for line in c.log.splitlines() if word in line][-1]
        assert f'request=from-a.client:7_x evidence="{evidence}"' in line
    assert c.health()["switchLog"] == [{k: switch[k] for k in ("at", "from", "to", "reason")}]


def test_without_evidence_there_is_none(c, b):
    assert c.request("POST", "/admin/reset-active-node", {"node": "a"}).json()["success"]
    entry = last(c, "switch")
    assert (entry["from"], entry["to"], entry["cause"]) == ("b", "a", "reset-active")
    assert entry["requestId"] is None and entry["evidence"] is None


def test_a_second_403_names_the_request_that_decided(c, b):
    b.does("status", status=403)
    assert c.request("POST", CHAT, {}, [("X-Request-Id", "one")]).status == 403
    assert c.request("POST", CHAT, {}, [("X-Request-Id", "two")]).json()["node"] == "a"
    entry = last(c, "switch", cause="forbidden")
    assert entry["requestId"] == "two" and entry["evidence"].startswith("status 403")


def test_a_403_that_usage_confirms_names_the_request_that_waited(c, b):
    b.does("status", status=403, usage="status 500")
    assert c.request("POST", CHAT, {}, [("X-Request-Id", "waited")]).json()["node"] == "a"
    entry = last(c, "switch", cause="forbidden")
    assert entry["requestId"] == "waited"
    assert entry["evidence"] == "/usage answered status 500"


def test_a_quota_that_a_poll_finds_used_up_is_evidence(cluster, b):
    c = cluster({"a": fake_node(name="a"), "b": b.node()}, ready=True,
                quota={"poll_interval": "300ms"})
    c.request("POST", CHAT, {})
    b.does(usage=0)
    entry = last(c, "switch", cause="usage")
    assert entry["evidence"] == "/usage: 0 of 300 left" and entry["requestId"] is None


def test_a_refused_connection_and_a_recovery_are_told(cluster, tmp_path):
    node = FakeNode(tmp_path, "b")
    c = cluster({"a": fake_node(name="a"), "b": {"url": node.url}}, ready=True,
                quota={"offline_check_interval": "200ms"})
    node.stop()
    answer = c.request("POST", CHAT, {}, [("X-Request-Id", "unlucky")])
    assert answer.json()["node"] == "a"
    entry = last(c, "switch", cause="connect")
    assert entry["requestId"] == "unlucky"
    assert entry["evidence"] == "connect: connection refused"
    node.start()
    c.wait_status(b="READY")
    entry = last(c, "state", node="b", to="READY")
    assert entry["evidence"] == "GET / answered status 200"
    node.stop()


@pytest.mark.parametrize("what, cause, evidence", [
    ({"what": "reset"}, "reset", "the connection broke before an answer"),
    ({"what": "hang"}, "timeout", "no answer within 0.5 s"),
    ({"what": "head"}, "timeout", "silent for 0.5 s in the middle of an answer"),
])
def test_a_connection_that_fails_is_evidence(cluster, tmp_path, what, cause, evidence):
    node = FakeNode(tmp_path, "b")
    c = cluster({"a": fake_node(name="a"), "b": {"url": node.url}}, ready=True,
                gateway={"first_byte_timeout": "500ms", "idle_timeout": "500ms"})
    node.does(**what)
    assert c.request("POST", CHAT, {}).json()["node"] == "a"
    entry = last(c, "switch")
    assert (entry["cause"], entry["evidence"]) == (cause, evidence)
    assert OUR_ID.fullmatch(entry["requestId"])
    node.stop()


def test_the_end_of_a_process_is_evidence(c):
    os.kill(c.node("b")["pid"], signal.SIGKILL)
    entry = last(c, "switch", cause="process")
    assert entry["reason"] == "its process is down"
    assert entry["evidence"] == "killed by SIGKILL in service"
    gone = next(e for e in journal(c) if e.get("node") == "b" and e["to"] == "OFFLINE")
    assert gone["reason"] == entry["evidence"] and gone["evidence"] is None


def test_the_message_of_a_refusal_does_no_harm(c, b):
    b.does("status", status=402, type="text/plain",
           body="no\r\nmore \x1b[31m\"quota\" ghu_" + "A" * 36 + " " + "é" * 300)
    assert c.request("POST", CHAT, {}).json()["node"] == "a"
    entry = last(c, "switch", cause="quota")
    assert entry["evidence"].startswith('status 402: no  more  [31m"quota" ghu_*** é')
    assert len(entry["evidence"].encode()) < 160
    assert "evidence=\"status 402: no  more  [31m'quota' ghu_*** é" in c.log
    assert "A" * 36 not in c.log


def test_it_holds_the_last_200(c):
    for name in ["a", "b"] * 105:
        body = {"node": name}
        assert c.request("POST", "/admin/reset-active-node", body).json()["success"]
    entries = journal(c)
    assert len(entries) == 200
    assert {e["type"] for e in entries} == {"switch"}
    assert [e["to"] for e in entries] == ["a", "b"] * 100
    assert len(c.health()["switchLog"]) == 20


def test_other_methods(c):
    assert c.request("HEAD", "/admin/journal").status == 200
    answer = c.request("POST", "/admin/journal", {})
    assert answer.status == 405 and answer.header("allow") == "GET, HEAD"


# --------------------------------------------------------------------------- request ids

@pytest.fixture(scope="module")
def script(tmp_path_factory):
    return Script(tmp_path_factory.mktemp("node"), "one")


@pytest.fixture(scope="module")
def shared(shared_cluster, script):
    return shared_cluster({"one": script.node()}, ready=True)


@pytest.fixture
def at_the_node(script):
    """The request id that the node saw last."""
    return lambda: dict(script.got()[-1]["headers"]).get("x-request-id")


def test_a_request_without_an_id_gets_one_that_everybody_sees(shared, at_the_node):
    seen = []
    for _ in range(2):
        answer = shared.request("POST", CHAT, {})
        assert OUR_ID.fullmatch(answer.header("x-request-id"))
        assert at_the_node() == answer.header("x-request-id")
        seen.append(answer.header("x-request-id"))
    assert seen[0] != seen[1] and seen[0][:8] == seen[1][:8]


@pytest.mark.parametrize("name", ["x", "a" * 64, "3f2a-B.c_d:e"])
def test_a_clients_own_id_is_kept(shared, at_the_node, name):
    answer = shared.request("POST", CHAT, {}, [("X-Request-ID", name)])
    assert answer.header("x-request-id") == name and at_the_node() == name


@pytest.mark.parametrize("name", ["", "a" * 65, "two words", "semi;colon", "é", "x/../y"])
def test_an_id_that_is_not_plain_is_replaced(shared, at_the_node, name):
    answer = shared.request("POST", CHAT, {}, [("x-request-id", name)])
    assert OUR_ID.fullmatch(answer.header("x-request-id"))
    assert at_the_node() == answer.header("x-request-id")


def test_answers_of_our_own_have_the_id_of_their_request_only(cluster):
    c = cluster({}, gateway={"body_max": "1KiB"})
    with c.connect() as wire:
        wire.request("POST", CHAT, {}, [("x-request-id", "mine")])
        answer = wire.answer()
        assert answer.status == 503 and answer.header("x-request-id") == "mine"
        wire.request("GET", "/health")
        assert wire.answer().header("x-request-id") != "mine"
        wire.request("POST", CHAT, {}, [("x-request-id", "mine")])
        assert wire.answer().header("x-request-id") == "mine"
        wire.send(b"GET /health HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n")
        answer = wire.answer()
        assert answer.status == 400 and answer.header("x-request-id") != "mine"
