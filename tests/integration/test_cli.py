"""The command line against a running cluster: what people see, on a terminal and in a pipe.

The texts that are expected stand in golden/cli.txt, one block a command, with what differs from
run to run replaced: <time>, <pid>, <dir>. `GOLDEN=write` writes them anew.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib
import pty
import re
import subprocess

import harness
from harness import BINARY, CLEAN_ENV, wait_for
from nodes import FakeNode, fake_node

GOLDEN = pathlib.Path(__file__).parent / "golden/cli.txt"


def two():
    return {"one": fake_node(name="one", quota=120), "two": fake_node(name="two")}


def run(c, *words, code=0, env=None):
    done = subprocess.run([BINARY, *words, *(["-c", c.ini] if c else [])], text=True,
                          capture_output=True, timeout=60, check=False,
                          env={**CLEAN_ENV, "HOME": "/nonexistent", **(env or {})})
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def on_terminal(c, *words, env=None):
    """What it writes to a terminal, and its exit code."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(BINARY, [str(BINARY), *words, "-c", str(c.ini)],
                  {**CLEAN_ENV, "HOME": "/nonexistent", **(env or {})})
    text = b""
    try:
        while piece := os.read(fd, 65536):
            text += piece
    except OSError:
        pass  # EIO is how a terminal ends
    os.close(fd)
    return text.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def normal(c, text):
    text = text.replace(str(c.folder), "<dir>")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>", text)
    text = re.sub(r"\d+ (s|min) +", "<up>  ", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "<address>", text)
    text = re.sub(r"UP +RESTARTS", "UP  RESTARTS", text)
    return text.replace("\033", "<ESC>")


def is_golden(name, text):
    blocks = dict(re.findall(r"^== (.+)\n((?:(?!== ).*\n)*)",
                             GOLDEN.read_text() if GOLDEN.exists() else "", re.M))
    if os.environ.get("GOLDEN") == "write":
        blocks[name] = text
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text("".join(f"== {key}\n{blocks[key]}" for key in sorted(blocks)))
    assert blocks.get(name) == text


def test_status_is_a_table_with_colours_on_a_terminal_only(cluster):
    c = cluster(two(), ready=True)
    is_golden("status", normal(c, run(c, "status")))
    text, code = on_terminal(c, "status")
    assert code == 0
    is_golden("status on a terminal", normal(c, text))
    assert "\033" not in on_terminal(c, "status", env={"NO_COLOR": "1"})[0]
    assert json.loads(run(c, "status", "--json"))["activeNodeId"] == "two"


def test_status_shows_waiting_codes_on_top(cluster, hub):
    c = cluster({"first": {}}, hub=hub)
    code = c.wait_login()["code"]
    lines = run(c, "status").splitlines()
    assert re.fullmatch(rf"Log in node first: open https?://\S+ and enter {code}", lines[0])
    assert "LOGIN" in lines[3]


def test_status_goes_on_with_watch(cluster):
    c = cluster(two(), ready=True)
    watch = subprocess.Popen([BINARY, "status", "--watch", "-c", c.ini], env=CLEAN_ENV,
                             stdout=subprocess.PIPE, text=True)
    try:
        titles = 0
        while titles < 2:
            titles += "RESTARTS" in watch.stdout.readline()
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()


def test_login_shows_url_and_code_and_reports_success(cluster, hub):
    c = cluster({"first": {}}, hub=hub, accounts={"first": "alice"}, ready=True)
    login = subprocess.Popen([BINARY, "login", "first", "-c", c.ini], env=CLEAN_ENV,
                             stdout=subprocess.PIPE, text=True)
    assert login.stdout.readline() == "asking GitHub for a code ...\n"
    assert re.fullmatch(r"open  https?://\S+\n", login.stdout.readline())
    code = login.stdout.readline().split()[1]
    hub.approve(code, "alice")
    assert login.stdout.readline() == "first is logged in as alice\n"
    assert login.wait(30) == 0
    login.stdout.close()


def test_logs_of_one_and_of_all(cluster):
    c = cluster(two(), ready=True)
    is_golden("logs one", normal(c, run(c, "logs", "one")))
    assert sorted(line.split("] ")[1] for line in run(c, "logs").splitlines()) == [
        "fakenode one listens", "fakenode two listens"]
    assert run(c, "logs", "-n", "0") == ""


