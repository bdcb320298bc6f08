"""harness - starts the real things and asks them what they see.

  Hub      the fake GitHub (tests/fakehub), one process with a control API
  Cluster  our binary with an INI file of its own, in a directory of its own, on a free port

Nodes that the tests start themselves are in nodes.py.

Waiting is always for a condition with a deadline: wait_for(). A process that a test leaves
behind dies with the test runner (parent-death signal), and Cluster.stop() proves that the
program itself leaves none.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("COPILOT_CLUSTER", ROOT / "build/release/copilot-cluster"))
NODE_BIN = ROOT / "build/copilot-api/node_modules/.bin"
CLIENTS = ROOT / "build/clients"
HERE = pathlib.Path(__file__).resolve().parent
PYTHON = sys.executable
TOKEN_FILE = ".local/share/copilot-api/github_token"
# Seconds; generous, because a loaded machine is not a failure. Shorter while debugging.
PATIENCE = float(os.environ.get("TEST_PATIENCE", 30))

# What the programs under test get from us, whatever the developer's shell has set.
CLEAN_ENV = {"PATH": f"{NODE_BIN}:{os.environ['PATH']}", "LANG": "C.UTF-8",
             "DOCKER_HOST": "unix:///nowhere/docker.sock"}  # the machine's own stays out of it


def wait_for(condition, what="", timeout=PATIENCE):
    """Ask until the answer is true; return it. `what` names the wish in the failure."""
    end = time.monotonic() + timeout
    while not (got := condition()):
        assert time.monotonic() < end, f"waited {timeout} s for: {what or condition}"
        time.sleep(0.02)
    return got


def free_port(host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def outside_address():
    """An address of this machine that is not loopback, or None."""
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # chooses a route, sends nothing
        except OSError:
            return None
        address = s.getsockname()[0]
        return None if address.startswith("127.") else address


def start(argv, **options):
    """A child that dies with us."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, argv)],
                            stdin=subprocess.DEVNULL, **options)


def is_alive(pid):
    """A zombie counts as dead."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def takes_signals(pid):
    """It, or what it has started, has a handler for TERM. The gateway takes connections a
    moment before that, and sockets of systemd do so always."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        status = [pathlib.Path(f"/proc/{one}/status").read_text() for one in [pid, *children]]
    except OSError:
        return False
    caught = [int(text.split("SigCgt:")[1].split()[0], 16) for text in status]
    return any(mask >> (signal.SIGTERM - 1) & 1 for mask in caught)


class Hub:
    def __init__(self, folder, device_expires=899):
        ready = pathlib.Path(folder) / "hub.json"
        self.process = start([PYTHON, ROOT / "tests/fakehub/fakehub.py", "--ready-file", ready,
                              "--device-interval", 1, "--device-expires", device_expires,
                              "--lifetime", 900, "--die-with-parent"],
                             stdout=subprocess.DEVNULL)
        wait_for(lambda: ready.exists() or self.process.poll() is not None, "the fake GitHub")
        facts = json.loads(ready.read_text())
        self.port, self.proxy = facts["port_control"], facts["proxy"]
        self.ca_file = facts["ca_file"]

    def call(self, method, path, body=None):
        answer = wire.exchange(self.port, method, path, body)
        assert answer.status == 200, f"hub: {method} {path}: {answer}"
        return answer.json()

    def account(self, name, **patch):
        return self.call("POST", f"/accounts/{name}", patch)

    def fault(self, account, **faults):
        """fault("alice", chat="402") or fault("alice", chat={"do": "429", "times": 1})."""
        return self.account(account, faults=faults)

    def approve(self, code, account):
        self.call("POST", "/device/approve", {"user_code": code, "account": account})

    def pending_codes(self):
        return [d["user_code"] for d in self.call("GET", "/state")["devices"]
                if d["state"] == "pending"]

    def requests(self, kind="chat", account=None):
        query = f"?kind={kind}" + (f"&account={account}" if account else "")
        return self.call("GET", "/requests" + query)

    def overlaps(self):
        return self.call("GET", "/overlaps?scope=inference")

    def in_flight(self, kind="chat"):
        return [e for e in self.call("GET", "/state")["in_flight"] if e["kind"] == kind]

    def release(self):
        self.call("POST", "/release", {})

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def answers(port, host="127.0.0.1"):
    try:
        return wire.exchange(port, "GET", "/", timeout=5, host=host).status
    except (OSError, wire.Cut):
        return None


