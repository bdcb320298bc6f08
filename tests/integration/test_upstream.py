"""Nodes that misbehave: before the first byte the next one answers, later the truth is told.

SPDX-License-Identifier: MIT
"""
import json
import os

import pytest

from nodes import FakeNode, Script
from wire import Cut

CHAT = "/v1/chat/completions"


@pytest.fixture
def a(tmp_path):
    return Script(tmp_path, "a")


@pytest.fixture
def b(tmp_path):
    return Script(tmp_path, "b")


@pytest.fixture
def c(cluster, a, b):
    """Node b (index 1) leads, a stands by."""
    return cluster({"a": a.node(), "b": b.node()}, ready=True, gateway={
        "first_byte_timeout": "1s", "idle_timeout": "1s", "node_wait": "5s"})


def test_each_request_goes_to_the_leading_node(c, a, b):
    for _ in range(3):
        assert c.request("POST", CHAT, {}).json()["node"] == "b"
    assert a.got(CHAT) == [] and len(b.got(CHAT)) == 3


@pytest.mark.parametrize("what", ["reset", "close", "die", "hang"])
def test_a_node_that_says_nothing_is_replaced(c, a, b, what):
    b.does(what)
    body = b'{"prompt" : "the same bytes"}'
    facts = c.request("POST", CHAT + "?x=1", body).json()
    assert facts["node"] == "a"
    assert facts["target"] == CHAT + "?x=1"
    assert facts["sha256"] == b.got(CHAT)[0]["sha256"], "replayed byte for byte"
    assert c.active == "a"


def test_a_refused_connection_goes_to_the_next_node(cluster, a, tmp_path):
    gone = FakeNode(tmp_path, "gone")
    c = cluster({"a": a.node(), "gone": {"url": gone.url}}, ready=True,
                quota={"offline_check_interval": "300ms"})
    assert c.request("POST", CHAT, {}).json()["node"] == "gone"
    gone.stop()
    assert c.request("POST", CHAT, {}).json()["node"] == "a"
    assert c.status("gone") == "OFFLINE"
    gone.start()
    c.wait_status(gone="READY")
    assert c.active == "a", "the lead is sticky"
    gone.stop()


def test_a_402_is_not_shown_to_the_client(c, a, b):
    b.does("status", status=402, body='{"error":{"message":"{\\"error\\":{\\"code\\":'
                                      '\\"quota_exceeded\\"}}","type":"error"}}')
    assert c.request("POST", CHAT, {}).json()["node"] == "a"
    assert c.status("b") == "DRAINED"


def test_the_nodes_own_rate_limit_passes(c, b):
    b.does("status", status=429, body='{"error":{"message":"Rate limit exceeded"}}', times=1)
    answer = c.request("POST", CHAT, {})
    assert answer.status == 429 and b"Rate limit exceeded" in answer.body
    assert c.status("b") == "READY" and c.active == "b"


def test_a_refusal_that_is_the_requests_own_passes_as_it_came(c, b):
    text = '{"error": {"message":  "odd   spacing \\u00e9"}}'
    b.does("status", status=422, body=text, type="application/problem+json")
    answer = c.request("POST", CHAT, {})
    assert answer.status == 422 and answer.body == text.encode()
    assert answer.header("content-type") == "application/problem+json"


# --------------------------------------------------------------------------- cut streams

DIALECTS = [("chat", "/v1/chat/completions"), ("messages", "/v1/messages"),
            ("responses", "/v1/responses")]


def read_cut(c, path):
    """The text of a stream that must end without its last chunk."""
    with c.connect() as wire:
        wire.request("POST", path, {"stream": True})
        head = wire.head()
        assert head.status == 200
        with pytest.raises((Cut, OSError)) as failure:
            wire.body(head)
    return getattr(failure.value, "got", b"").decode()


@pytest.mark.parametrize("dialect, path", DIALECTS)
@pytest.mark.parametrize("how", ["last", "fin", "rst"])
def test_a_stream_that_breaks_off_ends_with_an_error_event(c, dialect, path, how):
    text = read_cut(c, f"{path}?do=stream&dialect={dialect}&events=9&delay=0.05"
                       f"&cut=3&how={how}")
    events = [e for e in text.split("\n\n") if e]
    assert "word2" in events[2], "what came before the break is delivered"
    assert len(events) == 4
    lines = dict(line.split(": ", 1) for line in events[3].splitlines())
    data = json.loads(lines["data"])
    assert "[DONE]" not in text and "message_stop" not in text
    assert data.get("error") or data["type"] in ("error", "response.failed")
    if dialect == "messages":
        assert lines["event"] == "error" and data["type"] == "error"


def test_a_stream_that_falls_silent_ends_with_an_error_event(c):
    text = read_cut(c, CHAT + "?do=stream&events=3&delay=3")
    assert text.count("word") == 1 and "error" in text


@pytest.mark.parametrize("dialect, path", DIALECTS)
def test_a_whole_stream_is_passed_on_unchanged(c, b, dialect, path):
    with c.connect() as wire:
        wire.request("POST", f"{path}?do=stream&dialect={dialect}&events=3", {"stream": True})
        text = wire.answer().body.decode()
    assert [text.count(f"word{i}") for i in range(4)] == [1, 1, 1, 0]
    assert "error" not in text


def test_a_stream_that_breaks_before_its_first_content_is_asked_of_the_next(c, b):
    b.does("stream", cut=0, events=3)
    answer = c.request("POST", CHAT, {"stream": True})
    assert answer.json()["node"] == "a"


def test_a_plain_answer_that_breaks_off_is_cut(c):
    with c.connect() as wire:
        wire.request("POST", CHAT + "?do=reset&after=3000", {})
        head = wire.head()
        assert head.status == 200
        with pytest.raises((Cut, OSError)):
            wire.body(head)


# --------------------------------------------------------------------------- many clients

def test_a_burst_of_50_requests_is_answered(c):
    wires = [c.connect() for _ in range(50)]
    for i, wire in enumerate(wires):
        wire.request("POST", f"{CHAT}?n={i}", {"i": i})
    for i, wire in enumerate(wires):
        assert wire.answer().json()["target"] == f"{CHAT}?n={i}"
        wire.close()


def test_a_client_that_leaves_does_not_disturb_the_next(c, b):
    for _ in range(5):
        with c.connect() as wire:
            wire.request("POST", CHAT + "?do=stream&events=20&delay=0.02", {"stream": True})
            wire.head()
            wire.close(rst=True)
    assert c.request("POST", CHAT, {}).json()["node"] == "b"


def test_connections_to_the_node_are_reused(c, b):
    with c.connect() as wire:
        for _ in range(20):
            wire.request("POST", CHAT, {})
            assert wire.answer().status == 200
    files = os.listdir(f"/proc/{c.node('b')['pid']}/fd")
    assert len(files) < 15, "20 requests came on one connection or few"
