#!/usr/bin/python3
"""demo - the whole story in half a minute, without any GitHub account. Usage: demo.py BINARY

The program itself, two real copilot-api nodes, and the fake GitHub of the tests. Two accounts
are logged in one after the other, a streamed chat runs, the active account is drained in
mid-conversation and the other one answers. Everything lives in a temporary directory on
loopback ports and is gone afterwards. Colours only on a terminal; exit 0 when all went as told.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "integration"))
os.environ["COPILOT_CLUSTER"] = str(pathlib.Path(sys.argv[1]).resolve())

import harness  # noqa: E402

FANCY = sys.stdout.isatty() and "NO_COLOR" not in os.environ
PAUSE = 0.8 if sys.stdout.isatty() else 0  # so that people can read along


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if FANCY else text


def bold(text):
    return paint("1", text)


def show(text="", end="\n"):
    print(text, end=end, flush=True)


def chapter(title):
    chapter.number = getattr(chapter, "number", 0) + 1
    show(f"\n{paint('1;36', f'{chapter.number}. {title}')}")


def tell(text):
    for line in text.splitlines():
        show("   " + line)
    time.sleep(PAUSE)


def log_in(cluster, hub, accounts):
    """Approve each code as a person would, until every node has an account."""
    for account in accounts:
        waiting = [n["id"] for n in cluster.health()["nodes"] if n["status"] != "READY"]
        login = cluster.wait_login()
        tell(f"Node {bold(login['node'])} wants a human: open {login['url']}\n"
             f"and enter {paint('1;33', login['code'])}"
             + ("   (the other node waits for its turn)" if len(waiting) > 1 else ""))
        hub.account(account, stream={"chunks": 9, "delay": 0.12})
        hub.approve(login["code"], account)
        cluster.wait_status(**{login["node"]: "READY"})
        tell(paint("32", f"Approved: node {login['node']} is now {account}'s, and READY."))


def say(cluster, talk, words):
    """One turn of a conversation, streamed; shows each piece as it arrives."""
    talk.append({"role": "user", "content": words})
    show(f"   {paint('2', 'you')}      {words}")
    show(f"   {paint('2', 'copilot')}  ", end="")
    answer = ""
    with cluster.connect() as wire:
        # An agent's history makes copilot-api call a turn unbilled: send the last turn alone.
        wire.request("POST", "/v1/chat/completions",
                     {"model": "gpt-5", "stream": True, "messages": talk[-1:]})
        head = wire.head()
        assert head.status == 200, wire.body(head)
        for event, _ in wire.events():
            data = event.removeprefix("data: ")
            if data == "[DONE]":
                break
            for choice in json.loads(data)["choices"]:
                piece = choice["delta"].get("content") or ""
                answer += piece
                show(piece, end="")
    show()
    talk.append({"role": "assistant", "content": answer})
    time.sleep(PAUSE)
    return answer.split("#")[0]


def picture(cluster):
    """GET /health in a few words."""
    health = cluster.health()
    show(f"   GET /health  ->  {bold(health['status'])}, "
         f"active: {bold(health['activeNodeId'])}")
    colours = {"READY": "32", "DRAINED": "33"}
    for node in reversed(health["nodes"]):
        mark = "->" if node["isActive"] else "  "
        status = paint(colours.get(node["status"], "31"), f"{node['status']:<9}")
        show(f"   {mark} {node['id']:<7} {status} {node['reason']}")
    time.sleep(PAUSE)


def story(folder):
    begin = time.monotonic()
    show(bold("copilot-cluster: two accounts, one endpoint, no account of yours needed"))

    chapter("Start")
    hub = harness.Hub(folder)
    cluster = harness.Cluster(folder, {"first": {}, "second": {}}, hub=hub)
    try:
        cluster.start()
        tell(f"GitHub is played by a local program. The gateway listens on\n"
             f"{bold(f'http://127.0.0.1:{cluster.port}')} and has two copilot-api nodes, "
             "neither of them logged in.")

        chapter("Log in, one account after the other")
        log_in(cluster, hub, ["alice", "bob"])
        picture(cluster)

        chapter("A chat, streamed through the gateway")
        talk = []
        first = say(cluster, talk, "Hello! Whose account is this?")
        tell(f"The words came one by one. {bold(first)}'s account paid for them.")

        chapter("The active account runs dry in mid-conversation")
        hub.account(first, quota={"remaining": 0})
        tell(f"{first}'s monthly quota is now gone. The gateway does not know it yet.")
        second = say(cluster, talk, "Can you go on?")
        assert second != first, "the other account should have answered"
        tell(f"GitHub refused {first} with a 402; before a byte of that reached you, the same\n"
             f"request went to {bold(second)}. The client saw one answer, and no error.")
        picture(cluster)
        switch = cluster.health()["switchLog"][-1]
        tell(f"switchLog: {switch['from']} -> {switch['to']}: {switch['reason']}")
        overlaps = hub.overlaps()["count"]
        tell(f"Requests of both accounts in flight at the same time: {bold(str(overlaps))}")
        assert overlaps == 0

        chapter("Stop")
        cluster.stop(signal.SIGTERM)
        tell("TERM: exit 0, no process left behind.")
        show(f"\n{paint('1;32', 'Done')} in {time.monotonic() - begin:.0f} s. With your own "
             "accounts: make run")
    except BaseException:
        show(f"\n--- the log of the program\n{cluster.log[-6000:]}")
        raise
    finally:
        cluster.abandon()
        hub.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="copilot-cluster-demo-") as temporary:
        story(temporary)
