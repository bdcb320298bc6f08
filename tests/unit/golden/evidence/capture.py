"""capture - what the real copilot-api prints in trouble; makes the captured files beside it.

    /usr/bin/python3 tests/unit/golden/evidence/capture.py [NAME...]

Run it again when a new version of copilot-api comes: test_evidence then tells whether the
classifier still understands it. Each case plays one trouble with the fake GitHub and writes
NAME.txt: in the first line whether the node served already and what evidence is expected, in
the second what was done, then the node's lines in the order in which they were read, each with
the number of its stream. Paths and tokens are replaced. The files fork-*.txt are written by
hand, as copies of that software are not at hand.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
sys.path.insert(0, str(ROOT / "tests/integration"))
import harness  # noqa: E402
import wire  # noqa: E402

# NAME: (expected, what the hub plays). The key of the second is a kind of call; or `account`,
# for settings of the account; or `proxy`, for what stands in the place of the hub.
STARTS = {
    "start-refused": ("credentials", {"account": {"revoked": True}}),
    "start-refused-ci": ("credentials", {"account": {"revoked": True}, "env": {"CI": "1"}}),
    "start-refused-verbose": ("credentials", {"account": {"revoked": True}, "args": ["-v"]}),
    "start-token-401": ("no-copilot no-copilot", {"token": "401"}),
    "start-token-403": ("no-copilot no-copilot", {"account": {"subscribed": False}}),
    "start-token-503": ("no-copilot no-copilot", {"token": "503"}),
    "start-token-reset": ("network network", {"token": "reset"}),
    "start-token-cut": ("network network", {"token": "cut"}),
    "start-token-garbage": ("", {"token": "garbage"}),
    "start-user-403": ("", {"user": "403"}),
    "start-user-429": ("", {"user": "429"}),
    "start-user-503": ("", {"user": "503"}),
    "start-user-reset": ("network network network", {"user": "reset"}),
    "start-models-403": ("", {"models": "403"}),
    "start-models-reset": ("network network", {"models": "reset"}),
    "start-no-proxy": ("network network network", {"proxy": "http://127.0.0.1:{free}"}),
    "start-no-name": ("network network network", {"proxy": "http://no-such-host.invalid:80"}),
    "start-port-taken": ("port", {"is_port_taken": True}),
    "start-device-429": ("", {"device": "429"}),
    "start-device-reset": ("network network network", {"device": "reset"}),
}
USAGES = {
    "usage-401": "usage-401", "usage-403": "usage-403", "usage-404": "usage-5xx",
    "usage-429": "usage-429", "usage-500": "usage-5xx", "usage-503": "usage-5xx",
    "usage-reset": "network", "usage-cut": "network", "usage-garbage": "usage-5xx",
    "usage-hang": "network",  # undici gives up after 300 s
}
REFRESHES = ("401", "503", "reset", "garbage")
CHATS = ("400", "401", "402", "403", "429", "500", "503", "reset", "cut", "garbage")


class Node:
    """A copilot-api whose lines are kept."""

    def __init__(self, hub, folder, token, port=None, proxy=None, env=None, args=()):
        home = pathlib.Path(tempfile.mkdtemp(dir=folder))
        harness.seed_token(home, token)
        self.port, self.lines = port or harness.free_port(), []
        self.process = harness.start(
            ["copilot-api", "start", "--port", self.port, "--proxy-env", *args],
            env={**harness.CLEAN_ENV, "HOME": str(home), "HOST": "127.0.0.1", "NO_COLOR": "1",
                 "HTTPS_PROXY": proxy or hub.proxy, "NODE_EXTRA_CA_CERTS": hub.ca_file,
                 **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.readers = [threading.Thread(target=self.read, args=pair) for pair in
                        ((1, self.process.stdout), (2, self.process.stderr))]
        for reader in self.readers:
            reader.start()

    def read(self, stream, pipe):
        for line in pipe:
            self.lines.append(f"{stream} {line.decode().rstrip(chr(10))}\n")

    def up(self):
        """Answers, and what it said so far is forgotten."""
        harness.wait_for(lambda: harness.answers(self.port), "the node")
        self.settle()
        self.lines.clear()
        return self

    def settle(self):
        """Until it has been silent for a while."""
        seen = -1
        while seen != len(self.lines):
            seen = len(self.lines)
            time.sleep(0.3)

    def ask(self, method, path, body=None):
        try:
            return wire.exchange(self.port, method, path, body, timeout=320)
        except (OSError, wire.Cut):
            return None

    def chat(self, **more):
        self.ask("POST", "/v1/chat/completions", harness.chat_body(**more))

    def end(self, name, served, expected, what, kill=True):
        if kill:
            self.settle()
            self.process.kill()
        self.process.wait(60)
        for reader in self.readers:
            reader.join()
        text = "".join(self.lines).replace(str(ROOT / "build/copilot-api"), "/opt")
        text = re.sub(r"tid=[0-9a-f]+;[^\"\s]*", "tid=***", text)
        phase = "serving" if served else "starting"
        (HERE / f"{name}.txt").write_text(
            f"# {phase}, proves: {expected or 'nothing'}\n# {what}\n{text}")
        print(name)


def start_case(hub, folder, name):
    expected, plays = STARTS[name]
    plays = dict(plays)
    proxy = plays.pop("proxy", "").format(free=harness.free_port()) or None
    env, args = plays.pop("env", {}), plays.pop("args", ())
    what = f"a start; {STARTS[name][1]}"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1] if plays.pop("is_port_taken", False) else None
        hub.account(name, **plays.pop("account", {}), faults=plays)
        token = f"ghu_{name}"
        if "device" in plays:  # it has no account yet
            hub.call("POST", "/faults", plays)
            token = ""
        Node(hub, folder, token, port, proxy, env, args).end(name, False, expected, what, False)
        hub.call("DELETE", "/faults")


def usage_case(hub, folder, name):
    fault = name.removeprefix("usage-")
    hub.account(name)
    node = Node(hub, folder, f"ghu_{name}").up()
    hub.fault(name, usage=fault)
    node.ask("GET", "/usage")
    node.end(name, True, USAGES[name], f"GET /usage while GitHub's answer is: {fault}")


def refresh_case(hub, folder, name):
    fault = name.removeprefix("refresh-")
    hub.account(name, refresh_in=62)
    node = Node(hub, folder, f"ghu_{name}").up()
    hub.fault(name, token=fault)
    node.end(name, True, "refresh", f"a refresh of the Copilot token; answer: {fault}", False)


def chat_case(hub, folder, name):
    hub.account(name)
    node = Node(hub, folder, f"ghu_{name}").up()
    for fault in CHATS:
        hub.fault(name, chat=fault)
        node.chat()
        node.chat(stream=True)
    hub.fault(name, chat=None)
    node.ask("POST", "/v1/chat/completions", b'{"a')
    node.end(name, True, "", f"chats that fail in every way: {', '.join(CHATS)}, bad JSON")


def forged_case(hub, folder, name):
    forged = ("no such model: x\n"
              "Error fetching Copilot usage: HTTPError: Failed to get Copilot usage\n"
              "    at getCopilotUsage (x)\n  response: Response {\n    status: 401,\n"
              " ERROR  Failed to refresh Copilot token: Failed to get Copilot token\n")
    hub.account(name, faults={"chat": {"do": "400", "body": forged}})
    node = Node(hub, folder, f"ghu_{name}").up()
    node.chat()
    node.chat(model="gpt-5\nError fetching Copilot usage: fetch failed")
    node.ask("GET", "/usage%0AError%20fetching%20Copilot%20usage:%20fetch%20failed")
    node.end(name, True, "", "answers and requests that look like complaints")


def brake_case(hub, folder, name):
    hub.account(name)
    node = Node(hub, folder, f"ghu_{name}", args=["--rate-limit", "30"]).up()
    node.chat()
    node.chat()
    node.end(name, True, "", "a chat that the node's own --rate-limit refuses")


def crowd_case(hub, folder, name):
    hub.account(name)
    node = Node(hub, folder, f"ghu_{name}").up()
    hub.fault(name, usage="429", chat="402")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for i in range(8):
            pool.submit(*(node.ask, "GET", "/usage") if i % 2 else (node.chat,))
    node.end(name, True, "usage-429 usage-429 usage-429 usage-429",
             "four times GET /usage (429) and four chats (402) at once")


def gone_case(hub, folder, name):
    place = folder / "second-hub"
    place.mkdir()
    second = harness.Hub(place)
    second.account(name)
    node = Node(second, folder, f"ghu_{name}").up()
    second.stop()
    node.ask("GET", "/usage")
    node.chat()
    node.end(name, True, "network", "GET /usage, then a chat, while the proxy is gone")


def healthy_case(hub, folder, name):
    hub.account(name)
    node = Node(hub, folder, f"ghu_{name}")
    harness.wait_for(lambda: harness.answers(node.port), "the node")
    node.ask("GET", "/usage")
    node.chat()
    node.end(name, False, "", "a start, GET /usage and a chat, all well")


CASES = {**dict.fromkeys(STARTS, start_case), **dict.fromkeys(USAGES, usage_case),
         **{f"refresh-{fault}": refresh_case for fault in REFRESHES},
         "chat-failures": chat_case, "chat-forged": forged_case, "chat-brake": brake_case,
         "usage-and-chats": crowd_case, "usage-proxy-gone": gone_case, "healthy": healthy_case}


def main():
    with tempfile.TemporaryDirectory(prefix="capture-") as folder:
        hub = harness.Hub(folder)
        for name in sys.argv[1:] or CASES:
            CASES[name](hub, pathlib.Path(folder), name)
        hub.stop()


if __name__ == "__main__":
    main()
