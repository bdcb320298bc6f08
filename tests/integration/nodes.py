"""nodes - nodes for the tests: the settings of a fake one, and external ones of both kinds.

  fake_node(...)  the settings of a [node:x] that runs fakenode.py
  FakeNode        a fakenode.py that the test starts itself, for `url =`
  RealNode        the same with copilot-api, logged in

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib

from harness import CLEAN_ENV, HERE, PYTHON, answers, free_port, seed_token, start, wait_for


def fake_node(**options):
    """The settings of a node that runs fakenode.py: fake_node(name="a", quota=5)."""
    words = [PYTHON, HERE / "fakenode.py", "--port", "%(port)s"]
    for key, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            words.append(f"--{key.replace('_', '-')}")
            if one is not True:
                words.append(one)
    return {"command": " ".join(map(str, words))}


class Script:
    """The control file and the request log of a fake node: what it shall do, what it got."""

    def __init__(self, folder, name):
        self.name, self.serial = name, 0
        self.control, self.log = (pathlib.Path(folder) / f"{name}.{kind}"
                                  for kind in ("control", "requests"))

    def node(self, **options):
        return fake_node(name=self.name, control=self.control, log=self.log, **options)

    def does(self, what=None, **more):
        """does("status", status=402, times=1); does() is a good node again."""
        self.serial += 1  # the node counts `times` anew when the text changes
        text = json.dumps({**({"do": what} if what else {}), **more, "serial": self.serial})
        temporary = self.control.with_suffix(".new")
        temporary.write_text(text)
        os.replace(temporary, self.control)

    def got(self, path=None):
        """The requests that reached it, oldest first: to this path, or all but our own
        questions (/ and /usage); "" is every single one."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        found = [json.loads(line) for line in lines]
        if path == "":
            return found
        if path:
            return [r for r in found if r["target"].split("?")[0] == path]
        return [r for r in found if r["target"] not in ("/", "/usage")]


class FakeNode(Script):
    def __init__(self, folder, name, **options):
        super().__init__(folder, name)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = self.node(**options)["command"].replace("%(port)s", str(self.port))
        self.start()

    def start(self):
        self.process = start(self.command.split(), env={**CLEAN_ENV, "HOST": "127.0.0.1"})
        wait_for(lambda: answers(self.port), self.url)

    def stop(self):
        self.process.kill()
        self.process.wait()


class RealNode:
    """copilot-api as a user would start it by hand; `.url` is where it listens."""

    def __init__(self, folder, hub, account):
        self.home, self.port = pathlib.Path(folder) / f"external-{account}", free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**CLEAN_ENV, "HOME": str(self.home), "HOST": "127.0.0.1", "NO_COLOR": "1",
                    "HTTPS_PROXY": hub.proxy, "NODE_EXTRA_CA_CERTS": hub.ca_file}
        seed_token(self.home, f"ghu_{account}")
        hub.account(account)
        self.start()

    def start(self):
        with open(self.home / "log", "ab") as log:
            self.process = start(["copilot-api", "start", "--port", self.port, "--proxy-env"],
                                 env=self.env, stdout=log, stderr=log)
        wait_for(lambda: answers(self.port) or self.process.poll() is not None, self.url)
        assert self.process.poll() is None, (self.home / "log").read_text()

    def stop(self):
        self.process.kill()
        self.process.wait()
