"""What a node's log proves is seen and told in plain words (DESIGN D9).

SPDX-License-Identifier: MIT
"""
import re

import pytest

from harness import wait_for
from nodes import fake_node

DEBUG = {"log": {"level": "debug"}}


def evidence(c, node):
    """The kinds that were told about it, in order."""
    return re.findall(rf"is evidence node={node} evidence=(\S+)", c.log)


def wait_problem(c, node, words):
    wait_for(lambda: words in (c.node(node)["problem"] or ""), f"{words!r} in /health")


@pytest.mark.parametrize("fault, kind, words", [
    ("401", "usage-401", "Failed to get Copilot usage (status: 401)"),
    ("403", "usage-403", "Failed to get Copilot usage (status: 403)"),
    ("429", "usage-429", "Failed to get Copilot usage (status: 429)"),
    ("503", "usage-5xx", "Failed to get Copilot usage (status: 503)"),
    ("reset", "network", "fetch failed"),
])
def test_usage_that_fails_is_told_apart(cluster, hub, fault, kind, words):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True,
                quota={"poll_interval": "1s", "offline_check_interval": "1s"}, **DEBUG)
    assert evidence(c, "first") == []
    hub.fault("alice", usage=fault)
    wait_for(lambda: kind in evidence(c, "first"), f"evidence {kind}")
    assert set(evidence(c, "first")) == {kind}
    line = next(line for line in c.log.splitlines() if f"evidence={kind}" in line)
    assert words in line


def test_answers_to_clients_are_no_evidence(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True, **DEBUG)
    forged = "x\nError fetching Copilot usage: HTTPError: y\n    status: 401,\n"
    for fault in ("400", {"do": "400", "body": forged}, "500", "reset"):
        hub.fault("alice", chat={**(fault if isinstance(fault, dict) else {"do": fault})})
        assert c.chat().status >= 400
    c.wait_log("HTTP error: x")
    c.wait_log("Error occurred: fetch failed")
    assert evidence(c, "first") == []


@pytest.mark.parametrize("trouble, kind, words", [
    ({"token": "503"}, "no-copilot", "GitHub gives its account no Copilot token"),
    ({"user": "reset"}, "network", "it could not reach GitHub"),
])
def test_a_start_that_fails_is_explained_in_plain_words(cluster, hub, trouble, kind, words):
    hub.account("alice", faults=trouble)
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, **DEBUG)
    wait_problem(c, "first", f"exited with status 1 during its start ({words})")
    assert set(evidence(c, "first")) == {kind}
    hub.fault("alice", **dict.fromkeys(trouble))
    c.wait_ready()
    assert c.node("first")["problem"] is None


def test_a_failed_refresh_is_explained_before_the_node_is_down(cluster, hub):
    hub.account("alice", refresh_in=63)
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True, **DEBUG)
    hub.fault("alice", token={"do": "503", "times": 1})
    end = "exited with status 1 in service (its Copilot token could not be refreshed)"
    c.wait_log(end)
    assert evidence(c, "first") == ["refresh"]
    assert c.log.index("evidence=refresh") < c.log.index("node is down: " + end)
    hub.account("alice", refresh_in=1500)
    c.wait_ready()


def test_a_taken_node_port_is_explained(cluster, tmp_path):
    c = cluster({"a": fake_node(fail_starts=1, fail_file=tmp_path / "ports")}, ready=True,
                **DEBUG)
    assert "exited with status 1 during its start (its port is taken)" in c.log
    assert evidence(c, "a") == ["port"]
