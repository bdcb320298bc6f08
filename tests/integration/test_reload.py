"""Settings are read again while requests run (HUP): all or nothing, and nobody notices.

SPDX-License-Identifier: MIT
"""
import os
import re
import signal
import threading

import harness
from harness import wait_for
from nodes import FakeNode, fake_node

STREAM = "/v1/chat/completions?do=stream&events=20&delay=0.05"


class Steady:
    """Clients that ask without a pause, plain requests and streams in turn."""

    def __init__(self, c, clients=4):
        self.c, self.answers, self.failures = c, 0, []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        turn = number
        while not self.stopping.is_set():
            turn += 1
            is_stream = turn % 3 == 0
            target = STREAM if is_stream else "/v1/chat/completions"
            try:
                answer = self.c.request("POST", target,
                                        harness.chat_body("x", stream=is_stream))
                is_whole = b"[DONE]" in answer.body if is_stream else answer.status == 200
                if answer.status != 200 or not is_whole:
                    self.failures.append((answer.status, answer.body[-300:]))
            except Exception as error:  # pylint: disable=broad-except
                self.failures.append(repr(error))
            self.answers += 1

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(120)
        assert self.failures == []
        assert self.answers >= 10


def reload(c):
    """Writes the file anew and sends HUP; returns the log from there on when it was read."""
    before = len(c.log)
    c.write_ini()
    c.kill(signal.SIGHUP)
    wait_for(lambda: "reload: " in c.log[before:], "an answer to HUP")
    return c.log[before:]


def finish(c, before):
    wait_for(lambda: "all nodes run with their new settings" in c.log[before:],
             f"the end of the reload\n{c.log[-3000:]}")
    return c.log[before:]


def pids(c):
    return {n["id"]: n["pid"] for n in c.health()["nodes"]}


def names(c):
    return [n["id"] for n in c.health()["nodes"]]


def three():
    return {name: fake_node(name=name) for name in ("one", "two", "three")}


def test_a_reload_that_changes_nothing_touches_nothing(cluster):
    c = cluster(three(), ready=True)
    before = pids(c)
    log = reload(c)
    assert "reload: nothing has changed by=HUP" in log
    assert pids(c) == before
    assert c.active == "three"


def test_a_file_with_errors_changes_nothing_and_says_where(cluster):
    c = cluster(three(), ready=True)
    before = pids(c)
    c.sections["gateway"]["retry_limit"] = "many"
    c.sections["node:two"]["command"] = "other"
    c.sections["node:new"] = fake_node()
    log = reload(c)
    assert "the former ones stay in force" in log
    assert re.search(r"cluster\.ini:\d+: \[gateway\] retry_limit must be", log), log
    assert pids(c) == before


def test_a_live_setting_is_in_force_at_once_and_restarts_nobody(cluster):
    c = cluster(three(), ready=True, gateway={"body_max": "1KiB"})
    before = pids(c)
    body = harness.chat_body("x" * 4000)
    assert c.request("POST", "/v1/chat/completions", body).status == 413
    c.sections["gateway"]["body_max"] = "1MiB"
    log = reload(c)
    assert "in force: [gateway] body_max" in log
    assert c.request("POST", "/v1/chat/completions", body).status == 200
    assert pids(c) == before


def test_what_needs_the_daemon_is_named_and_not_applied(cluster):
    c = cluster(three(), ready=True)
    before, port = pids(c), c.port
    c.sections["gateway"]["listen"] = f"127.0.0.1:{harness.free_port()}"
    c.sections["gateway"]["retry_limit"] = 2
    log = reload(c)
    assert "[gateway] listen is not applied: it needs a restart of copilot-cluster" in log
    assert "in force: [gateway] retry_limit" in log
    log = reload(c)  # it is still so, and still said
    assert "[gateway] listen is not applied" in log
    assert "retry_limit" not in log
    assert pids(c) == before and c.port == port


def test_what_needs_the_daemon_may_be_changed_back_and_forth(cluster, tmp_path):
    ours, other, log = tmp_path / "ours", tmp_path / "other", tmp_path / "access"
    c = cluster({"a": fake_node()}, ready=True, supervisor={"pidfile": ours},
                log={"access": "text", "access_file": log})
    for pidfile, access_file in ((other, other), (ours, log), (other, other)):
        c.sections["supervisor"]["pidfile"] = pidfile
        c.sections["log"]["access_file"] = access_file
        reload(c)
    assert c.chat().status == 200
    c.kill(signal.SIGUSR1)
    c.wait_log(f"the access log was opened again file={log}")
    assert ours.read_text() == f"{c.process.pid}\n" and not other.exists()
    c.stop()
    assert not ours.exists() and "chat/completions" in log.read_text()


