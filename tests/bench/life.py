#!/usr/bin/env python3
"""life - figures about the supervisor: how fast, how steady, how quiet.

  life.py kill [COUNT]    kill -9 of the active node under load, COUNT times (50): how long the
                          next request waits for its answer from a standby
  life.py crash [COUNT]   a node that dies at once, restarted COUNT times (10000) without a
                          pause: descriptors, memory and zombies on the way
  life.py start           from exec to a listening port, with four nodes, 20 times
  life.py rest [SECONDS]  wakeups a second with four idle nodes

Needs the built program and nothing else; the nodes are tests/integration/fakenode.py.

SPDX-License-Identifier: MIT
"""
import os
import pathlib
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

import harness  # noqa: E402
from harness import wait_for  # noqa: E402
from nodes import fake_node  # noqa: E402


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def kill(folder, count=50):
    fast = {"restart_delay": 0, "restart_delay_max": 0}
    c = harness.Cluster(folder, {n: {**fake_node(name=n), **fast} for n in "abc"}).start()
    c.wait_ready()
    over = threading.Event()

    def load():
        while not over.is_set():
            c.chat()
            time.sleep(0.002)
    threads = [threading.Thread(target=load, daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    waits, failed = [], 0
    for _ in range(count):
        c.wait_ready()
        health = c.health()
        pid = next(n["pid"] for n in health["nodes"] if n["isActive"])
        os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        answer = c.chat()
        waits.append((time.monotonic() - begin) * 1000)
        failed += answer.status != 200
    over.set()
    for t in threads:
        t.join()
    c.stop()
    print(f"kill: {count} kills under load, {failed} failed: the next answer after "
          f"p50 {statistics.median(waits):.1f} ms, p99 {percentile(waits, 0.99):.1f} ms, "
          f"max {max(waits):.1f} ms")


def facts(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    zombies = sum(not harness.is_alive(int(child)) for child in children)
    return (len(os.listdir(f"/proc/{pid}/fd")), int(status.split("RssAnon:")[1].split()[0]),
            zombies)


def crash(folder, count=10000):
    c = harness.Cluster(folder, {"a": {"command": "/bin/false %(port)s", "restart_delay": 0,
                                       "restart_delay_max": 0}}, log={"level": "error"}).start()
    shown, begin = 0, time.monotonic()
    while shown <= count:
        now = c.node("a")["restarts"]
        if now >= shown:
            fds, memory, zombies = facts(c.process.pid)
            print(f"crash: {now:6} restarts, {time.monotonic() - begin:6.1f} s: {fds} "
                  f"descriptors, {memory} KiB anonymous, {zombies} zombies", flush=True)
            shown += count // 5
        time.sleep(0.05)
    c.stop()


def start(folder):
    waits = []
    for i in range(20):
        place = pathlib.Path(folder) / str(i)
        place.mkdir()
        c = harness.Cluster(place, {n: fake_node(name=n) for n in "abcd"})
        with open(c.log_file, "ab") as log:
            begin = time.monotonic()
            c.process = harness.subprocess.Popen(
                [harness.BINARY, "run", "-c", c.ini], env=c.env, stdout=log, stderr=log)
        while True:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", c.port)) == 0:
                    break
            time.sleep(0.0002)
        waits.append((time.monotonic() - begin) * 1000)
        wait_for(lambda c=c: harness.takes_signals(c.process.pid), "the loop")
        c.stop()
    print(f"start: four nodes, from fork to listening: p50 {statistics.median(waits):.1f} ms, "
          f"max {max(waits):.1f} ms")


def switches(pid):
    return int(pathlib.Path(f"/proc/{pid}/status").read_text()
               .split("\nvoluntary_ctxt_switches:")[1].split()[0])


def rest(folder, seconds=60):
    c = harness.Cluster(folder, {n: fake_node(name=n) for n in "abcd"}).start()
    c.wait_ready()
    time.sleep(5)
    before = switches(c.process.pid)
    time.sleep(seconds)
    rate = (switches(c.process.pid) - before) / seconds
    c.stop()
    print(f"rest: {rate:.2f} wakeups a second with four idle nodes, over {seconds} s")


def main():
    what = {"kill": kill, "crash": crash, "start": start, "rest": rest}[sys.argv[1]]
    with tempfile.TemporaryDirectory() as folder:
        what(folder, *map(int, sys.argv[2:3]))


if __name__ == "__main__":
    main()
