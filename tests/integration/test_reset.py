"""POST /admin/reset-active-node with a body: a node of one's choice.

SPDX-License-Identifier: MIT
"""
import json

import pytest

from harness import wait_for
from nodes import Script
from wire import request_bytes

CHAT = "/v1/chat/completions"
RESET = "/admin/reset-active-node"


@pytest.fixture(scope="module")
def shared(shared_cluster, tmp_path_factory):
    nodes = [Script(tmp_path_factory.mktemp("nodes"), name) for name in ("one", "two", "three")]
    return shared_cluster({s.name: s.node() for s in nodes}, ready=True)


@pytest.fixture
def c(shared):
    """Three nodes, of which the third leads."""
    assert reset(shared).json()["activeNodeId"] == "three"
    return shared


def reset(c, body=None, headers=()):
    return c.request("POST", RESET, body, headers)


@pytest.mark.parametrize("name, index", [("one", 0), ("two", 1), ("three", 2)])
def test_the_node_that_is_named_becomes_active(c, name, index):
    answer = reset(c, {"node": name})
    assert answer.status == 200
    assert answer.json() == {"success": True, "message": f"Active node is now {name}",
                             "activeNodeIndex": index, "activeNodeId": name}
    assert c.active == name
    assert c.request("POST", CHAT, {}).json()["node"] == name


@pytest.mark.parametrize("body", [None, b"", b" \n", {}, {"node": None}, {"why": "habit"}])
def test_without_a_name_the_highest_becomes_active(c, body):
    assert reset(c, {"node": "one"}).json()["activeNodeId"] == "one"
    assert reset(c, body).json()["activeNodeId"] == "three"


def test_a_node_that_is_not_ready_is_refused_with_its_reason(cluster, tmp_path):
    a, b = Script(tmp_path, "a"), Script(tmp_path, "b")
    c = cluster({"a": a.node(), "b": b.node()}, ready=True)
    b.does("status", status=402)
    assert c.request("POST", CHAT, {}).json()["node"] == "a"
    answer = reset(c, {"node": "b"})
    assert answer.status == 200
    assert answer.json() == {
        "success": False, "message": "b is DRAINED: quota exhausted (refused with 402)"}
    assert c.active == "a"


def test_an_unknown_name_is_told_the_known_ones(c):
    answer = reset(c, {"node": "four"})
    assert answer.status == 404
    assert answer.json() == {"success": False, "message":
                             'There is no node "four". The nodes are: one, two, three'}
    assert c.active == "three"


@pytest.mark.parametrize("body", [b"{", b"[]", b'"one"', b'{"node":1}', b'{"node":["one"]}',
                                  b"node=one", b"\xff", b'{"node":"one"} x'])
def test_a_body_that_is_none_is_refused_with_an_example(c, body):
    answer = reset(c, body)
    assert answer.status == 400
    assert answer.json()["success"] is False
    assert '{"node": "NAME"}' in answer.json()["message"]
    assert c.active == "three"


def test_the_body_may_come_in_chunks_and_byte_by_byte(c):
    with c.connect() as wire:
        wire.send(request_bytes("POST", RESET, b"", [("transfer-encoding", "chunked")]))
        for byte in json.dumps({"node": "one"}).encode():
            wire.send(b"1\r\n%c\r\n" % byte)
        wire.send(b"0\r\n\r\n")
        assert wire.answer().json()["activeNodeId"] == "one"
        wire.request("POST", RESET)  # the body before is forgotten
        assert wire.answer().json()["activeNodeId"] == "three"
        wire.request("POST", "/health", {"node": "one"})
        assert wire.answer().status == 405
        wire.request("POST", RESET)
        assert wire.answer().json()["activeNodeId"] == "three"


def test_a_body_is_asked_for_when_the_client_waits_for_that(c):
    body = b'{"node":"two"}'
    with c.connect() as wire:
        wire.send(request_bytes("POST", RESET, b"", [("content-length", len(body)),
                                                     ("expect", "100-continue")]))
        assert wire.head().status == 100
        wire.send(body)
        assert wire.answer().json()["activeNodeId"] == "two"


@pytest.mark.parametrize("length", [4096, 4097])
def test_4_kib_is_the_most(c, length):
    body = b'{"node":"one"}'.ljust(length)
    answer = reset(c, body)
    assert answer.status == (200 if length == 4096 else 413)
    assert c.active == ("one" if length == 4096 else "three")


def test_more_than_4_kib_in_chunks_is_413_as_well(c):
    with c.connect() as wire:
        wire.send(request_bytes("POST", RESET, b"", [("transfer-encoding", "chunked")]))
        for _ in range(5):
            wire.send(b"%x\r\n%s\r\n" % (1000, b" " * 1000))
        assert wire.answer().status == 413
        assert wire.is_closed()


def test_a_request_that_runs_is_not_cut_by_a_reset(c):
    with c.connect() as wire:
        wire.request("POST", CHAT + "?do=stream&events=4&delay=0.3", {"stream": True})
        assert wire.head().status == 200
        assert reset(c, {"node": "one"}).json()["success"] is True
        assert len(list(wire.events())) == 5
    wait_for(lambda: c.node("three")["inFlight"] == 0, "the end of the stream")
    assert c.request("POST", CHAT, {}).json()["node"] == "one"
