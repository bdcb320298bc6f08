"""One account after the other: every refusal of GitHub ends in the right state.

Real nodes: second (account bob, index 1) leads, first (alice) stands by.

SPDX-License-Identifier: MIT
"""
import pytest

from harness import served_by, wait_for
from nodes import RealNode

TWO = {"first": {}, "second": {}}
SEEDED = {"first": "alice", "second": "bob"}
USED_UP = {"remaining": 0}


@pytest.fixture
def pair(cluster, hub):
    return cluster(TWO, hub=hub, accounts=SEEDED, ready=True,
                   gateway={"node_wait": "2s"}, quota={"rate_limit_cooldown": "60s"})


def last_switch(c):
    entry = c.health()["switchLog"][-1]
    assert set(entry) >= {"at", "from", "to", "reason"}, entry
    return entry["from"], entry["to"], entry["reason"]


def test_the_highest_index_leads_and_stays(pair, hub):
    assert [n["id"] for n in pair.health()["nodes"]] == ["first", "second"]
    for _ in range(3):
        assert served_by(pair.chat()) == "bob"
    assert pair.health()["activeNodeIndex"] == 1


def test_an_account_that_runs_dry_hands_the_same_request_on(pair, hub):
    assert served_by(pair.chat()) == "bob"
    hub.account("bob", quota=USED_UP)  # the gateway learns of it from the refusal only
    assert served_by(pair.chat("go on")) == "alice"
    assert [r["status"] for r in hub.requests() if r["prompt"] == "go on"] == [402, 200]
    pair.wait_status(second="DRAINED", first="READY")
    source, target, reason = last_switch(pair)
    assert (source, target) == ("second", "first")
    assert "402" in reason
    assert served_by(pair.chat()) == "alice"
    assert len(hub.requests(account="bob")) == 2, "a drained account is left alone"


def test_a_stream_is_refused_and_answered_by_the_next_account(pair, hub):
    hub.account("bob", quota=USED_UP)
    answer = pair.chat(stream=True)
    assert answer.status == 200
    assert b"alice#" in answer.body and answer.body.endswith(b"data: [DONE]\n\n")


def test_messages_are_handed_on_as_well(pair, hub):
    hub.fault("bob", chat="402")
    assert served_by(pair.messages()) == "alice"


def test_401_makes_the_token_invalid_and_restarts_the_node_once(pair, hub):
    pid = pair.node("second")["pid"]
    hub.fault("bob", chat={"do": "401", "times": 1})
    assert served_by(pair.chat()) == "alice"
    assert pair.status("second") == "INVALID_TOKEN"
    assert "401" in last_switch(pair)[2]
    pair.wait_status(second="READY")  # the restart fetched a fresh token
    assert pair.node("second")["restarts"] == 1
    assert pair.node("second")["pid"] != pid
    assert served_by(pair.chat()) == "alice", "the lead is sticky"


def test_401_of_an_external_node_stays_invalid_and_is_not_asked(cluster, hub, tmp_path):
    node = RealNode(tmp_path, hub, "carol")
    try:
        c = cluster({"first": {}, "office": {"url": node.url}}, hub=hub,
                    accounts={"first": "alice"}, ready=True, quota={"poll_interval": "300ms"})
        hub.fault("carol", chat="401")
        assert served_by(c.chat()) == "alice"
        assert c.status("office") == "INVALID_TOKEN"
        before = len(hub.requests("usage", "carol"))
        seen = len(hub.requests("usage", "alice"))
        wait_for(lambda: len(hub.requests("usage", "alice")) >= seen + 3, "three more polls")
        assert len(hub.requests("usage", "carol")) == before
        assert c.status("office") == "INVALID_TOKEN"
    finally:
        node.stop()


def test_the_first_403_is_the_requests_own(pair, hub):
    hub.fault("bob", chat={"do": "403", "times": 1})
    answer = pair.chat()
    assert answer.status == 403
    assert b"Access is forbidden" in answer.body
    assert pair.status("second") == "READY"
    assert served_by(pair.chat()) == "bob"
    assert hub.requests(account="alice") == []


def test_the_second_403_in_a_row_is_the_accounts(pair, hub):
    hub.fault("bob", chat="403")
    assert pair.chat("one").status == 403
    assert served_by(pair.chat("two")) == "alice"
    assert pair.status("second") not in ("READY", "DRAINED")
    assert "403" in pair.node("second")["reason"]


def test_two_403_with_a_success_between_pass_both(pair, hub):
    hub.fault("bob", chat={"do": "403", "times": 1})
    assert pair.chat().status == 403
    assert served_by(pair.chat()) == "bob"
    hub.fault("bob", chat={"do": "403", "times": 1})
    assert pair.chat().status == 403
    assert pair.status("second") == "READY"


def test_a_403_that_names_the_quota_drains(pair, hub):
    hub.fault("bob", chat={"do": "403", "body": {
        "error": {"message": "You have no quota", "code": "quota_exceeded"}}})
    assert served_by(pair.chat()) == "alice"
    assert pair.status("second") == "DRAINED"


