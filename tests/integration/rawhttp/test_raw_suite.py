"""The suite itself: its size and form, and that its cases can fail.

A relay that parses nothing stands where the gateway should: every case in which the gateway
refuses a request must fail there, because the node has seen something. And a node that speaks
to a careless proxy must notice what it is given.

SPDX-License-Identifier: MIT
"""
import collections
import re
import socket
import threading

import pytest

import cases_answer
import cases_broken
import cases_chunked
import cases_connection
import cases_fields
import cases_forward
import cases_length
import cases_line
import cases_path
import cases_time
import runner
from backend import Backend
from case import Answer
from later import LATER
from wire import Wire

MODULES = (cases_answer, cases_broken, cases_chunked, cases_connection, cases_fields,
           cases_forward, cases_length, cases_line, cases_path, cases_time)
CASES = [case for module in MODULES for case in module.CASES]


def test_there_are_at_least_120_cases_for_each_peer():
    count = collections.Counter(peer for case in CASES for peer in case.runs)
    assert count["gateway"] == len(CASES)
    assert min(count[peer] for peer in ("gateway", "nginx", "haproxy")) >= 120, count


def test_each_case_has_a_name_of_its_own_and_a_section():
    names = collections.Counter(case.name for case in CASES)
    assert [name for name, times in names.items() if times > 1] == []
    for case in CASES:
        assert re.fullmatch(r"RFC \d{4} \d+(\.\d+)*", case.rfc), case


def test_later_names_what_there_is():
    assert set(LATER) - {case.name for case in CASES} == set()


# --------------------------------------------------------------------------- a relay


class Relay:
    """Bytes in, bytes out, one connection to the node for each of a client."""
    strict = True

    def __init__(self):
        self.backend = Backend(answers_garbage=True)
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            node = socket.create_connection(("127.0.0.1", self.backend.port))
            for source, sink in ((client, node), (node, client)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def connect(self):
        return Wire(self.server.getsockname()[1], timeout=0.3)

    def stop(self):
        self.server.close()
        self.backend.close()


@pytest.fixture(scope="module")
def relay():
    relay = Relay()
    yield relay
    relay.stop()


def refusals():
    for case in CASES:
        run = case.runs["gateway"]
        refusing = any(isinstance(step, Answer) for step in run.steps) and run.node == ()
        if case.setting == "plain" and refusing:
            yield pytest.param(case, id=runner.slug(case.name))


@pytest.mark.parametrize("case", refusals())
def test_a_relay_that_parses_nothing_fails_at(relay, case):
    with pytest.raises((AssertionError, OSError, runner.Cut, ValueError)):
        runner.Play(case, case.runs["gateway"], relay, False).play()
