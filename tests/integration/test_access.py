"""The access log: one line for every request, and nobody waits for it.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import threading

import pytest

import harness
from harness import wait_for
from nodes import Script

CHAT = "/v1/chat/completions"
TEXT = re.compile(
    r'(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<client>\S+) '
    r'"(?P<method>\S+) (?P<path>.*)" (?P<status>\d{3}) (?P<bytes>\d+)b node=(?P<node>\S+) '
    r'attempts=(?P<attempts>\d+) first=(?P<first>\S+) total=(?P<total>\d+\.\d{3}) '
    r'model=(?P<model>\S+) stream=(?P<stream>yes|no) complete=(?P<complete>yes|no) '
    r'request=(?P<request>\S+) key=-')


class AccessLog:
    """The lines of one file, as dicts of strings (text) or of values (JSON)."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def lines(self):
        found = self.path.read_text().splitlines() if self.path.exists() else []
        return [json.loads(line) if line[0] == "{" else TEXT.fullmatch(line).groupdict()
                for line in found]

    def find(self, **wanted):
        return [line for line in self.lines()
                if all(line[name] == value for name, value in wanted.items())]

    def wait(self, **wanted):
        """The one line with these values."""
        found = wait_for(lambda: self.find(**wanted), f"a line with {wanted}")
        assert len(found) == 1, found
        return found[0]


@pytest.fixture(scope="module")
def a(tmp_path_factory):
    return Script(tmp_path_factory.mktemp("a"), "a")


@pytest.fixture(scope="module")
def b(tmp_path_factory):
    return Script(tmp_path_factory.mktemp("b"), "b")


@pytest.fixture(scope="module", params=["text", "json"])
def c(a, b, shared_cluster, request):
    """Two nodes, b first, with a log in each form."""
    b.does()  # the nodes of the other form had their orders
    made = shared_cluster({"a": a.node(), "b": b.node()}, start=False,
                          gateway={"body_max": "64KiB"}, log={"access": request.param})
    made.access = AccessLog(made.folder / "access.log")
    made.form = request.param
    made.sections["log"]["access_file"] = made.access.path
    made.write_ini()
    return made.start().wait_ready()


def one(cluster, tmp_path, node, access_file=None, start=True, **log):
    """A cluster of one node that logs into a file of the test."""
    path = access_file or tmp_path / "access.log"
    made = cluster({"a": node.node()}, start=False,
                   log={"access": "json", "access_file": path, **log})
    made.access = AccessLog(path)
    return made.start().wait_ready() if start else made


def says(form, **values):
    """The values as a line of this form has them."""
    if form == "json":
        return values
    words = {None: "-", True: "yes", False: "no"}
    return {name: words[value] if value in (None, True, False) and not
            (isinstance(value, int) and not isinstance(value, bool)) else str(value)
            for name, value in values.items()}


def check(c, line, **values):
    for name, value in says(c.form, **values).items():
        assert line[name] == value, (name, value, line)


def ask(c, request_id, method="POST", target=CHAT, body=None, **more):
    body = {"model": "gpt-5", **more} if body is None and method == "POST" else body
    return c.request(method, target, body, [("x-request-id", request_id)])


def mark(c, name):
    """A request whose line is there, and so are those before it."""
    ask(c, name)
    c.access.wait(request=name)


# --------------------------------------------------------------------------- what a line says

def test_an_answer_of_a_node(c):
    answer = ask(c, "plain-1")
    line = c.access.wait(request="plain-1")
    check(c, line, client="127.0.0.1", method="POST", path=CHAT, status=200, node="b",
          bytes=len(answer.body), attempts=1, model="gpt-5", stream=False, complete=True)
    assert 0 <= float(line["first"]) <= float(line["total"]) < 30


def test_a_stream_has_a_time_to_its_first_byte(c, b):
    b.does("parts", parts=['data: {"choices":[{"delta":{"content":"a"}}]}\n\n', 0.3,
                           "data: [DONE]\n\n"], times=1)
    answer = ask(c, "stream-1", stream=True)
    line = c.access.wait(request="stream-1")
    check(c, line, status=200, bytes=len(answer.body), stream=True, complete=True)
    assert float(line["total"]) - float(line["first"]) >= 0.25


