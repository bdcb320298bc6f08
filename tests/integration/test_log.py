"""The log: JSON lines for programs, colour for a terminal and for nothing else.

SPDX-License-Identifier: MIT
"""
import json
import os
import pty
import re

import pytest

from harness import BINARY, start, wait_for
from nodes import Script

COLOUR = re.compile(r"\x1b\[\d+m(error|warn|info|debug) *\x1b\[0m ")


def test_json_lines_have_the_same_keys_and_one_object_a_line(cluster, tmp_path):
    nodes = {name: Script(tmp_path, name) for name in ("a", "b")}
    c = cluster({name: node.node() for name, node in nodes.items()}, ready=True,
                log={"format": "json"})
    nodes["b"].does("status", status=402, times=1, body='{"error":{"message":"no \\"q\\""}}')
    c.chat()
    c.stop()
    lines = [json.loads(line) for line in c.log.splitlines()]
    for line in lines:
        assert set(line) in ({"time", "level", "message"},
                             {"time", "level", "node", "stream", "message"})
    switched = [line["message"] for line in lines
                if "active-standby (主备模式): switched from b to a" in line["message"]]
    assert len(switched) == 1
    assert any(line.get("node") == "b" and "listens" in line["message"] for line in lines)


def test_text_has_no_colour_in_a_file_and_tells_switches_in_the_ancestors_words(cluster,
                                                                               tmp_path):
    nodes = {name: Script(tmp_path, name) for name in ("a", "b")}
    c = cluster({name: node.node() for name, node in nodes.items()}, ready=True,
                env={"TERM": "xterm"})
    nodes["b"].does("status", status=402, times=1)
    c.chat()
    assert "\x1b" not in c.log
    assert "active-standby (主备模式): switched from b to a" in c.log


@pytest.mark.parametrize("env, coloured", [
    ({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ({"TERM": "dumb"}, False), ({}, False)])
def test_a_terminal_that_can_has_colours(cluster, tmp_path, env, coloured):
    c = cluster({"a": Script(tmp_path, "a").node()}, start=False)
    ours, theirs = pty.openpty()
    process = start([BINARY, "run", "-c", c.ini], env={**c.env, **env}, stdout=theirs,
                    stderr=theirs, cwd=c.folder)
    os.close(theirs)
    text = b""
    try:
        while b"is READY" not in text:
            text += os.read(ours, 4096)
        process.terminate()
        assert wait_for(lambda: process.poll() is not None, "its end")
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert bool(COLOUR.search(text.decode())) == coloured
    assert coloured or b"\x1b" not in text
