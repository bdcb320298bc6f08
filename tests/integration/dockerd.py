"""dockerd - a real Docker Engine in a network namespace of its own, with images made here.

Nothing that it does is visible in the machine's own network, and nothing is pulled: `node` is
this machine's Node with copilot-api and a fake node, imported as an image. The daemon runs with
live-restore, so that it can be restarted under its containers. Everything is in one directory
and gone at the end.

    with Engine(folder) as engine:
        engine.run("node-2", "fake", labels={"copilot.node": "true"})

The program under test runs in the namespace, too (engine.inside), as a program on a Docker host
does. reason_not() says why there can be no engine here.

SPDX-License-Identifier: MIT
"""
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tarfile
import threading

import harness

HERE = pathlib.Path(__file__).resolve().parent


def reason_not():
    """Why no dockerd can run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("dockerd", "docker", "iptables", "nsenter", "ip", "docker-compose"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            return f"no {program} here"
    name = f"cc-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode != 0:
        return "no network namespaces here"
    subprocess.run(["ip", "netns", "del", name], check=False)
    return None


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def libraries(program):
    """The shared libraries that it needs, by their full paths."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [word for line in out.splitlines() for word in line.split() if word.startswith("/")]


class Engine:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.socket = self.folder / "docker.sock"
        self.uri = f"unix://{self.socket}"
        self.netns = f"cc{os.getpid()}"
        self.pid_file = self.folder / "dockerd.pid"
        self.process = None

    # ---------------------------------------------------------------- life

    def __enter__(self):
        subprocess.run(["ip", "netns", "add", self.netns], check=True)
        subprocess.run(["ip", "-n", self.netns, "link", "set", "lo", "up"], check=True)
        try:
            self.start()
            self.make_image()
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def inside(self):
        """What to put before a command that shall run in the engine's network."""
        return ["nsenter", f"--net=/run/netns/{self.netns}"]

    def start(self):
        if not self.pid_file.parent.exists():
            self.pid_file.parent.mkdir()
        with open(self.folder / "dockerd.log", "ab") as log:
            self.process = subprocess.Popen(
                [*self.inside, "dockerd", "--host", self.uri, "--pidfile", self.pid_file,
                 "--data-root", self.folder / "data", "--exec-root", self.folder / "exec",
                 "--bip", "172.31.243.1/24", "--default-address-pool",
                 "base=172.31.244.0/22,size=26", "--live-restore", "--oom-score-adjust=0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.wait_for(lambda: self.process.poll() is not None or self.answers(), "dockerd",
                         60)
        assert self.process.poll() is None, (self.folder / "dockerd.log").read_text()[-3000:]

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(60)

    def answers(self):
        try:
            return self.call("GET", "/_ping")[0] == 200
        except OSError:
            return False

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            names = self.docker("ps", "-aq", check=False).split()
            if names:
                self.docker("rm", "-f", *names, check=False)
            self.stop()
        lines = pathlib.Path("/proc/mounts").read_text().splitlines()
        mounts = [line.split()[1] for line in lines if str(self.folder) in line]
        for mount in sorted(mounts, reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        subprocess.run(["ip", "netns", "del", self.netns], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---------------------------------------------------------------- images

    def make_image(self):
        """`node`: enough of this machine to run Node, copilot-api and Python fakes."""
        root = self.folder / "image"
        node = os.path.realpath(shutil.which("node"))
        with tarfile.open(self.folder / "image.tar", "w") as tar:
            seen = set()

            def add(source, name):
                if name not in seen:
                    seen.add(name)
                    tar.add(os.path.realpath(source), name)
            for program, name in ((node, "usr/bin/node"), ("/bin/sh", "bin/sh")):
                add(program, name)
                for library in libraries(program):
                    add(library, library.lstrip("/"))
            add(harness.ROOT / "build/copilot-api/node_modules", "opt/node_modules")
            add(HERE / "dockernode.mjs", "opt/dockernode.mjs")
        shutil.rmtree(root, ignore_errors=True)
        self.docker("import", str(self.folder / "image.tar"), "node:test")

    # ---------------------------------------------------------------- talk

    def call(self, method, path):
        connection = UnixHTTP(self.socket)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def docker(self, *words, check=True):
        done = subprocess.run(["docker", "-H", self.uri, *map(str, words)], check=False,
                              capture_output=True, text=True)
        assert not check or done.returncode == 0, f"docker {words}: {done.stderr}"
        return done.stdout.strip()

    def run(self, name, *command, labels=None, options=(), image="node:test"):
        """A container; the label that makes it a node is there unless labels say otherwise."""
        labels = {"copilot.node": "true"} if labels is None else labels
        words = [word for label in labels.items() for word in ("--label", "=".join(label))]
        command = command or ("/usr/bin/node", "/opt/dockernode.mjs")
        return self.docker("run", "-d", "--name", name, *words, *options, image, *command)

    def compose(self, folder, *words):
        done = subprocess.run(["docker-compose", *words], cwd=folder, capture_output=True,
                              env={**os.environ, "DOCKER_HOST": self.uri}, text=True,
                              check=False)
        assert done.returncode == 0, f"docker-compose {words}: {done.stdout}{done.stderr}"
        return done.stdout

    def address(self, name):
        answer = json.loads(self.docker("inspect", name))[0]["NetworkSettings"]["Networks"]
        return next(iter(answer.values()))["IPAddress"]

    # ---------------------------------------------------------------- the way out

    def relay(self, port):
        """A port on the bridge from which connections go to this port of the machine's own
        loopback. The socket is made by a thread that has stepped into the namespace; sockets
        stay where they were made."""
        made = []

        def listen():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{self.netns}", "rb") as netns:
                assert libc.setns(netns.fileno(), 0x40000000) == 0  # CLONE_NEWNET
            made.append(socket.create_server(("0.0.0.0", 0)))
        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()
        threading.Thread(target=accept_for, args=(made[0], port), daemon=True).start()
        return f"http://172.31.243.1:{made[0].getsockname()[1]}"


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def accept_for(server, port):
    while True:
        near, _ = server.accept()
        far = socket.create_connection(("127.0.0.1", port))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()
