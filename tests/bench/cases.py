"""cases - what is measured, of whom, and how.

A case is one measurement of one peer; it gives figures by name, each a row of the table. Cases
run in rounds: in each round every peer has its turn, and the order rotates from round to round,
so that a machine that is busy with something else is busy with it for all of them. A case asks
load.c, which reads the CPU time of the proxy at both ends of its window; warm-up, start and end
do not count.

SPDX-License-Identifier: MIT
"""
import collections
import json
import subprocess
import sys

import peers

KIB = 1024
MIB = 1024 * KIB
CONNECTIONS = 32  # as many as every peer keeps open to the node


class Plan:
    """How long everything takes. Many short rounds tell more than a few long ones: what else
    the machine does is then shared more evenly."""

    def __init__(self, is_quick, rounds=None):
        self.is_quick, self.rounds = is_quick, rounds
        self.warm_ms, self.run_ms = 150, 450
        self.stream_run_ms = 600
        self.end_streams = None  # set when there is a backend

    def rounds_of(self, case):
        return self.rounds or (2 if self.is_quick else case.rounds)


def spawn_load(kind, process, **options):
    words = [f"{key}={value}" for key, value in options.items()]
    return peers.spawn([peers.TOOLS / "load", kind, f"port={process.port}", *words],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True)


def run_load(kind, process, after=None, **options):
    """One run of load.c against a process; its line of JSON. `after` is called once that is
    there, and before the end of the run is awaited."""
    with spawn_load(kind, process, **options) as tool:
        said = tool.stdout.readline()
        if said and after:
            after()
        _, complaint = tool.communicate()
    if tool.returncode != 0:
        raise peers.Failed(f"{process.name}: {complaint.strip()}")
    return json.loads(said)


# ------------------------------------------------------------------------------ CPU and latency

def post(plan, process):
    """Answers one after the other on connections that stay open."""
    got = run_load("posts", process, connections=CONNECTIONS, warm=plan.warm_ms,
                   run=plan.run_ms, pid=process.pid)
    return {"post": got["cpu_ns"] / got["requests"] / 1000}


def latency(plan, process):
    """One connection: nobody waits behind anybody. What is added is told in add_latency()."""
    got = run_load("posts", process, connections=1, warm=plan.warm_ms, run=plan.run_ms)
    return {"p50": got["p50_ns"] / 1000, "p99": got["p99_ns"] / 1000}


def body(name, size, connections):
    """Large requests, small answers."""
    def measure(plan, process):
        got = run_load("posts", process, connections=connections, body=size,
                       warm=plan.warm_ms, run=plan.run_ms, pid=process.pid)
        return {name: got["cpu_ns"] / (got["requests"] * size / MIB) / 1000}
    return measure


def stream_cost(plan, process, streams, hz):
    """CPU time per event, in us. When the machine stood still for a while, events come in heaps
    and cost less: then once more, and at the third time it stays as it is."""
    for _ in range(3):
        got = run_load("streams", process, after=plan.end_streams, connections=streams, hz=hz,
                       warm=plan.warm_ms, run=plan.stream_run_ms, pid=process.pid)
        expected = streams * hz * got["wall_ns"] / 1e9
        if got["events"] < 1.1 * got["reads"] and 0.85 < got["events"] / expected < 1.15:
            break
    return got["cpu_ns"] / got["events"] / 1000


def stream(plan, process):
    """200 streams of 50 events a second."""
    return {"stream": stream_cost(plan, process, 200, 50)}


def growth(plan, process):
    """1,000 events a second, one each millisecond, once of 10 streams and once of 1,000: only
    the number of streams differs, not how often the proxy wakes up nor what it finds then."""
    few = stream_cost(plan, process, 10, 100)
    many = stream_cost(plan, process, 1000, 1)
    return {"few": few, "many": many, "growth": many / few}


# ------------------------------------------------------------------------------------- memory

class Held:
    """Connections that stay as long as this does."""

    def __init__(self, kind, process, **options):
        self.tool, self.name = spawn_load(kind, process, **options), process.name

    def __enter__(self):
        if self.tool.stdout.readline() != "ready\n":
            raise peers.Failed(f"{self.name}: {self.tool.stderr.read().strip()}")

    def __exit__(self, *unused):
        self.tool.communicate()


