"""What nodes print: kept, bounded, and in nobody's way.

SPDX-License-Identifier: MIT
"""
import pathlib
import re
import signal
import subprocess
import time

from harness import BINARY, wait_for
from nodes import fake_node

CHAT = "/v1/chat/completions"


def resident_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


def latencies(cluster, count):
    taken = []
    for _ in range(count):
        begin = time.monotonic()
        assert cluster.request("POST", CHAT, {"x": 1}).status == 200
        taken.append(time.monotonic() - begin)
    return sorted(taken)


def dropped(cluster):
    return sum(map(int, re.findall(r"is kept: \d+ lines dropped, (\d+) bytes", cluster.log)))


def test_a_flood_is_dropped_told_and_slows_nobody(cluster, tmp_path):
    settings = fake_node(name="a") | {"logfile": tmp_path / "%(node_name)s.log",
                                      "logfile_maxbytes": "100KiB", "logfile_backups": 1}
    c = cluster({"a": settings}, ready=True)
    quiet = latencies(c, 200)
    before = resident_kib(c.process.pid)
    assert c.request("POST", CHAT + "?do=flood&seconds=3", {"x": 1}).status == 200
    wait_for(lambda: dropped(c) > 0, "the first word about it")
    loud = latencies(c, 200)
    wait_for(lambda: dropped(c) > 50e6, "50 MB that were dropped")
    assert resident_kib(c.process.pid) - before < 32 * 1024
    # A flooded loop would take seconds for some; the rest is for noisy machines.
    print(f"median {quiet[100] * 1e3:.2f} -> {loud[100] * 1e3:.2f} ms, "
          f"p95 {quiet[190] * 1e3:.2f} -> {loud[190] * 1e3:.2f} ms")
    assert loud[100] < 20 * quiet[100] + 0.05
    assert len(c.log) < 12e6
    files = sorted(tmp_path.glob("a.log*"))
    assert [f.name for f in files] == ["a.log", "a.log.1"]
    assert all(f.stat().st_size <= 100 * 1024 for f in files)


def test_a_file_of_its_own_holds_no_secret_and_is_opened_again(cluster, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    node = fake_node(name="a", say=["token:ghu_abcdefghijklmnopqrst"])
    c = cluster({"a": node | {"logfile": folder / "%(node_name)s.log"}}, ready=True)
    file = folder / "a.log"
    wait_for(lambda: file.exists() and "fakenode a listens" in file.read_text(), "its lines")
    stamp = r"^\d{4}-\d\d-\d\dT[\d:.]+Z "
    assert re.search(stamp + r"\[a\]! token:ghu_\*\*\*$", file.read_text(), re.M)
    assert "ghu_abc" not in file.read_text() + c.log
    file.rename(folder / "moved")
    c.kill(signal.SIGUSR1)
    wait_for(file.exists, "a new file")
    assert "listens" not in file.read_text()


def test_nodes_that_share_a_file_are_refused(cluster, tmp_path):
    node = fake_node(name="a") | {"logfile": tmp_path / "x.log"}
    c = cluster({"a": node, "b": node}, start=False)
    done = subprocess.run([BINARY, "check", "-c", c.ini], capture_output=True, text=True)
    assert done.returncode == 78
    assert "node b: logfile is that of node a" in done.stderr
