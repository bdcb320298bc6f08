"""Life and death of nodes: crashes, silence, greed, age, and what they leave behind.

SPDX-License-Identifier: MIT
"""
import os
import pathlib
import signal
import subprocess
import threading

import pytest

import harness
from harness import wait_for
from nodes import fake_node


def words_left(c, *seconds):
    """Which of these sleeping processes of its nodes are alive."""
    return [s for s in seconds if any(str(s).encode() in cmd for _, cmd in c.processes())]


def restarted(c, name, times=1):
    wait_for(lambda: c.node(name)["restarts"] >= times, f"{times} restarts", 60)
    return c.node(name)


def test_a_crash_loop_is_counted_and_told_in_words(cluster):
    c = cluster({"a": {**fake_node(crash_after=0, crash_code=7), "restart_delay": "50ms",
                       "restart_delay_max": "300ms"}})
    node = restarted(c, "a", 3)
    assert node["failures"] >= 2
    assert node["lastExit"].startswith("exited with status 7 ")
    assert c.log.count("node is down: exited with status 7") >= 3


def test_a_death_by_signal_in_service_is_told_apart_from_one_at_the_start(cluster):
    c = cluster({"a": fake_node(), "b": {"command": "sh -c 'exit 5' %(port)s"}})
    c.wait_status(a="READY")
    os.kill(c.node("a")["pid"], signal.SIGKILL)
    assert restarted(c, "a")["lastExit"] == "killed by SIGKILL in service"
    assert restarted(c, "b")["lastExit"] == "exited with status 5 during its start"


def test_startretries_bounds_failed_starts_and_exit_on_ends_everything(cluster):
    c = cluster({"a": fake_node(), "b": {"command": "sh -c 'exit 5' %(port)s",
                                         "startretries": 2, "restart_delay": "20ms",
                                         "essential": "yes"}},
                supervisor={"exit_on": "essential"})
    assert c.wait() == 1
    assert "failed too often" in c.log and "exit_on" in c.log
    assert c.processes() == []


def test_autorestart_unexpected_accepts_an_exit_code_that_is_listed(cluster):
    c = cluster({"a": {**fake_node(crash_after=0.3, crash_code=3), "autorestart": "unexpected",
                       "exitcodes": "0 3", "startsecs": 0}})
    wait_for(lambda: c.node("a")["process"] == "exited", "the end")
    assert c.node("a")["restarts"] == 0


def test_autostart_no_leaves_a_node_down(cluster):
    c = cluster({"a": fake_node(), "b": {**fake_node(), "autostart": "no"}})
    c.wait_status(a="READY")
    assert c.node("b")["process"] == "stopped" and c.node("b")["pid"] is None


def test_a_frozen_node_is_found_and_restarted(cluster):
    c = cluster({"a": {**fake_node(), "live_interval": "200ms"}}, ready=True)
    pid = c.node("a")["pid"]
    os.kill(pid, signal.SIGSTOP)
    assert restarted(c, "a")["lastExit"] == "restarted: did not answer three times in a row"
    wait_for(lambda: not harness.is_alive(pid), "its end")
    c.wait_status(a="READY")


def test_a_greedy_node_is_restarted_when_idle(cluster):
    c = cluster({"a": {**fake_node(eat=200), "memory_max": "100MiB"}}, ready=True)
    assert restarted(c, "a")["lastExit"] == "restarted: used more than memory_max"
    assert "node uses more than its memory_max" in c.log


def test_max_age_restarts_without_a_failed_request(cluster):
    c = cluster({"a": {**fake_node(name="a"), "max_age": "2s"}, "b": fake_node(name="b")},
                ready=True)
    failed, over = [], threading.Event()

    def ask():
        while not over.is_set():
            answer = c.chat()
            if answer.status != 200:
                failed.append(answer)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    node = restarted(c, "a", 2)
    over.set()
    for t in threads:
        t.join()
    assert node["lastExit"] == "restarted: reached max_age"
    assert failed == []


def test_a_restart_that_is_due_waits_for_a_stream_and_hands_the_lead_over(cluster):
    c = cluster({"a": fake_node(name="a"), "b": {**fake_node(name="b"), "max_age": "3s"}},
                ready=True)
    assert c.chat().json()["node"] == "b"
    wire = c.connect()
    wire.request("POST", "/v1/chat/completions?do=stream&events=20&delay=0.2",
                 harness.chat_body(stream=True))
    assert wire.head().status == 200
    events = [text for text, _ in wire.events()]
    assert events[-1] == "data: [DONE]", "the restart has waited for it"
    restarted(c, "b")
    assert c.chat().json()["node"] == "a"
    wire.close()


def test_descendants_that_left_the_group_end_with_their_node(cluster):
    c = cluster({"a": fake_node(keep_pipe=True, family=True)}, ready=True)
    wait_for(lambda: words_left(c, 602, 603, 604) == [602, 603, 604], "the family")
    old = {pid for pid, cmd in c.processes() if b"60" in cmd and b"sleep" in cmd}
    os.kill(c.node("a")["pid"], signal.SIGKILL)
    restarted(c, "a")
    wait_for(lambda: not any(harness.is_alive(pid) for pid in old), "the end of the family")