def test_a_retry_counts_its_attempts_and_names_the_node_that_answered(cluster, a, tmp_path):
    other = Script(tmp_path, "other")
    c = cluster({"a": a.node(), "other": other.node()}, ready=True, start=True,
                log={"access": "text", "access_file": tmp_path / "access.log"})
    other.does("status", status=402, times=1)
    assert ask(c, "retry-1").status == 200
    line = AccessLog(tmp_path / "access.log").wait(request="retry-1")
    assert (line["status"], line["node"], line["attempts"]) == ("200", "a", "2")


def test_a_refusal_of_a_node_passes_with_its_status(c, b):
    b.does("status", status=422, times=1)
    answer = ask(c, "refused-1")
    assert answer.status == 422
    check(c, c.access.wait(request="refused-1"), status=422, bytes=len(answer.body), node="b",
          attempts=1)


@pytest.mark.parametrize("method, target, status", [
    ("GET", "/health", 200), ("GET", "/", 200), ("GET", "/nothing/here", 404),
    ("GET", "/v1//models", 400), ("DELETE", "/health", 405), ("HEAD", "/health", 200)])
def test_what_the_gateway_answers_itself(c, method, target, status):
    before = len(c.access.find(**says(c.form, method=method, path=target)))
    answer = c.request(method, target)
    assert answer.status == status
    wait_for(lambda: len(c.access.find(**says(c.form, method=method, path=target))) > before,
             "its line")
    line = c.access.find(**says(c.form, method=method, path=target))[-1]
    check(c, line, status=status, node=None, attempts=0, model=None, complete=True,
          bytes=len(answer.body))


def test_a_body_that_is_too_long_is_413(c):
    assert ask(c, "long-1", body={"model": "gpt-5", "x": "y" * 70000}).status == 413
    line = c.access.wait(**says(c.form, path=CHAT, status=413))
    check(c, line, node=None, attempts=0, complete=True)


def test_a_request_that_is_no_http_has_a_line(c):
    with c.connect() as wire:
        wire.send(b"\x16\x03\x01\r\n\r\n")
        assert wire.answer().status == 400
    line = c.access.wait(**says(c.form, method=None, status=400))
    check(c, line, path=None, node=None, client="127.0.0.1")


@pytest.mark.parametrize("head", [b"GET /folded HTTP/1.1\r\nhost: a\r\n b\r\n\r\n",
                                  b"GET /twice HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
                                  b"GET /short HTTP/1.1\r\nhost"])
def test_a_head_that_is_refused_or_breaks_off_has_one_line(c, head):
    mark(c, f"before-{len(head)}")
    before = len(c.access.lines())
    with c.connect() as wire:
        wire.send(head)
        wire.end()
        wire.is_closed()
    lines = wait_for(lambda: c.access.lines()[before:], "its line")
    mark(c, f"after-{len(head)}")
    assert len(c.access.lines()) == before + 2
    check(c, lines[0], status=499 if head.endswith(b"host") else 400, node=None)


def test_a_query_is_not_written(c):
    ask(c, "query-1", target=f"{CHAT}?api_key=hunter2")
    check(c, c.access.wait(request="query-1"), path=CHAT)
    assert "hunter2" not in c.access.path.read_text()


def test_a_secret_in_a_path_or_a_model_is_not_written(c):
    secret = "ghu_" + "1234567890" * 3
    ask(c, "secret-1", target=f"/v1/x/{secret}", body={"model": secret, "stream": True})
    check(c, c.access.wait(request="secret-1"), path="/v1/x/ghu_***", model="ghu_***")
    assert secret not in c.access.path.read_text()


def test_a_client_that_leaves_before_the_answer_is_499(c, b):
    b.does("parts", parts=[1.0, "data: [DONE]\n\n"], times=1)
    got = len(b.got(CHAT))
    with c.connect() as wire:
        wire.request("POST", CHAT, {"model": "gpt-5", "stream": True},
                     [("x-request-id", "gone-1")])
        wait_for(lambda: len(b.got(CHAT)) > got, "the request at the node")
        wire.close(rst=True)
    line = c.access.wait(request="gone-1")
    check(c, line, status=499, bytes=0, node="b", attempts=1, first=None, complete=False)


def test_a_client_that_leaves_in_the_middle_of_a_stream_is_499(c, b):
    b.does("parts", parts=['data: {"choices":[{"delta":{"content":"a"}}]}\n\n', 1.0,
                           "data: [DONE]\n\n"], times=1)
    with c.connect() as wire:
        wire.request("POST", CHAT, {"model": "gpt-5", "stream": True},
                     [("x-request-id", "gone-2")])
        wire.until(b"content")
        wire.close(rst=True)
    line = c.access.wait(request="gone-2")
    check(c, line, status=499, node="b", complete=False)
    assert int(line["bytes"]) > 0 and line["first"] not in ("-", None)


