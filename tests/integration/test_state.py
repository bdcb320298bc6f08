"""What survives a restart of the program, and what a broken memory may not do.

The nodes are external fakes, so that they live on and a start takes no time.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import random
import shutil
import stat
import subprocess
import time

import pytest

import harness
from harness import wait_for
from nodes import FakeNode

CHAT = "/v1/chat/completions"
RESET = "/admin/reset-active-node"


@pytest.fixture
def a(tmp_path):
    node = FakeNode(tmp_path, "a")
    yield node
    node.stop()


@pytest.fixture
def b(tmp_path):
    node = FakeNode(tmp_path, "b")
    yield node
    node.stop()


def two(cluster, a, b, ready=True, **options):
    return cluster({"a": {"url": a.url}, "b": {"url": b.url}}, ready=ready, **options)


def state_file(c):
    return c.state_dir / "state.json"


def state(c):
    return json.loads(state_file(c).read_text())


def remembered(c, name):
    return next(n for n in state(c)["nodes"] if n["name"] == name)


def wait_state(c, condition, what):
    def reached():
        try:
            return condition(state(c))
        except FileNotFoundError:
            return False
    wait_for(reached, what)


def served_by(c, model="gpt-5"):
    answer = c.chat(model=model)
    assert answer.status == 200, answer
    return answer.json()["node"]


def journal(c):
    return c.request("GET", "/admin/journal").json()["journal"]


def restart(c):
    c.stop()
    return c.start()


# --------------------------------------------------------------------------- what survives

def test_the_active_node_stays_active(cluster, a, b):
    c = two(cluster, a, b)
    assert served_by(c) == "b"
    assert c.request("POST", RESET, {"node": "a"}).json()["success"]
    restart(c).wait_ready()
    assert c.active == "a"
    assert served_by(c) == "a"


def test_a_drained_account_stays_drained_until_usage_says_otherwise(cluster, a, b):
    c = two(cluster, a, b)
    b.does("status", status=402, usage="status 500")
    assert served_by(c) == "a"
    c.wait_status(b="DRAINED")
    c.stop()
    sent = len(b.got())
    c.start()
    c.wait_status(a="READY", b="DRAINED")
    assert "402" in c.node("b")["reason"]
    assert served_by(c) == "a"
    b.does(usage="status 500")
    assert served_by(c) == "a"
    assert len(b.got()) == sent


def test_an_account_that_was_refilled_meanwhile_is_used_again(cluster, a, b):
    b.does(usage=0)
    c = two(cluster, a, b, ready=False)
    c.wait_status(a="READY", b="DRAINED")
    assert served_by(c) == "a"
    c.stop()
    b.does()
    c.start().wait_ready()
    assert c.request("POST", RESET, {"node": "b"}).json()["success"]
    assert served_by(c) == "b"


def test_the_rest_of_a_cooldown_is_waited_for(cluster, a, b):
    c = two(cluster, a, b, quota={"rate_limit_cooldown": "100s"})
    for node in (a, b):
        node.does("status", status=429)
    begin = time.monotonic()
    assert c.chat().status == 503
    until = {}
    c.stop()
    for name in "ab":
        until[name] = remembered(c, name)["limitedUntil"]
        assert 90_000 < until[name] - time.time() * 1000 < 100_001
    for node in (a, b):
        node.does()
    c.start()
    c.wait_status(a="RATE_LIMITED", b="RATE_LIMITED")
    answer = c.chat()
    assert answer.status == 503
    passed = time.monotonic() - begin
    assert 98 - passed < int(answer.header("retry-after")) <= 100
    c.stop()
    for name in "ab":
        assert abs(remembered(c, name)["limitedUntil"] - until[name]) < 100


def test_a_cooldown_that_ended_meanwhile_is_over(cluster, a, b):
    c = two(cluster, a, b, quota={"rate_limit_cooldown": "300ms"})
    b.does("status", status=429, times=1)
    assert served_by(c) == "a"
    c.stop()
    until = remembered(c, "b")["limitedUntil"]
    wait_for(lambda: until is None or time.time() * 1000 > until, "the end of the cooldown")
    c.start().wait_ready()


def test_quota_and_estimate_are_known_before_the_first_usage(cluster, a, b):
    c = two(cluster, a, b)
    for _ in range(3):
        assert served_by(c) == "b"
    assert c.node("b")["quota"] == 297
    c.stop()
    for node in (a, b):
        node.does(usage="status 500")
    c.start()
    c.wait_status(b="READY")
    detail = c.node("b")["quotaDetail"]
    assert detail["estimate"] == 297 and detail["remaining"] == 300
    assert detail["plan"] == "individual" and detail["resetDate"] == "2030-01-01"
    assert c.node("a")["quotaDetail"]["estimate"] == 300


def test_journal_and_switch_log_go_on_where_they_were(cluster, a, b):
    c = two(cluster, a, b)
    b.does("status", status=402)
    assert served_by(c) == "a"
    before, switches = journal(c), c.health()["switchLog"]
    assert len(switches) == 1
    restart(c)
    c.wait_status(a="READY")
    after = journal(c)
    assert after[:len(before)] == before and len(after) > len(before)
    assert c.health()["switchLog"] == switches


def test_what_is_written_is_for_us_alone_and_holds_no_secret(cluster, a, b):
    c = cluster({"a": {"url": a.url, "token": "very-secret"}, "b": {"url": b.url}}, ready=True)
    wait_state(c, lambda s: len(s["nodes"]) == 2, "the first write")
    assert stat.S_IMODE(state_file(c).stat().st_mode) == 0o600
    assert state(c)["version"] == 1
    assert "very-secret" not in state_file(c).read_text()
    c.stop()
    assert [p.name for p in c.state_dir.iterdir()] in (["lock", "state.json"],
                                                       ["state.json", "lock"])


def test_a_node_that_is_not_configured_any_more_is_forgotten(cluster, a, b):
    c = two(cluster, a, b)
    c.stop()
    assert {n["name"] for n in state(c)["nodes"]} == {"a", "b"}
    del c.sections["node:b"]
    c.write_ini()
    c.start().wait_ready()
    assert served_by(c) == "a"
    c.stop()
    assert [n["name"] for n in state(c)["nodes"]] == ["a"]
    assert state(c)["activeNode"] == "a"
    assert "b" in {e.get("node") for e in state(c)["journal"]}, "history stays"


# --------------------------------------------------------------------------- broken memories

@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"version":1}', "\xff\xfe",
                                  '{"version":1,"writtenAt":1,"activeNode":5,"nodes":[],'
                                  '"journal":[]}'])
def test_a_corrupt_file_is_set_aside_and_the_program_runs(cluster, a, b, text):
    c = two(cluster, a, b, ready=False, start=False)
    c.state_dir.mkdir()
    state_file(c).write_text(text, encoding="latin-1")
    c.start().wait_ready()
    assert (c.state_dir / "state.json.corrupt").read_text(encoding="latin-1") == text
    line = next(line for line in c.log.splitlines() if "state.json.corrupt" in line)
    assert " warn " in line and "set aside" in line
    assert served_by(c) == "b"
    wait_state(c, lambda s: s["activeNode"] == "b", "a new file")


def test_a_newer_file_is_set_aside_under_its_version(cluster, a, b):
    c = two(cluster, a, b, ready=False, start=False)
    c.state_dir.mkdir()
    text = '{"version":23,"writtenAt":"some day","accounts":{}}'
    state_file(c).write_text(text)
    c.start().wait_ready()
    assert (c.state_dir / "state.json.version-23").read_text() == text
    line = next(line for line in c.log.splitlines() if "state.json.version-23" in line)
    assert " warn " in line and "newer" in line
    assert served_by(c) == "b"


def test_a_file_that_is_too_big_is_set_aside(cluster, a, b):
    c = two(cluster, a, b, ready=False, start=False)
    c.state_dir.mkdir()
    with open(state_file(c), "wb") as f:
        f.truncate(1 << 30)
    c.start().wait_ready()
    assert (c.state_dir / "state.json.corrupt").stat().st_size == 1 << 30


def test_a_file_of_ours_with_unknown_fields_is_read(cluster, a, b):
    c = two(cluster, a, b)
    assert c.request("POST", RESET, {"node": "a"}).json()["success"]
    c.stop()
    known = state(c)
    known["future"] = {"x": [1, 2]}
    known["nodes"][0]["mood"] = "good"
    state_file(c).write_text(json.dumps(known, indent=4))
    c.start().wait_ready()
    assert not (c.state_dir / "state.json.corrupt").exists()
    assert [e["to"] for e in journal(c) if e["type"] == "switch"] == ["a"]


def test_check_makes_nothing(cluster, a, b):
    c = two(cluster, a, b, ready=False, start=False)
    subprocess.run([harness.BINARY, "check", "-c", c.ini], env=c.env, check=True,
                   stdout=subprocess.DEVNULL)
    assert not c.state_dir.exists()


def test_two_clusters_with_external_nodes_may_not_share_a_memory(cluster, a, b):
    one = two(cluster, a, b)
    other = two(cluster, a, b, start=False, ready=False)
    other.sections["supervisor"]["state_dir"] = one.state_dir
    other.write_ini()
    other.start().wait_ready()
    assert other.log.count("nothing will be remembered for the next start") == 1
    assert str(one.process.pid) in other.log
    assert served_by(other) == "b"
    other.stop()
    assert served_by(one) == "b"


@pytest.mark.skipif(not harness.is_root(), reason="a mount namespace needs root")
def test_a_full_disk_is_told_once_and_requests_are_served(cluster, a, b):
    script = ('mkdir -p "$1" && mount -t tmpfs -o size=64k tmpfs "$1" && '
              'head -c 1000000 /dev/zero >"$1/fill" 2>/dev/null; shift; exec "$@"')
    c = two(cluster, a, b, start=False, ready=False)
    c.wrapper = [shutil.which("unshare"), "--mount", "sh", "-c", script, "sh", c.state_dir]
    c.start().wait_ready()
    told = "cannot be written: No space left on device"
    c.wait_log(told)
    for i in range(40):
        assert c.request("POST", RESET, {"node": "ab"[i % 2]}).json()["success"]
        assert served_by(c) == "ab"[i % 2]
    inside = pathlib.Path(f"/proc/{c.process.pid}/root{c.state_dir}")
    assert not (inside / "state.json").exists() and not (inside / ".state.json.new").exists()
    (inside / "fill").unlink()
    wait_for(lambda: c.request("POST", RESET, {"node": "a"}) and c.chat() and
             (inside / "state.json").exists(), "a write after there was room")
    assert c.log.count(told) == 1, "one warning, whatever the number of tries"
    c.wait_log("is written again")


# --------------------------------------------------------------------------- kill -9

KILLS = 200


class Witness:
    """Looks at state.json after each kill: never lost, never half, never older."""

    def __init__(self, c):
        self.c, self.last, self.writes, self.caught = c, None, 0, 0

    def look(self):
        aside = self.c.state_dir / ".state.json.new"
        self.caught += aside.exists()
        if not state_file(self.c).exists():
            assert self.last is None, "it was there before"
            return
        now = json.loads(state_file(self.c).read_text())
        assert now["version"] == 1 and [n["name"] for n in now["nodes"]] == ["a", "b"]
        if self.last is not None:
            self.compare(self.last, now)
            self.writes += now["writtenAt"] > self.last["writtenAt"]
        self.last = now

    @staticmethod
    def compare(before, now):
        assert now["writtenAt"] >= before["writtenAt"]
        old, new = before["journal"], now["journal"]
        # What left the ring at its front is all that may be missing. Two entries of one
        # millisecond may be equal, so the shift is found by all that remains.
        gone = next(g for g in range(len(old) + 1) if new[:len(old) - g] == old[g:])
        assert gone == 0 or len(new) == 200
        assert [e["at"] for e in new] == sorted(e["at"] for e in new)


def test_200_kills_in_the_middle_of_writing_lose_nothing(cluster, a, b):
    c = two(cluster, a, b, start=False, ready=False)
    c.sections["log"] = {"level": "warn"}
    c.write_ini()
    witness, dice = Witness(c), random.Random(20251201)
    begin = time.monotonic()
    for kill in range(KILLS):
        c.start()
        if kill % 2:  # the last write of a shutdown
            c.request("POST", RESET, {"node": dice.choice("ab")})
            c.kill(harness.signal.SIGTERM)
            end = time.monotonic() + dice.uniform(0, 0.02)
        else:  # the first writes of a run, and perhaps a second one
            end = time.monotonic() + (dice.uniform(0, 0.1) if kill % 20 else 1.1)
        while time.monotonic() < end:
            if not kill % 2:
                c.request("POST", RESET, {"node": dice.choice("ab")})
                c.chat(stream=True)
        c.process.kill()
        c.process.wait()
        witness.look()
    seconds = time.monotonic() - begin
    assert "set aside" not in c.log and not list(c.state_dir.glob("state.json.*"))
    assert len(witness.last["journal"]) == 200, "the ring went round"
    assert witness.writes > KILLS / 4, "else nothing was written"
    print(f"{KILLS} kills in {seconds:.0f} s, {witness.writes} found a newer file, "
          f"{witness.caught} a half-written one beside it")
    c.start().wait_ready()  # it may be writing just now
    wait_for(lambda: not (c.state_dir / ".state.json.new").exists(), "nothing left behind")