def test_settings_from_a_pipe_cannot_be_read_again(cluster, tmp_path):
    c = cluster({"a": fake_node()}, start=False)
    text = c.ini.read_text()
    c.ini.unlink()
    os.mkfifo(c.ini)
    writer = threading.Thread(target=c.ini.write_text, args=(text,))
    writer.start()
    c.start()
    writer.join()
    c.wait_ready()
    c.kill(signal.SIGHUP)
    c.wait_log("only a plain file can be read again")
    assert names(c) == ["a"] and c.chat().status == 200


def test_under_load_all_nodes_are_replaced_and_no_request_fails(cluster):
    c = cluster(three(), ready=True)
    load = Steady(c)
    wait_for(lambda: load.answers > 5, "load")
    before, start = pids(c), len(c.log)
    c.sections["node"]["env.COLOR"] = "blue"
    log = reload(c)
    assert "to be restarted, one at a time: one, two, three" in log
    log = finish(c, start)
    c.wait_ready()
    load.end()
    after = pids(c)
    assert all(after[name] != before[name] for name in after)
    turns = re.findall(r"starts anew with its new settings node=(\w+)", log)
    assert turns == ["one", "two", "three"]  # standbys first, the active one last
    for pid in after.values():
        with open(f"/proc/{pid}/environ", "rb") as f:
            assert b"COLOR=blue" in f.read()


def test_only_the_node_that_changed_starts_anew(cluster):
    c = cluster(three(), ready=True)
    before, start = pids(c), len(c.log)
    c.sections["node:two"]["nice"] = 3
    assert "one at a time: two" in reload(c)
    finish(c, start)
    after = pids(c)
    assert after["two"] != before["two"]
    assert (after["one"], after["three"]) == (before["one"], before["three"])
    assert os.getpriority(os.PRIO_PROCESS, after["two"]) == 3
    assert c.active == "three"


def test_under_load_a_lone_node_is_replaced_and_no_request_fails(cluster):
    c = cluster({"only": fake_node(name="only")}, ready=True)
    load = Steady(c, clients=2)
    wait_for(lambda: load.answers > 5, "load")
    before, start = pids(c), len(c.log)
    c.sections["node"]["env.COLOR"] = "blue"
    reload(c)
    finish(c, start)
    c.wait_ready()
    load.end()
    assert pids(c) != before


def test_under_load_nodes_come_and_go_and_no_request_fails(cluster):
    c = cluster(three(), ready=True)
    load = Steady(c)
    wait_for(lambda: load.answers > 5, "load")
    start = len(c.log)
    del c.sections["node:three"]  # the active one
    c.sections["node:four"] = fake_node(name="four")
    log = reload(c)
    assert "added: four; to be removed: three" in log
    finish(c, start)
    c.wait_status(one="READY", two="READY", four="READY")
    assert names(c) == ["one", "two", "four"]
    c.sections["node:three"] = fake_node(name="three")
    reload(c)
    c.wait_status(three="READY")
    load.end()
    assert names(c) == ["one", "two", "four", "three"]
    assert {n["id"]: n["index"] for n in c.health()["nodes"]}["four"] == 2
    assert len(c.processes()) == 4


def test_another_order_moves_the_index_and_nothing_else(cluster):
    c = cluster(three(), ready=True)
    before = pids(c)
    c.sections["node:one"] = c.sections.pop("node:one")  # last now
    assert "the order of the nodes" in reload(c)
    assert names(c) == ["two", "three", "one"]
    health = c.health()
    assert (health["activeNodeId"], health["activeNodeIndex"]) in [("one", 2), ("three", 1)]
    assert pids(c) == before


def test_a_renamed_node_is_told_where_its_login_stays(cluster):
    c = cluster(three(), ready=True)
    start = len(c.log)
    c.sections["node:zwei"] = {**c.sections.pop("node:two")}
    log = reload(c)
    assert "added: zwei; to be removed: two" in log
    assert "if zwei is the new name of two: its login stays in nodes/two" in log
    finish(c, start)
    c.wait_status(zwei="READY")