def test_a_client_that_hangs_up_after_the_end_mark_has_got_everything(c, b):
    b.does("parts", parts=['data: {"choices":[{"delta":{"content":"a"}}]}\n\n',
                           "data: [DONE]\n\n", 0.5], times=1)
    with c.connect() as wire:
        wire.request("POST", CHAT, {"model": "gpt-5", "stream": True},
                     [("x-request-id", "done-1")])
        wire.until(b"[DONE]")
        wire.close(rst=True)
    check(c, c.access.wait(request="done-1"), status=200, complete=True)


def test_a_stream_that_its_node_cuts_is_not_complete(c, b):
    b.does("stream", events=3, cut=2, how="last", times=1)
    with c.connect() as wire:
        wire.request("POST", CHAT, {"model": "gpt-5", "stream": True},
                     [("x-request-id", "cut-1")])
        wire.until(b"broke off")
    check(c, c.access.wait(request="cut-1"), status=200, node="b", complete=False)


def test_requests_of_one_connection_have_a_line_each(c):
    with c.connect() as wire:
        for i in range(3):
            wire.request("POST", CHAT, {"model": f"m{i}"}, [("x-request-id", f"kept-{i}")])
            assert wire.answer().status == 200
    for i in range(3):
        check(c, c.access.wait(request=f"kept-{i}"), model=f"m{i}")


def test_a_connection_without_a_request_has_no_line(c):
    mark(c, "before-silence")
    before = c.access.lines()
    c.connect().close()
    mark(c, "after-silence")
    assert len(c.access.lines()) == len(before) + 1


# --------------------------------------------------------------------------- the sink

def test_without_the_setting_nothing_is_written(cluster, a):
    c = cluster({"a": a.node()}, ready=True)
    c.chat()
    c.stop()
    assert CHAT not in c.log


def test_without_a_file_the_lines_go_to_stderr(cluster, a):
    c = cluster({"a": a.node()}, log={"access": "text"}, ready=True)
    ask(c, "stderr-1")
    c.wait_log("request=stderr-1")
    line = next(line for line in c.log.splitlines() if "request=stderr-1" in line)
    assert TEXT.fullmatch(line)


def test_the_file_is_private_and_appended_to(cluster, a, tmp_path):
    (tmp_path / "access.log").write_text('{"request":"before"}\n')
    (tmp_path / "access.log").chmod(0o600)
    c = one(cluster, tmp_path, a)
    ask(c, "first-1")
    c.stop()
    lines = c.access.lines()
    assert lines[0] == {"request": "before"} and lines[-1]["request"] == "first-1"
    c.access.path.unlink()
    c.start().wait_ready()
    assert stat.S_IMODE(c.access.path.stat().st_mode) & 0o137 == 0


def test_the_last_lines_are_written_at_the_end(cluster, a, tmp_path):
    c = one(cluster, tmp_path, a)
    ids = [f"last-{i}" for i in range(5)]
    for name in ids:
        ask(c, name)
    c.stop()
    assert [line["request"] for line in c.access.lines()][-5:] == ids


def test_what_the_end_of_the_program_cuts_is_not_complete(cluster, a, tmp_path):
    c = one(cluster, tmp_path, a, start=False)
    c.sections["supervisor"]["shutdown_timeout"] = "500ms"
    c.write_ini()
    c.start().wait_ready()
    a.does("parts", parts=['data: {"choices":[{"delta":{"content":"a"}}]}\n\n'], how="open",
           times=1)
    with c.connect() as wire:
        wire.request("POST", CHAT, {"model": "gpt-5", "stream": True},
                     [("x-request-id", "cut-2")])
        wire.until(b"content")
        c.stop()
        line = c.access.wait(request="cut-2")
    assert (line["status"], line["complete"]) == (200, False)
    a.does()