def test_rubbish_in_the_output_is_cut_and_cleaned(cluster):
    c = cluster({"a": fake_node(rubbish=True)}, ready=True)
    c.wait_log("after-the-rubbish")
    text = c.log_file.read_bytes().decode()  # it is UTF-8
    assert "bytes cut]" in text and "bad" in text and "red" in text and "\x1b" not in text
    assert max(map(len, text.splitlines())) < 20000


def test_a_flood_costs_neither_memory_nor_answers(cluster):
    c = cluster({"a": fake_node(flood=50)}, ready=True)
    told = "[it prints faster than that is kept: "
    wait_for(lambda: c.chat().status == 200 and told in c.log, "the flood is over", 60)
    status = pathlib.Path(f"/proc/{c.process.pid}/status").read_text()
    assert int(status.split("VmHWM:")[1].split()[0]) < 64 * 1024, "KiB at most"


def test_a_node_that_closes_its_output_lives_on(cluster):
    c = cluster({"a": fake_node(close_output=True)}, ready=True)
    pid = c.node("a")["pid"]
    for _ in range(20):
        assert c.chat().status == 200
    assert c.node("a")["pid"] == pid


# --------------------------------------------------------------------------- logins

@pytest.mark.parametrize("dialect", range(6))
def test_every_dialect_of_a_prompt_leads_to_a_login(cluster, dialect):
    c = cluster({"a": fake_node(prompt=dialect)})
    login = c.wait_login(node="a")
    assert login["url"] == "https://github.com/login/device" and len(login["code"]) == 9
    assert c.node("a")["loginPlace"] == 1
    (c.home("a") / "approved").write_text("alice")
    c.wait_ready()
    assert c.node("a")["account"] == "alice" and c.node("a")["loginPlace"] == 0
    assert c.health()["logins"] == []


def test_the_queue_of_logins_is_visible_and_twins_are_flagged(cluster):
    c = cluster({name: fake_node(prompt=0) for name in "abc"})
    c.wait_login(node="a")
    assert [c.node(name)["loginPlace"] for name in "abc"] == [1, 2, 3]
    for name, account in (("a", "alice"), ("b", "Alice"), ("c", "carol")):
        c.wait_login(node=name)
        (c.home(name) / "approved").write_text(account)
    c.wait_ready()
    assert [c.node(name)["sameAccountAs"] for name in "abc"] == ["b", "a", None]
    assert "wrong account?" in c.log


# --------------------------------------------------------------------------- chaos

def test_a_node_that_outlived_a_killed_gateway_is_ended_by_the_next(cluster):
    # The shell dies with the gateway, what it has started does not.
    inner = fake_node(name="a")["command"]
    c = cluster({"a": {"command": f"sh -c '{inner} & wait'"}}, ready=True)
    c.kill(signal.SIGKILL)
    c.wait()
    survivors = [pid for pid, cmd in c.processes() if b"fakenode" in cmd]
    assert survivors, "the test needs one"
    c.start()
    assert not any(harness.is_alive(pid) for pid in survivors), "before anything is started"
    assert "ended what a former run had left behind" in c.log
    c.wait_ready()


def test_without_descriptors_starts_fail_and_come_back(cluster):
    c = cluster({"a": {**fake_node(), "restart_delay_max": "300ms"}}, ready=True)
    pid = c.process.pid
    used = max(int(fd.name) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    limits = subprocess.check_output(["prlimit", "--pid", str(pid), "--nofile", "--raw",
                                      "--noheadings", "-o", "SOFT,HARD"]).split()
    few, many = f"{min(used, 14)}:{int(limits[1])}", f"{int(limits[0])}:{int(limits[1])}"
    subprocess.check_call(["prlimit", "--pid", str(pid), f"--nofile={few}"])
    os.kill(c.processes()[0][0], signal.SIGKILL)
    c.wait_log("Too many open files")
    subprocess.check_call(["prlimit", "--pid", str(pid), f"--nofile={many}"])
    c.wait_ready()
    assert c.chat().status == 200


@pytest.mark.skipif(not harness.is_root(), reason="mounting needs root")
def test_a_full_disk_stops_nobody(cluster, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk])
    try:
        c = cluster({"a": fake_node()}, supervisor={"state_dir": disk / "state"}, ready=True)
        with pytest.raises(OSError), open(disk / "filler", "wb", buffering=0) as f:
            while True:
                f.write(b"x" * 4096)
        os.kill(c.node("a")["pid"], signal.SIGKILL)
        restarted(c, "a")
        c.wait_status(a="READY")
        assert c.chat().status == 200
        (disk / "filler").unlink()
        c.stop()
    finally:
        subprocess.check_call(["umount", "--lazy", disk])


def test_many_crashes_leave_nothing_behind(cluster):
    c = cluster({"a": {"command": "sh -c 'exit 3' %(port)s", "restart_delay": 0,
                       "restart_delay_max": 0}})

    def facts():
        status = pathlib.Path(f"/proc/{c.process.pid}/status").read_text()
        return (len(os.listdir(f"/proc/{c.process.pid}/fd")),
                int(status.split("RssAnon:")[1].split()[0]))
    # By then the history, the journal and what the node printed are full, which are bounded.
    restarted(c, "a", 400)
    fds, memory = facts()
    restarted(c, "a", 600)
    later_fds, later_memory = facts()
    assert later_fds <= fds + 6, "a start under way has a few"
    assert later_memory <= memory + 512, "KiB"
    assert c.chat().status == 503