def test_a_node_that_does_not_come_up_keeps_the_others_from_its_fate(cluster):
    c = cluster(three(), ready=True)
    before, start = pids(c), len(c.log)
    for name in ("one", "two", "three"):
        c.sections[f"node:{name}"]["command"] = "/nonexistent/program %(port)s"
    reload(c)
    wait_for(lambda: "does not come up with its new settings" in c.log[start:], "a warning")
    assert c.chat().status == 200
    after = pids(c)
    assert (after["two"], after["three"]) == (before["two"], before["three"])
    for name in ("one", "two", "three"):  # mended, with two of them still as they were
        c.sections[f"node:{name}"] = fake_node(name=name)
    reload(c)
    finish(c, start)
    c.wait_ready()
    assert (pids(c)["two"], pids(c)["three"]) == (before["two"], before["three"])


def test_a_second_reload_meanwhile_is_not_lost(cluster):
    c = cluster(three(), ready=True)
    stream = c.connect()
    stream.request("POST", "/v1/chat/completions?do=stream&events=60&delay=0.05",
                   harness.chat_body("x", stream=True))
    wait_for(lambda: c.node("three")["inFlight"] == 1, "a stream")
    start, before = len(c.log), pids(c)
    c.sections["node"]["env.COLOR"] = "blue"
    reload(c)
    c.sections["node"]["env.COLOR"] = "red"
    c.sections["gateway"]["retry_limit"] = 1
    assert "in force: [gateway] retry_limit" in reload(c)
    assert b"[DONE]" in stream.answer().body
    finish(c, start)
    c.wait_ready()
    for name, pid in pids(c).items():
        assert pid != before[name]
        with open(f"/proc/{pid}/environ", "rb") as f:
            assert b"COLOR=red" in f.read()


def test_what_is_taken_back_before_its_turn_does_not_happen(cluster):
    c = cluster(three(), ready=True)
    stream = c.connect()
    stream.request("POST", "/v1/chat/completions?do=stream&events=60&delay=0.05",
                   harness.chat_body("x", stream=True))
    wait_for(lambda: c.node("three")["inFlight"] == 1, "a stream")
    start, before = len(c.log), pids(c)
    c.sections["node:three"]["nice"] = 4
    c.sections["node:two"]["nice"] = 4
    reload(c)
    wait_for(lambda: "node=two" in c.log[start:], "the first turn")
    c.sections["node:three"].pop("nice")
    c.sections["node:two"].pop("nice")
    reload(c)
    stream.answer()
    wait_for(lambda: pids(c)["two"] not in (None, before["two"]), "two again")
    finish(c, start)


def test_external_nodes_change_address_and_token_and_go(cluster, tmp_path):
    first, second = FakeNode(tmp_path, "e1"), FakeNode(tmp_path, "e2")
    try:
        c = cluster({"own": fake_node(name="own"), "far": {"url": first.url}}, ready=True)
        assert c.chat().json()["node"] == "e1"
        start = len(c.log)
        c.sections["node:far"] = {"url": second.url, "token": "sesame"}
        log = reload(c)
        assert "[node:far] token" in log and "one at a time: far" in log
        finish(c, start)
        c.wait_status(far="READY")
        c.request("POST", "/admin/reset-active-node", {"node": "far"})
        assert c.chat().json()["node"] == "e2"
        assert ["authorization", "Bearer sesame"] in second.got()[-1]["headers"]
        start = len(c.log)
        del c.sections["node:far"]
        reload(c)
        finish(c, start)
        assert names(c) == ["own"]
        assert c.chat().json()["node"] == "own"
    finally:
        first.stop()
        second.stop()


def test_a_node_that_is_removed_in_mid_stream_cuts_it_and_nothing_else(cluster, tmp_path):
    far = FakeNode(tmp_path, "far")
    try:
        c = cluster({"own": fake_node(name="own"), "far": {"url": far.url}}, ready=True,
                    node={"drain_timeout": "300ms"})
        wire = c.connect()
        wire.request("POST", "/v1/chat/completions?do=stream&events=4000&delay=0.05",
                     harness.chat_body("x", stream=True))
        wire.until(b"data: ")
        start = len(c.log)
        del c.sections["node:far"]
        reload(c)
        finish(c, start)
        wire.until(b"error")
        assert c.chat().json()["node"] == "own" and names(c) == ["own"]
    finally:
        far.stop()


def test_a_cluster_without_nodes_gets_its_first_one(cluster):
    c = cluster({}, env={"HOME": "/nonexistent"})
    c.sections["node:first"] = fake_node(name="first")
    assert "added: first" in reload(c)
    c.wait_status(first="READY")
    assert c.chat().status == 200