def test_2000_requests_at_once_are_2000_lines(cluster, a, tmp_path):
    c = one(cluster, tmp_path, a)

    def run(client):
        with c.connect() as wire:
            for i in range(100):
                wire.request("GET", f"/{client}/{i}")
                assert wire.answer().status == 404
    threads = [threading.Thread(target=run, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    c.stop()
    got = sorted(line["path"] for line in c.access.lines() if line["status"] == 404)
    assert got == sorted(f"/{client}/{i}" for client in range(20) for i in range(100))


def test_usr1_opens_the_file_again(cluster, a, tmp_path):
    c = one(cluster, tmp_path, a)
    ask(c, "old-1")
    c.access.wait(request="old-1")
    old = AccessLog(c.access.path.rename(tmp_path / "access.log.1"))
    ask(c, "old-2")
    old.wait(request="old-2")
    os.kill(c.process.pid, signal.SIGUSR1)
    c.wait_log("was opened again")
    ask(c, "new-1")
    c.access.wait(request="new-1")
    assert old.find(request="new-1") == [] and c.access.find(request="old-2") == []


def test_usr1_keeps_the_old_file_when_the_new_one_cannot_be_opened(cluster, a, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    c = one(cluster, tmp_path, a, folder / "access.log")
    folder = folder.rename(tmp_path / "moved")
    os.kill(c.process.pid, signal.SIGUSR1)
    c.wait_log("cannot be opened again")
    ask(c, "kept-1")
    AccessLog(folder / "access.log").wait(request="kept-1")


def test_a_file_that_cannot_be_opened_stops_the_start_with_a_reason(cluster, a, tmp_path):
    c = one(cluster, tmp_path, a, "/nowhere/at/all/access.log", start=False)
    with pytest.raises(AssertionError):
        c.start()
    assert ("[log] access_file /nowhere/at/all/access.log cannot be opened: No such file or "
            "directory") in c.log


# --------------------------------------------------------------------------- a bad sink

def flood(c, count, length=200):
    """So many requests with a path of that length; all are answered."""
    request = b"GET /%s HTTP/1.1\r\nhost: a\r\n\r\n" % (b"x" * (length - 1))
    with c.connect() as wire:
        for _ in range(count // 50):
            wire.send(request * 50)
            for _ in range(50):
                assert wire.answer().status == 404


def test_dev_full_is_told_once_and_requests_are_served(cluster, a, tmp_path):
    c = one(cluster, tmp_path, a, "/dev/full")
    told = "the access log cannot be written: No space left on device"
    flood(c, 2000)
    c.wait_log(told)
    c.wait_log("lines of the access log were dropped")
    assert c.chat().status == 200
    assert c.log.count(told) == 1
    c.stop()


@pytest.mark.skipif(not harness.is_root(), reason="a mount namespace needs root")
def test_on_a_full_disk_no_line_is_torn_and_they_come_when_there_is_room(cluster, a, tmp_path):
    folder = tmp_path / "disk"
    script = ('mkdir -p "$1" && mount -t tmpfs -o size=64k tmpfs "$1" && '
              'head -c 40000 /dev/zero >"$1/fill" 2>/dev/null; shift; exec "$@"')
    c = one(cluster, tmp_path, a, folder / "access.log", start=False)
    c.wrapper = [shutil.which("unshare"), "--mount", "sh", "-c", script, "sh", folder]
    c.start().wait_ready()
    flood(c, 100)
    c.wait_log("the access log cannot be written: No space left on device")
    assert c.chat().status == 200
    inside = pathlib.Path(f"/proc/{c.process.pid}/root{folder}")
    assert not (inside / "access.log").read_bytes().endswith(b"\n"), "the disk was filled up"
    (inside / "fill").unlink()
    there = AccessLog(inside / "access.log")
    wait_for(lambda: (inside / "access.log").read_bytes().endswith(b"\n"), "room again")
    wait_for(lambda: there.find(path=CHAT), "the line of the chat")
    assert len(there.find(status=404)) == 100, "each line is there, and whole"


def test_a_fifo_that_nobody_reads_stops_nothing(cluster, a, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    c = one(cluster, tmp_path, a, path)
    flood(c, 2000)
    c.wait_log("lines of the access log were dropped")
    assert c.chat().status == 200
    # Who comes late gets whole lines, the oldest first.
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    text = b""

    def read():
        nonlocal text
        try:
            text += os.read(reader, 1 << 20)
        except BlockingIOError:
            pass
        return text.count(b"\n") > 400
    wait_for(read, "what was kept")
    lines = [json.loads(line) for line in text.splitlines()[:400]]
    assert lines[0]["path"] == "/health" and lines[-1]["status"] == 404
    os.close(reader)
    flood(c, 50)
    c.stop()


def test_a_stderr_that_nobody_reads_stops_nothing(cluster, a, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    c = cluster({"a": a.node()}, start=False, log={"access": "json"},
                wrapper=["sh", "-c", 'exec 2<>"$0"; exec "$@"', path])
    c.start().wait_ready()
    flood(c, 2000)
    assert c.chat().status == 200
    c.stop()