def seed_token(home, token):
    path = pathlib.Path(home) / TOKEN_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(token)
    path.chmod(0o600)


def listen_text(host, port):
    if host.startswith("/"):
        return f"unix:{host}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# systemd's part of sd_listen_fds(3): the sockets are the descriptors from 3 on, the pid is that
# of the program, which takes the place of this one.
HAND_OVER = """
import fcntl, os, sys
given = [int(fd) for fd in sys.argv[1].split(",")]
high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in given]
for fd in given:
    os.close(fd)
for place, fd in enumerate(high, 3):
    os.dup2(fd, place)
os.environ.update(LISTEN_FDS=str(len(high)), LISTEN_PID=str(os.getpid()),
                  LISTEN_FDNAMES=":".join("x" for fd in high))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Cluster:
    """One run of the program.

    nodes is {name: settings}; settings of other sections come as keyword arguments, such as
    gateway={"retry_limit": 1}. With a hub the nodes are real; a node whose name is in
    `accounts` is logged in as that account already. Environment variables: env={...}.
    `host` may be the path of a unix socket. `inherit` are sockets that it finds as systemd's.
    """

    def __init__(self, folder, nodes, hub=None, accounts=None, env=None, port=None,
                 host="127.0.0.1", wrapper=(), inherit=(), **sections):
        self.folder = pathlib.Path(folder)
        self.state_dir, self.ini = self.folder / "state", self.folder / "cluster.ini"
        self.log_file = self.folder / "log"
        self.host, self.port, self.wrapper = str(host), port or free_port(), wrapper
        self.inherit = inherit
        self.env = {**CLEAN_ENV, "HOME": str(self.folder), **(env or {})}
        self.process = None
        defaults = {"restart_delay": "200ms"}
        if hub:
            self.env["NODE_EXTRA_CA_CERTS"] = hub.ca_file
            defaults.update({"command": "copilot-api start --port %(port)s",
                             "env.HTTPS_PROXY": hub.proxy, "pass_env": "NODE_EXTRA_CA_CERTS"})
        self.sections = {"gateway": {"listen": listen_text(self.host, self.port)},
                         "supervisor": {"state_dir": self.state_dir},
                         "node": defaults}
        for name, settings in sections.items():
            self.sections.setdefault(name, {}).update(settings)
        self.sections.update({f"node:{name}": settings for name, settings in nodes.items()})
        for name, account in (accounts or {}).items():
            hub.account(account)
            seed_token(self.home(name), f"ghu_{account}")
        self.write_ini()

    def home(self, name):
        return self.state_dir / "nodes" / name

    def write_ini(self):
        with open(self.ini, "w", encoding="utf-8") as f:
            for name, settings in self.sections.items():
                f.write(f"[{name}]\n")
                f.writelines(f"{key} = {value}\n" for key, value in settings.items())

    # ---------------------------------------------------------------- life

    def start(self):
        fds = [s.fileno() for s in self.inherit]
        hand_over = [PYTHON, "-c", HAND_OVER, ",".join(map(str, fds))] if fds else []
        with open(self.log_file, "ab") as log:
            self.process = start([*self.wrapper, *hand_over, BINARY, "run", "-c", self.ini],
                                 env=self.env, stdout=log, stderr=log, cwd=self.folder,
                                 pass_fds=fds)
        wait_for(lambda: self.process.poll() is not None or
                 (self.is_listening() and takes_signals(self.process.pid)), "the gateway")
        assert self.process.poll() is None, f"exit {self.process.returncode}:\n{self.log}"
        return self

    def is_listening(self):
        try:
            wire.Wire(self.port, self.host, timeout=5).close()
            return True
        except OSError:
            return False

    def kill(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=PATIENCE):
        """The exit code."""
        return self.process.wait(timeout)

    def stop(self, number=signal.SIGTERM):
        """End it as init would, and prove that it ended well and alone."""
        self.kill(number)
        code = self.wait()
        assert code == 0, f"exit {code}:\n{self.log[-4000:]}"
        assert self.processes() == [], f"left behind:\n{self.log[-4000:]}"

    def abandon(self):
        """After a test: whatever is left goes, without a word."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid, _ in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def processes(self):
        """(pid, command) of every living process that carries the mark of our nodes."""
        found, ours = [], str(self.state_dir).encode()
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                environ = (proc / "environ").read_bytes()
                if b"COPILOT_CLUSTER_NODE=" in environ and ours in environ:
                    if is_alive(int(proc.name)):
                        found.append((int(proc.name), (proc / "cmdline").read_bytes()))
            except OSError:
                pass
        return found

    # ---------------------------------------------------------------- what it says

    @property
    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, text, timeout=PATIENCE):
        wait_for(lambda: text in self.log, f"{text!r} in the log", timeout)

    def health(self):
        answer = self.request("GET", "/health")
        assert answer.status == 200, answer
        return answer.json()

    def node(self, name):
        return next(n for n in self.health()["nodes"] if n["id"] == name)

    def status(self, name):
        return self.node(name)["status"]

    def wait_status(self, timeout=PATIENCE, **wanted):
        """wait_status(first="READY", second="DRAINED")"""
        def reached():
            now = {n["id"]: n["status"] for n in self.health()["nodes"]}
            return all(now.get(name) == status for name, status in wanted.items())
        try:
            wait_for(reached, f"{wanted}", timeout)
        except AssertionError:
            raise AssertionError(f"wanted {wanted}, health says {self.health()}\n"
                                 f"{self.log[-3000:]}") from None

    def wait_ready(self):
        self.wait_status(**{name.split(":", 1)[1]: "READY" for name in self.sections
                            if name.startswith("node:")})
        return self

    @property
    def active(self):
        return self.health()["activeNodeId"]

    def wait_login(self, node=None, not_code=None):
        """The login that /health shows now: {"node", "url", "code", "expiresAt"}."""
        return wait_for(lambda: next((entry for entry in self.health()["logins"]
                                      if node in (None, entry["node"])
                                      and entry["code"] != not_code), None),
                        f"a login code of {node or 'any node'}", 60)

    # ---------------------------------------------------------------- what clients do

    def connect(self, **options):
        return wire.Wire(self.port, self.host, **options)

    def request(self, method, target, body=None, headers=(), timeout=60):
        return wire.exchange(self.port, method, target, body, headers, self.host, timeout)

    def chat(self, text="hello", model="gpt-5", **more):
        return self.request("POST", "/v1/chat/completions", chat_body(text, model, **more))

    def messages(self, text="hello", model="claude-sonnet-4", **more):
        return self.request("POST", "/v1/messages",
                            {"max_tokens": 50, **chat_body(text, model, **more)})


