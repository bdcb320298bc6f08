"""Fifty clients, ten switches: none is lost, none asked twice, never two accounts at once.

Real nodes, four accounts. Every prompt has a name of its own, so that the fake GitHub's log
tells how often each of them was answered there, and by whom.

SPDX-License-Identifier: MIT
"""
import collections
import json

import harness
from harness import served_by, wait_for
from test_load import Load

NAMES = ["first", "second", "third", "fourth"]
ACCOUNTS = dict(zip(NAMES, ["alice", "bob", "carol", "dave"]))


def switch_by_status(c, hub, status):
    """One refusal of the active account, in the middle of everything."""
    hub.fault(ACCOUNTS[c.active], chat={"do": status, "times": 1})


def switch_by_order(c, _hub):
    """The node below the active one, in a circle, as far as it is ready."""
    health = c.health()
    here = health["activeNodeIndex"]
    ready = [n for n in health["nodes"] if n["status"] == "READY" and not n["isActive"]]
    below = [n for n in ready if n["index"] < here]
    wanted = max(below or ready, key=lambda n: n["index"])["id"]
    answer = c.request("POST", "/admin/reset-active-node", {"node": wanted})
    assert answer.json()["success"], answer


WAYS = [lambda c, hub: switch_by_status(c, hub, "429"), switch_by_order,
        lambda c, hub: switch_by_status(c, hub, "401")]


def test_50_clients_across_ten_switches_lose_nothing_and_double_nothing(cluster, hub):
    c = cluster({name: {} for name in NAMES}, hub=hub, accounts=ACCOUNTS, ready=True,
                gateway={"node_wait": "30s"}, quota={"rate_limit_cooldown": "1s"})
    for account in ACCOUNTS.values():
        hub.account(account, stream={"first": 0.05}, quota=100000)
    load = Load(c, clients=50)
    try:
        for number in range(10):
            before, done = c.active, len(load.answers)
            wait_for(lambda: sum(n["status"] == "READY" for n in c.health()["nodes"]) >= 2,
                     "somebody to switch to")
            WAYS[number % len(WAYS)](c, hub)
            wait_for(lambda: c.active not in (None, before), f"switch {number + 1}")
            wait_for(lambda: len(load.answers) >= done + 100, f"answers after {number + 1}")
    finally:
        load.end()
    assert load.failures == []
    assert {a.status for a in load.answers} == {200}
    answered = collections.Counter(r["prompt"] for r in hub.requests() if r["outcome"] == "ok"
                                   and r["status"] == 200)
    assert len(answered) == len(load.answers), "lost, or answered for nobody"
    assert set(answered.values()) == {1}, "no prompt is worked on twice"
    assert hub.overlaps() == {"count": 0, "pairs": []}
    assert len({served_by(a) for a in load.answers}) >= 3
    print(json.dumps({"requests": len(load.answers), "switches": 10, "overlaps": 0}))


def test_a_burst_that_is_refused_at_once_switches_once(cluster, hub):
    c = cluster({name: {} for name in NAMES[:3]}, hub=hub, ready=True,
                accounts={name: ACCOUNTS[name] for name in NAMES[:3]})
    hub.fault("carol", chat={"do": "hold", "times": 20})
    load = Load(c, clients=20, count=1)
    wait_for(lambda: len(hub.in_flight()) == 20, "twenty requests at GitHub")
    hub.account("carol", quota={"remaining": 0}, faults={"chat": None})
    hub.release()
    load.join()
    assert load.failures == [] and {a.status for a in load.answers} == {200}
    switches = [(s["from"], s["to"]) for s in c.health()["switchLog"] if s["from"]]
    assert len(switches) <= 1, "N failures of one node are one switch"
    assert hub.overlaps()["count"] == 0


def test_reset_active_node_waits_for_running_answers(cluster, hub):
    c = cluster({name: {} for name in NAMES[:2]}, hub=hub, ready=True,
                accounts={name: ACCOUNTS[name] for name in NAMES[:2]})
    hub.fault("bob", chat={"do": "hold", "times": 1})
    with c.connect(timeout=60) as running, c.connect(timeout=60) as waiting:
        running.request("POST", "/v1/chat/completions", harness.chat_body("running"))
        wait_for(hub.in_flight, "the request at GitHub")
        answer = c.request("POST", "/admin/reset-active-node", {"node": "first"})
        assert answer.json()["success"] and c.active == "first"
        waiting.request("POST", "/v1/chat/completions", harness.chat_body("waiting"))
        assert [r["prompt"] for r in hub.requests()] == ["running"]
        hub.release()
        assert served_by(running.answer()) == "bob"
        assert served_by(waiting.answer()) == "alice"
    assert hub.overlaps()["count"] == 0
