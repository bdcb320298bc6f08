"""Under load: nothing is lost when a node dies, and never do two accounts work at once.

SPDX-License-Identifier: MIT
"""
import os
import signal
import threading
import time

import harness
from harness import served_by, wait_for

TWO = {"first": {}, "second": {}}
SEEDED = {"first": "alice", "second": "bob"}


class Load:
    """Clients that ask, one request after the other, `count` times or until they are told."""

    def __init__(self, c, clients, count=10 ** 6, **body):
        self.c, self.count, self.body = c, count, body
        self.answers, self.failures, self.stopping = [], [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        for i in range(self.count):
            if self.stopping.is_set():
                return
            try:
                with self.c.connect(timeout=90) as wire:
                    wire.request("POST", "/v1/chat/completions",
                                 harness.chat_body(f"{number}.{i}", **self.body))
                    try:
                        self.answers.append(wire.answer())
                    except (OSError, harness.wire.Cut) as error:
                        self.failures.append((repr(error), wire.buffer))
            except OSError as error:
                self.failures.append((repr(error), b""))

    def end(self):
        self.stopping.set()
        self.join()

    def join(self):
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive(), "a client hangs"


def test_100_requests_of_20_clients_across_a_switch_never_overlap(cluster, hub):
    hub.account("bob", quota=40)
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True)
    hub.account("bob", stream={"first": 0.1})
    hub.account("alice", stream={"first": 0.1})
    load = Load(c, clients=20, count=5)
    load.join()
    assert load.failures == []
    assert [a.status for a in load.answers] == [200] * 100
    names = [served_by(a) for a in load.answers]
    assert names.count("bob") == 40 and names.count("alice") == 60
    assert hub.overlaps() == {"count": 0, "pairs": []}
    switches = [(s["from"], s["to"]) for s in c.health()["switchLog"] if s["from"]]
    assert switches == [("second", "first")], "N failures of one node are one switch"


def test_sigkill_of_the_active_node_fails_no_request_that_got_no_byte(cluster, hub):
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True)
    hub.account("bob", stream={"first": 0.15})
    hub.account("alice", stream={"first": 0.15})
    load = Load(c, clients=8)
    try:
        wait_for(lambda: len(load.answers) >= 16, "some answers")
        wait_for(lambda: len(hub.in_flight()) >= 4, "requests in flight")
        os.kill(c.node("second")["pid"], signal.SIGKILL)
        wait_for(lambda: c.active == "first", "the switch")
        done = len(load.answers)
        wait_for(lambda: len(load.answers) >= done + 16, "answers of the other node")
    finally:
        load.end()
    assert load.failures == []
    assert {a.status for a in load.answers} == {200}
    c.wait_status(second="READY")  # restarted
    assert c.node("second")["restarts"] == 1


def test_streams_that_got_a_byte_end_visibly_when_their_node_is_killed(cluster, hub):
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True)
    load = Load(c, clients=4, count=1, stream=True)
    hub.account("bob", stream={"chunks": 200, "delay": 0.1})
    load.join()  # the first four ran with the short shape
    assert all(a.body.endswith(b"data: [DONE]\n\n") for a in load.answers)
    load = Load(c, clients=4, count=1, stream=True)
    wait_for(lambda: sum(e.get("events", 0) > 5 for e in hub.in_flight()) == 4, "four streams")
    os.kill(c.node("second")["pid"], signal.SIGKILL)
    load.join()
    assert load.answers == [], "a cut stream must not end as if it were whole"
    assert len(load.failures) == 4
    assert served_by(c.chat()) == "alice"


def test_a_node_that_is_killed_twice_comes_back_twice(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True)
    for count in (1, 2):
        pid = c.node("first")["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not harness.is_alive(pid), "its end")
        assert served_by(c.chat()) == "alice", "the request waited for the restart"
        assert c.node("first")["restarts"] == count


def test_requests_wait_for_a_node_that_is_just_starting(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"})
    assert served_by(c.chat()) == "alice"


def test_a_departed_client_still_counts_until_its_node_is_done(cluster, hub):
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True)
    hub.fault("bob", chat={"do": "hold", "times": 1})
    with c.connect() as wire:
        wire.request("POST", "/v1/chat/completions", harness.chat_body("I leave"))
        wait_for(lambda: hub.in_flight(), "the request at GitHub")
        wire.close()
    hub.fault("bob", chat={"do": "402", "times": 1})
    begin = time.monotonic()
    # bob is refused; alice may not start while bob's account still works for the departed one.
    # Only departed requests remain, so bob's node is killed and the baton moves at once.
    assert served_by(c.chat()) == "alice"
    assert time.monotonic() - begin < 20, "it did not wait for handoff_timeout"
    assert hub.overlaps()["count"] == 0
    hub.release()


def test_a_client_that_leaves_at_the_end_mark_costs_no_restart(cluster, hub):
    c = cluster(TWO, hub=hub, accounts=SEEDED, ready=True)
    hub.account("bob", stream={"chunks": 3, "delay": 0.3})  # also between the mark and the end
    with c.connect() as wire:
        wire.request("POST", "/v1/chat/completions", harness.chat_body("x", stream=True))
        wire.until(b"data: [DONE]\n\n")
    hub.fault("bob", chat={"do": "402", "times": 1})
    assert served_by(c.chat()) == "alice"
    assert c.node("second")["restarts"] == 0
    assert hub.overlaps()["count"] == 0
