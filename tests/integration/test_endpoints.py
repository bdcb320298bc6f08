"""GET /health and POST /admin/reset-active-node, as the ancestor's users read them.

SPDX-License-Identifier: MIT
"""
import re

import pytest

from harness import wait_for
from nodes import FakeNode, Script

CHAT = "/v1/chat/completions"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def a(tmp_path):
    return Script(tmp_path, "a")


@pytest.fixture
def b(tmp_path):
    return Script(tmp_path, "b")


@pytest.fixture
def c(cluster, a, b):
    return cluster({"a": a.node(quota=7), "b": b.node()}, ready=True,
                   quota={"rate_limit_cooldown": "1s"})


def switch_away(c, b):
    """b is throttled for a second, then READY again, while a leads."""
    b.does("status", status=429, times=1)
    assert c.request("POST", CHAT, {}).json()["node"] == "a"
    c.wait_status(b="READY")
    assert c.active == "a"


def test_health_has_the_ancestors_fields(c):
    answer = c.request("GET", "/health")
    assert answer.status == 200
    assert answer.header("content-type").startswith("application/json")
    health = answer.json()
    assert health["status"] == "ok"
    assert health["activeNodeIndex"] == 1 and health["activeNodeId"] == "b"
    assert health["mode"] == "active-standby"
    assert health["availableNodeCount"] == 2 and health["totalNodeCount"] == 2
    for node, name in zip(health["nodes"], "ab"):
        assert node["id"] == name
        assert node["status"] == "READY"
        assert node["isActive"] is (name == "b")
        assert node["consecutiveFailures"] == 0
        assert TIME.fullmatch(node["lastCheck"]) and TIME.fullmatch(node["lastHealthy"])
        assert "quota" in node


def test_health_tells_more_about_each_node(c):
    for index, node in enumerate(c.health()["nodes"]):
        assert node["index"] == index
        assert node["source"] == "spawned"
        assert node["pid"] > 0 and node["restarts"] == 0
        assert node["reason"], "why it is in this state"
        assert TIME.fullmatch(node["since"])
        assert "7" in str(node["quota"]) if node["id"] == "a" else "300" in str(node["quota"])
        process = {k: v for k, v in node.items() if k in ("process", "processState", "uptime")}
        assert process, node
    assert c.health()["logins"] == []


def test_health_of_an_external_node_has_no_process(cluster, tmp_path):
    node = FakeNode(tmp_path, "office")
    c = cluster({"office": {"url": node.url}}, ready=True)
    facts = c.node("office")
    assert facts["source"] == "external"
    assert not facts.get("pid")
    node.stop()


def test_quota_follows_the_requests_between_two_polls(c):
    def left():
        return c.node("b")["quota"]
    before = str(left())
    assert "300" in before
    for _ in range(3):
        assert c.chat(model="gpt-5").status == 200
    wait_for(lambda: "297" in str(left()), f"300 less three, not {left()}")


def test_only_billed_requests_cost(c):
    assert c.chat(model="gpt-4.1").status == 200  # multiplier 0
    assert c.request("GET", "/v1/models").status == 200
    assert c.request("POST", "/v1/messages/count_tokens", {"model": "gpt-5"}).status == 200
    assert c.request("POST", "/v1/embeddings",
                     {"model": "text-embedding-3-small", "input": "x"}).status == 200
    body = {"model": "gpt-5", "messages": [
        {"role": "user", "content": "x"}, {"role": "assistant", "content": "y"},
        {"role": "tool", "content": "z"}]}
    assert c.request("POST", CHAT, body).status == 200, "an agent's turn is not billed"
    assert c.chat(model="gpt-5").status == 200
    wait_for(lambda: "299" in str(c.node("b")["quota"]), "one billed request in all")


def test_the_switch_log_tells_when_from_to_and_why(c, b):
    switch_away(c, b)
    entry = c.health()["switchLog"][-1]
    assert (entry["from"], entry["to"]) == ("b", "a")
    assert TIME.fullmatch(entry["at"])
    assert "429" in entry["reason"]
    # Users of the ancestor look for these words in the log.
    assert "主备模式" in c.log


def test_the_switch_log_keeps_the_last_20(c, b):
    for _ in range(13):
        switch_away(c, b)
        assert c.request("POST", "/admin/reset-active-node").json()["success"] is True
    log = c.health()["switchLog"]
    assert len(log) == 20
    assert log[-1]["to"] == "b", "the newest is the last"


def test_reset_moves_to_the_highest_ready_node(c, b):
    switch_away(c, b)
    answer = c.request("POST", "/admin/reset-active-node")
    assert answer.status == 200
    body = answer.json()
    assert body["success"] is True and body["message"]
    assert body["activeNodeIndex"] == 1 and body["activeNodeId"] == "b"
    assert c.active == "b"
    assert c.request("POST", CHAT, {}).json()["node"] == "b"


def test_reset_says_so_when_no_node_is_ready(cluster):
    c = cluster({})
    answer = c.request("POST", "/admin/reset-active-node")
    assert answer.json()["success"] is False and answer.json()["message"]


def test_health_is_degraded_while_no_node_can_serve(c, a, b):
    for script in (a, b):
        script.does("status", status=429)
    assert c.request("POST", CHAT, {}).status == 503
    health = c.health()
    assert health["status"] == "degraded"
    assert health["activeNodeId"] is None and health["availableNodeCount"] == 0
    a.does()
    b.does()
    c.wait_ready()
    assert c.health()["status"] == "ok"


def test_a_503_has_the_dialect_of_its_endpoint(cluster):
    c = cluster({})
    openai = c.request("POST", CHAT, {}).json()
    assert openai["error"]["type"] == "service_unavailable" and openai["error"]["message"]
    anthropic = c.request("POST", "/v1/messages", {}).json()
    assert anthropic["type"] == "error" and anthropic["error"]["message"]
    assert set(anthropic["error"]) >= {"type", "message"}