def test_429_rests_the_account_and_it_comes_back(cluster, hub):
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True,
                quota={"rate_limit_cooldown": "3s"})
    hub.fault("bob", chat={"do": "429", "times": 1})
    assert served_by(c.chat()) == "alice"
    assert c.status("second") == "RATE_LIMITED"
    assert "429" in last_switch(c)[2]
    c.wait_status(second="READY")
    assert served_by(c.chat()) == "alice"


def test_421_is_a_wrong_account_type(pair, hub):
    hub.fault("bob", chat={"do": "421", "body": "Misdirected Request\n"})
    assert served_by(pair.chat()) == "alice"
    assert pair.status("second") == "OFFLINE"
    assert "account_type" in pair.node("second")["reason"]


@pytest.mark.parametrize("status", [400, 404, 413, 422, 424])
def test_the_requests_own_fault_passes_and_changes_nothing(pair, hub, status):
    hub.fault("bob", chat={"do": str(status), "body": {"error": {"message": "yours"}}})
    answer = pair.chat()
    assert answer.status == status
    assert b"yours" in answer.body
    assert pair.status("second") == "READY" and pair.active == "second"
    assert len(hub.requests()) == 1


def test_500_passes_and_does_not_drain(pair, hub):
    hub.fault("bob", chat={"do": "500", "times": 1})
    assert pair.chat().status == 500
    assert pair.status("second") == "READY" and pair.active == "second"


def test_a_usage_that_shows_nothing_left_drains_before_any_request(cluster, hub):
    hub.account("bob", quota=USED_UP)
    c = cluster(TWO, hub=hub, accounts=SEEDED)
    c.wait_status(first="READY", second="DRAINED")
    assert served_by(c.chat()) == "alice"
    assert hub.requests(account="bob") == []


def test_an_unlimited_plan_is_not_drained(cluster, hub):
    hub.account("bob", quota={"remaining": 0, "unlimited": True})
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True)
    assert served_by(c.chat()) == "bob"


def test_a_refilled_account_recovers(cluster, hub):
    hub.account("alice", quota=USED_UP)
    hub.account("bob", quota=USED_UP)
    c = cluster(TWO, hub=hub, accounts=SEEDED, quota={"drained_poll_interval": "500ms"})
    c.wait_status(first="DRAINED", second="DRAINED")
    assert c.chat().status == 503
    hub.account("alice", quota=100)
    c.wait_status(first="READY")
    assert served_by(c.chat()) == "alice"


def test_an_external_node_that_comes_back_is_used_again(cluster, hub, tmp_path):
    node = RealNode(tmp_path, hub, "carol")
    try:
        c = cluster({"office": {"url": node.url}}, hub=hub, ready=True,
                    gateway={"node_wait": "1s"}, quota={"offline_check_interval": "300ms"})
        assert served_by(c.chat()) == "carol"
        node.stop()
        assert c.chat().status == 503
        assert c.status("office") == "OFFLINE"
        node.start()
        c.wait_status(office="READY")
        assert served_by(c.chat()) == "carol"
    finally:
        node.stop()


# ------------------------------------------------------------------- nobody is left

def test_all_drained_is_a_503_in_the_openai_dialect(pair, hub):
    hub.fault("alice", chat="402")
    hub.fault("bob", chat="402")
    answer = pair.chat()
    assert answer.status == 503
    error = answer.json()["error"]
    assert error["type"] == "service_unavailable"
    for word in ("first", "second", "quota"):
        assert word in str(answer.json()), "each node is named with its reason"
    pair.wait_status(first="DRAINED", second="DRAINED")
    health = pair.health()
    assert health["status"] == "degraded" and health["availableNodeCount"] == 0
    again = pair.chat()
    assert again.status == 503
    assert len(hub.requests()) == 2, "nobody is asked again"


def test_all_drained_is_a_503_in_the_anthropic_dialect(pair, hub):
    hub.fault("alice", chat="402")
    hub.fault("bob", chat="402")
    answer = pair.messages()
    assert answer.status == 503
    body = answer.json()
    assert body["type"] == "error"
    assert {"type", "message"} <= set(body["error"])
    assert "second" in body["error"]["message"]


def test_retry_after_tells_when_the_first_account_is_back(cluster, hub):
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True,
                quota={"rate_limit_cooldown": "40s"})
    hub.fault("alice", chat="429")
    hub.fault("bob", chat="429")
    answer = c.chat()
    assert answer.status == 503
    assert 30 <= int(answer.header("retry-after")) <= 41
    c.wait_status(first="RATE_LIMITED", second="RATE_LIMITED")
    assert 20 <= int(c.messages().header("retry-after")) <= 41


def test_exhausted_status_chooses_another_answer(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True,
                gateway={"exhausted_status": "402"})
    hub.fault("alice", chat="402")
    assert c.chat().status == 402


def test_retry_limit_is_the_number_of_further_nodes(cluster, hub):
    nodes = {"first": {}, "second": {}, "third": {}}
    c = cluster(nodes, hub=hub, ready=True, gateway={"retry_limit": 1},
                accounts={"first": "alice", "second": "bob", "third": "carol"})
    hub.fault("carol", chat="402")
    hub.fault("bob", chat="402")
    assert c.chat().status == 503
    assert [r["account"] for r in hub.requests()] == ["carol", "bob"]
    assert served_by(c.chat()) == "alice"
