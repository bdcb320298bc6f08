"""inside - where the time of a request and of an event goes.

Clocks are of little use on a busy machine; two counts are exact and repeatable:

  instructions    the proxy runs under callgrind, twice, with N and with M requests. What both
                  runs have in common (start, readiness, warm-up, end) is gone in the
                  difference, which is divided by M - N. User space only.
  system calls    the same with strace -c: what callgrind cannot see, the kernel, is paid there.

Two paths: the keep-alive POST, and an event of a stream, once with 10 streams and once with
1,000. The totals are shown for the peers as well, the functions for the gateway alone.

SPDX-License-Identifier: MIT
"""
import collections
import re
import shutil
import subprocess
import tempfile
import time

import cases
import peers

TOP = 25
told = []  # what was said, for README.md
POSTS = (200, 1200)
# streams, events a second, (events of each stream in the first run, in the second)
STREAMS = {"10": (10, 50, (20, 120)), "1000": (1000, 1, (3, 7))}
# What stands above everything in a list of inclusive cost.
ABOVE = re.compile(r"below main|__libc_start|no symbol|:(main|uv_run|run_cluster|command_run) ")
PEERS = ["gateway", "nginx", "haproxy", "relay"]
COST = re.compile(r"^\s*([\d,]+)(?: \([^)]*\))?\s+(\S+?):(.*)$")


def say(text):
    print(text, flush=True)
    told.append(text)


def load_posts(process, count):
    cases.run_load("posts", process, connections=4, requests=count)
    return count


def load_streams(process, path, run):
    streams, hz, chunks = STREAMS[path]
    cases.run_load("streams", process, connections=streams, hz=hz, chunks=chunks[run], run=0)
    return streams * chunks[run]


def drive(process, path, run):
    """Puts load number `run` on the path; how many units it was."""
    if path == "post":
        return load_posts(process, POSTS[run])
    return load_streams(process, path, run)


def wait_for_file(path):
    """strace writes its summary after the program has ended."""
    end = time.monotonic() + peers.PATIENCE_S
    while not (path.exists() and path.stat().st_size):
        if time.monotonic() > end:
            raise peers.Failed(f"{path.name} was not written")
        time.sleep(0.05)
    return path


def run_under(name, path, run, backend, folder, make_wrapper):
    """(the tool's file, units) of one life of a peer under a tool."""
    out = peers.pathlib.Path(folder) / f"{name}-{path}-{run}-{time.monotonic_ns()}"
    process = peers.start_peer(name, backend, folder, make_wrapper(out))
    try:
        units = drive(process, path, run)
    finally:
        process.stop()
    return wait_for_file(out), units


def difference(name, path, backend, folder, make_wrapper, read):
    """{key: cost per unit}; `read` makes a Counter of the tool's file."""
    (small, n), (large, m) = (run_under(name, path, run, backend, folder, make_wrapper)
                              for run in (0, 1))
    cost = read(large)
    cost.subtract(read(small))
    return {key: value / (m - n) for key, value in cost.items() if value}


# ------------------------------------------------------------------------------------ callgrind

def callgrind(out):
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet",
            "--error-limit=no"]


def annotate(path, is_inclusive):
    """(cost, file, function, object or "") of each line, the dearest first."""
    said = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no",
                           f"--inclusive={'yes' if is_inclusive else 'no'}", path],
                          capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        if found := COST.match(line):
            function, _, thing = found[3].partition(" [")
            yield (int(found[1].replace(",", "")), found[2].rpartition("/")[2],
                   re.sub(r"'\d+$", "", function), thing.rstrip("]").rpartition("/")[2])


def read_callgrind(path, is_inclusive=False):
    """Cost by "file:function [object]"; what has no symbol goes under its object.

    Code that was inlined from another file stands on lines of its own, with the function that
    it is in but no object: it belongs to that function."""
    lines = list(annotate(path, is_inclusive))
    home, cost = {}, collections.Counter()
    for _, file, function, thing in lines:
        if thing:
            home.setdefault(function, f"{file}:{function} [{thing}]")
    for count, file, function, thing in lines:
        if function.startswith("0x"):
            key = f"(no symbol) [{thing}]"
        elif thing:
            key = f"{file}:{function} [{thing}]"
        else:
            key = home.get(function, f"{file}:{function} [?]")
        cost[key] = max(cost[key], count) if is_inclusive else cost[key] + count
    return cost


def by_object(cost):
    total = collections.Counter()
    for key, value in cost.items():
        total[key.rpartition("[")[2].rstrip("]")] += value
    return total


def show_functions(cost, is_inclusive):
    say("\ninclusive" if is_inclusive else "\nself")
    rows = [row for row in cost.most_common() if not (is_inclusive and ABOVE.search(row[0]))]
    for key, value in rows[:TOP]:
        say(f"  {value:10.1f}  {key}")


def show_gateway(path, unit, backend, folder):
    """Self cost adds up to the total; inclusive cost counts callees, too."""
    files = [run_under("gateway", path, run, backend, folder, callgrind) for run in (0, 1)]
    (small, n), (large, m) = files
    for is_inclusive in (False, True):
        cost = read_callgrind(large, is_inclusive)
        cost.subtract(read_callgrind(small, is_inclusive))
        cost = collections.Counter({k: v / (m - n) for k, v in cost.items()})
        if not is_inclusive:
            say(f"\n== gateway, instructions per {unit}: {sum(cost.values()):.0f}")
            for thing, value in by_object(cost).most_common(3):
                say(f"  {value:10.1f}  {thing}")
        show_functions(cost, is_inclusive)


# ------------------------------------------------------------------------------------- strace

def strace(out):
    # -D: the program keeps its pid and its parent, strace hangs on as a grandchild.
    return ["strace", "-D", "-f", "-c", "-o", out]


def read_strace(path):
    """Calls by name. Columns: % time, seconds, usecs/call, calls, [errors], syscall."""
    cost = collections.Counter()
    for line in path.read_text().splitlines():
        words = line.split()
        if len(words) in (5, 6) and words[3].isdigit() and words[-1] != "total":
            cost[words[-1]] += int(words[3])
    return cost


# -------------------------------------------------------------------------------------- report

PATHS = [("post", "request"), ("10", "event, 10 streams"), ("1000", "event, 1,000 streams")]


def show_totals(backend, folder):
    say("== instructions in user space, all peers")
    for path, unit in PATHS:
        for name in filter(peers.is_installed, PEERS):
            cost = difference(name, path, backend, folder, callgrind, read_callgrind)
            say(f"  {sum(cost.values()):10.0f}  per {unit}: {name}")


def show_calls(backend, folder):
    say("\n== system calls, all peers")
    for path, unit in PATHS:
        for name in filter(peers.is_installed, PEERS):
            cost = difference(name, path, backend, folder, strace, read_strace)
            words = ", ".join(f"{call} {count:.2f}" for call, count in
                              sorted(cost.items(), key=lambda item: -item[1])
                              if count >= 0.005)
            say(f"  {sum(cost.values()):6.2f}  per {unit}: {name}: {words}")


def report():
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        backend = peers.start_backend(folder)
        try:
            if shutil.which("valgrind"):
                show_totals(backend, folder)
                for path, unit in PATHS[:2]:
                    show_gateway(path, unit, backend, folder)
            if shutil.which("strace"):
                show_calls(backend, folder)
        finally:
            backend.stop()
    return "\n".join(told)