def test_logs_are_followed(cluster):
    c = cluster(two(), ready=True)
    follow = subprocess.Popen([BINARY, "logs", "-f", "-c", c.ini], env=CLEAN_ENV,
                              stdout=subprocess.PIPE, text=True)
    try:
        assert {follow.stdout.readline().split()[1] for _ in range(2)} == {"[one]", "[two]"}
        run(c, "restart", "one")
        assert "[one] fakenode one listens" in follow.stdout.readline()
    finally:
        follow.kill()
        follow.wait()
        follow.stdout.close()


def test_orders(cluster):
    c = cluster(two(), ready=True)
    for word, reached in [
            ("stop", lambda: c.node("one")["process"] == "stopped"),
            ("start", lambda: c.status("one") == "READY"),
            ("restart", lambda: c.node("one")["restarts"] == 2 and c.status("one") == "READY"),
            ("disable", lambda: c.node("one")["process"] == "stopped"),
            ("enable", lambda: c.status("one") == "READY"),
            ("drain", lambda: "held" in run(c, "status"))]:
        is_golden(word, run(c, word, "one"))
        wait_for(reached, word)
    run(c, "disable", "one")
    is_golden("start while disabled", run(c, "start", "one", code=1))
    is_golden("stop nobody", run(c, "stop", "three", code=1))


def test_reset(cluster):
    c = cluster(two(), ready=True)
    is_golden("reset one", run(c, "reset", "one"))
    is_golden("reset", run(c, "reset"))
    run(c, "stop", "one")
    wait_for(lambda: c.node("one")["process"] == "stopped", "a stop")
    assert "one is OFFLINE" in run(c, "reset", "one", code=1)


def test_reload(cluster):
    c = cluster(two(), ready=True)
    is_golden("reload without a change", run(c, "reload"))
    c.sections["gateway"]["retry_limit"] = 1
    c.sections["supervisor"]["pidfile"] = c.folder / "pid"
    c.sections["node:one"]["nice"] = 1
    c.sections["node:three"] = fake_node(name="three")
    c.write_ini()
    is_golden("reload", normal(c, run(c, "reload")))
    c.sections["gateway"]["retry_limit"] = "x"
    c.write_ini()
    socket = str(c.state_dir / "control.sock")
    is_golden("reload with an error",
              normal(c, run(c, "reload", "--socket", socket, code=1)))
    assert "--socket PATH names it, too" in run(c, "reload", code=78)


def test_journal_and_config(cluster, tmp_path):
    far = FakeNode(tmp_path, "far")
    try:
        c = cluster({**two(), "far": {"url": far.url, "token": "sesame"}}, ready=True)
        lines = [normal(c, line) for line in run(c, "journal").splitlines()]
        assert any(re.search(r"state   one  STARTING > READY: quota checked", line)
                   for line in lines)
        text = run(c, "config")
        assert "[node:far]\nenabled = yes" in text or "[node:far]\n; enabled = yes" in text
        assert "token = ********" in text and "sesame" not in text
        assert "; handoff_timeout = 1m" in text
    finally:
        far.stop()


def test_without_a_daemon_it_says_how_to_start_one(cluster):
    c = cluster(two(), start=False)
    for word in ("status", "logs", "journal", "reload", "config", "reset"):
        text = run(c, word, code=69)
        assert f"copilot-cluster run -c {c.ini}" in text and "nobody listens at" in text
    is_golden("status without a daemon", normal(c, run(c, "status", code=69)))


def test_every_command_has_help_and_refuses_what_it_does_not_know():
    for word in ("status", "login", "logs", "journal", "start", "stop", "restart", "drain",
                 "enable", "disable", "reset", "reload", "config"):
        text = run(None, word, "--help")
        assert text.startswith(f"copilot-cluster {word} ") and "69 no daemon" in text
        assert "do not know '--nonsense'" in run(None, word, "--nonsense", code=2)
    assert "which node?" in run(None, "login", code=2)
    assert "no node has the name '../x'" in run(None, "stop", "../x", code=2)
    text = run(None, "help")
    for word in ("run", "check", "version", "status", "login", "reload"):
        assert f"copilot-cluster {word}" in text


def test_version():
    assert run(None, "version").startswith("copilot-cluster ")
    assert harness.BINARY.exists()