def grown(process, kind, few, more, **options):
    """KiB that each of `more` connections takes after the first `few`: what those have made the
    heap grow for a moment is there already."""
    with Held(kind, process, connections=few, **options):
        before = process.anonymous_kib()
        with Held(kind, process, connections=more, **options):
            return (process.anonymous_kib() - before) / more


def memory_at_rest_and_idle(plan, process):
    """A fresh process; then connections that had one answer each."""
    rest = process.anonymous_kib() / KIB
    return {"rest": rest, "idle": grown(process, "idle", 200, 800)}


def memory_of_streams(plan, process):
    """A fresh process, then open streams that had one event at least."""
    return {"open": grown(process, "streams", 100, 400, hz=2, hold=1)}


# ---------------------------------------------------------------------------------- all of them

CPU_PEERS = ["gateway", "nginx", "haproxy", "relay", "fastify"]
BODY_PEERS = ["gateway", "nginx-buf", "nginx", "haproxy", "relay", "fastify"]

Case = collections.namedtuple("Case", "name measure peers rounds is_fresh")
# is_fresh: a process of its own for each measurement.
CASES = [
    Case("post", post, CPU_PEERS, 9, False),
    Case("latency", latency, ["direct", *CPU_PEERS], 5, False),
    Case("stream", stream, CPU_PEERS, 9, False),
    Case("growth", growth, ["gateway", "nginx", "haproxy", "relay"], 5, False),
    Case("64k", body("body64k", 64 * KIB, 8), BODY_PEERS, 5, False),
    Case("1m", body("body1m", MIB, 4), BODY_PEERS, 5, False),
    Case("20m", body("body20m", 20 * MIB, 1), BODY_PEERS, 5, False),
    Case("idle", memory_at_rest_and_idle, CPU_PEERS, 3, True),
    Case("open", memory_of_streams, CPU_PEERS, 3, True),
]


def rotate(names, by):
    by %= len(names)
    return names[by:] + names[:by]


def note(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """All peers, started once, and a fresh one where a case wants it."""

    def __init__(self, plan, folder, wanted):
        self.plan, self.folder = plan, folder
        self.names = [name for name in peers.PEERS if name in wanted]
        for name in [n for n in self.names if not peers.is_installed(n)]:
            note(f"bench: {name} is not installed and left out (make deps-bench)")
            self.names.remove(name)
        self.backend = peers.start_backend(folder)
        plan.end_streams = lambda: peers.post(self.backend.port, "/stop")
        self.processes = {name: peers.start_peer(name, self.backend, folder)
                          for name in self.names}
        self.processes["direct"] = self.backend

    def check_clock(self):
        """What load.c reads is what /proc/PID/stat says, but for its steps of 10 ms."""
        for process in self.processes.values():
            before = process.cpu_s()
            clock = run_load("cpu", process, pid=process.pid)["cpu_ns"] / 1e9
            if not before - 0.03 <= clock <= process.cpu_s() + 0.03:
                note(f"bench: {process.name}: its CPU clock says {clock:.3f} s, /proc says "
                     f"{process.cpu_s():.2f} s: do not believe the figures")

    def stop(self):
        for process in self.processes.values():
            process.stop()

    def measure_fresh(self, measure, name):
        process = peers.start_peer(name, self.backend, self.folder)
        try:
            return measure(self.plan, process)
        finally:
            process.stop()

    def run(self, case):
        """{figure: {peer: [a value each round]}}"""
        who = [peer for peer in case.peers if peer in self.processes]
        rounds = self.plan.rounds_of(case)
        found = {}
        for i in range(rounds):
            note(f"bench: {case.name}, round {i + 1} of {rounds}")
            for peer in rotate(who, i):
                if case.is_fresh:
                    figures = self.measure_fresh(case.measure, peer)
                else:
                    figures = case.measure(self.plan, self.processes[peer])
                for figure, value in figures.items():
                    found.setdefault(figure, {}).setdefault(peer, []).append(value)
        return found


def add_latency(found):
    """p50 and p99 become what a peer adds to the way without it, in the same round."""
    for figure in ("p50", "p99"):
        if "direct" in found.get(figure, {}):
            direct = found[figure].pop("direct")
            found[f"direct_{figure}"] = {"direct": direct}
            for peer, values in found[figure].items():
                found[figure][peer] = [v - d for v, d in zip(values, direct)]


def run_all(bench, wanted):
    found = {}
    for case in CASES:
        if not wanted or case.name in wanted:
            found.update(bench.run(case))
    bench.check_clock()
    add_latency(found)
    return found
