"""A dead token, a throttle and a lost network are told apart by the node's log (DESIGN D9).

/usage says 500 to all of them. Real nodes; fail-back and reserve end to end as well.

SPDX-License-Identifier: MIT
"""
import pytest

from harness import served_by, wait_for

TWO = {"first": {}, "second": {}}
SEEDED = {"first": "alice", "second": "bob"}


@pytest.fixture
def pair(cluster, hub):
    return cluster(TWO, hub=hub, accounts=SEEDED, ready=True,
                   quota={"poll_interval": "400ms", "offline_check_interval": "1s",
                          "rate_limit_cooldown": "2s"})


def journal(c):
    answer = c.request("GET", "/admin/journal")
    assert answer.status == 200, answer
    return answer.json()["journal"]


def change(c, node, state):
    """The newest journal entry that tells of this change."""
    return next(e for e in reversed(journal(c))
                if e["type"] == "state" and e["node"] == node and e["to"] == state)


def test_a_401_behind_a_500_makes_the_token_invalid_and_restarts_the_node(pair, hub):
    assert served_by(pair.chat()) == "bob"
    hub.fault("bob", usage={"do": "401", "times": 1})
    wait_for(lambda: pair.node("second")["restarts"] == 1, "its one restart")
    assert change(pair, "second", "INVALID_TOKEN")["evidence"]
    assert pair.active == "first"
    pair.wait_status(first="READY", second="READY")
    assert served_by(pair.chat()) == "alice", "the lead is sticky"


def test_a_429_behind_a_500_is_a_throttle_that_ends(pair, hub):
    assert served_by(pair.chat()) == "bob"
    hub.fault("bob", usage={"do": "429", "times": 1})
    pair.wait_status(second="RATE_LIMITED")
    assert pair.active == "first"
    assert "429" in change(pair, "second", "RATE_LIMITED")["evidence"]
    pair.wait_status(second="READY")
    assert pair.node("second")["restarts"] == 0


def test_a_lost_network_is_believed_the_second_time_and_ends(cluster, hub):
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True,
                quota={"poll_interval": "400ms", "offline_check_interval": "500ms"})
    assert served_by(c.chat()) == "bob"
    hub.fault("bob", usage="reset")
    c.wait_status(second="OFFLINE")
    assert "GitHub" in c.node("second")["reason"]
    assert c.active == "first"
    assert c.node("second")["restarts"] == 0
    hub.fault("bob", usage=None)
    c.wait_status(second="READY")


def test_a_5xx_behind_a_500_is_a_hiccup(pair, hub):
    assert served_by(pair.chat()) == "bob"
    seen = len(hub.requests("usage", "bob"))
    hub.fault("bob", usage={"do": "503", "times": 2})
    wait_for(lambda: len(hub.requests("usage", "bob")) >= seen + 3, "polls after the hiccup")
    assert pair.status("second") == "READY" and pair.active == "second"


def test_fail_back_auto_returns_to_the_higher_account(cluster, hub):
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True,
                gateway={"failback": "auto", "failback_after": "1s"},
                quota={"rate_limit_cooldown": "1s"})
    hub.fault("bob", chat={"do": "429", "times": 1})
    assert served_by(c.chat()) == "alice"
    wait_for(lambda: c.active == "second", "the fail-back")
    assert served_by(c.chat()) == "bob"
    assert "higher" in c.health()["switchLog"][-1]["reason"]


def test_a_reserve_is_left_to_its_owner(cluster, hub):
    hub.account("bob", quota=12)
    hub.account("alice", quota=300)
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True, quota={"reserve": 10},
                multipliers={"gpt-5": 1, "claude-opus": 5})
    assert served_by(c.chat()) == "bob"
    assert c.node("second")["quotaDetail"]["estimate"] == 11
    assert served_by(c.chat(model="claude-opus-4")) == "alice", "5 do not fit above 10"
    assert c.active == "first" and c.status("second") == "READY"
    c.request("POST", "/admin/reset-active-node")
    assert served_by(c.chat()) == "bob"
    c.wait_status(second="DRAINED")  # the estimate asked for a poll at once
    assert "reserve" in c.node("second")["reason"]
    assert served_by(c.chat(model="gpt-4.1")) in ("alice", "bob")
    assert served_by(c.chat()) == "alice"
