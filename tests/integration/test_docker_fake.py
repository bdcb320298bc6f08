"""test_docker_fake - what a real engine cannot be made to say: garbage, refusals, odd ends.

SPDX-License-Identifier: MIT
"""
import shutil
import tempfile

import pytest

from fakeengine import FakeEngine, answer, container
from harness import wait_for
from nodes import FakeNode


@pytest.fixture
def path():
    folder = tempfile.mkdtemp(prefix="cce-")
    yield f"{folder}/docker.sock"
    shutil.rmtree(folder)


@pytest.fixture
def start(cluster, path):
    def begin(**docker):
        return cluster({}, docker={"enabled": "yes", **docker}, env={
            "DOCKER_HOST": f"unix://{path}"})
    return begin


@pytest.fixture
def node(tmp_path):
    one = FakeNode(tmp_path, "n1")
    yield one
    one.stop()


def names(one):
    return [entry["id"] for entry in one.health()["nodes"]]


def test_answers_split_at_every_byte_say_the_same(start, path, node):
    engine = FakeEngine(path, [container("n1", node.port)], step=1)
    one = start()
    one.wait_status(n1="READY")
    engine.rows(container("n1", node.port), container("n2", node.port, "abcdefabcdef"))
    wait_for(lambda: names(one) == ["n1", "n2"], "the second one")
    assert {request.split(" ")[0] for request in engine.requests} == {"GET"}


def test_garbage_is_told_once_and_the_nodes_stay(start, path, node):
    engine = FakeEngine(path, [container("n1", node.port)])
    one = start(poll_interval="200ms")
    one.wait_status(n1="READY")
    engine.answers["/containers/json"] = answer(b"[{]")
    one.wait_log("the list of containers is not what an engine answers")
    seen = len(engine.requests)
    wait_for(lambda: engine.requests[seen:].count("GET /_ping") >= 2, "two more tries")
    assert one.log.count("is not what an engine answers") == 1
    assert one.status("n1") == "READY"
    engine.answers["/containers/json"] = answer([container("n1", node.port)])
    one.wait_log("Docker: answers again")
    assert "leaves" not in one.log


def test_the_end_of_the_events_begins_anew(start, path, node):
    engine = FakeEngine(path, [container("n1", node.port)])
    one = start()
    one.wait_status(n1="READY")
    engine.end_events()
    one.wait_log("Docker: its events have ended")
    one.wait_log("Docker: answers again")
    assert one.status("n1") == "READY" and names(one) == ["n1"]


def test_ten_thousand_containers_are_refused_in_one_line(start, path, node):
    engine = FakeEngine(path, [container("n1", node.port)])
    one = start()
    one.wait_status(n1="READY")
    engine.rows(*(container(f"x{i}", 1, f"{i:012x}", Filler="x" * 500) for i in range(10000)))
    one.wait_log("is longer than 4 MiB")
    assert names(one) == ["n1"] and one.status("n1") == "READY"


def test_more_containers_than_nodes_leave_some_out(start, path):
    FakeEngine(path, [container(f"x{i}", 1, f"{i:012x}") for i in range(100)])
    one = start()
    one.wait_log("there are more containers than nodes can be left_out=36 nodes=64")
    assert names(one) == [f"x{i}" for i in range(64)]


@pytest.mark.parametrize("ping, text", [
    (b"HTTP/1.1 200 OK\r\nApi-Version: 1.12\r\nContent-Length: 0\r\n\r\n",
     "speaks API version 1.12, which is too old: 1.24 is needed"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "this is no Docker Engine that we know"),
    (answer({"message": "nobody may"}, 403),
     "/_ping was refused with status 403: nobody may (does the socket proxy allow it?)"),
])
def test_an_engine_that_will_not_do_is_told_in_words(start, path, ping, text):
    engine = FakeEngine(path)
    engine.answers["/_ping"] = ping
    one = start()
    one.wait_log(text)
    assert one.health()["nodes"] == []


def test_an_engine_that_is_too_new_says_so(start, path):
    engine = FakeEngine(path)
    engine.answers["/_ping"] = (b"HTTP/1.1 200 OK\r\nApi-Version: 1.99\r\n"
                                b"Content-Length: 0\r\n\r\n")
    engine.answers["/events"] = answer(
        {"message": "client version 1.47 is too old. Minimum supported version: 1.60"}, 400)
    one = start()
    one.wait_log("refused with status 400: client version 1.47 is too old")
    assert any("/v1.47/events" in request for request in engine.requests)


def test_without_a_socket_it_waits_for_one(start, path, node):
    one = start()
    one.wait_log("Docker: no socket there (No such file or directory)")
    FakeEngine(path, [container("n1", node.port)])
    one.wait_status(n1="READY")


def test_one_that_returns_keeps_what_is_known_of_its_account(start, path, tmp_path):
    poor = FakeNode(tmp_path, "poor", quota=0)
    engine = FakeEngine(path, [container("n1", poor.port)])
    one = start()
    one.wait_status(n1="DRAINED")
    engine.rows()
    wait_for(lambda: names(one) == [], "it to leave")
    rich = FakeNode(tmp_path, "rich")  # had it been forgotten, this would be READY at once
    engine.rows(container("n1", rich.port, "abcdefabcdef"))
    wait_for(lambda: one.log.count("node n1 is DRAINED") == 2, "what was known of it")
    poor.stop()
    rich.stop()
