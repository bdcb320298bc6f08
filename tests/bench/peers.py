"""peers - what the bench measures: starts each proxy, waits until it answers, ends it.

A peer is a row: how its command line is made, and the file that it needs. All run on free
loopback ports, in a temporary directory, as one process with one worker or thread, with the
same backend behind them. A peer whose program is not installed is left out, with a sentence.

SPDX-License-Identifier: MIT
"""
import http.client
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
BINARY = pathlib.Path(os.environ.get("COPILOT_CLUSTER", ROOT / "build/release/copilot-cluster"))
TOOLS = BINARY.parent / "bench"
FASTIFY = ROOT / "build/bench/fastify"
PATIENCE_S = 30  # a loaded machine is slow, not broken
CLEAN_ENV = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

GATEWAY_INI = """[gateway]
listen = 127.0.0.1:@PORT@
[supervisor]
state_dir = @DIR@/state
[node:bench]
url = http://127.0.0.1:@BACKEND@
"""


class Failed(Exception):
    """A peer or a tool did not do what it should; the text says what."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpus():
    """(one CPU for the proxy, one for load and backend), or None where there is only one."""
    mine = sorted(os.sched_getaffinity(0))
    return (mine[1], mine[0]) if len(mine) > 1 else None


def spawn(argv, is_proxy=False, **options):
    """A child that dies with us, on its CPU, with enough descriptors for 1,000 streams."""
    pinned = cpus()

    def prepare():
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        if pinned:
            os.sched_setaffinity(0, {pinned[0] if is_proxy else pinned[1]})
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, argv)],
                            preexec_fn=prepare, **options)


def post(port, target="/v1/chat/completions"):
    """The status of the answer, None when there is none."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        connection.request("POST", target, '{"model":"gpt-5","messages":[]}',
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status
    except (OSError, http.client.HTTPException):
        return None


class Process:
    """One program that listens on `port`; `log` is all that it said."""

    def __init__(self, name, argv, port, folder, is_proxy=False, env=None):
        self.name, self.port, self.log = name, port, pathlib.Path(folder) / f"{name}.log"
        with open(self.log, "wb") as log:
            self.popen = spawn(argv, is_proxy, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                               cwd=folder, env={**CLEAN_ENV, **(env or {})})
        self.pid = self.popen.pid
        end = time.monotonic() + PATIENCE_S
        while post(port) != 200:
            if self.popen.poll() is not None or time.monotonic() > end:
                self.stop()
                raise Failed(f"{name} does not answer:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def anonymous_kib(self):
        """Resident memory that belongs to it alone: no program text, no shared libraries."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
        raise Failed(f"{self.name}: the kernel tells no RssAnon")

    def cpu_s(self):
        """utime + stime, in steps of 10 ms."""
        words = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS_PER_S

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()


def fill(text, **words):
    for name, value in words.items():
        text = text.replace(f"@{name}@", str(value))
    return text


# Each makes the command line of one peer. `at` has DIR, PORT and BACKEND.

def gateway(at):
    ini = at["DIR"] / "cluster.ini"
    ini.write_text(fill(GATEWAY_INI, **at))
    return [BINARY, "run", "-c", ini]


def nginx(at, buffering="off"):
    conf = at["DIR"] / "nginx.conf"
    conf.write_text(fill((HERE / "nginx.conf").read_text(), BUFFERING=buffering, **at))
    return ["nginx", "-p", at["DIR"], "-e", "stderr", "-c", conf]


def nginx_buffered(at):
    return nginx(at, "on")


def haproxy(at):
    cfg = at["DIR"] / "haproxy.cfg"
    cfg.write_text(fill((HERE / "haproxy.cfg").read_text(), **at))
    return ["haproxy", "-db", "-q", "-f", cfg]


def relay(at):
    return [TOOLS / "relay", at["PORT"], at["BACKEND"]]


def fastify(at):
    return ["node", HERE / "fastify/proxy.mjs", at["PORT"], at["BACKEND"]]


# name -> (command line, words for people). The gateway first, then by what it is held against.
PEERS = {
    "gateway": (gateway, "this gateway, its defaults"),
    "nginx": (nginx, "nginx, buffering off"),
    "nginx-buf": (nginx_buffered, "nginx, buffering on"),
    "haproxy": (haproxy, "HAProxy"),
    "relay": (relay, "a relay that parses nothing"),
    "fastify": (fastify, "Fastify + undici"),
}


def is_installed(name):
    if name == "fastify":
        return (FASTIFY / "node_modules").is_dir() and bool(shutil.which("node"))
    program = name.partition("-")[0]
    return program in ("gateway", "relay") or \
        bool(shutil.which(program, path=CLEAN_ENV["PATH"]))


def start_peer(name, backend, folder, wrapper=()):
    """A fresh process of this peer in a folder of its own."""
    at = {"DIR": pathlib.Path(folder) / f"{name}-{time.monotonic_ns()}", "PORT": free_port(),
          "BACKEND": backend.port}
    at["DIR"].mkdir()
    argv = PEERS[name][0](at)
    return Process(name, [*wrapper, *argv], at["PORT"], at["DIR"], is_proxy=True,
                   env={"PEER": str(FASTIFY), "NODE_ENV": "production"})


def start_backend(folder):
    port = free_port()
    return Process("backend", [TOOLS / "backend", port], port, folder)


def version_of(argv, word):
    """The first word with a digit behind `word` in what the program says of itself."""
    done = subprocess.run(argv, capture_output=True, text=True, env=CLEAN_ENV, check=False)
    after = (done.stdout + done.stderr).partition(word)[2].split()
    return after[0].strip(",") if after else "?"


def versions():
    """Of the peers that are here, for the table's foot."""
    found = {"kernel": os.uname().release.partition("-")[0]}
    if is_installed("nginx"):
        found["nginx"] = version_of(["nginx", "-v"], "nginx/")
    if is_installed("haproxy"):
        found["HAProxy"] = version_of(["haproxy", "-v"], "version ").partition("-")[0]
    if is_installed("fastify"):
        found["Node"] = version_of(["node", "--version"], "v")
    return found