def chat_body(text="hello", model="gpt-5", **more):
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def served_by(answer):
    """The account that answered: the hub's answers begin with its name."""
    assert answer.status == 200, answer
    body = answer.json()
    if "choices" in body:
        return body["choices"][0]["message"]["content"].split("#")[0]
    return body["content"][0]["text"].split("#")[0]


def run_client(script, *arguments):
    """One of clients/*.mjs; what it prints is JSON."""
    done = subprocess.run(["node", HERE / "clients" / script, *map(str, arguments)],
                          env={**CLEAN_ENV, "CLIENTS": str(CLIENTS)}, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def is_root():
    return os.geteuid() == 0 and shutil.which("unshare") is not None


def factory(folder, request):
    """For fixtures: a function that makes clusters in folder, and their end."""
    made = []

    def make(nodes, start=True, ready=False, **options):
        place = folder / f"cluster{len(made)}"
        place.mkdir()
        cluster = Cluster(place, nodes, **options)
        made.append(cluster)
        if start:
            cluster.start()
        return cluster.wait_ready() if ready else cluster

    def end():
        try:
            for cluster in made:
                if cluster.process and cluster.process.poll() is None:
                    cluster.stop()
        finally:
            for cluster in made:
                cluster.abandon()
    request.addfinalizer(end)
    return make
